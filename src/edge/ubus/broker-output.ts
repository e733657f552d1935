/**
 * Everything that the broker sends. Frames for one client that follow one another are gathered and
 * written at once; large frames are written where they lie. A frame that does not fit into the
 * client's queue is dropped alone, silently as ubusd does, and counted.
 */
import { readU32 } from '../../wire/blobmsg.ts';
import { BlobWriter } from '../../wire/blobmsg-writer.ts';
import {
  HEADER_BYTES,
  PREFIX_BYTES,
  UBUS_MONITOR_ATTR,
  UBUS_TYPE,
  writePrefix,
} from '../../wire/ubus.ts';
import type { BrokerClient } from './broker-state.ts';

const BATCH_BYTES = 65_536;
/** From this size on, copying costs more than a write of its own. */
const DIRECT_BYTES = 16_384;
/** Larger frames get a buffer of their own that is not kept. */
const KEEP_BYTES = 262_144;
const STATUS_BYTES = 20;
const EMPTY = new Uint8Array(0);

interface Monitor {
  readonly client: BrokerClient;
  seq: number;
}

export class BrokerOutput {
  /** Where `room` gives out space. */
  readonly batch = new Uint8Array(BATCH_BYTES);
  /** Messages, dropped ones too. */
  sent = 0;
  dropped = 0;
  droppedBytes = 0;
  /** Counts writes, so that a long job can see that it should look at the queue again. */
  writes = 0;
  readonly #writer = new BlobWriter(4096);
  readonly #monitorWriter = new BlobWriter(4096, 2 * 1_048_576);
  #monitors: Monitor[] = [];
  #scratch = new Uint8Array(0);
  #length = 0;
  #to: BrokerClient | undefined;
  /** Who gets the large frame that waits in `pass`. */
  #held: BrokerClient | undefined;
  #heldBytes: Uint8Array = EMPTY;
  #heldStart = 0;
  #heldEnd = 0;

  get monitored(): boolean {
    return this.#monitors.length > 0;
  }

  /** Room for one frame of at most DIRECT_BYTES; not for use while `monitored`. */
  room(to: BrokerClient, bytes: number): number {
    this.release();
    if (to !== this.#to || this.#length + bytes > BATCH_BYTES) {
      this.flush();
      this.#to = to;
    }
    const at = this.#length;
    this.#length += bytes;
    this.sent++;
    return at;
  }

  /** Space for one large frame, to be handed to `frame` before the next call. */
  scratch(bytes: number): Uint8Array {
    if (bytes > KEEP_BYTES) return new Uint8Array(bytes);
    if (this.#scratch.length < bytes) {
      this.#scratch = new Uint8Array(Math.min(KEEP_BYTES, 2 * bytes));
    }
    return this.#scratch;
  }

