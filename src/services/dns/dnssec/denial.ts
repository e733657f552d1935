/** What NSEC (RFC 4035 §5.4, RFC 6840 §4) and NSEC3 (RFC 5155 §8) prove not to be there. Pure; the records were verified. */
import type { DnsCrypto } from '../../../os/ports-dns-transport.ts';
import {
  childOf,
  compareBytes,
  compareNames,
  type DnsName,
  isWithin,
  labelCount,
  ROOT,
} from '../../../wire/dns-name.ts';
import { canonicalName } from '../../../wire/dns-rdata.ts';
import { TYPE } from '../../../wire/dns-registry.ts';
import type { Nsec, Nsec3 } from './records.ts';
import { ancestorOf, type Budget } from './signatures.ts';

/** `insecure`: there may be unsigned delegations (opt-out), or the proof costs too much (RFC 9276). */
export type Proof = 'proved' | 'insecure' | undefined;

export interface Denial {
  /** The name does not exist, nor a wildcard that would make it. */
  noName(name: DnsName): Proof;
  /** The name, or the wildcard that makes it, has no such type. */
  noType(name: DnsName, type: number): Proof;
  /** Nothing is closer to the name than the wildcard below `encloser`. */
  noCloser(name: DnsName, encloser: DnsName): Proof;
  /** Types that are at the name itself, when it is known. */
  typesAt(name: DnsName): ReadonlySet<number> | undefined;
}

// ---- NSEC ----------------------------------------------------------------------------------

/** From a parent's side of a cut, or above a DNAME: says nothing of what is below. */
const endsAt = ({ owner, types }: Nsec, name: DnsName): boolean =>
  owner !== name &&
  isWithin(name, owner) &&
  (types.has(TYPE.DNAME) || (types.has(TYPE.NS) && !types.has(TYPE.SOA)));

function covers({ owner, next }: Pick<Nsec, 'owner' | 'next'>, name: DnsName): boolean {
  if (compareNames(owner, name) >= 0) return false;
  // The last one of a zone leads back to its apex.
  return compareNames(name, next) < 0 || compareNames(next, owner) <= 0;
}

function encloserOf(name: DnsName, { owner, next }: Nsec): DnsName {
  const common = (other: DnsName): number => {
    for (let labels = labelCount(name); labels > 0; labels--) {
      if (isWithin(other, ancestorOf(name, labels))) return labels;
    }
    return 0;
  };
  return ancestorOf(name, Math.max(common(owner), common(next)));
}

export function nsecDenial(all: readonly Nsec[]): Denial {
  const coverOf = (name: DnsName): Nsec | undefined =>
    all.find((nsec) => covers(nsec, name) && !endsAt(nsec, name));
  const at = (name: DnsName): Nsec | undefined => all.find(({ owner }) => owner === name);
  const lacks = (nsec: Nsec, type: number): boolean => lacksType(nsec.types, type, nsec.owner);
  return {
    noName(name) {
      const cover = coverOf(name);
      // What is next below the name makes it exist, empty.
      if (cover === undefined || isWithin(cover.next, name)) return undefined;
      const wildcard = childOf('*', encloserOf(name, cover));
      return coverOf(wildcard) === undefined ? undefined : 'proved';
    },
    noType(name, type) {
      const here = at(name);
      if (here !== undefined) return lacks(here, type) ? 'proved' : undefined;
      const cover = coverOf(name);
      if (cover === undefined) return undefined;
      if (isWithin(cover.next, name)) return 'proved';
      const wild = at(childOf('*', encloserOf(name, cover)));
      return wild !== undefined && lacks(wild, type) ? 'proved' : undefined;
    },
    noCloser(name) {
      return coverOf(name) === undefined ? undefined : 'proved';
    },
    typesAt: (name) => at(name)?.types,
  };
}

