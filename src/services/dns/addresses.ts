/** Addresses as DNS has them: records, reverse names, and those that lead into the house. */
import { type Ipv4, ipv4 } from '../../base/ip.ts';
import {
  contains6,
  getIpv6,
  type IpAddress,
  type Ipv6,
  ipv6Bytes,
  networkOf6,
  parseIpv6Prefix,
  prefixLen6,
} from '../../base/ip6.ts';
import type { DnsRecord } from '../../wire/dns.ts';
import { type DnsName, encodeName } from '../../wire/dns-name.ts';
import { fieldsOf, u16, u32 } from '../../wire/dns-rdata.ts';
import { TYPE } from '../../wire/dns-registry.ts';
import type { IpRange } from './config.ts';
import { record } from './query.ts';

/** `1.2.0.192.in-addr.arpa` (RFC 1035 §3.5), or its like below `ip6.arpa` (RFC 3596 §2.5). */
function reverseName(address: IpAddress): DnsName {
  if (typeof address === 'number') {
    return `${[0, 8, 16, 24].map((shift) => (address >>> shift) & 255).join('.')}.in-addr.arpa` as DnsName;
  }
  const digits = address.toString(16).padStart(32, '0').split('').reverse();
  return `${digits.join('.')}.ip6.arpa` as DnsName;
}

export function addressRecord(name: DnsName, address: IpAddress, ttlSec: number): DnsRecord {
  if (typeof address === 'bigint') return record(name, TYPE.AAAA, ttlSec, ipv6Bytes(address));
  const rdata = new Uint8Array(4);
  new DataView(rdata.buffer).setUint32(0, address);
  return record(name, TYPE.A, ttlSec, rdata);
}

export const pointerRecord = (address: IpAddress, target: DnsName, ttlSec: number): DnsRecord =>
  record(reverseName(address), TYPE.PTR, ttlSec, encodeName(target));

export function inRange(range: IpRange, address: IpAddress): boolean {
  if (typeof address === 'bigint') {
    const prefixLen = prefixLen6(range.prefixLen);
    if (typeof range.address !== 'bigint' || prefixLen === undefined) return false;
    return contains6({ address: range.address, prefixLen }, address);
  }
  if (typeof range.address !== 'number') return false;
  const mask = range.prefixLen === 0 ? 0 : -1 << (32 - range.prefixLen);
  return ((address ^ range.address) & mask) === 0;
}

/** `::ffff:192.0.2.1` is 192.0.2.1. */
export const plainIp = (address: IpAddress): IpAddress =>
  typeof address === 'bigint' && address >> 32n === 0xffffn
    ? ipv4(Number(address & 0xffffffffn))
    : address;

const range4 = (address: number, prefixLen: number): IpRange => ({
  address: ipv4(address),
  prefixLen,
});
const range6 = (text: string): IpRange[] => {
  const prefix = parseIpv6Prefix(text);
  return prefix.ok
    ? [{ address: networkOf6(prefix.value), prefixLen: prefix.value.prefixLen }]
    : [];
};

/** What no name of the Internet may lead to: this host, private, shared, link-local and unique local addresses. */
const INSIDE: readonly IpRange[] = [
  range4(0, 8),
  range4(0x0a000000, 8),
  range4(0x64400000, 10),
  range4(0x7f000000, 8),
  range4(0xa9fe0000, 16),
  range4(0xac100000, 12),
  range4(0xc0a80000, 16),
  ...['::/127', 'fc00::/7', 'fe80::/10', 'fec0::/10'].flatMap(range6),
];

/** RFC 6052 §2.1: the IPv4 address that a translated one stands for. */
const NAT64 = 0x0064ff9b_00000000_00000000n;

function leadsInside(address: IpAddress): boolean {
  let plain = plainIp(address);
  if (typeof plain === 'bigint' && plain >> 32n === NAT64)
    plain = ipv4(Number(plain & 0xffffffffn));
  return INSIDE.some((range) => inRange(range, plain));
}

/** Every address that a record gives, hints of SVCB and HTTPS too. */
export function addressesOf({ type, rdata }: DnsRecord): IpAddress[] {
  const v4 = (at: number): Ipv4 => ipv4(u32(rdata, at));
  const v6 = (at: number): Ipv6 => getIpv6(new DataView(rdata.buffer, rdata.byteOffset), at);
  if (type === TYPE.A) return [v4(0)];
  if (type === TYPE.AAAA) return [v6(0)];
  if (type !== TYPE.SVCB && type !== TYPE.HTTPS) return [];
  const fields = fieldsOf(rdata, type, 0, rdata.length, 'rdata', false);
  const params = fields.ok ? fields.value?.find(({ kind }) => kind === 'params') : undefined;
  if (params === undefined) return [];
  const found: IpAddress[] = [];
  for (let at = params.start; at < params.end; ) {
    const [key, end] = [u16(rdata, at), at + 4 + u16(rdata, at + 2)];
    const size = key === 4 ? 4 : key === 6 ? 16 : 0;
    for (let i = at + 4; size > 0 && i + size <= end; i += size)
      found.push(size === 4 ? v4(i) : v6(i));
    at = end;
  }
  return found;
}

/** DNS rebinding: an answer of the Internet that leads into the house. */
export const rebinds = (answers: readonly DnsRecord[]): boolean =>
  answers.some((rr) => addressesOf(rr).some(leadsInside));
