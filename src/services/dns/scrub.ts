/**
 * What of an upstream's answer is kept: the chain from the name asked for to its end, and what
 * proves that there is no more. All else nobody asked for, and nobody shall remember.
 */
import type { DnsMessage, DnsRecord } from '../../wire/dns.ts';
import {
  type DnsName,
  decodeName,
  encodeName,
  isWithin,
  lowerName,
  MAX_NAME_BYTES,
} from '../../wire/dns-name.ts';
import { u16, u32 } from '../../wire/dns-rdata.ts';
import { CLASS_IN, RCODE, TYPE } from '../../wire/dns-registry.ts';
import { record } from './query.ts';

export interface Scrubbed {
  readonly rcode: number;
  /** CNAMEs in their order, then the records of the type; each set followed by its signatures. */
  readonly answers: readonly DnsRecord[];
  /** For no data: SOA; NSEC and NSEC3 as they came; each with signatures. */
  readonly authorities: readonly DnsRecord[];
  /** Where the chain of aliases ends. */
  readonly last: DnsName;
  /** Names of all aliases' targets. */
  readonly targets: readonly DnsName[];
  /** The type was found there. */
  readonly found: boolean;
}

/** RFC 1034 §3.6.2 knows no limit; nobody needs more. */
const MAX_ALIASES = 16;

/** Undefined: aliases in a circle, or more than anyone needs. */
export function scrub(message: DnsMessage, name: DnsName, type: number): Scrubbed | undefined {
  const all = message.answers.filter((rr) => rr.class === CLASS_IN);
  const byName = new Map<DnsName, DnsRecord[]>();
  for (const rr of all) {
    const owner = lowerName(rr.name);
    const same = byName.get(owner);
    if (same === undefined) byName.set(owner, [rr]);
    else same.push(rr);
  }
  const answers: DnsRecord[] = [];
  const targets: DnsName[] = [];
  let current = name;
  for (;;) {
    const here = byName.get(current) ?? [];
    const wanted = setOf(here, type);
    if (wanted.length > 0) {
      answers.push(...wanted);
      break;
    }
    const alias = here.find((rr) => rr.type === TYPE.CNAME);
    const dname = type === TYPE.DNAME ? undefined : dnameAbove(byName, current);
    if (dname !== undefined) {
      answers.push(...setOf(byName.get(lowerName(dname.name)) ?? [], TYPE.DNAME));
      const target = substituted(current, dname);
      if (target === undefined) return undefined;
      // Made of the DNAME, whatever was sent (RFC 6672 §3.1).
      answers.push(record(current, TYPE.CNAME, dname.ttl, encodeName(target)));
      current = lowerName(target);
    } else if (alias !== undefined) {
      answers.push(...setOf(here, TYPE.CNAME));
      current = lowerName(targetOf(alias));
    } else {
      break;
    }
    if (targets.includes(current) || current === name || targets.length >= MAX_ALIASES) {
      return undefined;
    }
    targets.push(current);
  }
  const found = setOf(byName.get(current) ?? [], type).length > 0;
  const authorities = message.authorities.filter((rr) => {
    const kind = rr.type === TYPE.RRSIG ? u16(rr.rdata, 0) : rr.type;
    if (kind === TYPE.NSEC || kind === TYPE.NSEC3) return rr.class === CLASS_IN;
    return (
      !found && kind === TYPE.SOA && rr.class === CLASS_IN && isWithin(current, lowerName(rr.name))
    );
  });
  return {
    rcode: found ? RCODE.NOERROR : message.rcode,
    answers,
    authorities,
    last: current,
    targets,
    found,
  };
}

/** Records of a type with the signatures over them; of ANY, all. Each once. */
function setOf(here: readonly DnsRecord[], type: number): DnsRecord[] {
  if (type === TYPE.ANY) return [...here];
  const set = here.filter((rr) => rr.type === type);
  if (set.length === 0 || type === TYPE.RRSIG) return set;
  return [...set, ...here.filter((rr) => rr.type === TYPE.RRSIG && u16(rr.rdata, 0) === type)];
}

export function targetOf({ rdata }: DnsRecord): DnsName {
  const target = decodeName(rdata, 0, 'target', false);
  // It was checked when the message was read.
  return target.ok ? target.value.name : ('' as DnsName);
}

function dnameAbove(
  byName: ReadonlyMap<DnsName, readonly DnsRecord[]>,
  name: DnsName,
): DnsRecord | undefined {
  for (const [owner, here] of byName) {
    if (owner !== name && isWithin(name, owner)) {
      const dname = here.find((rr) => rr.type === TYPE.DNAME);
      if (dname !== undefined) return dname;
    }
  }
  return undefined;
}

function substituted(name: DnsName, dname: DnsRecord): DnsName | undefined {
  const target = targetOf(dname);
  const owner = lowerName(dname.name);
  const prefix = owner === '' ? name : name.slice(0, name.length - owner.length - 1);
  const whole = (target === '' ? prefix : `${prefix}.${target}`) as DnsName;
  return encodeName(prefix as DnsName).length - 1 + encodeName(target).length > MAX_NAME_BYTES
    ? undefined
    : whole;
}

/** A referral or nothing at all: whoever sends it resolves for nobody. */
export function isLame(message: DnsMessage, asked: { readonly name: DnsName }): boolean {
  if (message.rcode !== RCODE.NOERROR || message.answers.length > 0) return false;
  if (message.authorities.some(({ type }) => type === TYPE.SOA)) return false;
  if (message.recursionAvailable) return false;
  return !message.authoritative || asked.name === '';
}

/** How long a negative answer holds (RFC 2308 §5); undefined without SOA: not at all. */
export function negativeTtl(authorities: readonly DnsRecord[]): number | undefined {
  const soa = authorities.find(({ type }) => type === TYPE.SOA);
  if (soa === undefined) return undefined;
  return Math.min(soa.ttl, u32(soa.rdata, soa.rdata.length - 4));
}
