/**
 * Every change of a lease: the table, the free addresses of the pools, the expiry queue and the
 * journal are kept at one here and nowhere else.
 */
import type { Ipv4 } from '../../base/ip.ts';
import { Expiry } from './expiry.ts';
import { type Lease, type LeaseTable, newLease, quarantineKey } from './lease.ts';
import type { Offer } from './offers.ts';
import type { Requester } from './requester.ts';
import type { Pool, Segment } from './segment.ts';

const [HOST_NAME, VENDOR_CLASS, CLIENT_ID] = [12, 60, 61];
const QUARANTINE_MS = 10 * 60_000;
/** More of a pool is never kept from everyone: a client that declines all it gets cannot empty it. */
const QUARANTINE_SHARE = 4;

/** Where leases are made durable. */
export interface LeaseLog {
  /** Gives the ticket under which the change becomes durable; 0 when it was not taken. */
  append(lease: Lease): number;
  /** The lease is no more, and nothing has taken its place. */
  forget(lease: Lease): number;
}

export interface Grant {
  readonly leaseSec: number;
  readonly nowMs: number;
  readonly wallMs: number;
  /** The owner's name for it, over what it says itself. */
  readonly hostName: string | undefined;
}

export class Bindings {
  readonly leases: LeaseTable;
  readonly expiry = new Expiry();
  /** Goes up with every change that somebody may want to see. */
  revision = 0;
  readonly #log: LeaseLog;
  #segments: readonly Segment[] = [];

  constructor(leases: LeaseTable, log: LeaseLog) {
    this.leases = leases;
    this.#log = log;
  }

  /** Takes up other segments: marks in their pools what is taken, and watches what runs out. */
  use(segments: readonly Segment[], nowMs: number): void {
    this.#segments = segments;
    const free: Lease[] = [];
    for (const lease of this.leases) {
      const segment = this.#segmentOf(lease);
      const pool = segment && poolOf(segment, lease.address);
      if (lease.state === 'free') free.push(lease);
      else segment?.take(lease.address);
      lease.pool = pool?.config.id;
      if (lease.state === 'bound' && pool !== undefined) pool.bound++;
      if (lease.state === 'declined' && pool !== undefined) pool.quarantined++;
      if (lease.state !== 'free') this.expiry.watch(lease);
    }
    free.sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    for (const lease of free) {
      this.#segmentOf(lease)?.giveBack(lease.address, lease.held ? 'held' : 'used');
    }
    this.expire(nowMs);
    this.revision++;
  }

