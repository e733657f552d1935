/** A binding as it lies in the store: JSON, checked when it is read. */
import { fromHex, toHex } from '../../base/bytes.ts';
import { type GrantStamp, grantEnd } from '../../base/deadline.ts';
import { parseMac } from '../../base/ip.ts';
import { formatIpv6, formatPrefix6, parseIpv6, parseIpv6Prefix } from '../../base/ip6.ts';
import type { Binding } from './bindings.ts';
import type { Lease6View } from './config.ts';

export const BINDING_PREFIX = 'dhcp6-server/binding/';

/** Infinity is written as -1: JSON has none. */
const sec = (value: number): number => (value === Infinity ? -1 : value);

export function encodeBinding(binding: Binding, bootId: string): Uint8Array {
  const { kind, iaid, segment, pool, state, direct, mac, hostName } = binding;
  return new TextEncoder().encode(
    JSON.stringify({
      ...{ version: 1, kind, iaid, segment, pool, state, direct, mac, hostName, bootId },
      duid: toHex(binding.duid),
      source: formatIpv6(binding.source),
      wallMs: binding.lastWallMs,
      bootMs: binding.lastBootMs,
      leases: binding.leases.map(({ prefix, preferredSec, validSec }) => [
        formatPrefix6(prefix),
        sec(preferredSec),
        sec(validSec),
      ]),
    }),
  );
}

/** Undefined for what another version, or nobody, wrote. */
export function decodeBinding(bytes: Uint8Array, now: GrantStamp): Binding | undefined {
  let read: unknown;
  try {
    read = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const record: Readonly<Record<string, unknown>> = { ...read };
  const text = (name: string): string => {
    const value = record[name];
    return typeof value === 'string' ? value : '';
  };
  const number = (name: string): number => {
    const value = record[name];
    return typeof value === 'number' ? value : Number.NaN;
  };
  const [kind, state] = [text('kind'), text('state')];
  const duid = fromHex(text('duid'));
  const source = parseIpv6(text('source'));
  const mac = parseMac(text('mac'));
  const [iaid, wallMs, bootMs] = [number('iaid'), number('wallMs'), number('bootMs')];
  if (number('version') !== 1 || duid === undefined || !source.ok) return undefined;
  if (kind !== 'address' && kind !== 'prefix') return undefined;
  if (state !== 'bound' && state !== 'released' && state !== 'declined') return undefined;
  if (!Number.isInteger(iaid) || Number.isNaN(wallMs) || Number.isNaN(bootMs)) return undefined;
  const stamp = { bootId: text('bootId'), wallMs, bootMs };
  const leases = leasesOf(record['leases'], stamp, now);
  if (leases === undefined) return undefined;
  const hostName = text('hostName');
  return {
    ...{ kind, state, iaid, duid, source: source.value, leases: leases.map(({ lease }) => lease) },
    ...{ segment: text('segment'), pool: text('pool'), lastWallMs: wallMs },
    // The times of an earlier boot say nothing in this one.
    lastBootMs: stamp.bootId === now.bootId ? bootMs : 0,
    direct: record['direct'] === true,
    mac: mac.ok ? mac.value : undefined,
    hostName: hostName === '' ? undefined : hostName,
    held: state === 'bound' && leases.some(({ sure }) => !sure),
  };
}

function leasesOf(
  value: unknown,
  stamp: GrantStamp,
  now: GrantStamp,
): readonly { readonly lease: Lease6View; readonly sure: boolean }[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const leases: { lease: Lease6View; sure: boolean }[] = [];
  for (const item of value as readonly unknown[]) {
    const [text, preferred, valid] = Array.isArray(item) ? (item as readonly unknown[]) : [];
    if (typeof text !== 'string' || typeof preferred !== 'number' || typeof valid !== 'number') {
      return undefined;
    }
    const prefix = parseIpv6Prefix(text);
    if (!prefix.ok) return undefined;
    const validSec = valid < 0 ? Infinity : valid;
    const { endMs, sure } = grantEnd(stamp, validSec * 1000, now);
    const preferredSec = preferred < 0 ? Infinity : preferred;
    leases.push({
      lease: { prefix: prefix.value, preferredSec, validSec, expiresAtMs: endMs },
      sure,
    });
  }
  return leases;
}
