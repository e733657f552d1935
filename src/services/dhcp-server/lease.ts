/**
 * What the server knows of its clients: one lease per client and segment, one per address and
 * segment, found by either. RFC 2131 §2.1 calls it the collection of bindings.
 */
import { latin1 } from '../../base/bytes.ts';
import { type Ipv4, ipv4 } from '../../base/ip.ts';
import type { LeaseState, LeaseView } from './config.ts';

/** A lease as the machine changes it, in place; everyone else reads it as `LeaseView`. */
export interface Lease extends LeaseView {
  address: Ipv4;
  state: LeaseState;
  chaddr: Uint8Array;
  clientId: Uint8Array | undefined;
  hostName: string | undefined;
  vendorClass: string | undefined;
  pool: string | undefined;
  /** CLOCK_BOOTTIME ms: end of the lease, of the quarantine of a declined one, or when it became free. */
  expiresAtMs: number;
  firstWallMs: number;
  lastWallMs: number;
  /** Who it is: `clientKey`; `quarantineKey` for a declined address, which is nobody's. */
  key: string;
  /** Kernel name of the interface, the same after a restart. */
  segment: string;
  htype: number;
  /** Length given at the last ACK; Infinity for one without end. */
  leaseSec: number;
  /** CLOCK_BOOTTIME ms of the last ACK. */
  bootMs: number;
  /**
   * It looked over after a reboot, when a wrong wall clock may be why: nobody but its client gets
   * the address as long as another is free.
   */
  held: boolean;
  /** `expiresAtMs` as far as the disk knows it: what may be promised when it takes no more. -Infinity for nothing. */
  durableUntilMs: number;
  /** The journal's alone: the file, by number, that it was last written to; 0 for none. */
  journalFile: number;
  /** When the expiry queue looks at it; Infinity while it does not stand there. Never on disk. */
  queuedForMs: number;
}

const NO_CHADDR = new Uint8Array(0);

/** A free lease of nobody's making yet; every field stands, so that all leases have one shape. */
export const newLease = (segment: string, key: string, address: Ipv4): Lease => ({
  address,
  state: 'free',
  chaddr: NO_CHADDR,
  clientId: undefined,
  hostName: undefined,
  vendorClass: undefined,
  pool: undefined,
  expiresAtMs: 0,
  firstWallMs: 0,
  lastWallMs: 0,
  key,
  segment,
  htype: 1,
  leaseSec: 0,
  bootMs: 0,
  held: false,
  durableUntilMs: Number.NEGATIVE_INFINITY,
  journalFile: 0,
  queuedForMs: Number.POSITIVE_INFINITY,
});

/**
 * Who a client is on its segment: the client identifier if it sends one, else hardware type and
 * address (RFC 2131 §4.2). The first character keeps the two kinds apart.
 */
export const clientKey = (
  htype: number,
  chaddr: Uint8Array,
  clientId: Uint8Array | undefined,
): string =>
  clientId === undefined
    ? hardwareKey(htype, chaddr, 0, chaddr.length)
    : identifierKey(clientId, 0, clientId.length);

/** A declined lease keeps its address from everyone; its client is free to get another. */
export const quarantineKey = (address: Ipv4): string => `x${address.toString(16)}`;

export const hardwareKey = (htype: number, bytes: Uint8Array, start: number, end: number): string =>
  `h${String.fromCharCode(htype)}${latin1(bytes, start, end)}`;

export const identifierKey = (bytes: Uint8Array, start: number, end: number): string =>
  `i${latin1(bytes, start, end)}`;

interface SegmentLeases {
  readonly byKey: Map<string, Lease>;
  readonly byAddress: Map<number, Lease>;
}

/** All leases. At no time two on one address of a segment, or two of one client on a segment. */
export class LeaseTable implements Iterable<Lease> {
  readonly #segments = new Map<string, SegmentLeases>();
  /** Who has a name: of several the first, until its lease is no longer bound. */
  readonly #names = new Map<string, Lease>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(segment: string, key: string): Lease | undefined {
    return this.#segments.get(segment)?.byKey.get(key);
  }

  at(segment: string, address: Ipv4): Lease | undefined {
    return this.#segments.get(segment)?.byAddress.get(address);
  }

  /** Puts a lease in; another one of its client or its address is forgotten. */
  add(lease: Lease): void {
    const { byKey, byAddress } = this.#of(lease.segment);
    const sameClient = byKey.get(lease.key);
    if (sameClient !== undefined) this.remove(sameClient);
    const sameAddress = byAddress.get(lease.address);
    if (sameAddress !== undefined) this.remove(sameAddress);
    byKey.set(lease.key, lease);
    byAddress.set(lease.address, lease);
    this.#size++;
    this.#claimName(lease);
  }

  /** The host that goes by this name; its lease may be over. */
  named(hostName: string): Lease | undefined {
    return this.#names.get(hostName);
  }

  rename(lease: Lease, hostName: string | undefined): void {
    if (lease.hostName !== hostName) {
      this.#dropName(lease);
      lease.hostName = hostName;
    }
    this.#claimName(lease);
  }

  /** Gives the lease another address; one that stood there is forgotten. */
  move(lease: Lease, address: Ipv4): void {
    if (lease.address === address) return;
    const { byAddress } = this.#of(lease.segment);
    const there = byAddress.get(address);
    if (there !== undefined) this.remove(there);
    byAddress.delete(lease.address);
    lease.address = ipv4(address);
    byAddress.set(address, lease);
  }

  /** Forgets it. One that is not in the table is left alone. */
  remove(lease: Lease): void {
    const leases = this.#segments.get(lease.segment);
    if (leases?.byKey.get(lease.key) !== lease) return;
    leases.byKey.delete(lease.key);
    leases.byAddress.delete(lease.address);
    this.#dropName(lease);
    this.#size--;
  }

  /** In no order that means anything. Leases may come, go and change while it runs. */
  *[Symbol.iterator](): IterableIterator<Lease> {
    for (const { byKey } of this.#segments.values()) yield* byKey.values();
  }

  #claimName(lease: Lease): void {
    if (lease.hostName === undefined) return;
    const holder = this.#names.get(lease.hostName);
    if (holder === undefined || (holder !== lease && holder.state !== 'bound')) {
      this.#names.set(lease.hostName, lease);
    }
  }

  #dropName(lease: Lease): void {
    if (lease.hostName !== undefined && this.#names.get(lease.hostName) === lease) {
      this.#names.delete(lease.hostName);
    }
  }

  #of(segment: string): SegmentLeases {
    const known = this.#segments.get(segment);
    if (known !== undefined) return known;
    const fresh = { byKey: new Map<string, Lease>(), byAddress: new Map<number, Lease>() };
    this.#segments.set(segment, fresh);
    return fresh;
  }
}