  /** When `expire` may have something to end; Infinity for never. */
  get nextMs(): number {
    let next = this.expiry.nextMs;
    for (const { offers } of this.#segments) next = Math.min(next, offers.nextMs);
    return next;
  }

  find(segment: Segment, key: string): Lease | undefined {
    return this.leases.find(segment.name, key);
  }

  /** Nobody else has the address. */
  available(segment: Segment, pool: Pool, address: Ipv4, who: Requester): boolean {
    if (!pool.isStatic(address)) return pool.space.isFree(address);
    if (pool.staticOf(who)?.address !== address) return false;
    const holder = this.leases.at(segment.name, address);
    if (holder === undefined || holder.state === 'free' || holder.key === who.key) return true;
    // One machine that starts two systems has two identifiers and one MAC.
    return holder.state === 'bound' && sameHardware(holder, who);
  }

  offer(segment: Segment, key: string, address: Ipv4, nowMs: number): Offer {
    segment.take(address);
    return segment.offers.add(key, address, nowMs);
  }

  /** The offer is void; its address is free again unless its client has it. */
  withdraw(segment: Segment, offer: Offer): void {
    segment.offers.remove(offer);
    this.#freeAddress(segment, offer.address);
  }

  /** Gives the client the address; `pool` has it and it is available, or the client's already. */
  bind(segment: Segment, pool: Pool, address: Ipv4, who: Requester, grant: Grant): Lease {
    const { view } = who;
    let lease = this.leases.find(segment.name, who.key);
    if (lease === undefined) {
      this.#forgetAt(segment, address);
      lease = newLease(segment.name, who.key, address);
      this.leases.add(lease);
    } else if (lease.address !== address) {
      const before = lease.address;
      const had = lease.state === 'bound';
      this.#leaveBound(lease);
      lease.state = 'free';
      this.#forgetAt(segment, address);
      this.leases.move(lease, address);
      // A free one may be somebody else's offer by now.
      if (had) this.#freeAddress(segment, before);
    }
    const offer = segment.offers.of(who.key);
    if (offer !== undefined) {
      segment.offers.remove(offer);
      if (offer.address !== address) this.#freeAddress(segment, offer.address);
    }
    if (lease.state !== 'bound' || lease.pool !== pool.config.id) {
      this.#leaveBound(lease);
      pool.bound++;
    }
    segment.take(address);
    lease.state = 'bound';
    lease.held = false;
    lease.pool = pool.config.id;
    lease.htype = view.htype;
    if (!sameHardware(lease, who)) lease.chaddr = view.chaddr();
    if (lease.clientId === undefined && view.lengthOf(CLIENT_ID) >= 2)
      lease.clientId = who.clientId();
    lease.leaseSec = grant.leaseSec;
    lease.bootMs = grant.nowMs;
    lease.expiresAtMs = grant.nowMs + grant.leaseSec * 1000;
    if (lease.firstWallMs === 0) lease.firstWallMs = grant.wallMs;
    lease.lastWallMs = grant.wallMs;
    this.leases.rename(lease, grant.hostName ?? nameOf(lease, who));
    if (lease.vendorClass === undefined || !view.valueIs(VENDOR_CLASS, lease.vendorClass)) {
      lease.vendorClass = who.vendorClass();
    }
    this.expiry.watch(lease);
    this.revision++;
    return lease;
  }

  /** Puts the lease as it is now on the way to the disk; 0 when that takes no more. */
  record(lease: Lease): number {
    return this.#log.append(lease);
  }

  /** Takes in leases that were given elsewhere; `use` must follow. Gives how many the disk took. */
  takeIn(leases: readonly Lease[]): number {
    let taken = 0;
    for (const lease of leases) {
      this.leases.add(lease);
      if (this.record(lease) !== 0) taken++;
    }
    return taken;
  }

  /** Its client, or the owner, gives it back. */
  release(lease: Lease, nowMs: number): void {
    this.#free(lease, nowMs);
    this.record(lease);
  }

  /** Nobody remembers the client: its lease goes, and its address is free at once. */
  forget(lease: Lease, nowMs: number): void {
    if (lease.state === 'declined') this.#endQuarantine(lease);
    else this.#free(lease, nowMs);
    this.leases.remove(lease);
    this.#log.forget(lease);
  }

  /** Somebody else uses the address: it is kept from everyone for ten minutes. False when the pool can spare no more. */
  quarantine(segment: Segment, address: Ipv4, nowMs: number, wallMs: number): boolean {
    const holder = this.leases.at(segment.name, address);
    if (holder?.state === 'bound') this.#free(holder, nowMs);
    const pool = poolOf(segment, address);
    if (pool !== undefined && (pool.quarantined + 1) * QUARANTINE_SHARE > pool.space.usable) {
      if (holder !== undefined) this.record(holder);
      return false;
    }
    const lease = newLease(segment.name, quarantineKey(address), address);
    lease.state = 'declined';
    lease.chaddr = holder?.chaddr ?? lease.chaddr;
    lease.htype = holder?.htype ?? lease.htype;
    lease.pool = pool?.config.id;
    lease.leaseSec = QUARANTINE_MS / 1000;
    lease.bootMs = nowMs;
    lease.expiresAtMs = nowMs + QUARANTINE_MS;
    lease.firstWallMs = wallMs;
    lease.lastWallMs = wallMs;
    this.leases.add(lease);
    segment.take(address);
    if (pool !== undefined) pool.quarantined++;
    this.expiry.watch(lease);
    this.record(lease);
    this.revision++;
    return true;
  }

  /** Ends what is over: leases, quarantines, offers. */
  expire(nowMs: number): void {
    for (let lease = this.expiry.due(nowMs); lease !== undefined; lease = this.expiry.due(nowMs)) {
      if (lease.state === 'bound') this.#free(lease, lease.expiresAtMs);
      else if (lease.state === 'declined') this.#endQuarantine(lease);
    }
    for (const segment of this.#segments) {
      for (
        let o = segment.offers.takeDue(nowMs);
        o !== undefined;
        o = segment.offers.takeDue(nowMs)
      ) {
        this.#freeAddress(segment, o.address);
      }
    }
  }

  /** The disk did not take the lease: it ends when the disk says that it does. */
  fallBack(lease: Lease, nowMs: number): void {
    if (lease.state !== 'bound') return;
    if (lease.durableUntilMs <= nowMs) {
      this.#free(lease, nowMs);
      return;
    }
    lease.expiresAtMs = lease.durableUntilMs;
    this.expiry.watch(lease);
    this.revision++;
  }

  #endQuarantine(lease: Lease): void {
    this.leases.remove(lease);
    const segment = this.#segmentOf(lease);
    const pool = segment && poolOf(segment, lease.address);
    if (pool !== undefined && pool.quarantined > 0) pool.quarantined--;
    segment?.giveBack(lease.address, 'used');
    this.revision++;
  }

