/** Makes the compiled file of what lists there are. Until the engine has it, nothing else knows of it. */
import { fromHex } from '../../../base/bytes.ts';
import type { SystemError } from '../../../base/errors.ts';
import { ok, type Result } from '../../../base/result.ts';
import type { BlockBuilders } from '../../../os/ports-dns.ts';
import type { ListFetches } from '../../../os/ports-dns-lists.ts';
import { rewriteKey } from '../policy.ts';
import type { ListConfig, RewriteConfig } from '../policy-config.ts';
import { compileLists } from './compile.ts';
import type { StoredCompiled, StoredVersion } from './list-index.ts';
import { type ListText, sourceOf } from './list-source.ts';
import type { ListStore } from './list-store.ts';
import { placed } from './places.ts';
import type { SideRule } from './side-rules.ts';

/** A list that can be compiled, and from what: undefined is the text of its configuration. */
export interface ReadyList {
  readonly config: ListConfig;
  readonly version: StoredVersion | undefined;
}

export interface MadeFile {
  readonly compiled: StoredCompiled;
  readonly rules: readonly SideRule[];
  /** Ids of lists in which lines were, but no rule. */
  readonly ruleless: ReadonlySet<string>;
}

export interface MakingDeps {
  readonly store: ListStore;
  readonly builders: BlockBuilders;
  readonly fetches: Pick<ListFetches, 'read'>;
}

const KEY_BYTES = 16;

/** Tells whether a compiled file is of what is wanted. */
export function madeOf(ready: readonly ReadyList[], rewrites: readonly RewriteConfig[]): string {
  const lists = ready.map(({ config: { source, ...config }, version }) => [
    ...[config.id, config.name, config.effect, config.format, config.subdomains],
    ...[config.mayRewrite, version?.sha256 ?? (source.kind === 'text' ? source.text : '')],
  ]);
  return JSON.stringify([rewriteKey(rewrites), ...lists]);
}

/** Throws what reading a list throws. */
export async function makeFile(
  { store, builders, fetches }: MakingDeps,
  ready: readonly ReadyList[],
  rewrites: readonly RewriteConfig[],
  signal: AbortSignal,
): Promise<Result<MadeFile, SystemError>> {
  const before = store.index.compiled?.lists.map(({ id }) => id) ?? [];
  const places = placed(before, ready, ({ config }) => config.id);
  const sources = places.map((one, place) => sourceOf(one && listText(store, one), place, fetches));
  const own = rewrites
    .filter(({ enable }) => enable)
    .map(({ name, wildcard }) => ({
      name,
      scope: wildcard ? ('below' as const) : ('exact' as const),
    }));
  const key = fromHex(store.index.key) ?? new Uint8Array(KEY_BYTES);
  const blocks = store.newFile('blocks', 'bin');
  const side = blocks.replace('blocks', 'side').replace('.bin', '.json');
  const options = { key, note: 'gatehouse', path: store.path(blocks), own };
  const done = await compileLists(sources, builders, options, signal);
  if (!done.ok) return done;
  const { built, lists, side: rules } = done.value;
  const ids = places.map((one) => one?.config.id ?? '');
  const ruleless = ids.filter((_, place) => {
    const { rules: count, rejected } = lists[place] ?? { rules: 0, rejected: 0 };
    return count === 0 && rejected > 0;
  });
  const made = madeOf(ready, rewrites);
  return ok({
    compiled: {
      ...{ blocks, side, made, names: built.names, rewriteKey: rewriteKey(rewrites) },
      lists: lists.map((counts, place) => {
        const { id = '', name = '' } = places[place]?.config ?? {};
        return { id, name, counts };
      }),
    },
    rules,
    ruleless: new Set(ruleless),
  });
}

export function listText(store: ListStore, { config, version }: ReadyList): ListText {
  const path = version?.file === undefined ? undefined : store.path(version.file);
  return { config, path, sha256: version?.sha256 };
}
