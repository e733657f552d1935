/** The owner's answers for names. */
import { type DnsName, parentOf, ROOT } from '../../wire/dns-name.ts';
import type { RewriteAnswer, RewriteConfig } from './policy-config.ts';

export interface Rewrite {
  /** Rows that say it. */
  readonly ids: readonly string[];
  readonly name: DnsName;
  readonly wildcard: boolean;
  readonly answers: readonly RewriteAnswer[];
  /** The least of the rows'. */
  readonly ttlSec: number;
}

export class Rewrites {
  readonly #exact = new Map<DnsName, RewriteConfig[]>();
  readonly #below = new Map<DnsName, RewriteConfig[]>();

  /** Names in lower case; disabled rows are left out. */
  constructor(rows: readonly RewriteConfig[]) {
    for (const row of rows) {
      if (!row.enable) continue;
      const table = row.wildcard ? this.#below : this.#exact;
      const there = table.get(row.name);
      if (there === undefined) table.set(row.name, [row]);
      else there.push(row);
    }
  }

  /** The rows of the name itself, else those of the nearest wildcard above it, for clients of the group. */
  of(name: DnsName, group: string | undefined): Rewrite | undefined {
    if (this.#exact.size + this.#below.size === 0) return undefined;
    const exact = inGroup(this.#exact.get(name), group);
    if (exact !== undefined) return exact;
    for (let at = name; at !== ROOT; ) {
      at = parentOf(at);
      const below = inGroup(this.#below.get(at), group);
      if (below !== undefined) return below;
    }
    return undefined;
  }
}

function inGroup(
  rows: readonly RewriteConfig[] | undefined,
  group: string | undefined,
): Rewrite | undefined {
  const meant = rows?.filter(
    ({ groups }) => groups.length === 0 || (group !== undefined && groups.includes(group)),
  );
  const [first] = meant ?? [];
  if (meant === undefined || first === undefined) return undefined;
  return {
    ids: meant.map(({ id }) => id),
    name: first.name,
    wildcard: first.wildcard,
    answers: meant.map(({ answer }) => answer),
    ttlSec: Math.min(...meant.map(({ ttlSec }) => ttlSec)),
  };
}
