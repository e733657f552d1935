/** Builds the DHCPv4 client and the monitor through which the clients' programs tell what they got. */
import type { Log } from '../base/log.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import type { LinuxDirectories, LinuxFiles } from '../os/linux/files.ts';
import type { LinuxNet } from '../os/linux/net.ts';
import type { LinuxProcesses } from '../os/linux/process.ts';
import type { LinuxPacketTaps } from '../os/linux/taps.ts';
import type { LinuxUnixSockets } from '../os/linux/unix.ts';
import type { Store } from '../os/ports.ts';
import { LeaseMonitor } from '../services/dhcp-client/monitor.ts';
import { DhcpClientService } from '../services/dhcp-client/service.ts';
import type { NetworkService } from '../services/network/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';

export interface DhcpClientParts {
  readonly net: LinuxNet;
  readonly network: NetworkService;
  readonly processes: LinuxProcesses;
  readonly taps: LinuxPacketTaps;
  readonly store: Store;
  readonly sockets: LinuxUnixSockets;
  readonly files: LinuxFiles;
  readonly directories: LinuxDirectories;
  readonly clock: LinuxClock;
  readonly log: Log;
  readonly observed: Observed<Observations>;
  readonly bootId: string;
  readonly runDir: string;
  readonly pluginPath: string;
  /** Whether the client of IPv6 took a message that was none of ours. */
  hook6(...message: Parameters<DhcpClientService['hook']>): Promise<boolean>;
}

const UDHCPC = '/sbin/udhcpc';

export function buildDhcpClient(
  stack: AsyncDisposableStack,
  parts: DhcpClientParts,
): { readonly service: DhcpClientService; readonly monitor: LeaseMonitor } {
  const { net, network, processes, clock, log, directories, bootId, runDir } = parts;
  const monitor: LeaseMonitor = new LeaseMonitor({
    ...{ sockets: parts.sockets, files: parts.files, directories, clock, log, bootId },
    socketPath: `${runDir}/lease.sock`,
    spoolDir: `${runDir}/spool`,
    bootIdPath: `${runDir}/boot-id`,
    ownUid: process.getuid?.() ?? 0,
    handle: async (message) => (await service.hook(message)) || (await parts.hook6(message)),
  });
  const linkOf = (ifName: string) => net.links().find((link) => link.name === ifName);
  const service: DhcpClientService = new DhcpClientService({
    ...{ clock, log, processes, taps: parts.taps, store: parts.store, bootId, linkOf },
    planner: network,
    udhcpc: UDHCPC,
    hookDir: `${runDir}/hook`,
    linkHook: (id) => directories.link(parts.pluginPath, `${runDir}/hook/${id}`),
    surroundings: (ifName) => ({
      foreign: network.prefixesBeside(ifName),
      maxMtu: linkOf(ifName)?.maxMtu || 1500,
    }),
    argumentsOf: (identity) => processes.argumentsOf(identity),
    refusedMessages: () => monitor.refused,
    report: (value) => parts.observed.publish('dhcpClient', value),
  });
  stack.use(service);
  stack.use(monitor);
  return { service, monitor };
}
