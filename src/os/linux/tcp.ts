/** TCP over the native reactor: its epoll is the multiplexer, and a batch of events is one call. */
import type { SystemError } from '../../base/errors.ts';
import { ipv4 } from '../../base/ip.ts';
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import { type IpAddress, ipv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  TcpConnection,
  TcpHandlers,
  TcpListenOptions,
  TcpServer,
  TcpSockets,
} from '../ports-tcp.ts';
import { systemError } from './errno.ts';
import { type Reactor, type Sink, What } from './native.ts';

/** Connections that wait to be accepted; the kernel has a limit of its own (net.core.somaxconn). */
const MOST_BACKLOG = 4096;
const NAME_WORDS = 6;
const EADDRNOTAVAIL = 99;

/** Addresses as native code takes them, in memory that is used again: an array that it has seen once costs it dearly. */
class Words {
  readonly #of4 = new Uint32Array(1);
  readonly #of6 = new Uint32Array(4);

  /** Valid until the next. */
  of(address: IpAddress): Uint32Array {
    if (typeof address === 'number') {
      this.#of4[0] = address;
      return this.#of4;
    }
    for (let i = 0; i < 4; i++)
      this.#of6[i] = Number((address >> BigInt(96 - 32 * i)) & 0xffffffffn);
    return this.#of6;
  }
}

/** The end of a socket as the kernel names it; undefined once the connection is gone. */
function nameOf(reactor: Reactor, id: number, remote: 0 | 1): IpPort | undefined {
  const words = new Uint32Array(NAME_WORDS);
  if (reactor.raw.tcpName(id, remote, words) !== 0) return undefined;
  const [count, port = 0, ...rest] = words;
  const address =
    count === 1
      ? ipv4(rest[0] ?? 0)
      : ipv6(rest.reduce((value, word) => (value << 32n) | BigInt(word), 0n));
  return { address, port };
}

class Connection implements TcpConnection, Sink {
  readonly remote: IpPort;
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #limit: number;
  readonly #server: Server | undefined;
  #handlers: TcpHandlers | undefined;
  #closed = false;

  constructor(
    reactor: Reactor,
    id: number,
    remote: IpPort,
    limit: number,
    server: Server | undefined,
  ) {
    this.#reactor = reactor;
    this.#id = id;
    this.remote = remote;
    this.#limit = limit;
    this.#server = server;
    reactor.attach(id, this);
  }

  start(handlers: TcpHandlers): void {
    if (!this.#closed) this.#handlers = handlers;
  }

  get queuedBytes(): number {
    return this.#closed ? 0 : this.#reactor.queuedBytes(this.#id);
  }

  write(bytes: Uint8Array): boolean {
    return !this.#closed && this.#reactor.write(this.#id, bytes, this.#limit);
  }

  close(): void {
    if (this.#closed) return;
    this.#reactor.close(this.#id);
    this.#ended();
  }

  event(what: number, a: number, b: number): void {
    if (what === What.data) this.#handlers?.data(this.#reactor.input.subarray(a, a + b));
    else if (what === What.connected) this.#handlers?.opened?.();
    else if (what === What.drained) this.#handlers?.drained?.();
    else if (what === What.closed) {
      const handlers = this.#handlers;
      // The descriptor is gone already.
      this.#reactor.detach(this.#id);
      this.#ended();
      handlers?.closed(a === 0 ? undefined : systemError(formatIpPort(this.remote), -a));
    }
  }

  #ended(): void {
    this.#closed = true;
    this.#handlers = undefined;
    this.#server?.forget(this);
  }
}

class Server implements TcpServer, Sink {
  readonly local: IpPort;
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #options: TcpListenOptions;
  readonly #connections = new Set<Connection>();
  #refused = 0;
  #closed = false;

  constructor(reactor: Reactor, id: number, local: IpPort, options: TcpListenOptions) {
    this.#reactor = reactor;
    this.#id = id;
    this.local = local;
    this.#options = options;
    reactor.attach(id, this);
  }

  get refused(): number {
    return this.#refused;
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  event(what: number, id: number): void {
    if (what === What.refused) this.#refused += 1;
    else if (what === What.accepted) this.#accept(id);
  }

  #accept(id: number): void {
    const { maxConnections, maxQueuedBytes, accepted } = this.#options;
    if (this.#connections.size >= maxConnections) {
      this.#refused += 1;
      this.#reactor.close(id);
      return;
    }
    const remote = nameOf(this.#reactor, id, 1);
    if (remote === undefined) {
      this.#reactor.close(id);
      return;
    }
    const connection = new Connection(this.#reactor, id, remote, maxQueuedBytes, this);
    this.#connections.add(connection);
    const handlers = accepted(connection);
    if (handlers === undefined) connection.close();
    else connection.start(handlers);
  }

  /** Closes the listener and every connection that it accepted, without calling `closed`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reactor.close(this.#id);
    for (const connection of [...this.#connections]) connection.close();
  }
}

export class LinuxTcpSockets implements TcpSockets {
  readonly #reactor: Reactor;
  readonly #words = new Words();

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  connect(
    to: IpPort,
    maxQueuedBytes: number,
    handlers: TcpHandlers,
  ): Result<TcpConnection, SystemError> {
    const id = this.#reactor.raw.connectTcp(this.#words.of(to.address), to.port);
    if (id < 0) return err(systemError(formatIpPort(to), id));
    const connection = new Connection(this.#reactor, id, to, maxQueuedBytes, undefined);
    connection.start(handlers);
    return ok(connection);
  }

  listen(options: TcpListenOptions): Result<TcpServer, SystemError> {
    const { address, port } = options.local;
    const id = this.#reactor.raw.listenTcp(
      this.#words.of(address),
      port,
      Math.min(options.maxConnections, MOST_BACKLOG),
    );
    if (id < 0) return err(systemError(`listen on ${formatIpPort(options.local)}`, id));
    const local = nameOf(this.#reactor, id, 0);
    if (local !== undefined) return ok(new Server(this.#reactor, id, local, options));
    this.#reactor.close(id);
    return err(systemError(`listen on ${formatIpPort(options.local)}`, -EADDRNOTAVAIL));
  }
}
