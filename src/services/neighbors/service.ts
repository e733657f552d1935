import type { Clock, Timer } from '../../base/clock.ts';
import type { Mac } from '../../base/ip.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { Log } from '../../base/log.ts';
import type { Link, Store, StoreChange } from '../../os/ports.ts';
import type { Neighbour, NeighbourBurst, Neighbours } from '../../os/ports-neighbours.ts';
import type {
  HostEvent,
  HostLease,
  HostNames,
  HostView,
  NeighborsConfig,
  NeighborsObserved,
} from './config.ts';
import type { Host, StoredHost } from './host.ts';
import { type Heard, type HostPlace, HostTable, type Moment, type NeighbourNews } from './merge.ts';
import { decodeHost, encodeHost, keyOf, PREFIX } from './record.ts';

export interface NeighborsDeps {
  readonly neighbours: Neighbours;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  links(): readonly Pick<Link, 'ifIndex' | 'name' | 'carrier'>[];
  /** All leases of the box's DHCP servers; each is the same object as long as it lasts. */
  leases(): Iterable<HostLease>;
  vendorOf(mac: Mac): string | undefined;
  /** What the box is called beside `NeighborsConfig.ownName`: no host may be. */
  ownNames(): Iterable<string>;
  report(observed: NeighborsObserved): void;
  announce(event: HostEvent): void;
}

const MAX_HOSTS = 2000;
/** What changes in a burst is put together once. */
const SETTLE_MS = 50;
/** All leases are looked at no more often than this, so many at a time, so that requests are served between. */
const LEASES_MS = 1000;
const LEASES_AT_ONCE = 2000;
const LEASES_PAUSE_MS = 2;
/** New hosts and names are written together. */
const WRITE_MS = 5000;
/** When hosts were last seen is written so often. */
const LAST_SEEN_MS = 600_000;

/** Who is on the LAN, put together from leases and the kernel's neighbour tables. */
export class NeighborsService implements HostNames, AsyncDisposable {
  readonly #deps: NeighborsDeps;
  readonly #table: HostTable;
  readonly #subscription: Disposable;
  readonly #nameListeners = new Set<() => void>();
  #observed: NeighborsObserved = { revision: 0, hosts: [], full: false };
  #configured = false;
  #settling: Timer | undefined;
  #next: Timer | undefined;
  #leasesWanted = true;
  /** The look under way goes on at this. */
  #looking: Timer | undefined;
  #leasesAtMs = Number.NEGATIVE_INFINITY;
  /** What the disk does not have yet; undefined for a host to be forgotten. */
  readonly #unwritten = new Map<Mac, Host | undefined>();
  #writeSoon: Timer | undefined;
  #lastSeen: Timer;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  #asker: ((places: readonly HostPlace[]) => void) | undefined;

