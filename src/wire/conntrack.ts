/** What the kernel's connection tracking tells over netlink (nfnetlink_conntrack.h): IPv4 flows as their answers are addressed. */
import { type Ipv4, ipv4 } from '../base/ip.ts';
import { decodeError, ok, type Result } from '../base/result.ts';
import {
  type Attributes,
  decodeAttributes,
  NetlinkWriter,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  viewOf,
} from './rtnetlink-frame.ts';

/** NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_GET. */
const CT_GET = 0x101;
const AF_INET = 2;
const NFGENMSG_BYTES = 4;
const CTA_TUPLE_REPLY = 2;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_DST = 2;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const CTA_PROTO_ICMP_ID = 4;
const ICMP = 1;

export interface ConntrackFlow {
  readonly protocol: number;
  readonly address: Ipv4;
  /** Port, or the identifier of ICMP echo; 0 for protocols without. */
  readonly port: number;
}

/** Asks for all IPv4 flows. */
export const conntrackDump = (sequence: number): Uint8Array =>
  new NetlinkWriter()
    .begin(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, sequence)
    .u8(AF_INET)
    .u8(0)
    .u16(0)
    .end()
    .bytes();

/** The body of one answer to the dump. */
export function decodeConntrack(body: Uint8Array): Result<ConntrackFlow> {
  if (body.length < NFGENMSG_BYTES) return decodeError('too short', 'nfgenmsg', 0);
  const reply = nested(decodeAttributes(body, NFGENMSG_BYTES), CTA_TUPLE_REPLY);
  if (!reply.ok) return reply;
  const address = nested(reply, CTA_TUPLE_IP);
  if (!address.ok) return address;
  const proto = nested(reply, CTA_TUPLE_PROTO);
  if (!proto.ok) return proto;
  const destination = address.value.get(CTA_IP_V4_DST);
  if (destination?.length !== 4) return decodeError('no address', 'CTA_IP_V4_DST', 0);
  const protocol = proto.value.get(CTA_PROTO_NUM)?.[0] ?? 0;
  // For ICMP the reply's identifier is that of the request as it was sent.
  const port = proto.value.get(protocol === ICMP ? CTA_PROTO_ICMP_ID : CTA_PROTO_DST_PORT);
  return ok({
    protocol,
    address: ipv4(viewOf(destination).getUint32(0)),
    port: port?.length === 2 ? viewOf(port).getUint16(0) : 0,
  });
}

function nested(outer: Result<Attributes>, type: number): Result<Attributes> {
  if (!outer.ok) return outer;
  const value = outer.value.get(type);
  return value === undefined
    ? decodeError('missing', `attribute ${type}`, 0)
    : decodeAttributes(value, 0);
}
