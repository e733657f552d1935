import { SystemError } from '../../src/base/errors.ts';
import { err, ok, type Result } from '../../src/base/result.ts';
import type { Store, StoreChange } from '../../src/os/ports.ts';

/** A Store in memory that can be made to refuse: what it holds is what a restart would find. */
export class MemoryStore implements Store {
  readonly data = new Map<string, Uint8Array>();
  readonly corrupt = 0;
  commits = 0;
  /** The next commits fail with this code, as a full disk does. */
  failing: string | undefined;

  get(key: string): Uint8Array | undefined {
    return this.data.get(key);
  }

  *entries(prefix: string): Iterable<readonly [string, Uint8Array]> {
    for (const key of [...this.data.keys()].sort()) {
      const value = this.data.get(key);
      if (key.startsWith(prefix) && value !== undefined) yield [key, value];
    }
  }

  *keys(prefix: string): Iterable<string> {
    for (const key of [...this.data.keys()].sort()) if (key.startsWith(prefix)) yield key;
  }

  async commit(changes: readonly StoreChange[]): Promise<Result<void, SystemError>> {
    await new Promise<void>((done) => setImmediate(done));
    if (this.failing !== undefined) {
      return err(
        new SystemError('cannot store the change: No space left on device', this.failing, {
          remedy: 'free some disk space',
        }),
      );
    }
    this.commits += 1;
    for (const { key, value } of changes) {
      if (value === undefined) this.data.delete(key);
      else this.data.set(key, value);
    }
    return ok(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
