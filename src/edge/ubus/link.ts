/**
 * One connection to a broker, kept up: connects, waits for HELLO, matches answers to requests,
 * and connects again with growing pauses. What is asked and served over it is the client's matter
 * (client.ts).
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { UnixConnection, UnixHandlers } from '../../os/ports.ts';
import { MAX_BLOB_BYTES, readU32 } from '../../wire/blobmsg.ts';
import { BlobWriter } from '../../wire/blobmsg-writer.ts';
import {
  FrameAttributes,
  HEADER_BYTES,
  PREFIX_BYTES,
  UBUS_ATTR,
  UBUS_STATUS,
  UBUS_TYPE,
  writePrefix,
} from '../../wire/ubus.ts';
import { FrameAssembler } from '../../wire/ubus-stream.ts';
import { MAX_WAITING, Waiting } from './waiting.ts';

export interface LinkOptions {
  /** Opens a connection to the broker: `UnixSockets.connect` on its path, or `Broker.attach`. */
  readonly connect: (
    opened: (connection: UnixConnection) => UnixHandlers,
  ) => Result<UnixConnection, SystemError>;
  readonly clock: Clock;
  readonly log: Log;
  /** Requests that may wait for an answer at once, at most 4096; more are refused with `noMemory`. */
  readonly maxOutstanding?: number;
}

/** What the link hands on. `attributes` are valid only during the call. */
export interface LinkSink {
  /** HELLO came: ids of an earlier connection are worth nothing. */
  online(): void;
  offline(): void;
  /** INVOKE, NOTIFY or UNSUBSCRIBE. */
  message(type: number, seq: number, peer: number, attributes: FrameAttributes): void;
}

export interface RequestOptions {
  /** Default 30,000; Infinity waits for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const HELLO_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

export class UbusLink {
  readonly #options: LinkOptions;
  readonly #sink: LinkSink;
  readonly #attributes = new FrameAttributes();
  /** Room for an answer of full size and the status behind it. */
  readonly #writer = new BlobWriter(4096, MAX_BLOB_BYTES + 4096);
  readonly #pending = new Waiting();
  readonly #maxOutstanding: number;
  #assembler = new FrameAssembler();
  #connection: UnixConnection | undefined;
  /** Grows with each connection, so that what comes late for an old one is known. */
  generation = 0;
  #online = false;
  #stopped = true;
  #backoff: Backoff = backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  #retry: Timer | undefined;
  #deadline: Timer | undefined;
  #deadlineAtMs = Number.POSITIVE_INFINITY;
  /** Messages that the connection's queue had no room for. */
  dropped = 0;

  constructor(options: LinkOptions, sink: LinkSink) {
    this.#options = options;
    this.#sink = sink;
    this.#maxOutstanding = Math.min(options.maxOutstanding ?? MAX_WAITING, MAX_WAITING);
  }

  get online(): boolean {
    return this.#online;
  }

  get outstanding(): number {
    return this.#pending.size;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#connect();
  }

