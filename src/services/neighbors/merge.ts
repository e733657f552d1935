/**
 * Who is on the LAN: leases and the kernel's neighbour tables put together, one host a MAC address.
 * Pure: what was heard is told with its time, and `settle` says what follows from all of it.
 */
import { toHex } from '../../base/bytes.ts';
import { formatMac, isRandomised, type Mac, macNumber } from '../../base/ip.ts';
import type { IpAddress } from '../../base/ip6.ts';
import { Changes, type Told } from './changes.ts';
import type { HostLease, HostView, NeighborsConfig } from './config.ts';
import { Host, isAlive, type Place, placeKey, type StoredHost } from './host.ts';
import { identify } from './identity.ts';
import { NameIndex, nameHosts } from './name-index.ts';
import { labelOf } from './names.ts';

/** `monoMs` counts time, `wallMs` is Unix time for people. */
export interface Moment {
  readonly monoMs: number;
  readonly wallMs: number;
}

export interface NeighbourNews {
  readonly ifName: string;
  readonly address: IpAddress;
  /** Undefined while it is asked for, and when nobody answered. */
  readonly mac: Mac | undefined;
  readonly state: string;
}

export interface Settled extends Told {
  /** Monotonic time at which `settle` is to be called again; Infinity for never. */
  readonly nextMs: number;
  /** Entries to be checked by the kernel now. */
  readonly checks: readonly { readonly ifName: string; readonly address: IpAddress }[];
  /** Hosts of whom the kernel knows nothing, to be asked by whoever listens to the LAN. */
  readonly asks: readonly HostPlace[];
}

/** Where a host can be asked. */
export interface HostPlace {
  readonly ifName: string;
  readonly address: IpAddress;
  readonly mac: Mac;
}

/** A host was heard on the LAN itself, not by way of the kernel. */
export interface Heard {
  readonly ifName: string;
  readonly mac: Mac;
  /** It is the one that has this; undefined for none, or where that is not sure. */
  readonly address: IpAddress | undefined;
  /** It answered, so it is there: only such a one becomes a host. */
  readonly answered: boolean;
  /** In hex. */
  readonly clientId?: string;
  readonly calls?: string;
}

export interface HostTableOptions {
  readonly maxHosts: number;
  vendorOf(mac: Mac): string | undefined;
  /** What the box is called beside `NeighborsConfig.ownName`. */
  ownNames(): Iterable<string>;
}

/** Silence after which a host counts as gone when it is never checked. */
const UNCHECKED_WINDOW_MS = 600_000;
/** What a check takes at most (delay_first_probe_time, three probes), twice. */
const CHECK_TAKES_MS = 20_000;
const CHECKS_AT_ONCE = 20;
const CHECK_PAUSE_MS = 1000;

const NO_CONFIG: NeighborsConfig = {
  interfaces: [],
  names: [],
  ownName: undefined,
  checkSec: 0,
  listen: false,
  scan: { enable: false, intervalSec: 0, passes: 1, waitMs: 0, ratePerSec: 1 },
  apart: [],
};

export class HostTable {
  readonly #options: HostTableOptions;
  #config = NO_CONFIG;
  readonly #hosts = new Map<Mac, Host>();
  /** By MAC address as a number, which costs less than a text. */
  readonly #byNumber = new Map<number, Host>();
  /** Whose MAC the kernel had for an entry, also after nobody answered. */
  readonly #macAt = new Map<string, Mac>();
  /** The latest ACK of a lease as seen here, Unix ms. */
  readonly #seenLeases = new WeakMap<HostLease, number>();
  /** When leases were looked at first, Unix ms. */
  #leasesSinceMs: number | undefined;
  readonly #changes = new Changes();
  readonly #index = new NameIndex();
  #full = false;

  constructor(options: HostTableOptions) {
    this.#options = options;
  }

  /** Somebody found no room, and nobody went since. */
  get full(): boolean {
    return this.#full;
  }

  /** Active ones first, then by when they were seen last. */
  get hosts(): readonly HostView[] {
    return [...this.#hosts.values()].sort(
      (a, b) => Number(b.active) - Number(a.active) || b.lastSeenMs - a.lastSeenMs,
    );
  }

