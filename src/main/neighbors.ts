/** Builds the list of hosts and whoever watches the LAN for it, and joins them with the kernel, leases, model and bus. */
import { randomBytes } from 'node:crypto';
import type { Timer } from '../base/clock.ts';
import type { SystemError } from '../base/errors.ts';
import { formatIp } from '../base/ip6.ts';
import type { Log } from '../base/log.ts';
import { ok, type Result } from '../base/result.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import type { Native, Reactor } from '../os/linux/native.ts';
import { LinuxNeighbours } from '../os/linux/neighbours.ts';
import { OuiVendors } from '../os/linux/vendors.ts';
import type { Files, Net, Store } from '../os/ports.ts';
import type {
  Conflict,
  HostEvent,
  HostLease,
  NeighborsConfig,
} from '../services/neighbors/config.ts';
import { NeighborsService } from '../services/neighbors/service.ts';
import type { Watch } from '../services/neighbors/watch.ts';
import type { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';
import { Lazy } from './lazy.ts';

export interface NeighborsParts {
  readonly native: Native;
  readonly reactor: Reactor;
  readonly net: Net;
  readonly clock: LinuxClock;
  readonly store: Store;
  readonly files: Files;
  readonly log: Log;
  readonly observed: Observed<Observations>;
  readonly vendorsPath: string;
  leases(): Iterable<HostLease>;
  /** Names under which the page is served. */
  readonly ownNames: readonly string[];
  emit(path: string, args: Readonly<Record<string, string>>): void;
}

/** From the first configuration on, until the LAN is listened to. */
const WATCH_AFTER_MS = 1000;
/** Where its code could not be loaded. */
const WATCH_AGAIN_MS = 60_000;

export interface BuiltNeighbors {
  readonly service: NeighborsService;
  /** Undefined until the list of hosts was configured, and once more until its code is loaded. */
  watch(): Watch | undefined;
  apply(config: NeighborsConfig): void;
  /** `links`: it is links that changed, and not addresses or routes alone. */
  networkChanged(links: boolean): void;
}

export function buildNeighbors(
  stack: AsyncDisposableStack,
  parts: NeighborsParts,
): Result<BuiltNeighbors, SystemError> {
  const { reactor, net, clock, store, files, log, observed } = parts;
  const neighbours = LinuxNeighbours.open(reactor);
  if (!neighbours.ok) return neighbours;
  stack.use(neighbours.value);
  const vendors = new OuiVendors(parts.vendorsPath, log);
  const service = stack.use(
    new NeighborsService({
      ...{ neighbours: neighbours.value, clock, store, log },
      links: () => net.links(),
      leases: () => parts.leases(),
      vendorOf: (mac) => vendors.vendorOf(mac),
      ownNames: () => {
        const kernel = files.readText('/proc/sys/kernel/hostname');
        return kernel.ok ? [...parts.ownNames, kernel.value.trim()] : parts.ownNames;
      },
      report: (value) => observed.publish('neighbors', value),
      announce: (event) => parts.emit('Device.Hosts.X_GATEHOUSE_HostChange!', argsOf(event)),
    }),
  );
  stack.use(
    observed.subscribe(({ services }) => {
      if (services.has('dhcpLeases')) service.leasesChanged();
    }),
  );
  let wanted: NeighborsConfig | undefined;
  const load = async (attempt: AsyncDisposableStack): Promise<Watch> => {
    const [{ Watch }, { LinuxFramePorts }, { LinuxArpScanner }] = await Promise.all([
      import('../services/neighbors/watch.ts'),
      import('../os/linux/frames.ts'),
      import('../os/linux/arp-scan.ts'),
    ]);
    const watching = new Watch({
      ...{ net, clock, log, neighbours: neighbours.value },
      frames: new LinuxFramePorts(reactor),
      scanner: new LinuxArpScanner(parts.native),
      random16: () => randomBytes(2).readUInt16BE(),
      heard: (heard) => service.heard(heard),
      hosts: () => service.observed.hosts,
      hostOf: (mac) => service.hostOf(mac),
      report: (value) => observed.publish('neighborWatch', value),
      announce: (conflict) =>
        parts.emit('Device.Hosts.X_GATEHOUSE_AddressConflict!', conflictArgs(conflict)),
    });
    attempt.use(watching);
    service.askBy((places) => watching.ask(places));
    if (wanted !== undefined) watching.apply(wanted);
    return watching;
  };
  const watch = stack.use(new Lazy({ name: 'the watch of the LAN', log, build: load }));
  let loading: Timer | undefined;
  /** Not before the daemon stands: what is found in the first second is found in the second, too. */
  const loadIn = (ms: number): void => {
    loading = clock.after(ms, () => {
      watch.load().catch(() => {
        if (!stack.disposed) loadIn(WATCH_AGAIN_MS);
      });
    });
  };
  stack.defer(() => loading?.cancel());
  return ok({
    service,
    watch: () => watch.value,
    apply: (config) => {
      service.apply(config);
      wanted = config;
      watch.value?.apply(config);
      if (loading === undefined) loadIn(WATCH_AFTER_MS);
    },
    networkChanged: (links) => {
      if (links) service.linksChanged();
      watch.value?.networkChanged();
    },
  });
}

const CHANGES = {
  new: 'New',
  active: 'Active',
  inactive: 'Inactive',
  renamed: 'Renamed',
} as const;

const conflictArgs = ({ kind, address, mac, other, reason }: Conflict) => ({
  ...{ Kind: kind, IPAddress: formatIp(address), PhysAddress: mac, OtherPhysAddress: other ?? '' },
  Reason: reason,
});

const argsOf = ({ kind, host }: HostEvent) => ({
  Change: CHANGES[kind],
  PhysAddress: host.mac,
  HostName: host.name ?? '',
  Device: host.device,
  IPAddress: host.mainAddress === undefined ? '' : formatIp(host.mainAddress),
});