  /** Closes; every waiting request gets `connectionFailed`. Idempotent. */
  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.close();
    this.#goOffline();
  }

  // ---- connection ----------------------------------------------------------------------------

  #connect(): void {
    const { clock, log } = this.#options;
    const generation = ++this.generation;
    this.#assembler = new FrameAssembler();
    const opened = this.#options.connect((connection) => {
      this.#connection = connection;
      return {
        data: (chunk) => {
          if (generation === this.generation) this.#receive(chunk);
        },
        closed: (error) => {
          if (generation === this.generation) this.#lost(error?.message ?? 'closed by the broker');
        },
      };
    });
    if (!opened.ok) {
      this.#connection = undefined;
      this.#lost(opened.error.message);
    } else if (!this.#online && !this.#stopped && generation === this.generation) {
      this.#retry = clock.after(HELLO_TIMEOUT_MS, () => {
        this.#connection?.close();
        this.#lost('no HELLO');
      });
    }
    if (this.#online) log.info({ generation }, 'connected to the ubus broker');
  }

  #lost(reason: string): void {
    const { clock, log } = this.#options;
    this.#retry?.cancel();
    this.#connection = undefined;
    const wasOnline = this.#online;
    this.#goOffline();
    if (this.#stopped) return;
    this.#backoff = failed(this.#backoff);
    const pauseMs = delayMs(this.#backoff);
    // Once per outage: a broker that stays away is no news.
    if (wasOnline || this.#backoff.failures === 1) {
      log.warn({ reason, pauseMs }, 'no connection to the ubus broker');
    }
    this.generation++;
    this.#retry = clock.after(pauseMs, () => this.#connect());
  }

  #goOffline(): void {
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#deadlineAtMs = Number.POSITIVE_INFINITY;
    const waiting = this.#pending.all();
    for (const { seq } of waiting) this.#pending.delete(seq);
    const wasOnline = this.#online;
    this.#online = false;
    for (const pending of waiting) pending.settle(UBUS_STATUS.connectionFailed);
    if (wasOnline) this.#sink.offline();
  }

  // ---- receiving -----------------------------------------------------------------------------

  #receive(chunk: Uint8Array): void {
    const assembler = this.#assembler;
    const { generation } = this;
    assembler.feed(chunk);
    while (assembler.next()) {
      this.#message(assembler.bytes, assembler.start, assembler.end);
      if (generation !== this.generation) return;
    }
    if (assembler.failed !== undefined) {
      this.#connection?.close();
      this.#lost(`message too ${assembler.failed === 'short' ? 'short' : 'long'}`);
    }
  }

  #message(bytes: Uint8Array, start: number, end: number): void {
    const type = bytes[start + 1] ?? 0;
    const seq = ((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0);
    const peer = readU32(bytes, start + 4);
    const attributes = this.#attributes;
    attributes.parse(bytes, start + PREFIX_BYTES, end);
    switch (type) {
      case UBUS_TYPE.status:
      case UBUS_TYPE.data: {
        const pending = this.#pending.get(seq);
        if (pending === undefined || pending.peer !== peer) return;
        if (type === UBUS_TYPE.data) {
          pending.data?.(attributes);
          return;
        }
        this.#pending.delete(seq);
        pending.settle(
          attributes.has(UBUS_ATTR.status)
            ? attributes.u32(UBUS_ATTR.status)
            : UBUS_STATUS.invalidArgument,
        );
        return;
      }
      case UBUS_TYPE.hello:
        if (this.#online) return;
        this.#online = true;
        this.#retry?.cancel();
        this.#backoff = healthy(this.#backoff);
        this.#sink.online();
        return;
      case UBUS_TYPE.invoke:
      case UBUS_TYPE.notify:
      case UBUS_TYPE.unsubscribe:
        this.#sink.message(type, seq, peer, attributes);
        return;
      default:
        return;
    }
  }

  // ---- sending -------------------------------------------------------------------------------

  /** A writer at the first attribute of a message. `next` starts a further one behind it. */
  begin(): BlobWriter {
    const writer = this.#writer;
    writer.reset();
    return this.next(writer);
  }

  next(writer: BlobWriter): BlobWriter {
    if (writer.reserve(PREFIX_BYTES)) writer.length += PREFIX_BYTES;
    return writer;
  }

  /** Finishes the message that begins at `at`. */
  finish(writer: BlobWriter, at: number, type: number, seq: number, peer: number): void {
    if (writer.length - at - HEADER_BYTES > MAX_BLOB_BYTES) writer.failed = true;
    if (!writer.failed) {
      writePrefix(writer.bytes, at, type, seq, peer, writer.length - at);
    }
  }

  /** False when it could not be sent. */
  flush(writer: BlobWriter): boolean {
    const sent =
      !writer.failed &&
      this.#connection !== undefined &&
      this.#connection.write(writer.bytes.subarray(0, writer.length));
    if (!sent) this.dropped++;
    return sent;
  }

  /**
   * Sends the message that `build` writes and gives the status that ends it: the server's or the
   * broker's, or `timeout`, `connectionFailed`, `noMemory` (too many waiting), `invalidArgument`
   * (message too large), `unknownError` (aborted). `data` is called for each DATA before.
   */
  request(
    type: number,
    peer: number,
    build: (writer: BlobWriter) => void,
    data: ((attributes: FrameAttributes) => void) | undefined,
    options: RequestOptions = {},
  ): Promise<number> {
    if (!this.#online) return Promise.resolve(UBUS_STATUS.connectionFailed);
    if (options.signal?.aborted) return Promise.resolve(UBUS_STATUS.unknownError);
    if (this.#pending.size >= this.#maxOutstanding) return Promise.resolve(UBUS_STATUS.noMemory);
    const seq = this.#pending.freeSeq();
    const writer = this.begin();
    build(writer);
    this.finish(writer, 0, type, seq, peer);
    if (writer.failed) return Promise.resolve(UBUS_STATUS.invalidArgument);
    return new Promise((resolve) => {
      const deadlineMs = this.#options.clock.monoMs() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
      const { signal } = options;
      let settle: (status: number) => void = resolve;
      if (signal !== undefined) {
        const abort = (): void => {
          this.#pending.delete(seq);
          resolve(UBUS_STATUS.unknownError);
        };
        signal.addEventListener('abort', abort, { once: true });
        settle = (status) => {
          signal.removeEventListener('abort', abort);
          resolve(status);
        };
      }
      // Before it is sent: a broker in this process may answer at once.
      this.#pending.add({ seq, peer: peer >>> 0, deadlineMs, data, settle });
      this.#arm(deadlineMs);
      if (!this.flush(writer) && this.#pending.delete(seq)) settle(UBUS_STATUS.connectionFailed);
    });
  }

  /** One timer for all requests: the earliest deadline. */
  #arm(deadlineMs: number): void {
    if (deadlineMs >= this.#deadlineAtMs) return;
    this.#deadline?.cancel();
    this.#deadlineAtMs = deadlineMs;
    const { clock } = this.#options;
    this.#deadline = clock.after(deadlineMs - clock.monoMs(), () => this.#expire());
  }

  #expire(): void {
    const nowMs = this.#options.clock.monoMs();
    this.#deadlineAtMs = Number.POSITIVE_INFINITY;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const pending of this.#pending.all()) {
      if (pending.deadlineMs > nowMs) {
        nextMs = Math.min(nextMs, pending.deadlineMs);
      } else if (this.#pending.delete(pending.seq)) {
        pending.settle(UBUS_STATUS.timeout);
      }
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs);
  }
}