  restore(all: Iterable<StoredHost>): void {
    const newestFirst = [...all].sort((a, b) => b.lastSeenMs - a.lastSeenMs);
    for (const stored of newestFirst) {
      if (this.#hosts.size >= this.#options.maxHosts) this.#changes.forgotten.add(stored.mac);
      else this.#keep(Host.restore(stored, this.#vendorOf(stored.mac)));
    }
  }

  configure(config: NeighborsConfig): void {
    this.#config = config;
    const still = new Set(config.interfaces);
    for (const host of this.#hosts.values()) {
      for (const [key, place] of host.places) if (!still.has(place.ifName)) host.places.delete(key);
    }
    this.#changes.claims = true;
  }

  /** An entry of the kernel is so now; `heard`: it changed just now, so somebody said something. */
  neighbour(
    { ifName, address, mac: told, state }: NeighbourNews,
    now: Moment,
    heard: boolean,
  ): void {
    if (!this.#config.interfaces.includes(ifName)) return;
    const key = placeKey(ifName, address);
    const was = this.#macAt.get(key);
    const mac = told ?? was;
    if (mac === undefined) return;
    if (was !== undefined && was !== mac) this.#moveAway(was, key, address);
    const alive = isAlive({ state });
    const host = this.#hosts.get(mac) ?? (alive ? this.#admit(mac, now) : undefined);
    if (host === undefined) return;
    this.#macAt.set(key, mac);
    const before = host.places.get(key);
    host.places.set(key, { ifName, address, state });
    if (alive) {
      const wasAlive = before !== undefined && isAlive(before);
      if (!host.confirmed) this.#confirm(host);
      this.#has(host, address, ifName, now);
      // A stale entry that was not there before came of something that the host said just now.
      const said = state === 'reachable' || (heard && !wasAlive && state !== 'permanent');
      // Until this moment it was known to be there.
      if (said || (before?.state === 'reachable' && !host.absent)) this.#present(host, ifName, now);
    } else if (before !== undefined && isAlive(before)) {
      if (host.reached) host.checkedMs = Number.NEGATIVE_INFINITY;
      else host.absent = true;
    }
  }

  /** The kernel forgot an entry, which says nothing of the host. */
  gone(ifName: string, address: IpAddress): void {
    const key = placeKey(ifName, address);
    const mac = this.#macAt.get(key);
    this.#macAt.delete(key);
    if (mac !== undefined) this.#hosts.get(mac)?.places.delete(key);
  }

  /** All entries of the kernel, after some news were lost or at the start. */
  replaceNeighbours(all: readonly NeighbourNews[], now: Moment): void {
    const there = new Set(all.map(({ ifName, address }) => placeKey(ifName, address)));
    for (const host of this.#hosts.values()) {
      for (const { ifName, address } of host.places.values()) {
        if (!there.has(placeKey(ifName, address))) this.gone(ifName, address);
      }
    }
    for (const news of all) this.neighbour(news, now, false);
  }

  /** False when it is nobody that is known. */
  heard({ ifName, mac, address, answered, clientId, calls }: Heard, now: Moment): boolean {
    if (!this.#config.interfaces.includes(ifName)) return true;
    const host = this.#hosts.get(mac) ?? (answered ? this.#admit(mac, now) : undefined);
    if (host === undefined) return answered;
    if (answered && !host.confirmed) this.#confirm(host);
    this.#present(host, ifName, now);
    if (address !== undefined) {
      const other = this.#index.ownerOf(address);
      if (other !== undefined && other !== host) {
        other.loses(address);
        this.#changes.addressesOf(other);
      }
      this.#has(host, address, ifName, now);
    }
    this.#says(host, clientId, calls);
    return true;
  }

  #says(host: Host, clientId = host.clientId, calls = host.calls): void {
    if (clientId === host.clientId && calls === host.calls) return;
    host.clientId = clientId;
    host.calls = calls;
    this.#changes.toStore.add(host);
    this.#changes.any = true;
  }

  /** A bridge heard it behind this port. Who has no address yet is nobody yet. */
  heardAt(mac: Mac, port: string | undefined, now: Moment): void {
    const host = this.#hosts.get(mac);
    if (host === undefined) return;
    this.#present(host, host.ifName, now);
    this.setPort(mac, port);
  }

  /** `settle` would find something that it did not know when it was last asked. */
  get unsettled(): boolean {
    return this.#changes.pending;
  }

  hostOf(mac: Mac): HostView | undefined {
    return this.#hosts.get(mac);
  }

  setPort(mac: Mac, port: string | undefined): void {
    const host = this.#hosts.get(mac);
    if (host === undefined || host.port === port) return;
    host.port = port;
    this.#changes.any = true;
  }

  /** The cable is out of this interface or port. */
  lost(ifName: string): void {
    for (const host of this.#hosts.values()) {
      if (host.port === ifName || (host.port === undefined && host.ifName === ifName)) {
        host.absent = true;
      }
    }
  }

  /**
   * A look at every lease there is, which may be tens of thousands: `take` them as time allows,
   * then `end`, from which on they count.
   */
  lookAtLeases(): { take(lease: HostLease, now: Moment): void; end(now: Moment): void } {
    const bound = new Map<Host, HostLease[]>();
    // What was acknowledged to an earlier daemon is no sign of life.
    const since = this.#leasesSinceMs ?? Number.POSITIVE_INFINITY;
    return {
      take: (lease, now) => {
        if (lease.state !== 'bound' || lease.chaddr.length !== 6) return;
        const host = this.#byNumber.get(numberOf(lease.chaddr)) ?? this.#lendTo(lease, now);
        if (host === undefined) return;
        if (this.#seenLeases.get(lease) !== lease.lastWallMs) {
          this.#seenLeases.set(lease, lease.lastWallMs);
          if (lease.lastWallMs >= since) this.#present(host, host.ifName, now);
        }
        const list = bound.get(host);
        if (list === undefined) bound.set(host, [lease]);
        else list.push(lease);
      },
      end: (now) => {
        this.#leasesSinceMs ??= now.wallMs;
        for (const host of this.#hosts.values()) this.#lend(host, bound.get(host) ?? [], now);
      },
    };
  }

  settle(now: Moment): Settled {
    const checkMs = this.#config.checkSec * 1000;
    const windowMs = checkMs === 0 ? UNCHECKED_WINDOW_MS : 2 * checkMs + CHECK_TAKES_MS;
    const checks: Place[] = [];
    const asks: HostPlace[] = [];
    const turned: Host[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const host of this.#hosts.values()) {
      const reachable = [...host.places.values()].some(({ state }) => state === 'reachable');
      if (reachable && !host.absent) this.#present(host, host.ifName, now);
      const endMs = host.presentMs + windowMs;
      const active = !host.absent && endMs > now.monoMs;
      if (active) nextMs = Math.min(nextMs, endMs);
      if (active !== host.active) {
        this.#turn(host, active, now);
        turned.push(host);
      }
      if (!host.confirmed && !active && host.leases.length === 0) this.#forget(host);
      else if (active && host.prune(now.monoMs)) this.#changes.addressesOf(host);
      if (checkMs === 0) continue;
      const [stale] = [...host.places.values()].filter(({ state }) => state === 'stale');
      const place = host.active && !reachable ? this.#placeOf(host) : undefined;
      if (stale === undefined && place === undefined) continue;
      const dueMs = Math.max(host.presentMs, host.checkedMs) + checkMs;
      if (dueMs > now.monoMs) {
        nextMs = Math.min(nextMs, dueMs);
      } else if (checks.length + asks.length === CHECKS_AT_ONCE) {
        nextMs = Math.min(nextMs, now.monoMs + CHECK_PAUSE_MS);
      } else {
        host.checkedMs = now.monoMs;
        nextMs = Math.min(nextMs, now.monoMs + checkMs);
        if (stale !== undefined) checks.push(stale);
        else if (place !== undefined) asks.push(place);
      }
    }
    const changes = this.#changes;
    if (changes.claims) {
      changes.claims = false;
      nameHosts(this.#hosts, this.#config, this.#options.ownNames(), changes);
    }
    if (changes.names) this.#index.rebuild(this.#hosts.values());
    if (changes.any) this.#identify(now);
    const there = turned.filter(({ mac }) => this.#hosts.has(mac));
    return { nextMs, checks, asks, ...changes.take(there) };
  }

  addressesOf(name: string): readonly IpAddress[] {
    return this.#index.addressesOf(name);
  }

  nameOf(address: IpAddress): string | undefined {
    return this.#index.nameOf(address);
  }

  /** Those that were seen since they were stored. */
  unsaved(): readonly Host[] {
    return [...this.#hosts.values()].filter((host) => host.lastSeenMs !== host.storedSeenMs);
  }

  #turn(host: Host, active: boolean, now: Moment): void {
    host.active = active;
    host.activeChangedMs = now.wallMs;
    if (active) host.stays.came(now.wallMs);
    else host.stays.went(host.lastSeenMs);
    this.#changes.toStore.add(host);
    this.#changes.any = true;
  }

  #placeOf({ mac, addresses }: Host): HostPlace | undefined {
    const known = addresses.filter(({ ifName = '' }) => this.#config.interfaces.includes(ifName));
    const best = known.find(({ address }) => typeof address === 'number') ?? known[0];
    if (best?.ifName === undefined) return undefined;
    return { ifName: best.ifName, address: best.address, mac };
  }

  #identify({ wallMs }: Moment): void {
    const hosts = [...this.#hosts.values()];
    for (const [mac, { device, joined }] of identify(hosts, this.#config.apart, wallMs)) {
      const host = this.#hosts.get(mac);
      if (host === undefined) continue;
      host.device = device;
      host.joined = joined;
    }
  }

  #vendorOf(mac: Mac): string | undefined {
    return isRandomised(mac) ? undefined : this.#options.vendorOf(mac);
  }

  /** Undefined when there is no room: whoever was heard is worth more than whoever has a mere lease. */
  #admit(mac: Mac, now: Moment): Host | undefined {
    if (this.#hosts.size >= this.#options.maxHosts) {
      const victim = this.#leastWanted();
      if (victim === undefined) return this.#refuse();
      this.#forget(victim);
    }
    return this.#welcome(new Host(mac, this.#vendorOf(mac), now.wallMs));
  }

  #lendTo(lease: HostLease, now: Moment): Host | undefined {
    if (this.#hosts.size >= this.#options.maxHosts) return this.#refuse();
    const mac = formatMac(lease.chaddr);
    const host = new Host(mac, this.#vendorOf(mac), now.wallMs);
    host.lastSeenMs = Math.min(now.wallMs, lease.lastWallMs);
    return this.#welcome(host);
  }

  #refuse(): undefined {
    if (!this.#full) this.#changes.any = true;
    this.#full = true;
  }

  #keep(host: Host): void {
    this.#hosts.set(host.mac, host);
    this.#byNumber.set(macNumber(host.mac), host);
  }

  #welcome(host: Host): Host {
    this.#keep(host);
    this.#changes.welcomed(host);
    return host;
  }

  /** Those never heard first, then those that are away; the longest unseen of them. Active hosts stay. */
  #leastWanted(): Host | undefined {
    let found: Host | undefined;
    for (const host of this.#hosts.values()) {
      if (host.confirmed && host.active) continue;
      if (
        found === undefined ||
        (host.confirmed === found.confirmed ? host.lastSeenMs < found.lastSeenMs : !host.confirmed)
      ) {
        found = host;
      }
    }
    return found;
  }

  #forget(host: Host): void {
    this.#hosts.delete(host.mac);
    this.#byNumber.delete(macNumber(host.mac));
    for (const key of host.places.keys()) this.#macAt.delete(key);
    this.#full = false;
    this.#changes.forgot(host);
  }

  #confirm(host: Host): void {
    host.confirmed = true;
    this.#changes.toStore.add(host);
  }

