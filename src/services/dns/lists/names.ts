/** Names as lists write them. */
import { parseIpv4 } from '../../../base/ip.ts';
import type { IpAddress } from '../../../base/ip6.ts';
import { parseIpv6 } from '../../../base/ip6.ts';
import type { DnsName } from '../../../wire/dns-name.ts';

const MAX_TEXT = 253;
const MAX_LABEL = 63;

/** Letters, digits, `-` and `_`: all that names which lists hold are made of (RFC 8552 for `_`). */
const isNameCode = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === 0x2d ||
  code === 0x5f;

/**
 * The name in lower case without its final dot, names of other alphabets by IDNA (UTS 46). Undefined
 * when it is none, or an address.
 */
export function listName(text: string): DnsName | undefined {
  let name = text.toLowerCase();
  if (name.endsWith('.')) name = name.slice(0, -1);
  if (isAscii(name)) return isName(name) && !endsInNumber(name) ? (name as DnsName) : undefined;
  // Nothing that has a meaning in a URL may come along.
  if (name.length > MAX_TEXT || /[\s/?#@:%[\]\\]/.test(name)) return undefined;
  const host = URL.parse(`http://${name}/`)?.hostname ?? '';
  return isName(host) && !endsInNumber(host) ? (host as DnsName) : undefined;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7e) return false;
  return true;
}

function isName(text: string): boolean {
  if (text.length === 0 || text.length > MAX_TEXT) return false;
  let label = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (label === 0) return false;
      label = 0;
    } else if (!isNameCode(code) || ++label > MAX_LABEL) {
      return false;
    }
  }
  return label > 0;
}

/** No top-level domain is a number (RFC 3696 §2), so `192.0.2.1` is an address, and `1.2.3` nothing. */
function endsInNumber(name: string): boolean {
  for (let i = name.length - 1; i >= 0; i--) {
    const code = name.charCodeAt(i);
    if (code === 0x2e) return true;
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

export function listAddress(text: string): IpAddress | undefined {
  const parsed = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return parsed.ok ? parsed.value : undefined;
}

/** Addresses by which lists say "nowhere": unspecified and loopback ones. */
export const isNowhere = (address: IpAddress): boolean =>
  typeof address === 'number'
    ? address === 0 || address >>> 24 === 127
    : address === 0n || address === 1n || (address >> 32n === 0xffffn && isNowhereMapped(address));

const isNowhereMapped = (address: bigint): boolean => {
  const low = Number(address & 0xffffffffn);
  return low === 0 || low >>> 24 === 127;
};

/** What every hosts file says of the box it lies on: no rules. */
export const OWN_NAMES: ReadonlySet<string> = new Set([
  'localhost',
  'localhost.localdomain',
  'local',
  'broadcasthost',
  'ip6-localhost',
  'ip6-loopback',
  'ip6-localnet',
  'ip6-mcastprefix',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-allhosts',
]);