  constructor(deps: NeighborsDeps) {
    this.#deps = deps;
    this.#table = new HostTable({
      maxHosts: MAX_HOSTS,
      vendorOf: (mac) => deps.vendorOf(mac),
      ownNames: () => deps.ownNames(),
    });
    this.#table.restore(this.#stored());
    this.#subscription = deps.neighbours.subscribe((burst) => this.#heard(burst));
    this.#lastSeen = this.#everySoOften();
  }

  get observed(): NeighborsObserved {
    return this.#observed;
  }

  /** Makes `config` the whole truth. What it is put together to is reported before this returns. */
  apply(config: NeighborsConfig): void {
    this.#configured = true;
    this.#table.configure(config);
    this.#readNeighbours();
    this.#settle();
  }

  /** Somebody was heard on the LAN itself; false when it is nobody that is known. */
  heard(heard: Heard): boolean {
    const known = this.#table.heard(heard, this.#now);
    if (!known) return false;
    const host = this.#table.hostOf(heard.mac);
    if (host?.port === undefined) this.#placePort(heard.mac, this.#linkNames());
    // Most frames say no more than that somebody who is known to be there still is.
    if (host?.active === false || this.#table.unsettled) this.#settleSoon();
    return true;
  }

  hostOf(mac: Mac): HostView | undefined {
    return this.#table.hostOf(mac);
  }

  /** Who asks hosts of whom the kernel knows nothing. */
  askBy(asker: (places: readonly HostPlace[]) => void): void {
    this.#asker = asker;
  }

  /** The DHCP server says that leases changed. */
  leasesChanged(): void {
    this.#leasesWanted = true;
    this.#settleSoon();
  }

  /** Links came, went, or lost their carrier. */
  linksChanged(): void {
    for (const { name, carrier } of this.#deps.links()) if (!carrier) this.#table.lost(name);
    this.#settleSoon();
  }

  addressesOf(name: string): readonly IpAddress[] {
    return this.#table.addressesOf(name);
  }

  nameOf(address: IpAddress): string | undefined {
    return this.#table.nameOf(address);
  }

  namesChanged(listener: () => void): Disposable {
    const own = (): void => listener();
    this.#nameListeners.add(own);
    return { [Symbol.dispose]: () => this.#nameListeners.delete(own) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#subscription[Symbol.dispose]();
    for (const timer of [
      this.#looking,
      this.#settling,
      this.#next,
      this.#writeSoon,
      this.#lastSeen,
    ]) {
      timer?.cancel();
    }
    this.#nameListeners.clear();
    this.#noteLastSeen();
    await this.#write();
  }

  *#stored(): Iterable<StoredHost> {
    for (const [key, bytes] of this.#deps.store.entries(PREFIX)) {
      const host = decodeHost(key, bytes);
      if (host.ok) yield host.value;
      else this.#deps.log.warn({ key, reason: host.error.message }, 'a stored host is no host');
    }
  }

  get #now(): Moment {
    const { clock } = this.#deps;
    return { monoMs: clock.monoMs(), wallMs: clock.wallMs() };
  }

  #heard(burst: NeighbourBurst): void {
    if (!this.#configured) return;
    if (burst.resync) {
      this.#readNeighbours();
    } else {
      const nameOf = this.#linkNames();
      const now = this.#now;
      for (const { ifIndex, address } of burst.gone) {
        const ifName = nameOf.get(ifIndex);
        if (ifName !== undefined) this.#table.gone(ifName, address);
      }
      for (const news of newsOf(burst.changed, nameOf)) {
        this.#table.neighbour(news, now, true);
        if (news.mac !== undefined) this.#placePort(news.mac, nameOf);
      }
      for (const mac of burst.learned) {
        this.#table.heardAt(mac, this.#portOf(mac, nameOf), now);
      }
    }
    this.#settleSoon();
  }

  #readNeighbours(): void {
    const nameOf = this.#linkNames();
    const all = this.#deps.neighbours.neighbours();
    this.#table.replaceNeighbours(newsOf(all, nameOf), this.#now);
    for (const mac of new Set(all.flatMap(({ mac }) => mac ?? []))) this.#placePort(mac, nameOf);
  }

  #linkNames(): ReadonlyMap<number, string> {
    return new Map(this.#deps.links().map(({ ifIndex, name }) => [ifIndex, name]));
  }

  #portOf(mac: Mac, nameOf: ReadonlyMap<number, string>): string | undefined {
    const port = this.#deps.neighbours.portOf(mac);
    return port === undefined ? undefined : nameOf.get(port);
  }

  /** A bridge forgets after minutes of silence; the port of then is still the best guess. */
  #placePort(mac: Mac, nameOf: ReadonlyMap<number, string>): void {
    const port = this.#portOf(mac, nameOf);
    if (port !== undefined) this.#table.setPort(mac, port);
  }

  #settleSoon(): void {
    if (!this.#configured || this.#closed) return;
    this.#settling ??= this.#deps.clock.after(SETTLE_MS, () => this.#settle());
  }

  #settle(): void {
    const { clock, neighbours, links, report, announce, log } = this.#deps;
    this.#settling?.cancel();
    this.#settling = undefined;
    this.#next?.cancel();
    const now = this.#now;
    const leasesInMs = this.#lookAtLeases(now);
    const settled = this.#table.settle(now);
    const waitMs = Math.min(leasesInMs, settled.nextMs - now.monoMs);
    this.#next = clock.after(waitMs, () => this.#settle());
    if (settled.checks.length > 0) {
      const indexOf = new Map(links().map(({ ifIndex, name }) => [name, ifIndex]));
      const failed = neighbours.check(
        settled.checks.flatMap(({ ifName, address }) => {
          const ifIndex = indexOf.get(ifName);
          return ifIndex === undefined ? [] : [{ ifIndex, address }];
        }),
      );
      if (failed !== undefined) log.warn({ err: failed }, 'neighbours could not be checked');
    }
    if (settled.asks.length > 0) this.#asker?.(settled.asks);
    this.#keep(settled.toStore, settled.forgotten);
    if (settled.changed) {
      const { hosts, full } = this.#table;
      this.#observed = { revision: this.#observed.revision + 1, hosts, full };
      report(this.#observed);
    }
    for (const event of settled.events) announce(event);
    if (settled.namesChanged) for (const listener of [...this.#nameListeners]) listener();
  }

  /** Gives the time in ms after which it should be asked again. */
  #lookAtLeases(now: Moment): number {
    if (!this.#leasesWanted || this.#looking !== undefined) return Number.POSITIVE_INFINITY;
    const waitMs = this.#leasesAtMs + LEASES_MS - now.monoMs;
    if (waitMs > 0) return waitMs;
    this.#leasesWanted = false;
    this.#leasesAtMs = now.monoMs;
    const look = this.#table.lookAtLeases();
    const all = this.#deps.leases()[Symbol.iterator]();
    const goOn = (moment: Moment): boolean => {
      for (let i = 0; i < LEASES_AT_ONCE; i++) {
        const { done, value } = all.next();
        if (done === true) {
          look.end(moment);
          return true;
        }
        look.take(value, moment);
      }
      this.#looking = this.#deps.clock.after(LEASES_PAUSE_MS, () => {
        this.#looking = undefined;
        if (goOn(this.#now)) this.#settle();
      });
      return false;
    };
    goOn(now);
    return Number.POSITIVE_INFINITY;
  }

  #keep(hosts: readonly Host[], forgotten: readonly Mac[]): void {
    for (const mac of forgotten) this.#unwritten.set(mac, undefined);
    for (const host of hosts) this.#unwritten.set(host.mac, host);
    if (this.#unwritten.size === 0 || this.#closed) return;
    this.#writeSoon ??= this.#deps.clock.after(WRITE_MS, () => {
      this.#writeSoon = undefined;
      void this.#write();
    });
  }

  #everySoOften(): Timer {
    return this.#deps.clock.after(LAST_SEEN_MS, () => {
      this.#lastSeen = this.#everySoOften();
      this.#noteLastSeen();
      void this.#write();
    });
  }

  #noteLastSeen(): void {
    for (const host of this.#table.unsaved()) this.#unwritten.set(host.mac, host);
  }

  /** What cannot be written is tried again with what comes next. */
  #write(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#unwritten.size === 0) return;
      const taken = [...this.#unwritten];
      this.#unwritten.clear();
      const changes = taken.map(([mac, host]): StoreChange => {
        if (host === undefined) return { key: keyOf({ mac }), value: undefined };
        host.storedSeenMs = host.lastSeenMs;
        return { key: keyOf({ mac }), value: encodeHost(host.toStored()) };
      });
      const written = await this.#deps.store.commit(changes);
      if (written.ok) return;
      this.#deps.log.warn({ err: written.error }, 'hosts could not be stored');
      for (const [mac, host] of taken) {
        if (!this.#unwritten.has(mac)) this.#unwritten.set(mac, host);
      }
    });
    return this.#writing;
  }
}

function newsOf(
  all: readonly Neighbour[],
  nameOf: ReadonlyMap<number, string>,
): readonly NeighbourNews[] {
  return all.flatMap(({ ifIndex, address, mac, state }) => {
    const ifName = nameOf.get(ifIndex);
    return ifName === undefined ? [] : [{ ifName, address, mac, state }];
  });
}
