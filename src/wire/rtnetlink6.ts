/** IPv6 addresses and routes of the kernel: what rtnetlink(7) tells of them, and what it is asked. */
import { type Ipv6, ipv6, type PrefixLen6, prefixLen6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { IFA, ROUTE_TYPES, RT_TABLE_MAIN, RTA, RTM } from './rtnetlink.ts';
import {
  type Attributes,
  decodeAttributes,
  NetlinkWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  viewOf,
} from './rtnetlink-frame.ts';

/** Multicast groups (linux/rtnetlink.h, rtnetlink_groups). */
export const RTNLGRP6 = { address: 9, route: 11 } as const;

const AF_INET6 = 10;
const RTM_F_CLONED = 0x200;
const ASK = NLM_F_REQUEST | NLM_F_ACK;

const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_F_NOPREFIXROUTE = 0x200;
const IFA_F = { dadFailed: 0x08, deprecated: 0x20, tentative: 0x40 } as const;
const INFINITE = 0xffffffff;

export interface RtAddress6 {
  readonly ifIndex: number;
  readonly address: Ipv6;
  readonly prefixLen: PrefixLen6;
  /** Seconds left when the kernel spoke; Infinity for ever. */
  readonly preferredSec: number;
  readonly validSec: number;
  /** Duplicate address detection (RFC 4862 §5.4): under way, passed, or somebody else has it. */
  readonly dad: 'tentative' | 'done' | 'failed';
  /** IFA_PROTO; 0 when unset. */
  readonly protocol: number;
  /** Of one that is set: the kernel makes no route of its prefix, which would outlive an address with an end. */
  readonly prefixRoute?: false;
}

export interface RtRoute6 {
  readonly type: keyof typeof ROUTE_TYPES;
  readonly destination: Ipv6;
  readonly prefixLen: PrefixLen6;
  readonly gateway: Ipv6 | undefined;
  readonly ifIndex: number | undefined;
  /** RTA_PRIORITY; the kernel makes 1024 of 0. */
  readonly metric: number;
  readonly table: number;
  readonly protocol: number;
}

/** The body of RTM_NEWADDR or RTM_DELADDR; undefined for another family. */
export function decodeAddress6(body: Uint8Array): Result<RtAddress6 | undefined> {
  if (body.length < 8) return decodeError('too short', 'ifaddrmsg', 0);
  const view = viewOf(body);
  if (view.getUint8(0) !== AF_INET6) return ok(undefined);
  const attributes = decodeAttributes(body, 8);
  if (!attributes.ok) return attributes;
  const a = attributes.value;
  const length = prefixLen6(view.getUint8(1));
  if (length === undefined) return decodeError('over 128', 'ifa_prefixlen', 1);
  // On a point-to-point link IFA_ADDRESS is the peer's.
  const address = address6(a, IFA.local) ?? address6(a, IFA.address);
  if (address === undefined) return decodeError('no address', 'IFA_ADDRESS', 8);
  const flags = u32(a, IFA_FLAGS) ?? view.getUint8(2);
  const info = a.get(IFA_CACHEINFO);
  const seconds = (at: number): number => {
    const value = info && info.length >= 8 ? viewOf(info).getUint32(at, true) : INFINITE;
    return value === INFINITE ? Infinity : value;
  };
  return ok({
    ...{ ifIndex: view.getUint32(4, true), address, prefixLen: length },
    preferredSec: (flags & IFA_F.deprecated) !== 0 ? 0 : seconds(0),
    validSec: seconds(4),
    dad:
      (flags & IFA_F.dadFailed) !== 0
        ? 'failed'
        : (flags & IFA_F.tentative) !== 0
          ? 'tentative'
          : 'done',
    protocol: a.get(IFA.proto)?.[0] ?? 0,
  });
}

/**
 * The body of RTM_NEWROUTE or RTM_DELROUTE; undefined for other families, cached routes, and the
 * kernel's own local, anycast and multicast ones.
 */
export function decodeRoute6(body: Uint8Array): Result<RtRoute6 | undefined> {
  if (body.length < 12) return decodeError('too short', 'rtmsg', 0);
  const view = viewOf(body);
  if (view.getUint8(0) !== AF_INET6) return ok(undefined);
  const attributes = decodeAttributes(body, 12);
  if (!attributes.ok) return attributes;
  const a = attributes.value;
  const length = prefixLen6(view.getUint8(1));
  if (length === undefined) return decodeError('over 128', 'rtm_dst_len', 1);
  const number = view.getUint8(7);
  const type = TYPES.find((name) => ROUTE_TYPES[name] === number);
  if (type === undefined || (view.getUint32(8, true) & RTM_F_CLONED) !== 0) return ok(undefined);
  return ok({
    ...{ type, prefixLen: length, destination: address6(a, RTA.dst) ?? ipv6(0n) },
    gateway: address6(a, RTA.gateway),
    ifIndex: u32(a, RTA.oif),
    metric: u32(a, RTA.priority) ?? 0,
    table: u32(a, RTA.table) ?? view.getUint8(4),
    protocol: view.getUint8(5),
  });
}

const TYPES = Object.keys(ROUTE_TYPES) as (keyof typeof ROUTE_TYPES)[];

export function dumpAddresses6(sequence: number): Uint8Array {
  const w = new NetlinkWriter().begin(RTM.getAddress, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  return w.u8(AF_INET6).u8(0).u8(0).u8(0).u32(0).end().bytes();
}

/** Routes of table main alone, where the socket has NETLINK_GET_STRICT_CHK; else of all tables. */
export function dumpRoutes6(sequence: number): Uint8Array {
  const w = new NetlinkWriter().begin(RTM.getRoute, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  return w.u32(AF_INET6).u8(RT_TABLE_MAIN).u8(0).u8(0).u8(0).u32(0).end().bytes();
}

/** Adds it, or gives the one that is there these lifetimes. The kernel makes the route of its prefix, unless it is told not to. */
export function writeSetAddress6(w: NetlinkWriter, sequence: number, a: RtAddress6): NetlinkWriter {
  return address(w.begin(RTM.newAddress, ASK | NLM_F_CREATE | NLM_F_REPLACE, sequence), a, true);
}

export function writeDeleteAddress6(
  w: NetlinkWriter,
  sequence: number,
  a: RtAddress6,
): NetlinkWriter {
  return address(w.begin(RTM.delAddress, ASK, sequence), a, false);
}

export function writeReplaceRoute6(w: NetlinkWriter, sequence: number, r: RtRoute6): NetlinkWriter {
  return route(w.begin(RTM.newRoute, ASK | NLM_F_CREATE | NLM_F_REPLACE, sequence), r);
}

export function writeDeleteRoute6(w: NetlinkWriter, sequence: number, r: RtRoute6): NetlinkWriter {
  return route(w.begin(RTM.delRoute, ASK, sequence), r);
}

function address(w: NetlinkWriter, a: RtAddress6, lifetimes: boolean): NetlinkWriter {
  w.u8(AF_INET6).u8(a.prefixLen).u8(0).u8(0).u32(a.ifIndex);
  w.attribute(IFA.local, () => w.ipv6(a.address));
  w.attribute(IFA.address, () => w.ipv6(a.address));
  if (lifetimes) {
    const u32Of = (sec: number): number => (sec === Infinity ? INFINITE : Math.floor(sec));
    const { preferredSec, validSec } = a;
    w.attribute(IFA_CACHEINFO, () => w.u32(u32Of(preferredSec)).u32(u32Of(validSec)).u32(0).u32(0));
    if (a.prefixRoute === false) w.attribute(IFA_FLAGS, () => w.u32(IFA_F_NOPREFIXROUTE));
    if (a.protocol !== 0) w.attribute(IFA.proto, () => w.u8(a.protocol));
  }
  return w.end();
}

function route(w: NetlinkWriter, r: RtRoute6): NetlinkWriter {
  const { gateway, ifIndex } = r;
  w.u8(AF_INET6).u8(r.prefixLen).u8(0).u8(0);
  w.u8(r.table < 256 ? r.table : 0)
    .u8(r.protocol)
    .u8(0)
    .u8(ROUTE_TYPES[r.type]);
  w.u32(0);
  if (r.prefixLen > 0) w.attribute(RTA.dst, () => w.ipv6(r.destination));
  if (gateway !== undefined) w.attribute(RTA.gateway, () => w.ipv6(gateway));
  if (ifIndex !== undefined) w.attribute(RTA.oif, () => w.u32(ifIndex));
  if (r.metric !== 0) w.attribute(RTA.priority, () => w.u32(r.metric));
  w.attribute(RTA.table, () => w.u32(r.table));
  return w.end();
}

function u32(a: Attributes, type: number): number | undefined {
  const bytes = a.get(type);
  return bytes?.length === 4 ? viewOf(bytes).getUint32(0, true) : undefined;
}

function address6(a: Attributes, type: number): Ipv6 | undefined {
  const bytes = a.get(type);
  if (bytes?.length !== 16) return undefined;
  const view = viewOf(bytes);
  return ipv6((view.getBigUint64(0) << 64n) | view.getBigUint64(8));
}
