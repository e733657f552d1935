/** With whom the node talks at all: of nodes, peers and senders alike. */
import { contains, type Ipv4, isHostAddress } from '../../base/ip.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { contains6, type IpAddress, type Ipv6, isHostAddress6 } from '../../base/ip6.ts';
import type { IpPrefix } from './config.ts';

/** IPv4 that is not on the internet (RFC 6890): first address and prefix length. */
const SPECIAL4: readonly (readonly [first: number, len: number])[] = [
  [0x0a000000, 8],
  [0x64400000, 10],
  [0xa9fe0000, 16],
  [0xac100000, 12],
  [0xc0000000, 24],
  [0xc0000200, 24],
  [0xc0586300, 24],
  [0xc0a80000, 16],
  [0xc6120000, 15],
  [0xc6336400, 24],
  [0xcb007100, 24],
];

export class AddressPolicy {
  readonly #private: readonly IpPrefix[];
  readonly #own: () => readonly IpPrefix[];

  /** `own` are the prefixes of this box's LAN and WAN, which hold nobody that it should ask. */
  constructor(privateNetworks: readonly IpPrefix[], own: () => readonly IpPrefix[]) {
    this.#private = privateNetworks;
    this.#own = own;
  }

  get isPrivate(): boolean {
    return this.#private.length > 0;
  }

  allows({ address, port }: IpPort): boolean {
    if (port === 0) return false;
    if (this.#private.length > 0)
      return !isMulticast(address) && this.#private.some((prefix) => holds(prefix, address));
    const global = typeof address === 'number' ? isGlobal4(address) : isGlobal6(address);
    return global && !this.#own().some((prefix) => holds(prefix, address));
  }
}

function holds(prefix: IpPrefix, address: IpAddress): boolean {
  if (typeof address === 'number')
    return typeof prefix.address === 'number' && contains(prefix as never, address);
  return typeof prefix.address === 'bigint' && contains6(prefix as never, address);
}

const isMulticast = (address: IpAddress): boolean =>
  typeof address === 'number'
    ? address >>> 28 === 14 || address === 0xffffffff || address === 0
    : address >> 120n === 0xffn || address === 0n;

function isGlobal4(address: Ipv4): boolean {
  if (!isHostAddress(address)) return false;
  for (const [first, len] of SPECIAL4) if ((address ^ first) >>> (32 - len) === 0) return false;
  return true;
}

/** 2000::/3 without documentation, Teredo and 6to4, which would lead to IPv4 that was not looked at. */
function isGlobal6(address: Ipv6): boolean {
  if (!isHostAddress6(address) || address >> 125n !== 1n) return false;
  const top = address >> 96n;
  return top !== 0x20010db8n && top !== 0x20010000n && address >> 112n !== 0x2002n;
}
