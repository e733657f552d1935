/** What is kept of a client over a crash and a reboot: its lease, and which process serves it. */
import { type Ipv4, ipv4, type PrefixLen, prefixLen } from '../../base/ip.ts';
import { decodeError, ok, type Result } from '../../base/result.ts';
import type { ProcessIdentity } from '../../os/ports.ts';
import type { Lease } from './lease.ts';

export interface ClientRecord {
  /** /proc/sys/kernel/random/boot_id: `receivedAtMs` and the process are of that boot. */
  readonly bootId: string;
  readonly ifName: string;
  readonly lease: Lease | undefined;
  /** Unix ms at which the lease ends: all that counts after a reboot. Infinity for never. */
  readonly wallExpiresAtMs: number;
  /** Asked for again after the lease is gone. */
  readonly lastAddress: Ipv4 | undefined;
  readonly process: ProcessIdentity | undefined;
  /** CLOCK_BOOTTIME ms of a renewal that was under way. */
  readonly askedAtMs: number | undefined;
}

const VERSION = 1;

export function encodeRecord(record: ClientRecord): Uint8Array {
  const text = JSON.stringify({ v: VERSION, ...record }, (_key, value: unknown) =>
    value === Number.POSITIVE_INFINITY ? 'never' : value,
  );
  return new TextEncoder().encode(text);
}

/** The store vouches for the bytes by checksum; what is checked here is that they are of this version. */
export function decodeRecord(bytes: Uint8Array): Result<ClientRecord> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes), (_key, value: unknown) =>
      value === 'never' ? Number.POSITIVE_INFINITY : value,
    );
  } catch {
    return decodeError('not JSON', 'record', 0);
  }
  const fields = parsed as Partial<Record<string, unknown>> | null;
  if (fields?.['v'] !== VERSION) return decodeError('unknown version', 'v', 0);
  if (typeof fields['bootId'] !== 'string' || typeof fields['ifName'] !== 'string') {
    return decodeError('not a record', 'bootId', 0);
  }
  const lease = fields['lease'] as Lease | undefined;
  if (lease !== undefined && !plausible(lease)) return decodeError('not a lease', 'lease', 0);
  return ok({
    bootId: fields['bootId'],
    ifName: fields['ifName'],
    lease,
    wallExpiresAtMs: Number(fields['wallExpiresAtMs'] ?? 0),
    lastAddress: fields['lastAddress'] as Ipv4 | undefined,
    process: fields['process'] as ProcessIdentity | undefined,
    askedAtMs: fields['askedAtMs'] as number | undefined,
  });
}

function plausible(lease: Lease): boolean {
  return (
    typeof lease.address === 'number' &&
    lease.address === ipv4(lease.address) &&
    prefixLen(lease.prefixLen as PrefixLen) !== undefined &&
    Array.isArray(lease.routes) &&
    Array.isArray(lease.dnsServers) &&
    typeof lease.leaseSec === 'number' &&
    typeof lease.receivedAtMs === 'number'
  );
}

/**
 * The lease of a record, if it is still valid, with `receivedAtMs` on this boot's clock. Within one
 * boot CLOCK_BOOTTIME decides, whatever became of the wall clock; after a reboot the address is
 * gone from the kernel, so nothing is recovered and the last address is asked for.
 */
export function validLease(record: ClientRecord, bootId: string, nowMs: number): Lease | undefined {
  const { lease } = record;
  if (lease === undefined || record.bootId !== bootId) return undefined;
  return nowMs < lease.receivedAtMs + lease.leaseSec * 1000 ? lease : undefined;
}
