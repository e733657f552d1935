/** What is loaded and built when it is wanted first: the one place that says what happens when that fails. */
import { errorCode, errorMessage, SystemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

export interface Loading<T> {
  /** As the log calls it, such as "the monitor". */
  readonly name: string;
  readonly log: Log;
  /** What it opens goes onto `attempt`, which is closed when it fails. */
  build(attempt: AsyncDisposableStack): Promise<T> | T;
}

/**
 * Built once, by whoever wants it first; all others wait for the same. A failure is logged, told to those
 * who wait, and forgotten: whoever wants it next tries again.
 */
export class Lazy<T> implements AsyncDisposable {
  readonly #loading: Loading<T>;
  readonly #owned = new AsyncDisposableStack();
  #building: Promise<T> | undefined;
  #value: T | undefined;
  #ended = false;

  constructor(loading: Loading<T>) {
    this.#loading = loading;
  }

  /** Undefined until it stands. */
  get value(): T | undefined {
    return this.#value;
  }

  /** It stands, or is about to. */
  get begun(): boolean {
    return this.#building !== undefined;
  }

  /** Rejects with SystemError. */
  load(): Promise<T> {
    if (this.#ended) {
      return Promise.reject(new SystemError(`${this.#loading.name}: it is over`, 'ECANCELED'));
    }
    if (this.#building === undefined) {
      const building = this.#build();
      this.#building = building;
      building.catch(() => {
        this.#building = undefined;
      });
    }
    return this.#building;
  }

  /** Closes what was built, once nothing is built any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#building?.catch(() => undefined);
    await this.#owned.disposeAsync();
  }

  async #build(): Promise<T> {
    try {
      return await this.#attempt();
    } catch (cause) {
      const { name, log } = this.#loading;
      const message = `${name} could not be loaded: ${errorMessage(cause)}`;
      log.error({ err: cause }, message);
      throw new SystemError(message, errorCode(cause), { cause });
    }
  }

  async #attempt(): Promise<T> {
    await using attempt = new AsyncDisposableStack();
    const value = await this.#loading.build(attempt);
    this.#owned.use(attempt.move());
    this.#value = value;
    return value;
  }
}
