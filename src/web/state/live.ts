/**
 * Counters and clocks of the box cause no events. It is told which objects are looked at, and sends
 * what changes of their own parameters once a second.
 */
import type { Api } from './api.ts';

/** As many as the box takes. */
const MAX_PATHS = 32;

export class Live {
  readonly #api: Api;
  readonly #looked = new Map<string, number>();
  #stream: number | undefined;
  #told = '';
  #telling = false;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Follows the objects `paths` until the function that it gives is called. */
  look(paths: readonly string[]): () => void {
    const count = (step: number): void => {
      for (const path of paths) {
        const now = (this.#looked.get(path) ?? 0) + step;
        if (now > 0) this.#looked.set(path, now);
        else this.#looked.delete(path);
      }
      this.#tellSoon();
    };
    count(1);
    return () => count(-1);
  }

  /** A new stream of events: the box knows nothing yet of what is looked at. */
  opened(stream: number): void {
    this.#stream = stream;
    this.#told = '';
    this.#tellSoon();
  }

  /**
   * One part of a page goes as the next comes: only what is left after that is said. Of two requests at
   * once the older one might arrive last, so the next one waits for the answer.
   */
  #tellSoon(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => void this.#tell());
  }

  async #tell(): Promise<void> {
    for (;;) {
      const paths = [...this.#looked.keys()].slice(0, MAX_PATHS);
      if (this.#stream === undefined || paths.join() === this.#told) break;
      this.#told = paths.join();
      // What is not heard is said again to the next stream.
      await this.#api.post('/api/look', { stream: this.#stream, paths });
    }
    this.#telling = false;
  }
}
