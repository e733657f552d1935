/** What the house itself knows: its hosts, the owner's records, and names that never leave it. */
import type { IpAddress } from '../../base/ip6.ts';
import type { EngineLocal } from '../../os/ports-dns.ts';
import type { DnsRecord } from '../../wire/dns.ts';
import {
  ancestors,
  childOf,
  type DnsName,
  encodeName,
  isWithin,
  lowerName,
  parentOf,
  parseName,
  ROOT,
} from '../../wire/dns-name.ts';
import { RCODE, TYPE } from '../../wire/dns-registry.ts';
import { addressesOf, addressRecord, pointerRecord } from './addresses.ts';
import type { LocalConfig } from './config.ts';
import { localSoa, type ReplyParts, record, wireOf } from './query.ts';
import { targetOf } from './scrub.ts';
import { LOCALHOST, RESOLVER_ARPA, SPECIAL_ZONES } from './special.ts';

/** A device of the LAN by its one name. */
export interface LanHost {
  /** An RFC 1123 label in lower case. */
  readonly name: string;
  readonly addresses: readonly IpAddress[];
}

export interface LocalFacts {
  readonly config: LocalConfig;
  readonly hosts: Iterable<LanHost>;
  /** Of the box on the LAN. */
  readonly ownAddresses: readonly IpAddress[];
  /** Labels that the box is called. */
  readonly ownNames: readonly string[];
  /** Records of `_dns.resolver.arpa` (RFC 9462), when there are encrypted ways. */
  readonly designated: readonly DnsRecord[];
}

export type LocalAnswer =
  | { readonly kind: 'answer'; readonly parts: ReplyParts }
  /** Behind the alias, somebody else must be asked. */
  | { readonly kind: 'alias'; readonly aliases: readonly DnsRecord[]; readonly target: DnsName };

/** Aliases of the owner's that lead to one another. */
const MAX_ALIASES = 8;
/** Names of the LAN that the native table has, with their other types. */
const FAST_TYPES = [TYPE.A, TYPE.AAAA, TYPE.HTTPS] as const;

export class LocalZone {
  readonly #records = new Map<DnsName, DnsRecord[]>();
  /** Names that have something below them. */
  readonly #parents = new Set<DnsName>();
  /** Names that the owner gave records. */
  readonly #owners = new Set<DnsName>();
  readonly #zones: ReadonlySet<DnsName>;
  readonly #ttlSec: number;

