/** Names that are of no use beyond the house, and so never leave it (RFC 6761, RFC 6303 and those that follow them). */
import type { DnsName } from '../../wire/dns-name.ts';

const name = (text: string): DnsName => text as DnsName;
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Zones that are answered here alone: what is not known below them does not exist. */
export const SPECIAL_ZONES: readonly DnsName[] = [
  // RFC 6761 §6.2 to §6.4; example. is real.
  ...['test', 'localhost', 'invalid'],
  // RFC 6762 §22, RFC 7686, RFC 8375, RFC 9476; internal. by ICANN (2024).
  ...['local', 'onion', 'home.arpa', 'alt', 'internal'],
  // RFC 9462 §8: asks for this very resolver's encrypted ways.
  'resolver.arpa',
  // Browsers that find it leave DNS over HTTPS of their own off.
  'use-application-dns.net',
  // RFC 1918.
  '10.in-addr.arpa',
  ...range(16, 31).map((octet) => `${octet}.172.in-addr.arpa`),
  '168.192.in-addr.arpa',
  // RFC 6303 §4.2: this network, loopback, link-local, documentation, broadcast.
  ...['0.in-addr.arpa', '127.in-addr.arpa', '254.169.in-addr.arpa', '2.0.192.in-addr.arpa'],
  ...['100.51.198.in-addr.arpa', '113.0.203.in-addr.arpa', '255.255.255.255.in-addr.arpa'],
  // RFC 7793: shared address space.
  ...range(64, 127).map((octet) => `${octet}.100.in-addr.arpa`),
  // RFC 6303 §4.3 to §4.6: unspecified, loopback, unique local, link-local, documentation.
  `${'0.'.repeat(31)}0.ip6.arpa`,
  `1.${'0.'.repeat(31)}ip6.arpa`,
  ...['d.f.ip6.arpa', '8.e.f.ip6.arpa', '9.e.f.ip6.arpa', 'a.e.f.ip6.arpa', 'b.e.f.ip6.arpa'],
  '8.b.d.0.1.0.0.2.ip6.arpa',
].map(name);

export const LOCALHOST = name('localhost');
export const MDNS_ZONE = name('local');
export const RESOLVER_ARPA = name('resolver.arpa');
