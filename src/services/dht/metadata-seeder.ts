/** Gives peers the metadata that we hold (BEP 9, BEP 10), within bounds of connections, memory and bytes a second. */
import { toHex } from '../../base/bytes.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { ok, type Result } from '../../base/result.ts';
import type { TcpConnection, TcpHandlers, TcpServer, TcpSockets } from '../../os/ports-tcp.ts';
import { BencodeDocument } from '../../wire/bencode.ts';
import type { TorrentId } from '../../wire/magnet.ts';
import { OUR_UT_METADATA, type PeerMessage, PeerStream } from '../../wire/peer-stream.ts';
import {
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMetadataMessage,
  METADATA_PIECE_BYTES,
  PEER_LIMITS,
} from '../../wire/peer-wire.ts';
import { ByteBucket } from './peer-throttle.ts';

export interface SeederLimits {
  readonly maxConnections: number;
  readonly bytesPerSec: number;
  readonly maxTorrents: number;
}

/** A megabit or eight; with queues at most 100 × 64 KiB of memory. */
export const SEEDER_LIMITS: SeederLimits = {
  maxConnections: 100,
  bytesPerSec: 1_000_000,
  maxTorrents: 256,
};

export interface SeederObserved {
  readonly open: number;
  readonly accepted: number;
  readonly refused: number;
  readonly pieces: number;
  readonly bytes: number;
  /** Requests that were refused: of pieces that are none, or too many at a time. */
  readonly rejected: number;
  /** Connections closed since the peer broke the protocol, was silent, or asked without end. */
  readonly dropped: number;
}

export interface SeederDeps {
  readonly tcp: TcpSockets;
  readonly clock: Clock;
  readonly peerId: Uint8Array;
  readonly limits: SeederLimits;
}

/** Two pieces with their heads, and what is said beside them. */
const QUEUE_BYTES = 64 * 1024;
const GREETING_MS = 15_000;
const IDLE_MS = 120_000;
const SWEEP_MS = 100;
/** Of one connection, not answered yet; as many pieces as the largest metadata has. */
const MAX_PENDING = 640;
/** So often the whole may be asked for on one connection. */
const MAX_TIMES = 3;

interface Held {
  readonly infoBytes: Uint8Array;
  readonly pieces: number;
}

/** One that came to us: it is greeted, and then asks. */
class Leecher {
  readonly connection: TcpConnection;
  readonly pending: number[] = [];
  readonly stream: PeerStream;
  held: Held | undefined;
  utMetadata: number | undefined;
  asked = 0;
  dueMs: number;

  constructor(
    connection: TcpConnection,
    dueMs: number,
    told: (leecher: Leecher, message: PeerMessage) => boolean,
    document: BencodeDocument,
  ) {
    this.connection = connection;
    this.dueMs = dueMs;
    this.stream = new PeerStream((message) => told(this, message), document);
  }
}

export class MetadataSeeder implements AsyncDisposable {
  readonly #deps: SeederDeps;
  readonly #bucket: ByteBucket;
  readonly #document = new BencodeDocument(PEER_LIMITS);
  /** By each of its short hashes. */
  readonly #held = new Map<string, Held>();
  readonly #servers: TcpServer[] = [];
  readonly #leechers = new Set<Leecher>();
  /** Who can be given something, in turn: whoever was given a piece is the last. */
  readonly #waiting = new Set<Leecher>();
  #timer: Timer | undefined;
  #accepted = 0;
  #refused = 0;
  #pieces = 0;
  #bytes = 0;
  #rejected = 0;
  #dropped = 0;

  constructor(deps: SeederDeps) {
    this.#deps = deps;
    this.#bucket = new ByteBucket(deps.limits.bytesPerSec);
  }

