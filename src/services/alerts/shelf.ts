/**
 * What waits to be told, on disk, so that it outlives the daemon. Each change is written at once, those of one
 * moment together; what cannot be written is tried again, and told from memory all the same.
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Store, StoreChange } from '../../os/ports.ts';
import { decodeWaiting, encodeWaiting, type Waiting } from './record.ts';

export interface ShelfDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

const PREFIX = 'alerts/waiting/';
const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;

interface Shelved extends Waiting {
  readonly bytes: Uint8Array;
}

export class Shelf implements AsyncDisposable {
  readonly #deps: ShelfDeps;
  /** As it shall be, and as it is on disk, by key. */
  readonly #wanted = new Map<string, Shelved>();
  readonly #stored = new Map<string, Uint8Array>();
  #number = 0;
  #writing: Promise<void> | undefined;
  #retry: Timer | undefined;
  #backoff: Backoff = backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  #closed = false;

  constructor(deps: ShelfDeps) {
    this.#deps = deps;
    for (const [key, bytes] of deps.store.entries(PREFIX)) {
      this.#stored.set(key, bytes);
      this.#number = Math.max(this.#number, Number(key.slice(key.lastIndexOf('/') + 1)) || 0);
      const waiting = decodeWaiting(key, bytes);
      if (waiting.ok) this.#wanted.set(key, { ...waiting.value, bytes });
      else deps.log.warn({ key, reason: waiting.error.message }, 'a stored alert is none');
    }
  }

  /** What waits for a channel, by key, the oldest first. */
  of(channel: string): readonly (readonly [key: string, waiting: Waiting])[] {
    return [...this.#wanted].filter(([key]) => channelOf(key) === channel);
  }

  /** Gives its key. */
  add(channel: string, waiting: Waiting): string {
    this.#number += 1;
    const key = `${PREFIX}${channel}/${String(this.#number).padStart(12, '0')}`;
    this.replace(key, waiting);
    return key;
  }

  replace(key: string, waiting: Waiting): void {
    this.#wanted.set(key, { ...waiting, bytes: encodeWaiting(waiting) });
    this.#write();
  }

  remove(key: string): void {
    this.#wanted.delete(key);
    this.#write();
  }

  /** What waits for other channels waits no more. */
  keep(channels: ReadonlySet<string>): void {
    for (const key of this.#wanted.keys()) {
      if (!channels.has(channelOf(key))) this.#wanted.delete(key);
    }
    this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    if (this.#retry === undefined) return;
    this.#retry.cancel();
    await this.#run();
  }

  #write(): void {
    if (this.#retry === undefined && !this.#closed) this.#writing ??= this.#run();
  }

  async #run(): Promise<void> {
    const { store, clock, log } = this.#deps;
    // What changes in this turn of the event loop is written together.
    await Promise.resolve();
    for (let changes = this.#changes(); changes.length > 0; changes = this.#changes()) {
      const done = await store.commit(changes);
      if (!done.ok) {
        log.error({ code: done.error.code }, `alerts that wait: ${done.error.message}`);
        this.#backoff = failed(this.#backoff);
        this.#retry = this.#closed
          ? undefined
          : clock.after(delayMs(this.#backoff), () => {
              this.#retry = undefined;
              this.#write();
            });
        break;
      }
      this.#backoff = healthy(this.#backoff);
      for (const { key, value } of changes) {
        if (value === undefined) this.#stored.delete(key);
        else this.#stored.set(key, value);
      }
    }
    this.#writing = undefined;
  }

  #changes(): readonly StoreChange[] {
    const changes: StoreChange[] = [];
    for (const [key, { bytes }] of this.#wanted) {
      if (this.#stored.get(key) !== bytes) changes.push({ key, value: bytes });
    }
    for (const key of this.#stored.keys()) {
      if (!this.#wanted.has(key)) changes.push({ key, value: undefined });
    }
    return changes;
  }
}

const channelOf = (key: string): string => key.slice(PREFIX.length, key.lastIndexOf('/'));
