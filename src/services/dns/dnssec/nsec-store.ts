/**
 * Gaps between names that signed zones proved (NSEC), so that names in them need not be asked for
 * (RFC 8198): a flood of made-up names below a signed zone ends here. Pure; bounded.
 */
import type { DnsRecord } from '../../../wire/dns.ts';
import {
  ancestors,
  childOf,
  type DnsName,
  isWithin,
  labelCount,
  labelsOf,
  lowerName,
} from '../../../wire/dns-name.ts';
import { RCODE, TYPE } from '../../../wire/dns-registry.ts';
import { nsecDenial } from './denial.ts';
import { type Nsec, nsecOf, type RrSet, rrsigOf, setsOf } from './records.ts';

/** What is proved of a name, as an upstream would have said it. */
export interface Denied {
  readonly rcode: number;
  readonly authorities: readonly DnsRecord[];
  readonly leftSec: number;
}

interface Gap {
  readonly key: string;
  readonly nsec: Nsec;
  /** NSEC and the signatures over it. */
  readonly records: readonly DnsRecord[];
  readonly untilMs: number;
}

interface Zone {
  soa: readonly DnsRecord[];
  untilMs: number;
  /** In canonical order of their owners. */
  gaps: Gap[];
}

const MAX_ZONES = 64;
const MAX_GAPS = 1024;
/** RFC 8198 §5.4: no longer than negative answers are kept. */
const MAX_SEC = 3600;

export class NsecStore {
  readonly #zones = new Map<DnsName, Zone>();

  /** The authority section of an answer that was found secure, signed by `zone` alone. */
  learn(zone: DnsName, authorities: readonly DnsRecord[], ttlSec: number, nowMs: number): void {
    const sets = setsOf(authorities).filter((set) => isOwn(set, zone));
    const untilMs = nowMs + Math.min(MAX_SEC, ttlSec) * 1000;
    const withSigs = (set: RrSet): DnsRecord[] =>
      authorities.filter(
        (rr) =>
          lowerName(rr.name) === set.owner &&
          (rr.type === set.type || (rr.type === TYPE.RRSIG && rrsigOf(rr).covered === set.type)),
      );
    const soa = sets.find((set) => set.type === TYPE.SOA && set.owner === zone);
    if (soa === undefined) return;
    const known = this.#zones.get(zone) ?? { soa: [], untilMs: 0, gaps: [] };
    this.#zones.delete(zone);
    this.#zones.set(zone, known);
    known.soa = withSigs(soa);
    known.untilMs = untilMs;
    for (const set of sets) {
      const [record] = set.records;
      if (set.type !== TYPE.NSEC || record === undefined) continue;
      const gap = {
        key: orderOf(set.owner),
        nsec: nsecOf(record),
        records: withSigs(set),
        untilMs,
      };
      const at = floorIn(known.gaps, gap.key);
      if (known.gaps[at]?.key === gap.key) known.gaps[at] = gap;
      else if (known.gaps.length < MAX_GAPS) known.gaps.splice(at + 1, 0, gap);
      else known.gaps = known.gaps.filter((one) => one.untilMs > nowMs);
    }
    if (this.#zones.size > MAX_ZONES) {
      const [oldest] = this.#zones.keys();
      if (oldest !== undefined) this.#zones.delete(oldest);
    }
  }

  /** Undefined: it is not known. `name` is in lower case. */
  deny(name: DnsName, type: number, nowMs: number): Denied | undefined {
    // Of a cut, the DS and what is below are another's.
    if (type === TYPE.DS) return undefined;
    for (const zone of ancestors(name)) {
      const known = this.#zones.get(zone);
      if (known === undefined) continue;
      return known.untilMs > nowMs ? denyIn(zone, known, name, type, nowMs) : undefined;
    }
    return undefined;
  }

  clear(): void {
    this.#zones.clear();
  }
}

function denyIn(
  zone: DnsName,
  known: Zone,
  name: DnsName,
  type: number,
  nowMs: number,
): Denied | undefined {
  const gaps = new Set<Gap>();
  const look = (one: DnsName): void => {
    const gap = known.gaps[floorIn(known.gaps, orderOf(one))];
    if (gap !== undefined && gap.untilMs > nowMs) gaps.add(gap);
  };
  look(name);
  if (gaps.size === 0) return undefined;
  for (const up of ancestors(name)) {
    if (up !== name && isWithin(up, zone)) look(childOf('*', up));
  }
  const denial = nsecDenial([...gaps].map(({ nsec }) => nsec));
  const rcode =
    denial.noName(name) === 'proved'
      ? RCODE.NXDOMAIN
      : denial.noType(name, type) === 'proved'
        ? RCODE.NOERROR
        : undefined;
  if (rcode === undefined) return undefined;
  const untilMs = Math.min(known.untilMs, ...[...gaps].map((gap) => gap.untilMs));
  return {
    rcode,
    authorities: [...known.soa, ...[...gaps].flatMap(({ records }) => records)],
    leftSec: Math.floor((untilMs - nowMs) / 1000),
  };
}

/** Not made of a wildcard: such a record says nothing of its neighbours. */
const isOwn = (set: RrSet, zone: DnsName): boolean => {
  const labels = labelCount(set.owner) - (set.owner.startsWith('*.') ? 1 : 0);
  return set.sigs.some((sig) => sig.signer === zone && sig.labels === labels);
};

/** A text whose order is the canonical one of names (RFC 4034 §6.1). */
function orderOf(name: DnsName): string {
  return labelsOf(name)
    .reverse()
    .map((label) => String.fromCharCode(...Array.from(label, (byte) => byte + 1)))
    .join('\u0000');
}

/** The last one that is not behind `key`; −1 before the first. */
function floorIn(gaps: readonly Gap[], key: string): number {
  let [low, high] = [0, gaps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((gaps[middle]?.key ?? '') <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