/** Neither the type nor an alias is there, and the record is from the right side of a cut. */
function lacksType(types: ReadonlySet<number>, type: number, owner: DnsName): boolean {
  if (types.has(type) || types.has(TYPE.CNAME)) return false;
  if (type === TYPE.DS) return owner === ROOT || !types.has(TYPE.SOA);
  return !types.has(TYPE.NS) || types.has(TYPE.SOA);
}

// ---- NSEC3 ---------------------------------------------------------------------------------

/** More is not computed for anybody (RFC 9276 §3.2). */
const MAX_ITERATIONS = 100;
const SHA1 = 1;

export function nsec3Denial(all: readonly Nsec3[], crypto: DnsCrypto, budget: Budget): Denial {
  const [first] = all;
  const same = all.filter(
    (one) =>
      one.algorithm === SHA1 &&
      one.iterations === first?.iterations &&
      one.zone === first.zone &&
      compareBytes(one.salt, first.salt) === 0,
  );
  const known = new Map<DnsName, Uint8Array | undefined>();
  const hashOf = (name: DnsName): Uint8Array | undefined => {
    if (first === undefined) return undefined;
    if (!known.has(name)) {
      known.set(
        name,
        budget.hash(first.iterations)
          ? crypto.nsec3Hash(canonicalName(name), first.salt, first.iterations)
          : undefined,
      );
    }
    return known.get(name);
  };
  const at = (name: DnsName): Nsec3 | undefined => {
    const hash = hashOf(name);
    return hash && same.find((one) => compareBytes(one.hash, hash) === 0);
  };
  const coverOf = (name: DnsName): Nsec3 | undefined => {
    const hash = hashOf(name);
    return hash && same.find((one) => coversHash(one, hash));
  };
  /** The closest ancestor that is there, and what covers the name one label longer. */
  const enclosed = (name: DnsName) => {
    if (first === undefined || !isWithin(name, first.zone)) return undefined;
    for (let labels = labelCount(name) - 1; labels >= labelCount(first.zone); labels--) {
      const encloser = ancestorOf(name, labels);
      const here = at(encloser);
      if (here === undefined) continue;
      const cut = here.types.has(TYPE.NS) && !here.types.has(TYPE.SOA);
      if (cut || here.types.has(TYPE.DNAME)) return undefined;
      const cover = coverOf(ancestorOf(name, labels + 1));
      return cover === undefined ? undefined : { encloser, cover };
    }
    return undefined;
  };
  const proof = (cover: Nsec3): Proof => (cover.optOut ? 'insecure' : 'proved');
  const costly = first !== undefined && first.iterations > MAX_ITERATIONS;
  return {
    noName(name) {
      if (costly) return 'insecure';
      const found = enclosed(name);
      if (found === undefined) return undefined;
      if (coverOf(childOf('*', found.encloser)) === undefined) return undefined;
      return proof(found.cover);
    },
    noType(name, type) {
      if (costly) return 'insecure';
      const here = at(name);
      if (here !== undefined) return lacksType(here.types, type, name) ? 'proved' : undefined;
      const found = enclosed(name);
      if (found === undefined) return undefined;
      const wild = at(childOf('*', found.encloser));
      if (wild !== undefined && lacksType(wild.types, type, name)) return proof(found.cover);
      // Without opt-out, a DS that is not there has a record that says so (RFC 5155 §8.6).
      return type === TYPE.DS && found.cover.optOut ? 'insecure' : undefined;
    },
    noCloser(name, encloser) {
      if (costly) return 'insecure';
      const cover = coverOf(ancestorOf(name, labelCount(encloser) + 1));
      return cover === undefined ? undefined : proof(cover);
    },
    typesAt: (name) => at(name)?.types,
  };
}

function coversHash({ hash, next }: Nsec3, wanted: Uint8Array): boolean {
  const isLast = compareBytes(next, hash) <= 0;
  const behind = compareBytes(hash, wanted) < 0;
  const before = compareBytes(wanted, next) < 0;
  return isLast ? behind || before : behind && before;
}
