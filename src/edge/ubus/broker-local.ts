/** The connection of a client that lives in the broker's own process: bytes are handed over in memory. */
import type { PeerCredentials, UnixConnection, UnixHandlers } from '../../os/ports.ts';

/** The same bound as a client behind a socket has. */
const MAX_QUEUED_BYTES = (1 << 20) + 4096;
/** A larger inbox is given back once it is empty. */
const KEEP_BYTES = 262_144;

/**
 * The broker's end is this object; `near` is the client's. What the broker writes is delivered by
 * `deliver`, which the broker calls once no message is being routed.
 */
export class LocalConnection implements UnixConnection {
  readonly peer: PeerCredentials;
  readonly near: UnixConnection;
  /** What the client's end calls: set by the broker. */
  far: UnixHandlers | undefined;
  /** What the broker's end calls: the client's. */
  handlers: UnixHandlers | undefined;
  readonly #schedule: (connection: LocalConnection) => void;
  #inbox = new Uint8Array(4096);
  #spare = new Uint8Array(0);
  #length = 0;
  #scheduled = false;
  #open = true;

  constructor(peer: PeerCredentials, schedule: (connection: LocalConnection) => void) {
    this.peer = peer;
    this.#schedule = schedule;
    this.near = {
      peer,
      queuedBytes: 0,
      // The broker may patch the bytes in place; the client's buffers are made anew per message.
      write: (bytes) => {
        if (!this.#open) return false;
        this.far?.data(bytes);
        return true;
      },
      close: () => this.#leave(),
      end: () => this.#leave(),
    };
  }

  get queuedBytes(): number {
    return this.#length;
  }

  write(bytes: Uint8Array): boolean {
    const need = this.#length + bytes.length;
    if (!this.#open || need > MAX_QUEUED_BYTES) return false;
    if (need > this.#inbox.length) {
      const grown = new Uint8Array(Math.max(need, 2 * this.#inbox.length));
      grown.set(this.#inbox.subarray(0, this.#length));
      this.#inbox = grown;
    }
    this.#inbox.set(bytes, this.#length);
    this.#length = need;
    this.#wake();
    return true;
  }

  deliver(): void {
    this.#scheduled = false;
    if (!this.#open) return;
    const { handlers } = this;
    const length = this.#length;
    const inbox = this.#inbox;
    // The client may be written to while it works on this: that goes to the other buffer.
    this.#inbox = this.#spare;
    this.#spare = inbox.length > KEEP_BYTES ? new Uint8Array(0) : inbox;
    this.#length = 0;
    if (length > 0) handlers?.data(inbox.subarray(0, length));
    if (this.#length === 0) this.far?.drained?.();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.handlers?.closed(undefined);
  }

  end(): void {
    this.close();
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(this);
  }

  #leave(): void {
    if (!this.#open) return;
    this.#open = false;
    this.far?.closed(undefined);
  }
}
