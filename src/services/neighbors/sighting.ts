/** What one frame of the LAN says of its sender. Pure. */
import { toHex } from '../../base/bytes.ts';
import { formatMac, type Mac } from '../../base/ip.ts';
import { type IpAddress, ipv6, isMulticast6 } from '../../base/ip6.ts';
import { decodeArp } from '../../wire/arp.ts';
import { decodeDhcp4 } from '../../wire/dhcp4.ts';
import { decodeMessage } from '../../wire/dns.ts';
import { TYPE } from '../../wire/dns-registry.ts';
import { decodeNeighbour } from '../../wire/icmp6-neighbour.ts';
import { decodeUdp4 } from '../../wire/udp4.ts';
import { decodeUdp6 } from '../../wire/udp6.ts';
import { labelOf } from './names.ts';

export interface Sighting {
  readonly mac: Mac;
  /** That it says to have; undefined for one that has none yet. */
  readonly address: IpAddress | undefined;
  /**
   * `answer`: to a question, as far as its form goes; `announcement`: told to all without one;
   * `word`: said in passing.
   */
  readonly form: 'answer' | 'announcement' | 'word';
  /** Of an echo reply. */
  readonly echoId?: number;
  /** Client identifier of DHCP (RFC 2132 §9.14) in hex. */
  readonly clientId?: string;
  /** One label: what it calls itself by DHCP or mDNS. */
  readonly calls?: string;
}

const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
const MDNS_PORT = 5353;
const DHCP_SERVER_PORT = 67;
const OPTION = { hostName: 12, clientId: 61 } as const;
/** More tells nobody apart. */
const MAX_CLIENT_ID_BYTES = 64;
const NEXT_HEADER_UDP = 17;

/** Undefined for what says nothing. `frame` is only looked at. */
export function sightingOf(frame: Uint8Array): Sighting | undefined {
  const sighting = read(frame);
  return sighting === undefined || !isHost(sighting.mac) ? undefined : sighting;
}

/** Neither a group's, nor nobody's. */
const isHost = (mac: Mac): boolean =>
  (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== '00:00:00:00:00:00';

function read(frame: Uint8Array): Sighting | undefined {
  switch (((frame[12] ?? 0) << 8) | (frame[13] ?? 0)) {
    case ETHERTYPE.arp:
      return arpSighting(frame);
    case ETHERTYPE.ipv4:
      return udp4Sighting(frame);
    case ETHERTYPE.ipv6:
      return frame[20] === NEXT_HEADER_UDP ? udp6Sighting(frame) : neighbourSighting(frame);
    default:
      return undefined;
  }
}

const toAll = (frame: Uint8Array): boolean => ((frame[0] ?? 0) & 1) !== 0;

function arpSighting(frame: Uint8Array): Sighting | undefined {
  const arp = decodeArp(frame);
  if (!arp.ok) return undefined;
  const { op, senderMac, senderIp, targetIp } = arp.value;
  const gratuitous = senderIp === targetIp || (op === 2 && toAll(frame));
  return {
    mac: formatMac(senderMac),
    // One that has no address yet asks whether somebody has it (RFC 5227 §2.1.1).
    address: senderIp === 0 ? undefined : senderIp,
    form: gratuitous ? 'announcement' : op === 2 ? 'answer' : 'word',
  };
}

function neighbourSighting(frame: Uint8Array): Sighting | undefined {
  const read = decodeNeighbour(frame);
  if (!read.ok) return undefined;
  const { body, source, sourceMac } = read.value;
  switch (body.kind) {
    case 'solicitation': {
      const mac = formatMac(body.mac ?? sourceMac);
      return { mac, address: source === 0n ? undefined : source, form: 'word' };
    }
    case 'advertisement': {
      const form = body.solicited ? 'answer' : 'announcement';
      return { mac: formatMac(body.mac ?? sourceMac), address: body.target, form };
    }
    case 'echoReply':
      return { mac: formatMac(sourceMac), address: source, form: 'answer', echoId: body.id };
    default:
      return undefined;
  }
}

function udp4Sighting(frame: Uint8Array): Sighting | undefined {
  const read = decodeUdp4(frame);
  if (!read.ok) return undefined;
  const { source, destinationPort, sourcePort, payload } = read.value;
  if (destinationPort === DHCP_SERVER_PORT) return dhcpSighting(payload);
  if (destinationPort !== MDNS_PORT || sourcePort !== MDNS_PORT) return undefined;
  const mac = formatMac(frame.subarray(6, 12));
  const address = source === 0 ? undefined : source;
  return { mac, address, form: 'word', ...mdnsName(payload, source) };
}

function udp6Sighting(frame: Uint8Array): Sighting | undefined {
  const read = decodeUdp6(frame);
  if (!read.ok) return undefined;
  const { source, sourceMac, sourcePort, payload } = read.value;
  if (sourcePort !== MDNS_PORT || source === 0n || isMulticast6(source)) return undefined;
  return {
    mac: formatMac(sourceMac),
    address: source,
    form: 'word',
    ...mdnsName(payload, source),
  };
}

function dhcpSighting(payload: Uint8Array): Sighting | undefined {
  const read = decodeDhcp4(payload);
  // A relayed message says nothing of who sent the frame.
  if (!read.ok || read.value.op !== 1 || read.value.giaddr !== 0) return undefined;
  const { chaddr, ciaddr, options } = read.value;
  const id = options.get(OPTION.clientId);
  const name = options.get(OPTION.hostName);
  const calls = name === undefined ? undefined : labelOf(new TextDecoder().decode(name));
  return {
    mac: formatMac(chaddr),
    address: ciaddr === 0 ? undefined : ciaddr,
    form: 'word',
    ...(id !== undefined && id.length <= MAX_CLIENT_ID_BYTES ? { clientId: toHex(id) } : {}),
    ...(calls === undefined ? {} : { calls }),
  };
}

/** The name to which an answer gives the sender's own address (RFC 6762 §10.2). */
function mdnsName(payload: Uint8Array, source: IpAddress): { readonly calls?: string } {
  // A question says nothing of names; the bit is looked at first, as most are questions.
  if (((payload[2] ?? 0) & 0x80) === 0) return {};
  const message = decodeMessage(payload);
  if (!message.ok) return {};
  for (const { name, type, rdata } of [...message.value.answers, ...message.value.additionals]) {
    if (type !== TYPE.A && type !== TYPE.AAAA) continue;
    if (addressIn(rdata) !== source || !name.toLowerCase().endsWith('.local')) continue;
    const calls = labelOf(name);
    if (calls !== undefined) return { calls };
  }
  return {};
}

function addressIn(rdata: Uint8Array): number | bigint | undefined {
  const view = new DataView(rdata.buffer, rdata.byteOffset, rdata.byteLength);
  if (rdata.length === 4) return view.getUint32(0);
  return rdata.length === 16
    ? ipv6((view.getBigUint64(0) << 64n) | view.getBigUint64(8))
    : undefined;
}
