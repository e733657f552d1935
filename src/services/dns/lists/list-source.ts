/** A list as the compiler takes it: from its file, or from the text of the configuration. */
import { fromHex } from '../../../base/bytes.ts';
import type { ListFetches } from '../../../os/ports-dns-lists.ts';
import type { ListConfig } from '../policy-config.ts';
import type { CompileSource } from './compile.ts';

/** What a list is made of. */
export interface ListText {
  readonly config: ListConfig;
  /** Undefined: the configuration has the text. */
  readonly path: string | undefined;
  /** Lower-case hex; undefined where it is not known. */
  readonly sha256: string | undefined;
}

const HASH_BYTES = 32;
/** Stands in the compiled file where no list is. */
const FREE: ListText = {
  config: {
    ...{ id: '', enable: false, name: '', effect: 'block', format: 'plain', subdomains: false },
    ...{ source: { kind: 'text', text: '' }, mayRewrite: false, everySec: 0, maxBytes: 0 },
    ...{ sha256: undefined, signature: undefined },
  },
  ...{ path: undefined, sha256: undefined },
};

/** Ids of the compiled file begin with those of the lists, behind the owner's own. */
export function sourceOf(
  { config, path, sha256 }: ListText = FREE,
  place: number,
  fetches: Pick<ListFetches, 'read'>,
): CompileSource {
  return {
    list: {
      id: place + 2,
      name: config.name,
      sha256: fromHex(sha256 ?? '') ?? new Uint8Array(HASH_BYTES),
    },
    reading: config,
    own: config.source.kind === 'text',
    read: () => (path === undefined ? textOf(config) : fetches.read(path)),
  };
}

async function* textOf({ source }: ListConfig): AsyncGenerator<Uint8Array> {
  if (source.kind === 'text') yield new TextEncoder().encode(source.text);
}