  #free(lease: Lease, atMs: number): void {
    if (lease.state !== 'bound') return;
    this.#leaveBound(lease);
    lease.state = 'free';
    lease.expiresAtMs = atMs;
    const segment = this.#segmentOf(lease);
    if (segment !== undefined) this.#freeAddress(segment, lease.address);
    this.revision++;
  }

  #leaveBound(lease: Lease): void {
    if (lease.state !== 'bound') return;
    const pool = this.#segmentOf(lease)?.pools.find(({ config }) => config.id === lease.pool);
    if (pool !== undefined && pool.bound > 0) pool.bound--;
  }

  /** As free as its lease says: one with a past goes to those who were used. */
  #freeAddress(segment: Segment, address: Ipv4): void {
    const lease = this.leases.at(segment.name, address);
    if (lease !== undefined && lease.state !== 'free') return;
    segment.giveBack(address, lease === undefined ? 'fresh' : lease.held ? 'held' : 'used');
  }

  /** Another client had the address once: it will get another when it comes back. */
  #forgetAt(segment: Segment, address: Ipv4): void {
    const other = this.leases.at(segment.name, address);
    if (other === undefined) return;
    this.#leaveBound(other);
    this.leases.remove(other);
  }

  #segmentOf(lease: Lease): Segment | undefined {
    return this.#segments.find(({ name }) => name === lease.segment);
  }
}

const poolOf = (segment: Segment, address: Ipv4): Pool | undefined =>
  segment.pools.find((pool) => pool.owns(address));

/** What the client calls itself; one that says nothing goes on by its old name. */
function nameOf(lease: Lease, who: Requester): string | undefined {
  const { hostName } = lease;
  if (hostName !== undefined && who.view.textIs(HOST_NAME, hostName)) return hostName;
  return who.hostName() ?? (who.view.has(HOST_NAME) ? undefined : hostName);
}

function sameHardware(lease: Lease, who: Requester): boolean {
  const { chaddr } = lease;
  const { bytes, at, hlen } = who.view;
  if (chaddr.length !== hlen) return false;
  for (let i = 0; i < hlen; i++) if (chaddr[i] !== bytes[at + 28 + i]) return false;
  return true;
}