  flush(): void {
    this.release();
    const to = this.#to;
    if (to === undefined || this.#length === 0) return;
    const length = this.#length;
    this.#length = 0;
    this.#to = undefined;
    this.#write(to, this.batch, 0, length);
  }

  /** A writer at the first attribute of a new frame; `send` finishes it. */
  begin(): BlobWriter {
    const writer = this.#writer;
    writer.reset();
    writer.reserve(PREFIX_BYTES);
    writer.length = PREFIX_BYTES;
    return writer;
  }

  /** Sends what was built since `begin`; can be called again for another receiver. */
  send(to: BrokerClient, type: number, seq: number, peer: number): void {
    const writer = this.#writer;
    if (writer.failed) {
      this.#drop(to, writer.length);
      return;
    }
    writePrefix(writer.bytes, 0, type, seq, peer, writer.length);
    this.frame(to, writer.bytes, 0, writer.length);
  }

  /** Sends a whole frame as it stands. */
  frame(to: BrokerClient, bytes: Uint8Array, start: number, end: number): void {
    if (this.#monitors.length > 0) this.copyToMonitors(to, bytes, start, true);
    this.#append(to, bytes, start, end);
  }

  /**
   * Sends a frame that lies in what was received. A large one waits for the next: the STATUS that
   * follows its DATA in the same bytes leaves in the same write. Until `release` those bytes must stay.
   */
  pass(to: BrokerClient, bytes: Uint8Array, start: number, end: number): void {
    if (this.#monitors.length > 0) this.copyToMonitors(to, bytes, start, true);
    if (this.#held === to && this.#heldBytes === bytes && this.#heldEnd === start) {
      this.#heldEnd = end;
      this.sent++;
    } else if (end - start < DIRECT_BYTES) {
      this.#append(to, bytes, start, end);
    } else {
      this.flush();
      this.#held = to;
      this.#heldBytes = bytes;
      this.#heldStart = start;
      this.#heldEnd = end;
      this.sent++;
    }
  }

  /** Writes what `pass` keeps waiting. */
  release(): void {
    const to = this.#held;
    if (to === undefined) return;
    const bytes = this.#heldBytes;
    this.#held = undefined;
    this.#heldBytes = EMPTY;
    this.#write(to, bytes, this.#heldStart, this.#heldEnd);
  }

  #write(to: BrokerClient, bytes: Uint8Array, start: number, end: number): void {
    if (to.closed) return;
    this.writes++;
    if (to.connection.write(bytes.subarray(start, end))) return;
    // Not all of it fits: each frame for itself, since a later small one may.
    for (let at = start; at < end; ) {
      const next = at + HEADER_BYTES + (readU32(bytes, at + HEADER_BYTES) & 0xffffff);
      if (!to.connection.write(bytes.subarray(at, next))) this.#drop(to, next - at);
      at = next;
    }
  }

  #append(to: BrokerClient, bytes: Uint8Array, start: number, end: number): void {
    if (end - start < DIRECT_BYTES) {
      const at = this.room(to, end - start);
      this.batch.set(bytes.subarray(start, end), at);
      return;
    }
    this.flush();
    if (to.closed) return;
    this.sent++;
    this.writes++;
    if (!to.connection.write(bytes.subarray(start, end))) this.#drop(to, end - start);
  }

  status(to: BrokerClient, seq: number, peer: number, status: number): void {
    if (this.#monitors.length > 0) {
      this.begin().blobU32(1, status);
      this.send(to, UBUS_TYPE.status, seq, peer);
      return;
    }
    const at = this.room(to, STATUS_BYTES);
    const { batch } = this;
    writePrefix(batch, at, UBUS_TYPE.status, seq, peer, STATUS_BYTES);
    batch[at + 12] = 1;
    batch[at + 13] = 0;
    batch[at + 14] = 0;
    batch[at + 15] = 8;
    batch[at + 16] = status >>> 24;
    batch[at + 17] = status >>> 16;
    batch[at + 18] = status >>> 8;
    batch[at + 19] = status;
  }

  #drop(to: BrokerClient, bytes: number): void {
    to.dropped++;
    this.dropped++;
    this.droppedBytes += bytes;
  }

  // ---- monitors ------------------------------------------------------------------------------

  addMonitor(client: BrokerClient): void {
    this.removeMonitor(client);
    this.#monitors.push({ client, seq: 0 });
  }

  removeMonitor(client: BrokerClient): void {
    this.#monitors = this.#monitors.filter((monitor) => monitor.client !== client);
  }

  /** Tells every monitor of a frame to (`sent`) or from `client`. */
  copyToMonitors(client: BrokerClient, bytes: Uint8Array, start: number, sent: boolean): void {
    const end = start + HEADER_BYTES + (readU32(bytes, start + HEADER_BYTES) & 0xffffff);
    const writer = this.#monitorWriter;
    writer.reset();
    writer.reserve(PREFIX_BYTES);
    writer.length = PREFIX_BYTES;
    writer.blobU32(UBUS_MONITOR_ATTR.client, client.id);
    writer.blobU32(UBUS_MONITOR_ATTR.peer, readU32(bytes, start + 4));
    writer.blobU32(UBUS_MONITOR_ATTR.seq, ((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0));
    writer.blobU32(UBUS_MONITOR_ATTR.type, bytes[start + 1] ?? 0);
    writer.blobU8(UBUS_MONITOR_ATTR.send, sent ? 1 : 0);
    writer.blobRaw(UBUS_MONITOR_ATTR.data, bytes, start + PREFIX_BYTES, end);
    for (const monitor of this.#monitors) {
      monitor.seq = (monitor.seq + 1) & 0xffff;
      writePrefix(writer.bytes, 0, UBUS_TYPE.monitor, monitor.seq, 0, writer.length);
      this.#append(monitor.client, writer.bytes, 0, writer.length);
    }
  }
}
