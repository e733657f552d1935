/** What is kept of a client over a crash and a reboot: what it holds, and which process serves it. */
import { fromHex, toHex } from '../../base/bytes.ts';
import type { Ipv6, Ipv6Prefix } from '../../base/ip6.ts';
import { decodeError, ok, type Result } from '../../base/result.ts';
import type { ProcessIdentity } from '../../os/ports.ts';
import { alive, type Held } from './lease.ts';

export interface Client6Record {
  /** /proc/sys/kernel/random/boot_id: times and the process are of that boot. */
  readonly bootId: string;
  readonly ifName: string;
  readonly held: Held | undefined;
  /** CLOCK_BOOTTIME ms of the answer that it is of. */
  readonly answeredAtMs: number;
  /** Asked for again, by IAID. */
  readonly lastAddresses: readonly (readonly [iaid: number, address: Ipv6])[];
  readonly lastPrefixes: readonly (readonly [iaid: number, prefix: Ipv6Prefix])[];
  readonly process: ProcessIdentity | undefined;
}

const VERSION = 1;

/** JSON, in which numbers too large for it, bytes and eternity are texts with a mark before them. */
export function encodeRecord6(record: Client6Record): Uint8Array {
  const text = JSON.stringify({ v: VERSION, ...record }, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `n${value.toString(16)}`;
    if (value instanceof Uint8Array) return `b${toHex(value)}`;
    if (typeof value === 'string') return `s${value}`;
    return value === Number.POSITIVE_INFINITY ? 'never' : value;
  });
  return new TextEncoder().encode(text);
}

/** The store vouches for the bytes by checksum; what is checked here is that they are of this version. */
export function decodeRecord6(bytes: Uint8Array): Result<Client6Record> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes), (_key, value: unknown) => {
      if (typeof value !== 'string') return value;
      if (value === 'never') return Number.POSITIVE_INFINITY;
      if (value.startsWith('n')) return BigInt(`0x${value.slice(1)}`);
      return value.startsWith('b') ? fromHex(value.slice(1)) : value.slice(1);
    });
  } catch {
    return decodeError('not JSON', 'record', 0);
  }
  const fields = parsed as Partial<Record<string, unknown>> | null;
  if (fields?.['v'] !== VERSION) return decodeError('unknown version', 'v', 0);
  if (typeof fields['bootId'] !== 'string' || typeof fields['ifName'] !== 'string') {
    return decodeError('not a record', 'bootId', 0);
  }
  const held = fields['held'] as Held | undefined;
  if (held !== undefined && !plausible(held)) return decodeError('not a lease', 'held', 0);
  const { lastAddresses, lastPrefixes } = fields;
  return ok({
    ...{ bootId: fields['bootId'], ifName: fields['ifName'], held },
    answeredAtMs: Number(fields['answeredAtMs'] ?? 0),
    lastAddresses: Array.isArray(lastAddresses) ? lastAddresses : [],
    lastPrefixes: Array.isArray(lastPrefixes) ? lastPrefixes : [],
    process: fields['process'] as ProcessIdentity | undefined,
  });
}

const plausible = ({ addresses, prefixes, serverDuid, options, t1AtMs }: Held): boolean =>
  Array.isArray(addresses) &&
  addresses.every(({ address }) => typeof address === 'bigint') &&
  Array.isArray(prefixes) &&
  prefixes.every(({ prefix }) => typeof prefix.address === 'bigint') &&
  serverDuid instanceof Uint8Array &&
  Array.isArray(options) &&
  typeof t1AtMs === 'number';

/**
 * What of a record is still held. Within one boot CLOCK_BOOTTIME decides, whatever became of the wall
 * clock; after a reboot the kernel knows of nothing, and it is asked for again.
 */
export const stillHeld = (
  record: Client6Record,
  bootId: string,
  nowMs: number,
): Held | undefined => (record.bootId === bootId ? alive(record.held, nowMs) : undefined);
