/**
 * A store whose disk may have no room for it yet. Until it is open it holds nothing, and each commit tries to open it.
 */
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Store, StoreChange } from '../ports.ts';

type Outcome = Result<void, SystemError>;

export class LateStore implements Store {
  readonly #attempt: () => Promise<Result<Store, SystemError>>;
  #store: Store | undefined;
  #opening: Promise<Outcome> | undefined;
  #closed = false;

  constructor(attempt: () => Promise<Result<Store, SystemError>>) {
    this.#attempt = attempt;
  }

  get corrupt(): number {
    return this.#store?.corrupt ?? 0;
  }

  get(key: string): Uint8Array | undefined {
    return this.#store?.get(key);
  }

  entries(prefix: string): Iterable<readonly [string, Uint8Array]> {
    return this.#store?.entries(prefix) ?? [];
  }

  keys(prefix: string): Iterable<string> {
    return this.#store?.keys(prefix) ?? [];
  }

  /** Opens it, if it is not open; why not. */
  open(): Promise<Outcome> {
    if (this.#store !== undefined) return Promise.resolve(ok(undefined));
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /**
   * EAGAIN when it could be opened only now: what was asked was made without knowing what is in it,
   * and is to be made anew.
   */
  async commit(changes: readonly StoreChange[]): Promise<Outcome> {
    if (this.#store !== undefined) return this.#store.commit(changes);
    const opened = await this.open();
    return opened.ok
      ? err(new SystemError('the store could be opened only now', 'EAGAIN'))
      : opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#opening;
    await this.#store?.[Symbol.asyncDispose]();
  }

  async #open(): Promise<Outcome> {
    if (this.#closed) return err(new SystemError('the store is closed', 'EBADF'));
    const opened = await this.#attempt();
    if (!opened.ok) return opened;
    this.#store = opened.value;
    return ok(undefined);
  }
}