  constructor({ config, hosts, ownAddresses, ownNames, designated }: LocalFacts) {
    this.#ttlSec = config.ttlSec;
    const domain = lowerName(config.domain);
    this.#zones = new Set([...SPECIAL_ZONES, ...(domain === ROOT ? [] : [domain])]);
    for (const { name, type, ttlSec, rdata } of config.records) {
      this.#owners.add(lowerName(name));
      this.#add(record(lowerName(name), type, ttlSec, rdata));
    }
    for (const { name, type, rdata, ttlSec } of config.records) {
      const [address] = addressesOf(record(name, type, ttlSec, rdata));
      const plain = type === TYPE.A || type === TYPE.AAAA;
      if (!plain || address === undefined || name.startsWith('*.')) continue;
      const pointer = pointerRecord(address, lowerName(name), ttlSec);
      if (!this.#records.has(pointer.name)) this.#add(pointer);
    }
    this.#addHost('localhost', [LOOPBACK4, LOOPBACK6], ROOT);
    for (const own of new Set([...ownNames, ...config.ownNames])) {
      this.#addHost(own.toLowerCase(), ownAddresses, domain);
    }
    for (const { name, addresses } of hosts) this.#addHost(name, addresses, domain);
    for (const rr of designated) this.#add(rr);
  }

  /** Undefined: the name is none of the house's. */
  answer(name: DnsName, type: number): LocalAnswer | undefined {
    const aliases: DnsRecord[] = [];
    let current = name;
    for (let depth = 0; depth <= MAX_ALIASES; depth++) {
      const here = this.#at(current);
      const alias = type === TYPE.CNAME ? undefined : here.find((rr) => rr.type === TYPE.CNAME);
      if (alias === undefined) {
        const found = here.filter((rr) => rr.type === type);
        if (found.length === 0 && here.length === 0 && !this.#exists(current)) {
          return this.#nothing(current, aliases);
        }
        return this.#known(current, aliases, found);
      }
      aliases.push(alias);
      current = lowerName(targetOf(alias));
    }
    // The owner's aliases go round: that is an answer, too.
    return { kind: 'answer', parts: { rcode: RCODE.SERVFAIL } };
  }

  /** For the native table: hosts and records that need no second thought. */
  entries(): EngineLocal[] {
    const entries: EngineLocal[] = [];
    for (const [name, records] of this.#records) {
      if (name.startsWith('*.')) continue;
      for (const type of new Set([...records.map((rr) => rr.type), ...FAST_TYPES])) {
        const answer = this.answer(name, type);
        if (answer?.kind !== 'answer') continue;
        entries.push({ name: encodeName(name), type, wire: wireOf(name, type, answer.parts) });
      }
    }
    return entries;
  }

  #addHost(label: string, addresses: readonly IpAddress[], domain: DnsName): void {
    const parsed = parseName(label);
    if (!parsed.ok) return;
    const full = childOf(parsed.value, domain);
    for (const address of addresses) {
      // What the owner wrote goes before what devices say of themselves.
      for (const name of new Set([full, parsed.value])) {
        if (!this.#owners.has(name)) this.#add(addressRecord(name, address, this.#ttlSec));
      }
      const pointer = pointerRecord(address, full, this.#ttlSec);
      if (!this.#records.has(pointer.name)) this.#add(pointer);
    }
    for (const name of new Set([full, parsed.value])) {
      if (addresses.length === 0 && !this.#records.has(name)) this.#records.set(name, []);
    }
  }

  #add(rr: DnsRecord): void {
    const same = this.#records.get(rr.name);
    if (same === undefined) this.#records.set(rr.name, [rr]);
    else if (!same.some((one) => isSame(one, rr))) same.push(rr);
    for (let up = parentOf(rr.name); up !== ROOT && !this.#parents.has(up); up = parentOf(up)) {
      this.#parents.add(up);
    }
  }

  #exists(name: DnsName): boolean {
    if (this.#records.has(name) || this.#zones.has(name)) return true;
    // Above a name of the owner's in the Internet there is the Internet.
    return this.#parents.has(name) && this.#zoneOf(name) !== undefined;
  }

  /** Records of a name, made of a wildcard where it has none (RFC 4592). */
  #at(name: DnsName): readonly DnsRecord[] {
    const own = this.#records.get(name);
    if (own !== undefined) return own;
    if (isWithin(name, LOCALHOST)) return this.#named(name, this.#records.get(LOCALHOST) ?? []);
    for (const up of ancestors(name)) {
      if (up === name) continue;
      const wild = this.#records.get(childOf('*', up));
      if (wild !== undefined) return this.#named(name, wild);
      if (this.#exists(up)) break;
    }
    return [];
  }

  #named(name: DnsName, records: readonly DnsRecord[]): readonly DnsRecord[] {
    return records.map((rr) => ({ ...rr, name }));
  }

  #zoneOf(name: DnsName): DnsName | undefined {
    for (const up of ancestors(name)) if (this.#zones.has(up)) return up;
    return undefined;
  }

  #known(name: DnsName, aliases: readonly DnsRecord[], found: readonly DnsRecord[]): LocalAnswer {
    const soa = localSoa(this.#zoneOf(name) ?? name, this.#ttlSec);
    return {
      kind: 'answer',
      parts: {
        ...{ rcode: RCODE.NOERROR, authoritative: true, answers: [...aliases, ...found] },
        authorities: found.length > 0 ? [] : [soa],
      },
    };
  }

  #nothing(name: DnsName, aliases: readonly DnsRecord[]): LocalAnswer | undefined {
    const zone = this.#zoneOf(name);
    if (zone === undefined) {
      return aliases.length === 0 ? undefined : { kind: 'alias', aliases, target: name };
    }
    // RFC 9462 §4: it exists, whether there is a way or not.
    const rcode = zone === RESOLVER_ARPA ? RCODE.NOERROR : RCODE.NXDOMAIN;
    const authorities = [localSoa(zone, this.#ttlSec)];
    return {
      kind: 'answer',
      parts: { rcode, authoritative: true, answers: aliases, authorities },
    };
  }
}

const LOOPBACK4 = 0x7f000001 as IpAddress;
const LOOPBACK6 = 1n as IpAddress;

const isSame = (a: DnsRecord, b: DnsRecord): boolean =>
  a.type === b.type &&
  a.rdata.length === b.rdata.length &&
  a.rdata.every((byte, i) => byte === b.rdata[i]);
