/** One host as it is being put together. Pure. */
import { isRandomised, type Mac } from '../../base/ip.ts';
import { eui64, type IpAddress } from '../../base/ip6.ts';
import type { HostAddress, HostLease, HostView, Joined, Stay } from './config.ts';
import { Presence } from './presence.ts';

/** Kernel states that say that somebody is there, or was when asked last. */
const ALIVE: ReadonlySet<string> = new Set(['reachable', 'stale', 'delay', 'probe', 'permanent']);
const MAX_ADDRESSES = 16;
/** An address that nobody answers for is dropped after so long, when its host has others. */
const ADDRESS_KEPT_MS = 3_600_000;

/** One entry of the kernel's neighbour tables. */
export interface Place {
  readonly ifName: string;
  readonly address: IpAddress;
  state: string;
}

export const placeKey = (ifName: string, address: IpAddress): string =>
  `${ifName} ${typeof address} ${address.toString(16)}`;

export const isAlive = ({ state }: { readonly state: string }): boolean => ALIVE.has(state);

export interface KnownAddress extends HostAddress {
  ifName: string | undefined;
  leased: boolean;
  /** Monotonic; −Infinity for what was read from the store. */
  seenMs: number;
}

/** What outlives the daemon. */
export interface StoredHost {
  readonly mac: Mac;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly name: string | undefined;
  /** What it calls itself, and since when (Unix ms). */
  readonly wanted: string | undefined;
  readonly sinceMs: number;
  /** It was heard itself, not only given a lease. */
  readonly confirmed: boolean;
  readonly ifName: string | undefined;
  readonly addresses: readonly IpAddress[];
  /** In hex. */
  readonly clientId: string | undefined;
  readonly calls: string | undefined;
  readonly stays: readonly Stay[];
}

export class Host implements HostView {
  readonly mac: Mac;
  readonly vendor: string | undefined;
  readonly randomised: boolean;
  name: string | undefined;
  active = false;
  activeChangedMs: number;
  firstSeenMs: number;
  lastSeenMs: number;
  ifName: string | undefined;
  port: string | undefined;
  addresses: KnownAddress[] = [];
  leases: readonly HostLease[] = [];
  calls: string | undefined;
  device: Mac;
  joined: Joined | undefined;

  /** Of DHCP, in hex. */
  clientId: string | undefined;
  readonly stays = new Presence();
  readonly interfaceId: bigint;
  confirmed = false;
  wanted: string | undefined;
  sinceMs: number;
  /** `lastSeenMs` as the disk has it; −1 for nothing. */
  storedSeenMs = -1;
  /** It has a lease under the name that it wants. */
  live = false;
  /** Entries of the kernel that have its MAC, by their keys. */
  readonly places = new Map<string, Place>();
  /** When it was heard last, monotonic. */
  presentMs = Number.NEGATIVE_INFINITY;
  /** It was found to be gone, and was not heard since. */
  absent = false;
  /** When it was last asked whether it is there, monotonic. */
  checkedMs = Number.NEGATIVE_INFINITY;

  constructor(mac: Mac, vendor: string | undefined, wallMs: number) {
    this.mac = mac;
    this.vendor = vendor;
    this.randomised = isRandomised(mac);
    this.device = mac;
    this.interfaceId = eui64(mac);
    this.activeChangedMs = wallMs;
    this.firstSeenMs = wallMs;
    this.lastSeenMs = wallMs;
    this.sinceMs = wallMs;
  }

  static restore(stored: StoredHost, vendor: string | undefined): Host {
    const host = new Host(stored.mac, vendor, stored.firstSeenMs);
    host.lastSeenMs = stored.lastSeenMs;
    host.storedSeenMs = stored.lastSeenMs;
    host.activeChangedMs = stored.lastSeenMs;
    host.name = stored.name;
    host.wanted = stored.wanted;
    host.sinceMs = stored.sinceMs;
    host.confirmed = stored.confirmed;
    host.ifName = stored.ifName;
    host.clientId = stored.clientId;
    host.calls = stored.calls;
    host.stays.restore(stored.stays, stored.lastSeenMs);
    host.addresses = stored.addresses.slice(0, MAX_ADDRESSES).map((address) => ({
      address,
      ifName: stored.ifName,
      leased: false,
      seenMs: Number.NEGATIVE_INFINITY,
    }));
    return host;
  }

  get presence(): readonly Stay[] {
    return this.stays.stays;
  }

  /** What it calls itself, by whatever way. */
  get called(): string | undefined {
    return this.wanted ?? this.calls;
  }

  get mainAddress(): IpAddress | undefined {
    const [best] = this.addresses.toSorted(
      (a, b) =>
        Number(typeof b.address === 'number') - Number(typeof a.address === 'number') ||
        Number(b.leased) - Number(a.leased),
    );
    return best?.address;
  }

  toStored(): StoredHost {
    const { mac, firstSeenMs, lastSeenMs, name, wanted, sinceMs, confirmed, ifName } = this;
    const { clientId, calls, presence: stays } = this;
    const addresses = this.addresses.map(({ address }) => address);
    return {
      ...{ mac, firstSeenMs, lastSeenMs, name, wanted, sinceMs, confirmed, ifName, addresses },
      ...{ clientId, calls, stays },
    };
  }

  /** Any of its entries stands for somebody. */
  get reached(): boolean {
    return [...this.places.values()].some(isAlive);
  }

  /** It has this address; the one heard last comes first. True when that is news. */
  has(address: IpAddress, ifName: string | undefined, monoMs: number): boolean {
    const known = this.addresses.find((one) => one.address === address);
    if (known === undefined) {
      const fresh: KnownAddress = { address, ifName, leased: false, seenMs: monoMs };
      this.addresses = [fresh, ...this.addresses];
      if (this.addresses.length > MAX_ADDRESSES) this.#drop();
      return true;
    }
    known.seenMs = Math.max(known.seenMs, monoMs);
    if (ifName === undefined || known.ifName === ifName) return false;
    known.ifName = ifName;
    return true;
  }

  /** Somebody else has this address now. */
  loses(address: IpAddress): void {
    this.addresses = this.addresses.filter((one) => one.address !== address || one.leased);
  }

  /** Drops addresses that it has left behind. True when there were any. */
  prune(monoMs: number): boolean {
    const before = this.addresses.length;
    if (before < 2) return false;
    const alive = new Set([...this.places.values()].filter(isAlive).map(({ address }) => address));
    const isOver = (one: KnownAddress): boolean =>
      !one.leased && !alive.has(one.address) && one.seenMs + ADDRESS_KEPT_MS < monoMs;
    const left = this.addresses.filter((one) => !isOver(one));
    if (left.length > 0) this.addresses = left;
    return this.addresses.length < before;
  }

  /** The one that was heard longest ago makes room; a leased one last of all. */
  #drop(): void {
    const order = this.addresses.toSorted(
      (a, b) => Number(a.leased) - Number(b.leased) || a.seenMs - b.seenMs,
    );
    this.addresses = this.addresses.filter((one) => one !== order[0]);
  }
}
