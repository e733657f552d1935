/** Answers to relays that ask whose an address is, or where a client is (RFC 4388). */
import { contains, ipv4 } from '../../base/ip.ts';
import { DHCP } from '../../wire/dhcp4.ts';
import type { Dhcp4Reply } from '../../wire/dhcp4-reply.ts';
import type { Lease, LeaseTable } from './lease.ts';
import type { Requester } from './requester.ts';
import type { Segment } from './segment.ts';

const [CLIENT_ID, LAST_TRANSACTION] = [61, 91];

/**
 * Writes the answer, but for its end. False when the asker is not one to be told: only a relay of a
 * subnet that lies behind relays is, so no host of the LAN learns of another.
 */
export function answerLeaseQuery(
  reply: Dhcp4Reply,
  leases: LeaseTable,
  segment: Segment,
  mac: Uint8Array,
  who: Requester,
  nowMs: number,
): boolean {
  const { view } = who;
  const pool = segment.pools.find(
    ({ direct, prefix }) => !direct && view.giaddr !== 0 && contains(prefix, view.giaddr),
  );
  if (pool === undefined) return false;
  const byAddress = view.ciaddr !== 0;
  const lease = byAddress
    ? leases.at(segment.name, view.ciaddr)
    : leases.find(segment.name, who.key);
  const ours = segment.pools.some((some) => some.owns(view.ciaddr));
  const active = lease?.state === 'bound' && lease.expiresAtMs > nowMs;
  if (!active) {
    const type = byAddress && ours ? DHCP.LEASEUNASSIGNED : DHCP.LEASEUNKNOWN;
    reply.begin(view, type, mac, pool.server, ipv4(0));
    return true;
  }
  reply.begin(view, DHCP.LEASEACTIVE, mac, pool.server, ipv4(0));
  tell(reply, lease, nowMs);
  return true;
}

function tell(reply: Dhcp4Reply, lease: Lease, nowMs: number): void {
  reply.times(Math.floor((lease.expiresAtMs - nowMs) / 1000));
  reply.about(lease.address, lease.htype, lease.chaddr);
  if (lease.clientId !== undefined) reply.option(CLIENT_ID, lease.clientId);
  reply.optionU32(LAST_TRANSACTION, Math.max(0, Math.floor((nowMs - lease.bootMs) / 1000)));
}
