/** Builds the DHCPv6 clients, and joins them with the network and with what the LAN is told. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Log } from '../base/log.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import type { LinuxDirectories, LinuxFiles } from '../os/linux/files.ts';
import type { LinuxProcesses } from '../os/linux/process.ts';
import type { Net, PacketTaps, Store } from '../os/ports.ts';
import { dibbler } from '../services/dhcp6-client/dibbler.ts';
import { odhcp6c } from '../services/dhcp6-client/odhcp6c.ts';
import { Dhcp6ClientService } from '../services/dhcp6-client/service.ts';
import type { NetworkService } from '../services/network/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';
import type { BuiltDhcp6Server } from './dhcp6-server.ts';

export interface Dhcp6ClientParts {
  readonly net: Net;
  readonly network: NetworkService;
  readonly processes: LinuxProcesses;
  readonly taps: PacketTaps;
  readonly store: Store;
  readonly files: LinuxFiles;
  readonly directories: LinuxDirectories;
  readonly clock: LinuxClock;
  readonly log: Log;
  readonly bootId: string;
  readonly runDir: string;
  readonly pluginPath: string;
  readonly server: Pick<BuiltDhcp6Server, 'delegated'>;
  readonly observed: Observed<Observations>;
}

/** The first that is installed: OpenWrt has odhcp6c, Debian has dibbler-client. */
function installed() {
  for (const face of [odhcp6c, dibbler]) {
    const file = face.places.find((place) => existsSync(place));
    if (file !== undefined) return { face, file };
  }
  return undefined;
}

/** Its DUID is there; what an earlier daemon held is taken up by `recover`. */
export async function buildDhcp6Client(
  stack: AsyncDisposableStack,
  parts: Dhcp6ClientParts,
): Promise<Dhcp6ClientService> {
  const { net, network, processes, taps, store, files, directories, clock, log } = parts;
  const { bootId, runDir, pluginPath, server, observed } = parts;
  const service = stack.use(
    new Dhcp6ClientService({
      ...{ processes, taps, store, files, directories, clock, log, bootId, planner: network },
      program: installed(),
      asRoot: process.getuid?.() === 0,
      hookDir: `${runDir}/hook`,
      workDir: `${runDir}/dhcp6`,
      randomBytes: (count) => randomBytes(count),
      linkHook: (id) => directories.link(pluginPath, `${runDir}/hook/${id}`),
      linkOf: (ifName) => net.links().find(({ name }) => name === ifName),
      linkLocalOf: (ifName) => network.linkLocalOf(ifName),
      argumentsOf: (identity) => processes.argumentsOf(identity),
      lanChanged: (prefixes, resolvers) => server.delegated({ prefixes, resolvers }),
      report: (value) => observed.publish('dhcp6Client', value),
    }),
  );
  stack.use(
    net.subscribe((events) => {
      // It starts once the link-local address is past duplicate detection.
      if (events.some(({ what }) => what !== 'route')) service.linksChanged();
    }),
  );
  const named = await service.identify();
  if (!named.ok) log.error({ code: named.error.code }, `the client's DUID: ${named.error.message}`);
  return service;
}
