/**
 * Links, IPv4 addresses and IPv4 routes as rtnetlink(7) tells them: what `RTM_NEW…` and `RTM_DEL…`
 * carry, whether asked for or multicast. Attributes that nobody here needs are skipped.
 */
import { formatMac, type Ipv4, ipv4, type Mac, type PrefixLen, prefixLen } from '../base/ip.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { type Attributes, decodeAttributes, readString, viewOf } from './rtnetlink-frame.ts';

export const RTM = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
} as const;

/** Multicast groups (linux/rtnetlink.h, rtnetlink_groups). */
export const RTNLGRP = { link: 1, ipv4Address: 5, ipv4Route: 7 } as const;

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const RT_TABLE_MAIN = 254;
export const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_LOWER_UP = 0x10000;
export const RTNH_F_ONLINK = 4;
const RTM_F_CLONED = 0x200;

export const IFLA = {
  address: 1,
  ifName: 3,
  mtu: 4,
  master: 10,
  queueLength: 13,
  operState: 16,
  linkInfo: 18,
  stats64: 23,
  minMtu: 50,
  maxMtu: 51,
} as const;
export const IFLA_INFO_KIND = 1;
export const IFA = { address: 1, local: 2, broadcast: 4, proto: 11 } as const;
export const RTA = {
  dst: 1,
  oif: 4,
  gateway: 5,
  priority: 6,
  prefSrc: 7,
  multipath: 9,
  table: 15,
} as const;

/** RFC 2863 ifOperStatus in the kernel's order (linux/if.h, IF_OPER_…). */
const OPER_STATES = [
  'unknown',
  'notpresent',
  'down',
  'lowerlayerdown',
  'testing',
  'dormant',
  'up',
] as const;

/** rtm_type: what a route does with a packet (rtnetlink(7), RTN_…). */
export const ROUTE_TYPES = { unicast: 1, blackhole: 6, unreachable: 7, prohibit: 8 } as const;
export const SCOPES = { universe: 0, link: 253, host: 254 } as const;

export interface RtStats {
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxErrors: bigint;
  readonly txErrors: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
  readonly multicast: bigint;
  readonly collisions: bigint;
}

export interface RtLink {
  /** AF_BRIDGE here means a notice about a bridge port, not about the link. */
  readonly family: number;
  readonly ifIndex: number;
  /** ARPHRD_ number: 1 for Ethernet. */
  readonly hardware: number;
  readonly name: string;
  readonly mac: Mac | undefined;
  /** Undefined in the partial notices of some drivers. */
  readonly mtu: number | undefined;
  /** Packets (IFLA_TXQLEN). */
  readonly queueLength: number | undefined;
  readonly minMtu: number;
  readonly maxMtu: number;
  readonly adminUp: boolean;
  readonly carrier: boolean;
  readonly operState: (typeof OPER_STATES)[number];
  readonly loopback: boolean;
  readonly kind: string | undefined;
  readonly master: number | undefined;
  readonly stats: RtStats | undefined;
}

export interface RtAddress {
  readonly ifIndex: number;
  readonly address: Ipv4;
  readonly prefixLen: PrefixLen;
  readonly broadcast: Ipv4 | undefined;
  readonly protocol: number;
}

export interface RtRoute {
  readonly type: keyof typeof ROUTE_TYPES;
  readonly destination: Ipv4;
  readonly prefixLen: PrefixLen;
  readonly gateway: Ipv4 | undefined;
  readonly ifIndex: number | undefined;
  readonly metric: number;
  readonly source: Ipv4 | undefined;
  readonly table: number;
  readonly protocol: number;
  readonly scope: keyof typeof SCOPES | 'other';
  readonly onLink: boolean;
}

/** The body of RTM_NEWLINK or RTM_DELLINK: an ifinfomsg and its attributes. */
export function decodeLink(body: Uint8Array): Result<RtLink> {
  if (body.length < 16) return decodeError('too short', 'ifinfomsg', 0);
  const view = viewOf(body);
  const attributes = decodeAttributes(body, 16);
  if (!attributes.ok) return attributes;
  const a = attributes.value;
  const info = decodeAttributes(a.get(IFLA.linkInfo) ?? new Uint8Array(0), 0);
  if (!info.ok) return info;
  const kind = info.value.get(IFLA_INFO_KIND);
  const flags = view.getUint32(8, true);
  const mac = a.get(IFLA.address);
  return ok({
    family: view.getUint8(0),
    hardware: view.getUint16(2, true),
    ifIndex: view.getInt32(4, true),
    name: readString(a.get(IFLA.ifName) ?? new Uint8Array(0)),
    mac: mac?.length === 6 ? formatMac(mac) : undefined,
    mtu: u32(a, IFLA.mtu),
    queueLength: u32(a, IFLA.queueLength),
    minMtu: u32(a, IFLA.minMtu) ?? 0,
    maxMtu: u32(a, IFLA.maxMtu) ?? 0,
    adminUp: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    operState: OPER_STATES[a.get(IFLA.operState)?.[0] ?? 0] ?? 'unknown',
    loopback: (flags & IFF_LOOPBACK) !== 0,
    kind: kind === undefined ? undefined : readString(kind),
    master: u32(a, IFLA.master),
    stats: stats(a.get(IFLA.stats64)),
  });
}

