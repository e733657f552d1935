/** With whom the node talks at all: of nodes, peers and senders alike. */
import { contains, ipv4, type PrefixLen } from '../../base/ip.ts';
import type { IpPort } from '../../base/ip-port.ts';
import { contains6, type IpAddress, ipv6, type PrefixLen6 } from '../../base/ip6.ts';
import type { IpPrefix } from './config.ts';

export const prefix4 = (address: number, length: number): IpPrefix => ({
  address: ipv4(address),
  prefixLen: length as PrefixLen,
});

const prefix6 = (top: bigint, length: number): IpPrefix => ({
  address: ipv6(top << 96n),
  prefixLen: length as PrefixLen6,
});

/** An address that is in one of these, */
const INTERNET: readonly IpPrefix[] = [prefix4(0, 0), prefix6(0x20000000n, 3)];
/** and in none of these, may be on the internet (RFC 6890, RFC 9637). Teredo and 6to4 would lead to IPv4 that was not looked at. */
const SPECIAL: readonly IpPrefix[] = [
  prefix4(0x00000000, 8),
  prefix4(0x0a000000, 8),
  prefix4(0x64400000, 10),
  prefix4(0x7f000000, 8),
  prefix4(0xa9fe0000, 16),
  prefix4(0xac100000, 12),
  prefix4(0xc0000000, 24),
  prefix4(0xc0000200, 24),
  prefix4(0xc0586300, 24),
  prefix4(0xc0a80000, 16),
  prefix4(0xc6120000, 15),
  prefix4(0xc6336400, 24),
  prefix4(0xcb007100, 24),
  prefix4(0xe0000000, 3),
  prefix6(0x20010000n, 23),
  prefix6(0x20010db8n, 32),
  prefix6(0x20020000n, 16),
  prefix6(0x3fff0000n, 20),
];
/** What is nobody's address in a private network either. */
const NOBODY: readonly IpPrefix[] = [
  prefix4(0x00000000, 32),
  prefix4(0xe0000000, 4),
  prefix4(0xffffffff, 32),
  prefix6(0n, 128),
  prefix6(0xff000000n, 8),
];

export interface AddressRules {
  /** Whoever is in one of these, */
  readonly allow: readonly IpPrefix[];
  /** and in none of these. */
  readonly deny: readonly IpPrefix[];
}

export class AddressPolicy {
  readonly #private: readonly IpPrefix[];
  readonly #own: () => readonly IpPrefix[];
  #of: readonly IpPrefix[] | undefined;
  #rules: AddressRules = { allow: [], deny: [] };

  /** `own` are the prefixes of this box's LAN and WAN, which hold nobody that it should ask. */
  constructor(privateNetworks: readonly IpPrefix[], own: () => readonly IpPrefix[]) {
    this.#private = privateNetworks;
    this.#own = own;
  }

  get isPrivate(): boolean {
    return this.#private.length > 0;
  }

  /** Another object when our own networks have changed. */
  get rules(): AddressRules {
    const own = this.isPrivate ? this.#private : this.#own();
    if (own !== this.#of) {
      this.#of = own;
      this.#rules = this.isPrivate
        ? { allow: this.#private, deny: NOBODY }
        : { allow: INTERNET, deny: [...SPECIAL, ...own] };
    }
    return this.#rules;
  }

  allows({ address, port }: IpPort): boolean {
    if (port === 0) return false;
    const { allow, deny } = this.rules;
    return among(allow, address) && !among(deny, address);
  }
}

function among(prefixes: readonly IpPrefix[], address: IpAddress): boolean {
  for (const prefix of prefixes) if (holds(prefix, address)) return true;
  return false;
}

function holds(prefix: IpPrefix, address: IpAddress): boolean {
  if (typeof address === 'number')
    return typeof prefix.address === 'number' && contains(prefix as never, address);
  return typeof prefix.address === 'bigint' && contains6(prefix as never, address);
}
