/** A host as the store has it: JSON, one key each. */
import { parseIpv4, parseMac } from '../../base/ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from '../../base/ip6.ts';
import { decodeError, ok, type Result } from '../../base/result.ts';
import type { StoredHost } from './host.ts';
import { labelOf } from './names.ts';

export const PREFIX = 'neighbors/';
export const keyOf = ({ mac }: Pick<StoredHost, 'mac'>): string => `${PREFIX}${mac}`;

export function encodeHost({ mac: _mac, addresses, ...rest }: StoredHost): Uint8Array {
  const text = JSON.stringify({ ...rest, addresses: addresses.map(formatIp) });
  return new TextEncoder().encode(text);
}

export function decodeHost(key: string, bytes: Uint8Array): Result<StoredHost> {
  const mac = parseMac(key.slice(PREFIX.length), key);
  if (!mac.ok) return mac;
  const value = parse(bytes);
  if (value === undefined) return decodeError('no JSON object', key, 0);
  const { firstSeenMs, lastSeenMs, sinceMs, confirmed } = value;
  if (!isTime(firstSeenMs) || !isTime(lastSeenMs) || !isTime(sinceMs)) {
    return decodeError('a time is missing', key, 0);
  }
  return ok({
    mac: mac.value,
    ...{ firstSeenMs, lastSeenMs, sinceMs },
    name: labelIn(value['name']),
    wanted: labelIn(value['wanted']),
    confirmed: confirmed === true,
    ifName: typeof value['ifName'] === 'string' ? value['ifName'] : undefined,
    addresses: Array.isArray(value['addresses']) ? value['addresses'].flatMap(addressIn) : [],
  });
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Up to the year 9999. */
const isTime = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value < 253_402_300_800_000;

const labelIn = (value: unknown): string | undefined =>
  typeof value === 'string' && labelOf(value) === value ? value : undefined;

function addressIn(value: unknown): readonly IpAddress[] {
  if (typeof value !== 'string') return [];
  const address = value.includes(':') ? parseIpv6(value) : parseIpv4(value);
  return address.ok ? [address.value] : [];
}
