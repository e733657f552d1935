/**
 * Which hosts are one device: what tells, how strong it is, and what forbids it. The answer depends
 * on what is known of the hosts alone, not on the order in which they came. Pure.
 */
import { isRandomised, type Mac, macNumber } from '../../base/ip.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { Joined, JoinReason } from './config.ts';
import type { Presence } from './presence.ts';

export interface Traits {
  readonly mac: Mac;
  readonly firstSeenMs: number;
  /** In hex. */
  readonly clientId: string | undefined;
  /** What it calls itself. */
  readonly called: string | undefined;
  readonly addresses: readonly { readonly address: IpAddress }[];
  /** Last half of the IPv6 addresses that are made of its MAC address (RFC 4291, appendix A). */
  readonly interfaceId: bigint;
  readonly stays: Presence;
}

export interface Identity {
  readonly device: Mac;
  readonly joined: Joined | undefined;
}

interface Tell {
  readonly a: Traits;
  readonly b: Traits;
  readonly by: JoinReason;
}

/** The strongest first. */
const STRENGTH: Readonly<Record<JoinReason, number>> = { ClientId: 0, IPv6Address: 1, HostName: 2 };
/** Both were there so long: they are two. The older is noticed to be gone only after minutes. */
const TOGETHER_MS = 600_000;
/** Names that makers give to all of a kind tell nobody apart. */
const COMMON =
  /^(android|iphone|ipad|laptop|localhost|raspberrypi|esp|espressif|tv|printer)(-\d+)?$/;
/** A trait that more have is nobody's own. */
const MAX_SHARED = 16;
const IID = (1n << 64n) - 1n;
/** Hardware type Ethernet: what follows is a MAC address (RFC 2132 §9.14). */
const ETHERNET_ID = /^01[0-9a-f]{12}$/;

export function identify(
  hosts: readonly Traits[],
  apart: readonly (readonly [Mac, Mac])[],
  nowMs: number,
): ReadonlyMap<Mac, Identity> {
  const groups = new Map(hosts.map((host): [Mac, Traits[]] => [host.mac, [host]]));
  const links = new Map<Mac, Joined[]>();
  const link = (from: Mac, to: Mac, by: JoinReason): void => {
    links.set(from, [...(links.get(from) ?? []), { to, by }]);
  };
  const forbidden = new Set(apart.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`]));
  const isApart = (a: readonly Traits[], b: readonly Traits[]): boolean =>
    forbidden.size > 0 &&
    a.some(({ mac }) => b.some((other) => forbidden.has(`${mac} ${other.mac}`)));
  for (const { a, b, by } of tells(hosts).sort(inOrder)) {
    const [left, right] = [groups.get(a.mac) ?? [a], groups.get(b.mac) ?? [b]];
    if (left === right || isApart(left, right)) continue;
    // A name is a weak sign: whoever was there at the same time as any of them is another.
    if (by === 'HostName' && left.some((x) => right.some((y) => isTogether(x, y, nowMs)))) continue;
    const whole = [...left, ...right];
    for (const { mac } of whole) groups.set(mac, whole);
    link(a.mac, b.mac, by);
    link(b.mac, a.mac, by);
  }
  const identities = new Map<Mac, Identity>();
  for (const group of new Set(groups.values())) {
    const device = group.reduce((first, one) => (isBefore(one, first) ? one : first));
    identities.set(device.mac, { device: device.mac, joined: undefined });
    // From the first one on, each is joined to the one by which it was found.
    for (const found = [device.mac]; ; ) {
      const from = found.shift();
      if (from === undefined) break;
      for (const { to, by } of links.get(from) ?? []) {
        if (identities.has(to)) continue;
        identities.set(to, { device: device.mac, joined: { to: from, by } });
        found.push(to);
      }
    }
  }
  return identities;
}

const isTogether = (a: Traits, b: Traits, nowMs: number): boolean =>
  a.stays.overlapMs(b.stays, nowMs) > TOGETHER_MS;

const isBefore = (a: Traits, b: Traits): boolean =>
  a.firstSeenMs < b.firstSeenMs || (a.firstSeenMs === b.firstSeenMs && a.mac < b.mac);

/** Every pair that something tells of, the older host first. */
function tells(hosts: readonly Traits[]): Tell[] {
  const found: Tell[] = [];
  const pair = (x: Traits, y: Traits, by: JoinReason): void => {
    const [a, b] = isBefore(x, y) ? [x, y] : [y, x];
    found.push({ a, b, by });
  };
  const shared = (
    traitOf: (host: Traits) => string | undefined,
    by: JoinReason,
    fits: (a: Traits, b: Traits) => boolean,
  ): void => {
    const all = new Map<string, Traits[]>();
    for (const host of hosts) {
      const trait = traitOf(host);
      if (trait === undefined) continue;
      const list = all.get(trait);
      if (list === undefined) all.set(trait, [host]);
      else list.push(host);
    }
    for (const list of all.values()) {
      if (list.length > MAX_SHARED) continue;
      for (const [i, a] of list.entries()) {
        for (const b of list.slice(i + 1)) if (fits(a, b)) pair(a, b, by);
      }
    }
  };
  shared(ownClientId, 'ClientId', () => true);
  shared(
    ({ called }) => (called === undefined || COMMON.test(called) ? undefined : called),
    'HostName',
    (a, b) => isRandomised(a.mac) || isRandomised(b.mac),
  );
  const byInterfaceId = new Map(hosts.map((host) => [host.interfaceId, host]));
  for (const host of hosts) {
    for (const { address } of host.addresses) {
      if (typeof address === 'number') continue;
      const other = byInterfaceId.get(address & IID);
      if (other !== undefined && other !== host) pair(host, other, 'IPv6Address');
    }
  }
  return found;
}

/** An identifier that is made of a MAC address tells no more than that. */
const ownClientId = ({ clientId }: Traits): string | undefined =>
  clientId === undefined || clientId.length < 8 || ETHERNET_ID.test(clientId)
    ? undefined
    : clientId;

const inOrder = (x: Tell, y: Tell): number =>
  STRENGTH[x.by] - STRENGTH[y.by] ||
  macNumber(x.a.mac) - macNumber(y.a.mac) ||
  macNumber(x.b.mac) - macNumber(y.b.mac);
