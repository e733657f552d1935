/**
 * ACKs that wait until their lease is on disk, in the order of their tickets: a ring over one
 * buffer. When it is full no more REQUESTs are taken up; their clients ask again.
 */
import type { FramePort } from '../../os/ports.ts';
import type { Lease } from './lease.ts';

const MAX_FRAMES = 8192;
const BUFFER_BYTES = 4 * 1024 * 1024;

interface Slot {
  port: FramePort | undefined;
  lease: Lease | undefined;
  /** End of the lease that the ACK tells. */
  expiresAtMs: number;
  ticket: number;
  start: number;
  end: number;
}

export interface HeldAck {
  readonly port: FramePort;
  readonly lease: Lease;
  readonly expiresAtMs: number;
  /** In `bytes` of the ring. */
  readonly start: number;
  readonly end: number;
}

export class Held {
  readonly bytes = new Uint8Array(BUFFER_BYTES);
  readonly #slots: readonly Slot[] = Array.from({ length: MAX_FRAMES }, () => ({
    port: undefined,
    lease: undefined,
    expiresAtMs: 0,
    ticket: 0,
    start: 0,
    end: 0,
  }));
  #first = 0;
  #count = 0;
  #at = 0;

  get count(): number {
    return this.#count;
  }

  /** There is room for one more frame of `sizeBytes`. */
  hasRoom(sizeBytes: number): boolean {
    return this.#count < MAX_FRAMES && this.#place(sizeBytes) >= 0;
  }

  /** Keeps a copy of `frame[0, sizeBytes)`. Only after `hasRoom`. */
  add(port: FramePort, lease: Lease, ticket: number, frame: Uint8Array, sizeBytes: number): void {
    const start = this.#place(sizeBytes);
    const slot = this.#slots[(this.#first + this.#count) % MAX_FRAMES];
    if (slot === undefined || start < 0) return;
    for (let i = 0; i < sizeBytes; i++) this.bytes[start + i] = frame[i] ?? 0;
    slot.port = port;
    slot.lease = lease;
    slot.expiresAtMs = lease.expiresAtMs;
    slot.ticket = ticket;
    slot.start = start;
    slot.end = start + sizeBytes;
    this.#at = slot.end;
    this.#count++;
  }

  /** Hands over, oldest first, all that waited for tickets up to `upTo`. What is given is valid during the call. */
  take(upTo: number, each: (ack: HeldAck) => void): void {
    while (this.#count > 0) {
      const slot = this.#slots[this.#first];
      if (slot === undefined || slot.ticket > upTo) return;
      const { port, lease, expiresAtMs, start, end } = slot;
      slot.port = undefined;
      slot.lease = undefined;
      this.#first = (this.#first + 1) % MAX_FRAMES;
      this.#count--;
      if (port !== undefined && lease !== undefined) each({ port, lease, expiresAtMs, start, end });
    }
  }

  /** Where so many bytes fit, -1 for nowhere: behind the newest, or before the oldest. */
  #place(sizeBytes: number): number {
    if (this.#count === 0) return 0;
    const oldest = this.#slots[this.#first]?.start ?? 0;
    if (this.#at > oldest) {
      if (this.#at + sizeBytes <= BUFFER_BYTES) return this.#at;
      return sizeBytes < oldest ? 0 : -1;
    }
    return this.#at + sizeBytes < oldest ? this.#at : -1;
  }
}
