/** What policy says to a question. */
import { type DnsName, decodeName } from '../../wire/dns-name.ts';
import { TYPE } from '../../wire/dns-registry.ts';
import type { Override } from './overrides.ts';
import type { BlockMode, RewriteAnswer } from './policy-config.ts';
import type { Rewrite } from './rewrites.ts';
import { safeSearchTarget } from './safe-search.ts';

export interface DnsAsk {
  /** In lower case. */
  readonly name: DnsName;
  readonly type: number;
}

/** What decided it. */
export type DecidedBy =
  | { readonly kind: 'override'; readonly override: Override }
  | { readonly kind: 'rewrite'; readonly rewrite: Rewrite }
  /** The group is offline now. */
  | { readonly kind: 'offline'; readonly group: string }
  | {
      readonly kind: 'list';
      /** Path of the list's row, and what it is called. */
      readonly list: string;
      readonly listName: string;
      /** Its place in the compiled file. */
      readonly place: number;
      /** Known of rules that are more than names. */
      readonly line: number | undefined;
    }
  | { readonly kind: 'safeSearch'; readonly target: DnsName };

/** `shared`: it holds for the whole group of the client, so that the cache may remember that it passed. */
export type Decision =
  /** Nothing speaks of it; what its answer leads to may still be blocked. */
  | { readonly kind: 'pass'; readonly shared: boolean }
  /** Passes whatever its answer leads to. */
  | { readonly kind: 'allow'; readonly shared: boolean; readonly by: DecidedBy }
  | {
      readonly kind: 'block';
      readonly shared: boolean;
      readonly by: DecidedBy;
      readonly mode: BlockMode;
      readonly ttlSec: number;
      /** The name of the answer's chain that is blocked. */
      readonly alias?: DnsName;
    }
  | {
      readonly kind: 'rewrite';
      readonly shared: boolean;
      readonly by: DecidedBy;
      readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED';
      /** Of the name asked for; none with NOERROR is NODATA. */
      readonly records: readonly { readonly type: number; readonly rdata: Uint8Array }[];
      /** The one record is a CNAME to this name, whose records of the type asked for are to follow. */
      readonly follow: DnsName | undefined;
      readonly ttlSec: number;
    };

export function rewritten(
  ask: DnsAsk,
  answers: readonly RewriteAnswer[],
  ttlSec: number,
  by: DecidedBy,
  shared: boolean,
): Decision {
  const made = { kind: 'rewrite', shared, by, ttlSec } as const;
  const nothing = { ...made, rcode: 'NOERROR', records: [], follow: undefined } as const;
  const other = answers.find(({ kind }) => kind !== 'record');
  if (other !== undefined) {
    const rcodes = { nxdomain: 'NXDOMAIN', refused: 'REFUSED' } as const;
    const { kind } = other;
    return kind === 'nxdomain' || kind === 'refused'
      ? { ...nothing, rcode: rcodes[kind] }
      : nothing;
  }
  const records = answers.filter((answer) => answer.kind === 'record');
  const wanted = records.filter(({ type }) => type === ask.type);
  if (wanted.length > 0) return { ...nothing, records: wanted.map(bare) };
  const alias = records.find(({ type }) => type === TYPE.CNAME);
  const target = alias === undefined ? undefined : decodeName(alias.rdata, 0, 'target', false);
  if (alias === undefined || !target?.ok) return nothing;
  return { ...nothing, records: [bare(alias)], follow: target.value.name };
}

const bare = ({ type, rdata }: { readonly type: number; readonly rdata: Uint8Array }) => ({
  type,
  rdata,
});

const SAFE_SEARCH_TTL_SEC = 300;

export const redirected = (target: DnsName, shared: boolean): Decision => ({
  kind: 'rewrite',
  shared,
  by: { kind: 'safeSearch', target },
  rcode: 'NOERROR',
  records: [{ type: TYPE.CNAME, rdata: safeSearchTarget(target) }],
  follow: target,
  ttlSec: SAFE_SEARCH_TTL_SEC,
});
