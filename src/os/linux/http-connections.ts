/**
 * Bounds the connections of all HTTP listeners: so many in all and per address. When there is no
 * room, the oldest connection that waits for nothing of ours (a handshake, a header or body that
 * does not come, keep-alive) makes way, so a slow crowd keeps nobody out.
 */
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  readonly maxInAll: number;
  readonly maxPerAddress: number;
}

/** A browser opens six, with one stream of events among them. */
export const CONNECTION_LIMITS: ConnectionLimits = { maxInAll: 256, maxPerAddress: 32 };

interface Open {
  readonly address: string;
  readonly socket: Socket;
  /** Of each request being served, whether it came whole: then we are the ones who are waited for. */
  readonly serving: Set<() => boolean>;
}

/** Tells a connection; a TLS socket has the addresses of the one below it, which is what is counted. */
const tupleOf = (s: Socket): string =>
  `${s.remoteAddress} ${s.remotePort} ${s.localAddress} ${s.localPort}`;

export class HttpConnections {
  readonly #limits: ConnectionLimits;
  /** By tuple, in the order in which they came. */
  readonly #open = new Map<string, Open>();
  readonly #perAddress = new Map<string, number>();
  evicted = 0;
  refused = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes a new connection in, or destroys it. */
  add(socket: Socket): boolean {
    const address = plainAddress(socket.remoteAddress);
    const { maxInAll, maxPerAddress } = this.#limits;
    const room =
      (this.#count(address) < maxPerAddress || this.#evict(address)) &&
      (this.#open.size < maxInAll || this.#evict(this.#busiest()) || this.#evict(undefined));
    if (!room || socket.destroyed) {
      this.refused++;
      socket.destroy();
      return false;
    }
    const tuple = tupleOf(socket);
    this.#open.set(tuple, { address, socket, serving: new Set() });
    this.#perAddress.set(address, this.#count(address) + 1);
    socket.once('close', () => this.#remove(tuple, socket));
    return true;
  }

  /** A request of this connection is being served until the function that it gives is called. */
  serving(socket: Socket, cameWhole: () => boolean): () => void {
    const open = this.#open.get(tupleOf(socket));
    open?.serving.add(cameWhole);
    return () => void open?.serving.delete(cameWhole);
  }

  #count(address: string): number {
    return this.#perAddress.get(address) ?? 0;
  }

  /** Closes the oldest one that can be closed, of `address` or of anyone. */
  #evict(address: string | undefined): boolean {
    for (const [tuple, { address: whose, socket, serving }] of this.#open) {
      if (address !== undefined && whose !== address) continue;
      if ([...serving].some((cameWhole) => cameWhole())) continue;
      this.evicted++;
      this.#remove(tuple, socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  /** The address with the most connections: whoever crowds makes room. */
  #busiest(): string | undefined {
    let most: string | undefined;
    for (const [address, count] of this.#perAddress) {
      if (most === undefined || count > this.#count(most)) most = address;
    }
    return most;
  }

  #remove(tuple: string, socket: Socket): void {
    const open = this.#open.get(tuple);
    // The tuple may be another connection's by now.
    if (open?.socket !== socket) return;
    this.#open.delete(tuple);
    const left = this.#count(open.address) - 1;
    if (left > 0) this.#perAddress.set(open.address, left);
    else this.#perAddress.delete(open.address);
  }
}

export const plainAddress = (address: string | undefined): string =>
  (address ?? '').replace(/^::ffff:/i, '');