/** The body of RTM_NEWADDR or RTM_DELADDR; undefined for another family than IPv4. */
export function decodeAddress(body: Uint8Array): Result<RtAddress | undefined> {
  if (body.length < 8) return decodeError('too short', 'ifaddrmsg', 0);
  const view = viewOf(body);
  if (view.getUint8(0) !== AF_INET) return ok(undefined);
  const attributes = decodeAttributes(body, 8);
  if (!attributes.ok) return attributes;
  const a = attributes.value;
  const length = prefixLen(view.getUint8(1));
  if (length === undefined) return decodeError('over 32', 'ifa_prefixlen', 1);
  // On a point-to-point link IFA_ADDRESS is the peer's.
  const address = address4(a, IFA.local) ?? address4(a, IFA.address);
  if (address === undefined) return decodeError('no address', 'IFA_LOCAL', 8);
  return ok({
    ifIndex: view.getUint32(4, true),
    address,
    prefixLen: length,
    broadcast: address4(a, IFA.broadcast),
    protocol: a.get(IFA.proto)?.[0] ?? 0,
  });
}

/**
 * The body of RTM_NEWROUTE or RTM_DELROUTE; undefined for what no routing table of ours shows: other
 * families, cached routes, and the kernel's own local, broadcast and multicast ones. Of several
 * next hops the first stands for all.
 */
export function decodeRoute(body: Uint8Array): Result<RtRoute | undefined> {
  if (body.length < 12) return decodeError('too short', 'rtmsg', 0);
  const view = viewOf(body);
  if (view.getUint8(0) !== AF_INET) return ok(undefined);
  const attributes = decodeAttributes(body, 12);
  if (!attributes.ok) return attributes;
  const a = attributes.value;
  const length = prefixLen(view.getUint8(1));
  if (length === undefined) return decodeError('over 32', 'rtm_dst_len', 1);
  const type = nameOf(ROUTE_TYPES, view.getUint8(7));
  const flags = view.getUint32(8, true);
  if (type === undefined || (flags & RTM_F_CLONED) !== 0) return ok(undefined);
  const hop = nextHop(a);
  if (!hop.ok) return hop;
  return ok({
    type,
    destination: address4(a, RTA.dst) ?? ipv4(0),
    prefixLen: length,
    gateway: hop.value.gateway,
    ifIndex: hop.value.ifIndex,
    metric: u32(a, RTA.priority) ?? 0,
    source: address4(a, RTA.prefSrc),
    table: u32(a, RTA.table) ?? view.getUint8(4),
    protocol: view.getUint8(5),
    scope: nameOf(SCOPES, view.getUint8(6)) ?? 'other',
    onLink: ((flags | hop.value.flags) & RTNH_F_ONLINK) !== 0,
  });
}

interface NextHop {
  readonly gateway: Ipv4 | undefined;
  readonly ifIndex: number | undefined;
  readonly flags: number;
}

function nextHop(a: Attributes): Result<NextHop> {
  const several = a.get(RTA.multipath);
  if (several === undefined) {
    return ok({ gateway: address4(a, RTA.gateway), ifIndex: u32(a, RTA.oif), flags: 0 });
  }
  // struct rtnexthop: u16 length, u8 flags, u8 weight, i32 interface, attributes.
  if (several.length < 8) return decodeError('too short', 'RTA_MULTIPATH', 0);
  const view = viewOf(several);
  const length = view.getUint16(0, true);
  if (length < 8 || length > several.length) return decodeError('length', 'rtnh_len', 0);
  const own = decodeAttributes(several.subarray(0, length), 8);
  if (!own.ok) return own;
  return ok({
    gateway: address4(own.value, RTA.gateway),
    ifIndex: view.getInt32(4, true),
    flags: view.getUint8(2),
  });
}

/** struct rtnl_link_stats64; the kernel may know fewer or more counters than these ten. */
function stats(bytes: Uint8Array | undefined): RtStats | undefined {
  if (bytes === undefined || bytes.length < 80) return undefined;
  const view = viewOf(bytes);
  const at = (i: number): bigint => view.getBigUint64(8 * i, true);
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
    multicast: at(8),
    collisions: at(9),
  };
}

export function u32(a: Attributes, type: number): number | undefined {
  const bytes = a.get(type);
  return bytes?.length === 4 ? viewOf(bytes).getUint32(0, true) : undefined;
}

function address4(a: Attributes, type: number): Ipv4 | undefined {
  const bytes = a.get(type);
  return bytes?.length === 4 ? ipv4(viewOf(bytes).getUint32(0, false)) : undefined;
}

export function nameOf<K extends string>(
  table: Readonly<Record<K, number>>,
  value: number,
): K | undefined {
  for (const name in table) if (table[name] === value) return name;
  return undefined;
}
