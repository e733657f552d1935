/** Whether a set of records was signed by one of a zone's keys (RFC 4035 §5.3), at bounded cost. */
import type { DnsCrypto } from '../../../os/ports-dns-transport.ts';
import {
  childOf,
  compareBytes,
  type DnsName,
  isWithin,
  labelCount,
  parentOf,
} from '../../../wire/dns-name.ts';
import { canonicalName, canonicalRdata, lowerBytes } from '../../../wire/dns-rdata.ts';
import { EDE } from '../../../wire/dns-registry.ts';
import type { Dnskey, RrSet, Rrsig } from './records.ts';

/** What one question may cost: a zone could else be made to keep a validator busy for hours (KeyTrap, CVE-2023-50387). */
export class Budget {
  #signatures = 48;
  /** Rounds of SHA-1. */
  #hashRounds = 6000;
  #zones = 40;

  signature(): boolean {
    return this.#signatures-- > 0;
  }

  hash(iterations: number): boolean {
    this.#hashRounds -= iterations + 1;
    return this.#hashRounds >= 0;
  }

  /** One more zone must be found. */
  zone(): boolean {
    return this.#zones-- > 0;
  }
}

export interface Now {
  /** Unix seconds; undefined while the box does not know the time: then signatures hold whatever their dates. */
  readonly sec: number | undefined;
}

/** Signatures of one set that are looked at, and keys of one tag that are tried: honest zones have fewer. */
const MAX_SIGS = 4;
const MAX_KEYS = 4;
/** Clocks differ a little. */
const SKEW_SEC = 300;

export type Signed =
  | {
      readonly ok: true;
      readonly sig: Rrsig;
      /** The owner was made of a wildcard: its parent, else undefined. */
      readonly wildcard: DnsName | undefined;
      /** How long it may be kept, by the signature. */
      readonly ttlCap: number;
    }
  | { readonly ok: false; readonly ede: number; readonly reason: string };

const refused = (ede: number, reason: string): Signed => ({ ok: false, ede, reason });

/** `keys` are those of `zone`, which must be the signer. */
export function verifySet(
  crypto: DnsCrypto,
  set: RrSet,
  zone: DnsName,
  keys: readonly Dnskey[],
  now: Now,
  budget: Budget,
): Signed {
  let fault = refused(EDE.RRSIGS_MISSING, `no signature by ${zone || '.'}`);
  const mine = set.sigs.filter((sig) => sig.signer === zone).slice(0, MAX_SIGS);
  for (const sig of mine) {
    const labels = labelCount(set.owner) - (set.owner.startsWith('*.') ? 1 : 0);
    if (!isWithin(set.owner, zone) || sig.labels > labels || sig.labels < labelCount(zone)) {
      fault = refused(EDE.BOGUS, 'a signature for another name');
      continue;
    }
    const dated = dateFault(sig, now);
    if (dated !== undefined) {
      fault = dated;
      continue;
    }
    const able = keys
      .filter((key) => key.keyTag === sig.keyTag && key.algorithm === sig.algorithm)
      .slice(0, MAX_KEYS);
    if (able.length === 0) {
      fault = refused(EDE.DNSKEY_MISSING, `no key ${sig.keyTag}`);
      continue;
    }
    const data = signedData(set, sig);
    for (const key of able) {
      if (!budget.signature()) return refused(EDE.BOGUS, 'more signatures than are worth checking');
      if (!crypto.verify(sig.algorithm, key.key, data, sig.signature)) {
        fault = refused(EDE.BOGUS, 'a signature that does not fit');
        continue;
      }
      const left = now.sec === undefined ? sig.originalTtl : serialDiff(sig.expiration, now.sec);
      return {
        ok: true,
        sig,
        wildcard: sig.labels < labels ? ancestorOf(set.owner, sig.labels) : undefined,
        ttlCap: Math.max(0, Math.min(sig.originalTtl, left)),
      };
    }
  }
  return fault;
}

function dateFault(sig: Rrsig, { sec }: Now): Signed | undefined {
  if (sec === undefined) return undefined;
  if (serialDiff(sig.expiration, sec) < -SKEW_SEC) {
    return refused(EDE.SIGNATURE_EXPIRED, 'the signature has expired');
  }
  if (serialDiff(sec, sig.inception) < -SKEW_SEC) {
    return refused(EDE.SIGNATURE_NOT_YET_VALID, 'the signature is not valid yet');
  }
  return undefined;
}

/** `a` − `b` of 32-bit serial numbers (RFC 1982). */
const serialDiff = (a: number, b: number): number => (a - b) | 0;

/** The last `labels` labels of a name. */
export function ancestorOf(name: DnsName, labels: number): DnsName {
  let at = name;
  for (let surplus = labelCount(name) - labels; surplus > 0; surplus--) at = parentOf(at);
  return at;
}

/** RFC 4034 §3.1.8.1. */
function signedData(set: RrSet, sig: Rrsig): Uint8Array {
  const labels = labelCount(set.owner);
  const owner = sig.labels < labels ? childOf('*', ancestorOf(set.owner, sig.labels)) : set.owner;
  const name = canonicalName(owner);
  const rdatas = set.records
    .map((rr) => canonicalRdata(rr.type, rr.rdata))
    .sort(compareBytes)
    .filter((rdata, i, all) => i === 0 || compareBytes(rdata, all[i - 1] ?? rdata) !== 0);
  const size = rdatas.reduce((sum, rdata) => sum + name.length + 10 + rdata.length, 0);
  const data = new Uint8Array(sig.head.length + size);
  const view = new DataView(data.buffer);
  data.set(sig.head);
  lowerBytes(data, 18, sig.head.length);
  let at = sig.head.length;
  for (const rdata of rdatas) {
    data.set(name, at);
    at += name.length;
    view.setUint16(at, set.type);
    view.setUint16(at + 2, 1);
    view.setUint32(at + 4, sig.originalTtl);
    view.setUint16(at + 8, rdata.length);
    data.set(rdata, at + 10);
    at += 10 + rdata.length;
  }
  return data;
}
