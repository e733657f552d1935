/** A host as the store has it: JSON, one key each. */
import { fromHex } from '../../base/bytes.ts';
import { parseIpv4, parseMac } from '../../base/ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from '../../base/ip6.ts';
import { decodeError, ok, type Result } from '../../base/result.ts';
import type { Stay } from './config.ts';
import type { StoredHost } from './host.ts';
import { labelOf } from './names.ts';

export const PREFIX = 'neighbors/';
const MAX_CLIENT_ID_HEX = 128;
const MAX_STAYS = 256;
export const keyOf = ({ mac }: Pick<StoredHost, 'mac'>): string => `${PREFIX}${mac}`;

export function encodeHost({ mac: _mac, addresses, stays, ...rest }: StoredHost): Uint8Array {
  const text = JSON.stringify({
    ...rest,
    addresses: addresses.map(formatIp),
    stays: stays.map(({ fromMs, toMs }) => [fromMs, toMs ?? null]),
  });
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
    addresses: listIn(value['addresses']).flatMap(addressIn),
    clientId: hexIn(value['clientId']),
    calls: labelIn(value['calls']),
    stays: listIn(value['stays']).slice(0, MAX_STAYS).flatMap(stayIn),
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

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const hexIn = (value: unknown): string | undefined =>
  typeof value === 'string' && value.length <= MAX_CLIENT_ID_HEX && fromHex(value) !== undefined
    ? value
    : undefined;

function stayIn(value: unknown): readonly Stay[] {
  const [fromMs, toMs] = listIn(value);
  if (!isTime(fromMs)) return [];
  return [{ fromMs, toMs: isTime(toMs) && toMs >= fromMs ? toMs : undefined }];
}

function addressIn(value: unknown): readonly IpAddress[] {
  if (typeof value !== 'string') return [];
  const address = value.includes(':') ? parseIpv6(value) : parseIpv4(value);
  return address.ok ? [address.value] : [];
}
