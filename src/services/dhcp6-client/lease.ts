/**
 * From what a server answered to what this box holds (RFC 8415 §18.2.10). Pure. A server is not
 * trusted: what could not be an address or prefix of a router is refused with its reason.
 */
import {
  contains6,
  formatIpv6,
  formatPrefix6,
  type Ipv6,
  type Ipv6Prefix,
  ipv6,
  isHostAddress6,
  networkOf6,
  type PrefixLen6,
  UNIQUE_LOCAL,
} from '../../base/ip6.ts';
import { STATUS6 } from '../../wire/dhcp6-options.ts';
import type {
  AssignedAddress6,
  DelegatedPrefix6,
  Lease6Observed,
  ReceivedOption6,
} from './config.ts';

/**
 * What the answered message asked for. `bind`: SOLICIT with rapid commit or REQUEST, the answer is
 * the whole of each IA; `extend`: RENEW or REBIND, what it does not mention stays.
 */
export type Answered = 'bind' | 'extend' | 'confirm';

/** Lifetimes in seconds, Infinity for ever. */
export interface RawLease6 {
  readonly address: Ipv6;
  /** 128 for an address. */
  readonly prefixLen: number;
  readonly preferredSec: number;
  readonly validSec: number;
}

/** IA_NA and IA_PD number theirs apart: `na1` and `pd1` are two. */
export type IaKey = string;
export const iaKey = (kind: 'address' | 'prefix', iaid: number): IaKey =>
  `${kind === 'address' ? 'na' : 'pd'}${iaid}`;

export interface RawIa {
  readonly kind: 'address' | 'prefix';
  readonly iaid: number;
  readonly t1Sec: number;
  readonly t2Sec: number;
  readonly status: number;
  readonly leases: readonly RawLease6[];
}

export interface RawReply {
  readonly answered: Answered;
  /** IAs of the answered message. */
  readonly asked: readonly IaKey[];
  readonly status: number;
  readonly ias: readonly RawIa[];
  readonly options: readonly ReceivedOption6[];
  readonly dnsServers: readonly Ipv6[];
  readonly domains: readonly string[];
  readonly serverDuid: Uint8Array;
  readonly serverAddress: Ipv6 | undefined;
  /** CLOCK_BOOTTIME ms. */
  readonly receivedAtMs: number;
}

/** What is held: addresses, prefixes, and what came with them. */
export type Held = Lease6Observed;

export interface Judged {
  /** Undefined when nothing is left. */
  readonly held: Held | undefined;
  /** IAs that the server knows no more: another answer decides about them. */
  readonly doubted: readonly IaKey[];
  /** The program may think otherwise now than what is held: it must start anew. */
  readonly diverged: boolean;
  /** Sentences for people. */
  readonly remarks: readonly string[];
}

/** More of a kind than any router has use for. */
const MAX_LEASES = 16;
const SUBNET_BITS = 64;
const SHORTEST_BITS = 16;
/** What IANA allocates as global unicast (RFC 4291 §2.4). */
const GLOBAL: Ipv6Prefix = { address: ipv6(1n << 125n), prefixLen: 3 as PrefixLen6 };

export function judgeReply(held: Held | undefined, reply: RawReply): Judged {
  if (reply.answered === 'confirm') {
    // NotOnLink (§18.2.10.1): another network. Without a status nothing was said.
    const moved = reply.status === STATUS6.NotOnLink;
    const doubted = moved ? (held?.addresses ?? []).map(keyOfIa) : [];
    return { held, doubted, diverged: moved, remarks: [] };
  }
  const remarks: string[] = [];
  let addresses: readonly AssignedAddress6[] = held?.addresses ?? [];
  let prefixes: readonly DelegatedPrefix6[] = held?.prefixes ?? [];
  const doubted: IaKey[] = [];
  let diverged = false;
  let t1AtMs = Infinity;
  let t2AtMs = Infinity;
  for (const ia of reply.ias) {
    const { iaid, kind, status } = ia;
    const key = iaKey(kind, iaid);
    if (status === STATUS6.NoBinding && reply.answered === 'extend') {
      doubted.push(key);
      diverged = true;
      continue;
    }
    const given = ia.leases.flatMap((lease) => usable(ia, lease, reply.receivedAtMs, remarks));
    if (ia.t1Sec > ia.t2Sec && ia.t2Sec > 0) {
      remarks.push(`IA ${iaid} ignored: its T1 is after its T2`);
      continue;
    }
    const mine = (): string =>
      [...addresses, ...prefixes]
        .filter((lease) => keyOfIa(lease) === key)
        .map(shown)
        .toSorted()
        .join();
    const before = mine();
    const ended = ia.leases.filter(({ validSec }) => validSec === 0);
    const named = new Set([...ended, ...given].map(({ address }) => formatIpv6(address)));
    const refused = status === STATUS6.NoAddrsAvail || status === STATUS6.NoPrefixAvail;
    // What an answer to RENEW does not mention stays as it is (§18.2.10.1); refused is refused.
    const keeps = (lease: AssignedAddress6 | DelegatedPrefix6): boolean =>
      keyOfIa(lease) !== key ||
      (reply.answered === 'extend' && !refused && !named.has(formatIpv6(addressOf(lease))));
    if (kind === 'address') addresses = [...addresses.filter(keeps), ...given.map(toAddress)];
    else prefixes = [...prefixes.filter(keeps), ...given.map(toPrefix)];
    if (refused) remarks.push(`the server has no ${kind} for IA ${iaid}`);
    if (reply.answered === 'extend' && before !== mine()) diverged = true;
    if (given.length === 0) continue;
    const shortest = Math.min(...given.map(({ preferredSec }) => preferredSec));
    const [t1, t2] = times(ia, shortest);
    t1AtMs = Math.min(t1AtMs, reply.receivedAtMs + t1 * 1000);
    t2AtMs = Math.min(t2AtMs, reply.receivedAtMs + t2 * 1000);
  }
  if (reply.answered === 'bind') {
    // An IA that was asked for and is not in the answer has nothing.
    const answered = new Set(reply.ias.map(({ kind, iaid }) => iaKey(kind, iaid)));
    const silent = new Set(reply.asked.filter((key) => !answered.has(key)));
    addresses = addresses.filter((lease) => !silent.has(keyOfIa(lease)));
    prefixes = prefixes.filter((lease) => !silent.has(keyOfIa(lease)));
  }
  addresses = addresses.slice(0, MAX_LEASES);
  prefixes = prefixes.slice(0, MAX_LEASES);
  if (addresses.length + prefixes.length === 0) {
    return { held: undefined, doubted, diverged, remarks };
  }
  const extended = t1AtMs < Infinity || held === undefined;
  return {
    held: {
      ...{ addresses, prefixes, serverDuid: reply.serverDuid, serverAddress: reply.serverAddress },
      t1AtMs: extended ? t1AtMs : held.t1AtMs,
      t2AtMs: extended ? t2AtMs : held.t2AtMs,
      ...{ dnsServers: reply.dnsServers, domains: reply.domains, options: reply.options },
    },
    ...{ doubted, diverged, remarks },
  };
}