  #present(host: Host, ifName: string | undefined, now: Moment): void {
    host.presentMs = now.monoMs;
    host.absent = false;
    host.lastSeenMs = now.wallMs;
    if (host.ifName === ifName) return;
    host.ifName = ifName;
    this.#changes.any = true;
  }

  #has(host: Host, address: IpAddress, ifName: string | undefined, now: Moment): void {
    if (host.has(address, ifName, now.monoMs)) this.#changes.addressesOf(host);
  }

  /** Another MAC address has this entry now. */
  #moveAway(mac: Mac, key: string, address: IpAddress): void {
    const host = this.#hosts.get(mac);
    host?.places.delete(key);
    if (host === undefined) return;
    host.loses(address);
    this.#changes.addressesOf(host);
  }

  /** These are its leases now. */
  #lend(host: Host, leases: HostLease[], now: Moment): void {
    leases.sort((a, b) => b.lastWallMs - a.lastWallMs);
    const same =
      leases.length === host.leases.length && leases.every((one, i) => one === host.leases[i]);
    const wanted = leases.map(({ hostName }) => hostName && labelOf(hostName)).find(Boolean);
    const live = wanted !== undefined;
    if (live && wanted !== host.wanted) {
      // Whoever comes with a name has wanted it as long as it has the lease.
      const [first] = leases;
      host.sinceMs = host.wanted === undefined ? (first?.firstWallMs ?? now.wallMs) : now.wallMs;
      host.wanted = wanted;
      this.#changes.toStore.add(host);
      this.#changes.claims = true;
    }
    if (live !== host.live) this.#changes.claims = true;
    host.live = live;
    for (const one of host.addresses) {
      const leased = leases.some(({ address }) => address === one.address);
      if (leased !== one.leased) this.#changes.addressesOf(host);
      one.leased = leased;
    }
    for (const { address } of leases) {
      if (host.addresses.some((one) => one.address === address)) continue;
      this.#has(host, address, host.ifName, now);
      const added = host.addresses.find((one) => one.address === address);
      if (added !== undefined) added.leased = true;
    }
    if (!same) this.#changes.any = true;
    // A lease may be older than the first sight of its host by this daemon.
    if (this.#changes.fresh.has(host)) {
      for (const { firstWallMs } of leases) {
        host.firstSeenMs = Math.min(host.firstSeenMs, firstWallMs);
      }
    }
    host.leases = leases;
    const id = leases.find(({ clientId }) => clientId !== undefined)?.clientId;
    if (id !== undefined) this.#says(host, toHex(id));
  }
}

function numberOf(mac: Uint8Array): number {
  let value = 0;
  for (let i = 0; i < 6; i++) value = value * 256 + (mac[i] ?? 0);
  return value;
}
