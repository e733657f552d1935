/** Compiles lists of names to the file that the native engine maps. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BugError, errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  BlockBuilder,
  BlockBuilders,
  BlockList,
  BuiltBlocks,
  RuleKind,
  RuleScope,
} from '../ports-dns.ts';
import { encodeLists } from './dns-layout.ts';
import type { NativeDns, RawBlockBuilder } from './dns-native.ts';
import { systemError } from './errno.ts';

const BATCH_BYTES = 64 * 1024;
const MAX_LISTS = 64;
const MAX_NAME = 255;
const KINDS: Readonly<Record<RuleKind, number>> = {
  block: 0,
  allow: 3,
  importantBlock: 6,
  importantAllow: 9,
  complex: 12,
};
const SCOPES: Readonly<Record<RuleScope, number>> = { exact: 0, below: 1, subtree: 2 };

class Builder implements BlockBuilder {
  readonly #raw: RawBlockBuilder;
  readonly #note: string;
  readonly #batch = new Uint8Array(BATCH_BYTES);
  readonly #text = new TextEncoder();
  #used = 0;
  /** -errno of the first batch that was not taken. */
  #failed = 0;
  /** Too long to be sent at all. */
  #refused = 0;

  constructor(raw: RawBlockBuilder, note: string) {
    this.#raw = raw;
    this.#note = note;
  }

  add(list: number, kind: RuleKind, scope: RuleScope, name: string): void {
    if (name.length > MAX_NAME) {
      this.#refused++;
      return;
    }
    // Three bytes at most for each unit of text that is not ASCII, which is refused below.
    if (this.#used + 3 + 3 * name.length > BATCH_BYTES) this.#flush();
    const at = this.#used;
    const { written } = this.#text.encodeInto(name, this.#batch.subarray(at + 3));
    if (written > MAX_NAME) {
      this.#refused++;
      return;
    }
    this.#batch[at] = list;
    this.#batch[at + 1] = KINDS[kind] + SCOPES[scope];
    this.#batch[at + 2] = written;
    this.#used = at + 3 + written;
  }

  async finish(path: string): Promise<Result<BuiltBlocks, SystemError>> {
    this.#flush();
    if (this.#failed < 0) {
      this.#raw.close();
      return err(systemError('compile the lists', this.#failed));
    }
    const figures = new Uint32Array(4);
    const beside = `${path}.unsynced`;
    const code = this.#raw.finish(beside, this.#text.encode(this.#note), figures);
    if (code < 0) return err(systemError(`write the compiled lists to ${path}`, code));
    try {
      await synced(beside);
      await rename(beside, path);
      await synced(dirname(path));
    } catch (cause) {
      await rm(beside, { force: true });
      const message = `write the compiled lists to ${path}: ${errorMessage(cause)}`;
      return err(new SystemError(message, errorCode(cause), { cause }));
    }
    const [names = 0, refused = 0, low = 0, high = 0] = figures;
    return ok({ names, refused: refused + this.#refused, sizeBytes: high * 2 ** 32 + low });
  }

  [Symbol.dispose](): void {
    this.#raw.close();
  }

  #flush(): void {
    if (this.#used > 0 && this.#failed === 0) {
      this.#failed = this.#raw.add(this.#batch.subarray(0, this.#used));
    }
    this.#used = 0;
  }
}

/** Waits in a thread of libuv's until the medium has it; a slow card takes seconds. */
async function synced(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

export class NativeBlockBuilders implements BlockBuilders {
  readonly #native: NativeDns;

  constructor(native: NativeDns) {
    this.#native = native;
  }

  open(options: {
    readonly key: Uint8Array;
    readonly lists: readonly BlockList[];
    readonly note: string;
  }): Result<BlockBuilder, SystemError> {
    if (options.key.length !== 16) throw new BugError('a key of another length than 16');
    if (options.lists.length > MAX_LISTS) {
      return err(new SystemError(`more than ${MAX_LISTS} lists`, 'E2BIG'));
    }
    const raw = this.#native.createBlockBuilder(options.key, encodeLists(options.lists));
    if (typeof raw === 'number') return err(systemError('compile the lists', raw));
    return ok(new Builder(raw, options.note));
  }
}
