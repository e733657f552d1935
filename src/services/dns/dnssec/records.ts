/** The records of DNSSEC (RFC 4034, RFC 5155) by their fields. RDATA was checked when its message was read. */
import type { DnsRecord } from '../../../wire/dns.ts';
import { type DnsName, decodeName, labelsOf, lowerName, ROOT } from '../../../wire/dns-name.ts';
import { nameEnd, typesOf, u16, u32 } from '../../../wire/dns-rdata.ts';
import { TYPE } from '../../../wire/dns-registry.ts';

export interface Rrsig {
  readonly covered: number;
  readonly algorithm: number;
  readonly labels: number;
  readonly originalTtl: number;
  /** Seconds by serial number arithmetic (RFC 1982). */
  readonly expiration: number;
  readonly inception: number;
  readonly keyTag: number;
  /** In lower case. */
  readonly signer: DnsName;
  readonly signature: Uint8Array;
  /** RDATA up to the signature, the signer in lower case or not. */
  readonly head: Uint8Array;
}

export interface Dnskey {
  readonly flags: number;
  readonly algorithm: number;
  readonly key: Uint8Array;
  readonly keyTag: number;
  readonly rdata: Uint8Array;
}

export interface Ds {
  readonly keyTag: number;
  readonly algorithm: number;
  readonly digestType: number;
  readonly digest: Uint8Array;
}

export interface Nsec {
  readonly owner: DnsName;
  readonly next: DnsName;
  readonly types: ReadonlySet<number>;
}

export interface Nsec3 {
  /** Hash of the owner, which is its first label. */
  readonly hash: Uint8Array;
  readonly zone: DnsName;
  readonly algorithm: number;
  readonly optOut: boolean;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly next: Uint8Array;
  readonly types: ReadonlySet<number>;
}

/** Bits of DNSKEY's flags: RFC 4034 §2.1.1, RFC 5011 §3. */
export const ZONE_KEY = 0x100;
export const REVOKED = 0x80;
export const SEP = 1;

export function rrsigOf({ rdata }: DnsRecord): Rrsig {
  const end = nameEnd(rdata, 18);
  return {
    covered: u16(rdata, 0),
    algorithm: rdata[2] ?? 0,
    labels: rdata[3] ?? 0,
    originalTtl: u32(rdata, 4),
    expiration: u32(rdata, 8),
    inception: u32(rdata, 12),
    keyTag: u16(rdata, 16),
    signer: nameIn(rdata, 18),
    signature: rdata.subarray(end),
    head: rdata.subarray(0, end),
  };
}

export const dnskeyOf = ({ rdata }: { readonly rdata: Uint8Array }): Dnskey => ({
  flags: u16(rdata, 0),
  algorithm: rdata[3] ?? 0,
  key: rdata.subarray(4),
  keyTag: keyTagOf(rdata),
  rdata,
});

/** RFC 4034 appendix B; algorithm 1 is not taken anyway. */
function keyTagOf(rdata: Uint8Array): number {
  let sum = 0;
  for (const [i, byte] of rdata.entries()) sum += (i & 1) === 0 ? byte << 8 : byte;
  return (sum + (sum >>> 16)) & 0xffff;
}

export const dsOf = ({ rdata }: { readonly rdata: Uint8Array }): Ds => ({
  keyTag: u16(rdata, 0),
  algorithm: rdata[2] ?? 0,
  digestType: rdata[3] ?? 0,
  digest: rdata.subarray(4),
});

export function nsecOf({ name, rdata }: DnsRecord): Nsec {
  return {
    owner: lowerName(name),
    next: nameIn(rdata, 0),
    types: new Set(typesOf(rdata, nameEnd(rdata, 0), rdata.length)),
  };
}

/** Undefined where the owner is no hash. */
export function nsec3Of({ name, rdata }: DnsRecord): Nsec3 | undefined {
  const [label] = labelsOf(name);
  const hash = label === undefined ? undefined : fromBase32Hex(label);
  if (hash === undefined || label === undefined) return undefined;
  const owner = lowerName(name);
  const saltEnd = 5 + (rdata[4] ?? 0);
  const nextEnd = saltEnd + 1 + (rdata[saltEnd] ?? 0);
  return {
    hash,
    zone: (owner.length === label.length ? ROOT : owner.slice(label.length + 1)) as DnsName,
    algorithm: rdata[0] ?? 0,
    optOut: ((rdata[1] ?? 0) & 1) === 1,
    iterations: u16(rdata, 2),
    salt: rdata.subarray(5, saltEnd),
    next: rdata.subarray(saltEnd + 1, nextEnd),
    types: new Set(typesOf(rdata, nextEnd, rdata.length)),
  };
}

function nameIn(rdata: Uint8Array, at: number): DnsName {
  const name = decodeName(rdata, at, 'name', false);
  return name.ok ? lowerName(name.value.name) : ROOT;
}

function fromBase32Hex(label: Uint8Array): Uint8Array | undefined {
  if (label.length !== 32) return undefined;
  const bytes: number[] = [];
  let [value, bits] = [0, 0];
  for (const code of label) {
    const lower = code | 0x20;
    const digit =
      code >= 0x30 && code <= 0x39
        ? code - 0x30
        : lower >= 0x61 && lower <= 0x76
          ? lower - 0x57
          : -1;
    if (digit < 0) return undefined;
    value = ((value << 5) | digit) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 255);
  }
  return Uint8Array.from(bytes);
}

/** Records of one owner and type, with the signatures over them. */
export interface RrSet {
  /** In lower case. */
  readonly owner: DnsName;
  readonly type: number;
  readonly records: readonly DnsRecord[];
  readonly sigs: readonly Rrsig[];
}

/** In the order of their first records. */
export function setsOf(records: readonly DnsRecord[]): RrSet[] {
  const sets = new Map<
    string,
    { owner: DnsName; type: number; records: DnsRecord[]; sigs: Rrsig[] }
  >();
  const at = (owner: DnsName, type: number) => {
    const key = `${type} ${owner}`;
    const found = sets.get(key) ?? { owner, type, records: [], sigs: [] };
    sets.set(key, found);
    return found;
  };
  for (const rr of records) {
    const owner = lowerName(rr.name);
    if (rr.type === TYPE.RRSIG) {
      const sig = rrsigOf(rr);
      at(owner, sig.covered).sigs.push(sig);
    } else {
      at(owner, rr.type).records.push(rr);
    }
  }
  // Signatures over nothing say nothing.
  return [...sets.values()].filter((set) => set.records.length > 0);
}
