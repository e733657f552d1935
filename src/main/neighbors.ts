/** Builds the list of hosts and joins it with the kernel, leases, model and bus. */
import type { SystemError } from '../base/errors.ts';
import { formatIp } from '../base/ip6.ts';
import type { Log } from '../base/log.ts';
import { ok, type Result } from '../base/result.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import type { Reactor } from '../os/linux/native.ts';
import { LinuxNeighbours } from '../os/linux/neighbours.ts';
import { OuiVendors } from '../os/linux/vendors.ts';
import type { Files, Net, Store } from '../os/ports.ts';
import type { HostEvent, HostLease } from '../services/neighbors/config.ts';
import { NeighborsService } from '../services/neighbors/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';

export interface NeighborsParts {
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

export function buildNeighbors(
  stack: AsyncDisposableStack,
  parts: NeighborsParts,
): Result<NeighborsService, SystemError> {
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
  return ok(service);
}

const CHANGES = {
  new: 'New',
  active: 'Active',
  inactive: 'Inactive',
  renamed: 'Renamed',
} as const;

const argsOf = ({ kind, host }: HostEvent) => ({
  Change: CHANGES[kind],
  PhysAddress: host.mac,
  HostName: host.name ?? '',
  IPAddress: host.mainAddress === undefined ? '' : formatIp(host.mainAddress),
});
