/** What is asked of rtnetlink(7): dumps, and one message for each change. */

import {
  AF_INET,
  AF_UNSPEC,
  IFA,
  IFF_UP,
  IFLA,
  IFLA_INFO_KIND,
  ROUTE_TYPES,
  RT_TABLE_MAIN,
  RTA,
  RTM,
  RTNH_F_ONLINK,
  type RtAddress,
  type RtRoute,
  SCOPES,
} from './rtnetlink.ts';
import {
  NetlinkWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
} from './rtnetlink-frame.ts';

const ASK = NLM_F_REQUEST | NLM_F_ACK;
/** In a request to delete: of whatever scope. */
const RT_SCOPE_NOWHERE = 255;

export interface LinkSettings {
  readonly ifIndex: number;
  readonly adminUp?: boolean;
  readonly mtu?: number;
  readonly queueLength?: number;
  /** 0: out of its bridge. */
  readonly master?: number;
}

export function dumpLinks(sequence: number): Uint8Array {
  const w = new NetlinkWriter().begin(RTM.getLink, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  return ifinfomsg(w, 0, 0, 0).end().bytes();
}

export function dumpAddresses(sequence: number): Uint8Array {
  const w = new NetlinkWriter().begin(RTM.getAddress, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  return w.u8(AF_INET).u8(0).u8(0).u8(0).u32(0).end().bytes();
}

/** Routes of table main alone, where the socket has NETLINK_GET_STRICT_CHK; else of all tables. */
export function dumpRoutes(sequence: number): Uint8Array {
  const w = new NetlinkWriter().begin(RTM.getRoute, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  return w.u32(AF_INET).u8(RT_TABLE_MAIN).u8(0).u8(0).u8(0).u32(0).end().bytes();
}

export function writeAddAddress(w: NetlinkWriter, sequence: number, a: RtAddress): NetlinkWriter {
  return address(w.begin(RTM.newAddress, ASK | NLM_F_CREATE | NLM_F_EXCL, sequence), a);
}

export function writeDeleteAddress(
  w: NetlinkWriter,
  sequence: number,
  a: RtAddress,
): NetlinkWriter {
  return address(w.begin(RTM.delAddress, ASK, sequence), a);
}

/** The kernel replaces the first route with the same destination and metric, whatever else it is. */
export function writeReplaceRoute(w: NetlinkWriter, sequence: number, r: RtRoute): NetlinkWriter {
  const scope = r.scope === 'other' ? SCOPES.universe : SCOPES[r.scope];
  return route(w.begin(RTM.newRoute, ASK | NLM_F_CREATE | NLM_F_REPLACE, sequence), r, scope);
}

export function writeDeleteRoute(w: NetlinkWriter, sequence: number, r: RtRoute): NetlinkWriter {
  return route(w.begin(RTM.delRoute, ASK, sequence), r, RT_SCOPE_NOWHERE);
}

export function writeSetLink(w: NetlinkWriter, sequence: number, s: LinkSettings): NetlinkWriter {
  const { mtu, queueLength, master, adminUp } = s;
  w.begin(RTM.setLink, ASK, sequence);
  ifinfomsg(w, s.ifIndex, adminUp ? IFF_UP : 0, adminUp === undefined ? 0 : IFF_UP);
  if (mtu !== undefined) w.attribute(IFLA.mtu, () => w.u32(mtu));
  if (queueLength !== undefined) w.attribute(IFLA.queueLength, () => w.u32(queueLength));
  if (master !== undefined) w.attribute(IFLA.master, () => w.u32(master));
  return w.end();
}

export function writeAddBridge(w: NetlinkWriter, sequence: number, name: string): NetlinkWriter {
  w.begin(RTM.newLink, ASK | NLM_F_CREATE | NLM_F_EXCL, sequence);
  return ifinfomsg(w, 0, 0, 0)
    .attribute(IFLA.ifName, () => w.text(name))
    .attribute(IFLA.linkInfo, () => w.attribute(IFLA_INFO_KIND, () => w.text('bridge')))
    .end();
}

export function writeDeleteLink(
  w: NetlinkWriter,
  sequence: number,
  ifIndex: number,
): NetlinkWriter {
  return ifinfomsg(w.begin(RTM.delLink, ASK, sequence), ifIndex, 0, 0).end();
}

/** struct ifinfomsg */
const ifinfomsg = (w: NetlinkWriter, index: number, flags: number, change: number) =>
  w.u32(AF_UNSPEC).u32(index).u32(flags).u32(change);

function address(w: NetlinkWriter, a: RtAddress): NetlinkWriter {
  const { broadcast, protocol } = a;
  w.u8(AF_INET).u8(a.prefixLen).u8(0).u8(SCOPES.universe).u32(a.ifIndex);
  w.attribute(IFA.local, () => w.ipv4(a.address));
  w.attribute(IFA.address, () => w.ipv4(a.address));
  if (broadcast !== undefined) w.attribute(IFA.broadcast, () => w.ipv4(broadcast));
  if (protocol !== 0) w.attribute(IFA.proto, () => w.u8(protocol));
  return w.end();
}

function route(w: NetlinkWriter, r: RtRoute, scope: number): NetlinkWriter {
  const { gateway, ifIndex, source } = r;
  w.u8(AF_INET).u8(r.prefixLen).u8(0).u8(0);
  w.u8(r.table < 256 ? r.table : 0)
    .u8(r.protocol)
    .u8(scope)
    .u8(ROUTE_TYPES[r.type]);
  w.u32(r.onLink ? RTNH_F_ONLINK : 0);
  if (r.prefixLen > 0) w.attribute(RTA.dst, () => w.ipv4(r.destination));
  if (gateway !== undefined) w.attribute(RTA.gateway, () => w.ipv4(gateway));
  if (ifIndex !== undefined) w.attribute(RTA.oif, () => w.u32(ifIndex));
  if (r.metric !== 0) w.attribute(RTA.priority, () => w.u32(r.metric));
  if (source !== undefined) w.attribute(RTA.prefSrc, () => w.ipv4(source));
  w.attribute(RTA.table, () => w.u32(r.table));
  return w.end();
}
