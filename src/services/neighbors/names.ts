/** Which host is called what. Pure. */
import type { Mac } from '../../base/ip.ts';

/** What one host wants to be called. */
export interface Claim {
  readonly mac: Mac;
  /** Given by the owner; it stands above all others. */
  readonly fixed: string | undefined;
  /** What the host calls itself. */
  readonly wanted: string | undefined;
  /** Unix ms since when; the clock may have been wrong then. */
  readonly sinceMs: number;
  /** It still says so: it has a lease under this name. */
  readonly live: boolean;
  /** Its name until now. */
  readonly held: string | undefined;
}

/** Names with a meaning of their own: whoever is called so is believed to be something. */
const REFUSED: ReadonlySet<string> = new Set(['localhost', 'wpad', 'isatap']);
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const MAX_LABEL = 63;
const MAX_PASSES = 8;

/** The first label of a host name, in lower case; undefined when it is none (RFC 1123 §2.1). */
export function labelOf(name: string): string | undefined {
  const label = name.toLowerCase().split('.')[0] ?? '';
  return LABEL.test(label) ? label : undefined;
}

/**
 * Gives each host a name of its own. A name goes to the host for which the owner fixed it, else to
 * the one that has it, else to the one that wanted it first; who comes too late gets `name-2`,
 * `name-3` and so on, and keeps that until `name` itself is free. Who wants a name no longer keeps
 * it only as long as nobody else wants it. Giving out the same names again changes nothing.
 */
export function assignNames(claims: readonly Claim[], own: Iterable<string>): Map<Mac, string> {
  const refused = new Set(REFUSED);
  for (const name of own) refused.add(labelOf(name) ?? name);
  let names = assignOnce(claims, refused);
  // A name that became free in one pass is given out in the next.
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const before = names;
    const again = claims.map((claim) => ({ ...claim, held: before.get(claim.mac) }));
    names = assignOnce(again, refused);
    if ([...names].every(([mac, name]) => before.get(mac) === name)) break;
  }
  return names;
}

function assignOnce(claims: readonly Claim[], refused: ReadonlySet<string>): Map<Mac, string> {
  const wanting = claims.flatMap((claim) => {
    const base = labelOf(claim.fixed ?? claim.wanted ?? '');
    return base === undefined || refused.has(base)
      ? []
      : [{ claim, base, rank: rank(claim, base) }];
  });
  wanting.sort(
    (a, b) =>
      a.rank - b.rank || a.claim.sinceMs - b.claim.sinceMs || (a.claim.mac < b.claim.mac ? -1 : 1),
  );
  // A numbered name stays with its holder, whoever else looks for a number.
  const held = new Map<string, Mac>();
  for (const { claim, base } of wanting) {
    if (claim.held === undefined || numberIn(claim.held, base) === undefined) continue;
    if (!held.has(claim.held)) held.set(claim.held, claim.mac);
  }
  const names = new Map<Mac, string>();
  const taken = new Set<string>();
  const isFree = (name: string, mac: Mac): boolean =>
    !taken.has(name) && !refused.has(name) && (held.get(name) ?? mac) === mac;
  for (const { claim, base } of wanting) {
    const { mac, fixed } = claim;
    // What the owner fixed is nobody else's, held or not.
    let name = base;
    if (fixed === undefined ? !isFree(base, mac) : taken.has(base)) {
      name = claim.held ?? '';
      if (numberIn(name, base) === undefined || !isFree(name, mac)) {
        for (let n = 2; ; n++) {
          name = numbered(base, n);
          if (isFree(name, mac)) break;
        }
      }
    }
    taken.add(name);
    names.set(mac, name);
  }
  return names;
}

/** Who comes first: 0 what the owner said, 1 who has the name, 2 who says so now, 3 who said so once. */
function rank({ fixed, live, held }: Claim, base: string): number {
  if (fixed !== undefined) return 0;
  if (!live) return 3;
  return held === base ? 1 : 2;
}

function numbered(base: string, n: number): string {
  const tail = `-${n}`;
  return base.slice(0, MAX_LABEL - tail.length).replace(/-+$/, '') + tail;
}

/** n of `numbered(base, n)`. */
function numberIn(name: string, base: string): number | undefined {
  const n = Number(/-([2-9]|[1-9]\d{1,4})$/.exec(name)?.[1]);
  return Number.isInteger(n) && numbered(base, n) === name ? n : undefined;
}