/** What is left of it without these IAs. */
export function without(held: Held | undefined, ias: readonly IaKey[]): Held | undefined {
  return held && rest(held, (lease) => !ias.includes(keyOfIa(lease)));
}

/** What is left of it at `nowMs` (CLOCK_BOOTTIME). */
export function alive(held: Held | undefined, nowMs: number): Held | undefined {
  return held && rest(held, ({ validUntilMs }) => validUntilMs > nowMs);
}

/** When the next of its parts ends, CLOCK_BOOTTIME ms. */
export const nextEndMs = ({ addresses, prefixes }: Held): number =>
  Math.min(...[...addresses, ...prefixes].map(({ validUntilMs }) => validUntilMs));

function rest(
  held: Held,
  keep: (lease: AssignedAddress6 | DelegatedPrefix6) => boolean,
): Held | undefined {
  const addresses = held.addresses.filter(keep);
  const prefixes = held.prefixes.filter(keep);
  if (addresses.length + prefixes.length === 0) return undefined;
  const whole =
    addresses.length === held.addresses.length && prefixes.length === held.prefixes.length;
  return whole ? held : { ...held, addresses, prefixes };
}

interface Given {
  readonly iaid: number;
  readonly address: Ipv6;
  readonly prefixLen: PrefixLen6;
  readonly preferredSec: number;
  readonly preferredUntilMs: number;
  readonly validUntilMs: number;
}

/** None where its time is over, or where it could be nobody's. */
function usable(ia: RawIa, lease: RawLease6, nowMs: number, remarks: string[]): readonly Given[] {
  const { address, preferredSec, validSec } = lease;
  const prefixLen = lease.prefixLen as PrefixLen6;
  const refuse = (why: string): readonly Given[] => {
    remarks.push(`${formatPrefix6({ address, prefixLen })} refused: ${why}`);
    return [];
  };
  if (validSec === 0) return [];
  // §21.6, §21.22: such a lease is discarded.
  if (preferredSec > validSec) return refuse('it would be preferred for longer than it is valid');
  if (ia.kind === 'address' && !isHostAddress6(address)) return refuse('no address of a host');
  if (ia.kind === 'prefix') {
    if (prefixLen > SUBNET_BITS) return refuse('too long for a network (RFC 7084)');
    if (prefixLen < SHORTEST_BITS) return refuse('too short to be delegated');
    if (networkOf6({ address, prefixLen }) !== address) return refuse('it has bits behind its end');
    if (![GLOBAL, UNIQUE_LOCAL].some((space) => contains6(space, address))) {
      return refuse('neither of 2000::/3 nor of fc00::/7');
    }
  }
  return [
    {
      ...{ iaid: ia.iaid, address, prefixLen, preferredSec },
      preferredUntilMs: nowMs + preferredSec * 1000,
      validUntilMs: nowMs + validSec * 1000,
    },
  ];
}

/** T1 and T2 in seconds; where the server leaves it to the client, RFC 8415 §14.2's half and four fifths. */
function times({ t1Sec, t2Sec }: RawIa, shortestSec: number): readonly [number, number] {
  const t1 = t1Sec === 0 ? shortestSec * 0.5 : t1Sec;
  const t2 = t2Sec === 0 ? shortestSec * 0.8 : t2Sec;
  return [t1, Math.max(t1, t2)];
}

const toAddress = ({ iaid, address, preferredUntilMs, validUntilMs }: Given): AssignedAddress6 => ({
  ...{ iaid, address, preferredUntilMs, validUntilMs },
});

const toPrefix = (given: Given): DelegatedPrefix6 => ({
  ...{ iaid: given.iaid, prefix: { address: given.address, prefixLen: given.prefixLen } },
  ...{ preferredUntilMs: given.preferredUntilMs, validUntilMs: given.validUntilMs },
});

const addressOf = (lease: AssignedAddress6 | DelegatedPrefix6): Ipv6 =>
  'address' in lease ? lease.address : lease.prefix.address;

export const keyOfIa = (lease: AssignedAddress6 | DelegatedPrefix6): IaKey =>
  iaKey('address' in lease ? 'address' : 'prefix', lease.iaid);

const shown = (lease: AssignedAddress6 | DelegatedPrefix6): string =>
  'address' in lease ? formatIpv6(lease.address) : formatPrefix6(lease.prefix);
