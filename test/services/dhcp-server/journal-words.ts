/** What the child that is killed says, and how its parent knows it. */
import { type Ipv4, ipv4 } from '../../../src/base/ip.ts';
import type { JournalLimits } from '../../../src/services/dhcp-server/journal-size.ts';
import type { Lease, LeaseTable } from '../../../src/services/dhcp-server/lease.ts';
import { someLease } from './some-leases.ts';

export const BOOT = '11111111-2222-3333-4444-555555555555';
/** A take-over every three hundred records or so, so that many kills fall into one. */
export const SMALL: JournalLimits = { fileBytes: 65_536, queuedBytes: 16_384, sweepBytes: 1024 };
export const BURST = 12;
const CLIENTS = 120;
const ADDRESSES = 150;

const mix = (n: number): number => {
  const x = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d);
  return (x ^ (x >>> 12)) >>> 0;
};

/** Word `n` gives this client this address. */
export const wordOf = (n: number): { readonly lease: Lease; readonly address: Ipv4 } => ({
  lease: someLease(mix(n) % CLIENTS, { firstWallMs: n }),
  address: ipv4(0x0a000001 + (mix(n + 0x5bd1) % ADDRESSES)),
});

/** Carries it out, and gives the lease to be written. */
export function say(table: LeaseTable, n: number): Lease {
  const { lease: fresh, address } = wordOf(n);
  const known = table.find(fresh.segment, fresh.key);
  if (known === undefined) {
    fresh.address = address;
    table.add(fresh);
    return fresh;
  }
  table.move(known, address);
  known.firstWallMs = n;
  return known;
}