  get observed(): SeederObserved {
    const refused = this.#servers.reduce((sum, server) => sum + server.refused, this.#refused);
    return {
      ...{ open: this.#leechers.size, accepted: this.#accepted, refused, pieces: this.#pieces },
      ...{ bytes: this.#bytes, rejected: this.#rejected, dropped: this.#dropped },
    };
  }

  /** Holds an info dictionary under its hashes; false when there are too many. */
  hold(id: TorrentId, infoBytes: Uint8Array): boolean {
    const keys = keysOf(id);
    if (this.#held.size + keys.length > this.#deps.limits.maxTorrents) return false;
    const held = { infoBytes, pieces: Math.ceil(infoBytes.length / METADATA_PIECE_BYTES) };
    for (const key of keys) this.#held.set(key, held);
    return true;
  }

  letGo(id: TorrentId): void {
    for (const key of keysOf(id)) this.#held.delete(key);
  }

  /** Gives the address with the port that was bound. */
  listen(local: IpPort): Result<IpPort, SystemError> {
    const server = this.#deps.tcp.listen({
      ...{ local, maxConnections: this.#deps.limits.maxConnections, maxQueuedBytes: QUEUE_BYTES },
      accepted: (connection) => this.#accept(connection),
    });
    if (!server.ok) return server;
    this.#servers.push(server.value);
    return ok(server.value.local);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const leecher of [...this.#leechers]) this.#close(leecher);
    for (const server of this.#servers.splice(0)) await server[Symbol.asyncDispose]();
  }

  #accept(connection: TcpConnection): TcpHandlers | undefined {
    if (this.#leechers.size >= this.#deps.limits.maxConnections) {
      this.#refused += 1;
      return undefined;
    }
    this.#accepted += 1;
    const leecher = new Leecher(
      connection,
      this.#nowMs() + GREETING_MS,
      (who, message) => this.#told(who, message),
      this.#document,
    );
    this.#leechers.add(leecher);
    this.#arm();
    return {
      data: (chunk) => {
        if (leecher.stream.push(chunk) !== undefined) this.#drop(leecher);
      },
      drained: () => {
        if (leecher.pending.length > 0) this.#waiting.add(leecher);
        this.#serve();
      },
      closed: () => this.#forget(leecher),
    };
  }

  /** False ends the reading: the connection is closed. */
  #told(leecher: Leecher, message: PeerMessage): boolean {
    if (message.type === 'handshake') return this.#greet(leecher, message.handshake.infoHash);
    if (message.type === 'extended') {
      leecher.utMetadata = message.handshake.utMetadata;
    } else if (message.type === 'request') {
      return this.#asks(leecher, message.piece);
    } else if (message.type !== 'reject') {
      // Metadata that nobody asked for.
      return this.#drop(leecher);
    }
    return true;
  }

  #greet(leecher: Leecher, infoHash: Uint8Array): boolean {
    const held = this.#held.get(toHex(infoHash));
    if (held === undefined) return this.#drop(leecher);
    leecher.held = held;
    leecher.dueMs = this.#nowMs() + IDLE_MS;
    const { peerId } = this.#deps;
    return (
      (leecher.connection.write(encodeHandshake({ infoHash, peerId, extended: true })) &&
        leecher.connection.write(
          encodeExtendedHandshake({
            ...{ utMetadata: OUR_UT_METADATA, metadataSizeBytes: held.infoBytes.length },
            client: 'Gatehouse',
          }),
        )) ||
      this.#drop(leecher)
    );
  }

  #asks(leecher: Leecher, piece: number): boolean {
    const { held, utMetadata, pending } = leecher;
    leecher.asked += 1;
    if (held === undefined || leecher.asked > MAX_TIMES * held.pieces + MAX_TIMES)
      return this.#drop(leecher);
    // Whoever has not said under which number it wants the answer cannot be given one.
    if (utMetadata === undefined) return true;
    leecher.dueMs = this.#nowMs() + IDLE_MS;
    if (piece >= held.pieces || pending.length >= MAX_PENDING) {
      this.#rejected += 1;
      const told = encodeMetadataMessage(utMetadata, { type: 'reject', piece });
      return leecher.connection.write(told) || this.#drop(leecher);
    }
    pending.push(piece);
    this.#waiting.add(leecher);
    this.#serve();
    return true;
  }

  /** A piece for each in turn, as far as the rate allows; the rest waits for the next sweep. */
  #serve(): void {
    for (const leecher of this.#waiting) {
      const { held, utMetadata, pending, connection } = leecher;
      const [piece] = pending;
      // Whose queue is full is heard of when it has drained.
      const able = connection.queuedBytes <= QUEUE_BYTES / 2;
      if (!able || held === undefined || utMetadata === undefined || piece === undefined) {
        this.#waiting.delete(leecher);
        continue;
      }
      const start = piece * METADATA_PIECE_BYTES;
      const data = held.infoBytes.subarray(start, start + METADATA_PIECE_BYTES);
      if (!this.#bucket.take(data.length, this.#nowMs())) return;
      this.#waiting.delete(leecher);
      const totalBytes = held.infoBytes.length;
      const message = { type: 'data', piece, totalBytes, data } as const;
      if (!connection.write(encodeMetadataMessage(utMetadata, message))) continue;
      pending.shift();
      // A set goes on with what is added to it meanwhile.
      if (pending.length > 0) this.#waiting.add(leecher);
      // Who is served is not idle.
      leecher.dueMs = this.#nowMs() + IDLE_MS;
      this.#pieces += 1;
      this.#bytes += data.length;
    }
  }

  #drop(leecher: Leecher): false {
    this.#dropped += 1;
    this.#close(leecher);
    return false;
  }

  #forget(leecher: Leecher): void {
    this.#leechers.delete(leecher);
    this.#waiting.delete(leecher);
  }

  #close(leecher: Leecher): void {
    this.#forget(leecher);
    leecher.connection.close();
  }

  #nowMs(): number {
    return this.#deps.clock.monoMs();
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#leechers.size === 0) return;
    this.#timer = this.#deps.clock.after(SWEEP_MS, () => {
      this.#timer = undefined;
      const nowMs = this.#nowMs();
      for (const leecher of [...this.#leechers]) {
        if (nowMs >= leecher.dueMs) this.#drop(leecher);
        else if (leecher.pending.length > 0) this.#waiting.add(leecher);
      }
      this.#serve();
      this.#arm();
    });
  }
}

const keysOf = ({ v1, v2 }: TorrentId): readonly string[] =>
  [v1, v2?.subarray(0, 20)].flatMap((hash) => (hash === undefined ? [] : [toHex(hash)]));
