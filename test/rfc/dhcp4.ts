/** DHCPv4 messages and leases for the tests of this folder. */
import { fromHex, toHex } from '../../src/base/bytes.ts';
import {
  formatIpv4,
  formatPrefix,
  type Ipv4,
  ipv4,
  type Mac,
  type PrefixLen,
  parseIpv4,
} from '../../src/base/ip.ts';
import { type JudgedLease, judgeLease } from '../../src/services/dhcp-client/lease.ts';
import { type Dhcp4Message, decodeDhcp4, encodeDhcp4 } from '../../src/wire/dhcp4.ts';

export const MAC = '02:00:00:00:00:01' as Mac;

export const bytes = (hex: string): Uint8Array => {
  const parsed = fromHex(hex.replaceAll(/\s/g, ''));
  if (parsed === undefined) throw new TypeError(`not hex: ${hex}`);
  return parsed;
};

export const ip = (text: string): Ipv4 => {
  const parsed = parseIpv4(text);
  if (!parsed.ok) throw new TypeError(parsed.error.message);
  return parsed.value;
};

export const ips = (...list: readonly string[]): Uint8Array =>
  bytes(list.map((text) => ip(text).toString(16).padStart(8, '0')).join(''));

export const u32 = (value: number): Uint8Array => bytes(value.toString(16).padStart(8, '0'));

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export type Options = readonly (readonly [code: number, value: Uint8Array])[];

export const message = (options: Options, more: Partial<Dhcp4Message> = {}): Dhcp4Message => ({
  op: 2,
  xid: 0x12345678,
  secs: 0,
  broadcast: false,
  ciaddr: ipv4(0),
  yiaddr: ip('198.51.100.20'),
  siaddr: ip('198.51.100.1'),
  giaddr: ipv4(0),
  chaddr: bytes(MAC.replaceAll(':', '')),
  sname: new Uint8Array(0),
  file: new Uint8Array(0),
  options: new Map(options),
  ...more,
});

/** 236 fixed bytes with zeros, the cookie, and `options` as they stand. */
export function raw(options: Uint8Array): Uint8Array {
  const fixed = encodeDhcp4(message([])).slice(0, 240);
  return new Uint8Array([...fixed, ...options]);
}

export const decoded = (wire: Uint8Array): Dhcp4Message => {
  const result = decodeDhcp4(wire);
  if (!result.ok) throw new TypeError(`${result.error.field}: ${result.error.message}`);
  return result.value;
};

export const option = (m: Dhcp4Message, code: number): string =>
  toHex(m.options.get(code) ?? new Uint8Array(0));

/** Ethernet, IPv4 and UDP around a message. */
export function frame(
  payload: Uint8Array,
  ports: readonly [source: number, destination: number],
  destination = ip('255.255.255.255'),
): Uint8Array {
  const whole = new Uint8Array(42 + payload.length);
  const view = new DataView(whole.buffer);
  view.setUint16(12, 0x0800);
  whole[14] = 0x45;
  view.setUint16(16, 28 + payload.length);
  whole[22] = 64;
  whole[23] = 17;
  view.setUint32(30, destination);
  view.setUint16(34, ports[0]);
  view.setUint16(36, ports[1]);
  view.setUint16(38, 8 + payload.length);
  whole.set(payload, 42);
  return whole;
}

const MASK_AND_LEASE: Options = [
  [1, ips('255.255.255.0')],
  [51, u32(3600)],
];

/** What is made of an ACK for 198.51.100.20/24 with these options, beside a LAN of 192.168.1.1/24. */
export function judged(options: Options): JudgedLease {
  const result = judgeLease(
    {
      address: ip('198.51.100.20'),
      options: new Map([...MASK_AND_LEASE, ...options]),
      receivedAtMs: 0,
    },
    {
      foreign: [{ address: ip('192.168.1.1'), prefixLen: 24 as PrefixLen }],
      maxMtu: 1500,
    },
  );
  if (!result.ok) throw new TypeError(result.error);
  return result.value;
}

/** Routes as `destination gateway`. */
export const routes = ({ lease }: JudgedLease): readonly string[] =>
  lease.routes.map(
    (r) =>
      `${formatPrefix({ address: r.destination, prefixLen: r.prefixLen })} ${
        r.gateway === undefined ? 'link' : formatIpv4(r.gateway)
      }`,
  );
