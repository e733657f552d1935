/**
 * The kernel's neighbour tables (ARP and IPv6 neighbour discovery) and what its bridges learned, as
 * rtnetlink(7) tells them: `RTM_NEWNEIGH` and `RTM_DELNEIGH`, whether asked for or multicast.
 */
import { formatMac, ipv4, type Mac } from '../base/ip.ts';
import { getIpv6, type IpAddress, ipv6Bytes, isMulticast6 } from '../base/ip6.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import { AF_INET, AF_UNSPEC, nameOf, u32 } from './rtnetlink.ts';
import {
  type Attributes,
  decodeAttributes,
  NetlinkWriter,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  viewOf,
} from './rtnetlink-frame.ts';

export const RTM_NEIGH = { new: 28, del: 29, get: 30 } as const;
export const RTNLGRP_NEIGH = 3;

const AF_BRIDGE = 7;
const AF_INET6 = 10;
const NDA = { dst: 1, linkAddress: 2, master: 9 } as const;
const NTF_USE = 0x1;
const NTF_PROXY = 0x8;

/** linux/neighbour.h, NUD_…; NOARP is left out: multicast, broadcast and loopback, which are no neighbours. */
const STATES = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  permanent: 0x80,
} as const;

export interface RtNeighbour {
  readonly kind: 'neighbour';
  readonly ifIndex: number;
  readonly address: IpAddress;
  readonly state: keyof typeof STATES;
  /** Undefined while it is asked for, and when nobody answered. */
  readonly mac: Mac | undefined;
}

/** A MAC address that a bridge learned behind one of its ports. */
export interface RtForwarding {
  readonly kind: 'forwarding';
  /** The port. */
  readonly ifIndex: number;
  /** The bridge. */
  readonly master: number;
  readonly mac: Mac;
}

/** Of IPv4 and IPv6. */
export function dumpNeighbours(sequence: number): Uint8Array {
  return dump(AF_UNSPEC, sequence);
}

export function dumpForwarding(sequence: number): Uint8Array {
  return dump(AF_BRIDGE, sequence);
}

/**
 * Has the kernel use the entry as if it had something to send: one whose state is stale is asked
 * whether it is still there, by unicast, and becomes reachable or failed (NTF_USE).
 */
export function writeUseNeighbour(
  w: NetlinkWriter,
  sequence: number,
  { ifIndex, address }: Pick<RtNeighbour, 'ifIndex' | 'address'>,
): NetlinkWriter {
  w.begin(RTM_NEIGH.new, NLM_F_REQUEST | NLM_F_ACK | NLM_F_REPLACE, sequence);
  const four = typeof address === 'number';
  ndmsg(w, four ? AF_INET : AF_INET6, ifIndex, NTF_USE);
  return w
    .attribute(NDA.dst, () => {
      if (four) w.ipv4(address);
      else ipv6Bytes(address).forEach((byte) => void w.u8(byte));
    })
    .end();
}

/** The body of RTM_NEWNEIGH or RTM_DELNEIGH; undefined for what is no neighbour: multicast, proxies, own addresses of bridge ports. */
export function decodeNeighbour(body: Uint8Array): Result<RtNeighbour | RtForwarding | undefined> {
  if (body.length < 12) return decodeError('too short', 'ndmsg', 0);
  const view = viewOf(body);
  const attributes = decodeAttributes(body, 12);
  if (!attributes.ok) return attributes;
  const a = attributes.value;
  const [family, ifIndex] = [view.getUint8(0), view.getInt32(4, true)];
  const [value, flags] = [view.getUint16(8, true), view.getUint8(10)];
  const mac = macIn(a);
  if (family === AF_BRIDGE) {
    const master = u32(a, NDA.master);
    if (mac === undefined || master === undefined || value === STATES.permanent) {
      return ok(undefined);
    }
    return ok({ kind: 'forwarding', ifIndex, master, mac });
  }
  const address = addressIn(a, family);
  const state = nameOf(STATES, value);
  if (address === undefined || state === undefined || (flags & NTF_PROXY) !== 0) {
    return ok(undefined);
  }
  return ok({ kind: 'neighbour', ifIndex, address, state, mac });
}

function dump(family: number, sequence: number): Uint8Array {
  const w = new NetlinkWriter().begin(RTM_NEIGH.get, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  return ndmsg(w, family, 0, 0).end().bytes();
}

/** struct ndmsg */
const ndmsg = (w: NetlinkWriter, family: number, ifIndex: number, flags: number): NetlinkWriter =>
  w.u8(family).u8(0).u16(0).u32(ifIndex).u16(STATES.none).u8(flags).u8(0);

function addressIn(a: Attributes, family: number): IpAddress | undefined {
  const bytes = a.get(NDA.dst);
  if (family === AF_INET && bytes?.length === 4) {
    const address = ipv4(viewOf(bytes).getUint32(0, false));
    return address >>> 28 >= 0xe ? undefined : address;
  }
  if (family === AF_INET6 && bytes?.length === 16) {
    const address = getIpv6(viewOf(bytes), 0);
    return isMulticast6(address) ? undefined : address;
  }
  return undefined;
}

function macIn(a: Attributes): Mac | undefined {
  const bytes = a.get(NDA.linkAddress);
  return bytes?.length === 6 ? formatMac(bytes) : undefined;
}
