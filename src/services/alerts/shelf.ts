/** What waits to be told, by channel, on disk, so that it outlives the daemon. */
import { Kept, type KeptDeps } from './kept.ts';
import { type Waiting, waitingCodec } from './record.ts';

export class Shelf implements AsyncDisposable {
  readonly #kept: Kept<Waiting>;
  #number = 0;

  constructor(deps: KeptDeps) {
    this.#kept = new Kept(deps, 'alerts/waiting/', waitingCodec);
    for (const [key] of this.#kept) {
      this.#number = Math.max(this.#number, Number(key.slice(key.lastIndexOf('/') + 1)) || 0);
    }
  }

  /** What waits for a channel, by key, the oldest first. */
  of(channel: string): readonly (readonly [key: string, waiting: Waiting])[] {
    return [...this.#kept].filter(([key]) => channelOf(key) === channel);
  }

  /** Gives its key. */
  add(channel: string, waiting: Waiting): string {
    this.#number += 1;
    const key = `${channel}/${String(this.#number).padStart(12, '0')}`;
    this.#kept.set(key, waiting);
    return key;
  }

  replace(key: string, waiting: Waiting): void {
    this.#kept.set(key, waiting);
  }

  remove(key: string): void {
    this.#kept.delete(key);
  }

  /** What waits for other channels waits no more. */
  keep(channels: ReadonlySet<string>): void {
    this.#kept.remove((key) => !channels.has(channelOf(key)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#kept[Symbol.asyncDispose]();
  }
}

const channelOf = (key: string): string => key.slice(0, key.lastIndexOf('/'));
