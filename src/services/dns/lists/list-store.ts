/** The folder of lists: an index that is replaced whole, and the files that it names. */
import { toHex } from '../../../base/bytes.ts';
import type { SystemError } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import type { Directories, Files } from '../../../os/ports.ts';
import type { DnsEngine } from '../../../os/ports-dns.ts';
import type { CompiledLists } from '../policy.ts';
import {
  decodeIndex,
  encodeIndex,
  files,
  type ListIndex,
  type StoredCompiled,
  type StoredVersion,
} from './list-index.ts';
import { decodeSideRules, encodeRule } from './rule-text.ts';
import { type SideRule, SideRules } from './side-rules.ts';

export interface ListStoreDeps {
  readonly log: Log;
  readonly files: Files;
  readonly directories: Directories;
  readonly engine: Pick<DnsEngine, 'loadBlocks'>;
  readonly randomBytes: (count: number) => Uint8Array;
  /** Its own, mode 0700. */
  readonly folder: string;
}

const INDEX = 'lists.json';
const MAX_INDEX_BYTES = 8 * 1024 * 1024;
const MAX_SIDE_BYTES = 64 * 1024 * 1024;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export class ListStore {
  readonly #deps: ListStoreDeps;
  #index: ListIndex;

  constructor(deps: ListStoreDeps) {
    this.#deps = deps;
    const key = toHex(deps.randomBytes(16));
    this.#index = { key, serial: 0, versions: {}, compiled: undefined };
  }

  get index(): ListIndex {
    return this.#index;
  }

  /** What is on the disk; the engine gets its compiled file, if that is whole. */
  open(): CompiledLists | undefined {
    const { directories, log, folder } = this.#deps;
    const made = directories.make(folder, FOLDER_MODE);
    if (!made.ok) log.error({ error: made.error.message }, 'no folder for lists');
    const read = directories.read(this.path(INDEX), MAX_INDEX_BYTES);
    const index = read.ok ? decodeIndex(new TextDecoder().decode(read.value)) : undefined;
    if (index === undefined) return undefined;
    this.#index = index;
    if (index.compiled === undefined) return undefined;
    const loaded = this.#load(index.compiled);
    if (loaded.ok) return loaded.value;
    log.error({ error: String(loaded.error) }, 'the compiled lists cannot be used');
    this.#index = { ...index, compiled: undefined };
    return undefined;
  }

  /** The engine takes the new file, and the index is written; on failure all stays as it was. */
  take(
    versions: Readonly<Record<string, StoredVersion>>,
    compiled: StoredCompiled,
    rules: readonly SideRule[],
  ): Result<CompiledLists, SystemError | string> {
    const { files: small } = this.#deps;
    const text = encodeRule(rules);
    const written = small.writeAtomic(this.path(compiled.side), text, FILE_MODE);
    if (!written.ok) return written;
    // Read back: names that were cut out of the list would keep all of its text in memory.
    const loaded = this.#use(compiled, decodeSideRules(text) ?? []);
    if (!loaded.ok) return loaded;
    this.#index = { ...this.#index, versions, compiled };
    const { log, directories, folder } = this.#deps;
    const saved = this.#deps.files.writeAtomic(
      this.path(INDEX),
      encodeIndex(this.#index),
      FILE_MODE,
    );
    if (!saved.ok) {
      log.error({ error: saved.error.message }, 'the index of the lists cannot be written');
      return loaded;
    }
    const kept = new Set([INDEX, ...files(this.#index)]);
    const there = directories.list(folder);
    for (const name of there.ok ? there.value : []) if (!kept.has(name)) this.remove(name);
    return loaded;
  }

  #load(compiled: StoredCompiled): Result<CompiledLists, SystemError | string> {
    const text = this.#deps.directories.read(this.path(compiled.side), MAX_SIDE_BYTES);
    if (!text.ok) return text;
    const rules = decodeSideRules(new TextDecoder().decode(text.value));
    return rules === undefined
      ? err('the rules beside them are broken')
      : this.#use(compiled, rules);
  }

  /** Gives the engine the compiled file, which stays with the one before if this one is not whole. */
  #use(
    { blocks, lists, rewriteKey }: StoredCompiled,
    rules: readonly SideRule[],
  ): Result<CompiledLists, SystemError | string> {
    const side = new SideRules();
    for (const rule of rules) {
      const added = side.add(rule);
      if (!added.ok) return added;
    }
    const loaded = this.#deps.engine.loadBlocks(this.path(blocks));
    return loaded.ok ? ok({ lists: [{ id: '', name: '' }, ...lists], side, rewriteKey }) : loaded;
  }

  /** A name that no file had yet. */
  newFile(kind: string, ending: string): string {
    this.#index = { ...this.#index, serial: this.#index.serial + 1 };
    return `${kind}-${this.#index.serial}.${ending}`;
  }

  has(name: string): boolean {
    const there = this.#deps.directories.list(this.#deps.folder);
    return there.ok && there.value.includes(name);
  }

  remove(name: string): void {
    this.#deps.directories.remove(this.path(name));
  }

  path(name: string): string {
    return `${this.#deps.folder}/${name}`;
  }
}
