/** Leases for the tests of what keeps them. */
import fc from 'fast-check';
import { ipv4 } from '../../../src/base/ip.ts';
import { clientKey, type Lease, newLease } from '../../../src/services/dhcp-server/lease.ts';

/** The lease of client number `i`, as a home network has it. */
export function someLease(i: number, with_: Partial<Lease> = {}): Lease {
  const chaddr = Uint8Array.of(2, 0, 0, i >>> 16, i >>> 8, i);
  const clientId = i % 2 === 0 ? Uint8Array.of(1, ...chaddr) : undefined;
  return {
    ...newLease('lan0', clientKey(1, chaddr, clientId), ipv4(0x0a000000 + i)),
    state: 'bound',
    chaddr,
    clientId,
    hostName: `host-${i}`,
    vendorClass: 'udhcp 1.36.1',
    pool: 'Device.DHCPv4.Server.Pool.1',
    expiresAtMs: 43_201_000,
    bootMs: 1_000,
    leaseSec: 43_200,
    firstWallMs: 1_767_225_600_000,
    lastWallMs: 1_767_225_600_000,
    ...with_,
  };
}

const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength });
const absent = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const time = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -1, 2 ** 31 * 1000, 2 ** 32 * 1000, -(2 ** 40), 0.25),
);

/** Any lease that the server could hold, and many that it would not. */
export const anyLease: fc.Arbitrary<Lease> = fc
  .record({
    address: fc.nat(0xffffffff).map(ipv4),
    state: fc.constantFrom<Lease['state']>('bound', 'free', 'declined'),
    chaddr: fc.uint8Array({ maxLength: 16 }),
    clientId: absent(fc.uint8Array({ maxLength: 300 })),
    hostName: absent(text(64)),
    vendorClass: absent(text(300)),
    pool: absent(text(60)),
    segment: text(15),
    htype: fc.nat(255),
    expiresAtMs: fc.oneof(time, fc.constant(Number.POSITIVE_INFINITY)),
    leaseSec: fc.oneof(fc.nat(0xffffffff), fc.constant(Number.POSITIVE_INFINITY)),
    bootMs: time,
    firstWallMs: time,
    lastWallMs: time,
    held: fc.boolean(),
  })
  .map((fields) => ({
    ...newLease(
      fields.segment,
      clientKey(fields.htype, fields.chaddr, fields.clientId),
      fields.address,
    ),
    ...fields,
    durableUntilMs: fields.expiresAtMs,
  }));
