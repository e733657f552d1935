/** Wi-Fi with its real adapters: loaded where there is a radio, or a wish for one. */
import { pbkdf2Sync } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { LinuxDirectories, LinuxFiles } from '../os/linux/files.ts';
import type { Reactor } from '../os/linux/native.ts';
import { phyOf } from '../os/linux/phy.ts';
import type { LinuxProcesses } from '../os/linux/process.ts';
import { LinuxDatagramSockets } from '../os/linux/unix-datagram.ts';
import type { Net } from '../os/ports.ts';
import { WifiService } from '../services/wifi/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';

const WPA_SUPPLICANT = '/usr/sbin/wpa_supplicant';

export interface WifiSurroundings {
  readonly reactor: Reactor;
  readonly processes: LinuxProcesses;
  readonly clock: Clock;
  readonly log: Log;
  readonly files: LinuxFiles;
  readonly directories: LinuxDirectories;
  readonly net: Net;
  readonly observed: Observed<Observations>;
  readonly runDir: string;
}

export function buildWifi(stack: AsyncDisposableStack, around: WifiSurroundings): WifiService {
  const { net, processes, observed } = around;
  const service: WifiService = stack.use(
    new WifiService({
      ...around,
      ...{ sockets: new LinuxDatagramSockets(around.reactor), keyOf, phyOf },
      ...{ program: WPA_SUPPLICANT, driver: 'nl80211', folder: `${around.runDir}/wifi` },
      argumentsOf: (identity) => processes.argumentsOf(identity),
      links: () => net.links(),
      report: (value) => observed.publish('wifi', value),
    }),
  );
  stack.use(
    net.subscribe((events) => {
      if (events.some(({ what }) => what === 'link' || what === 'resync')) service.linksChanged();
    }),
  );
  return service;
}

/** IEEE 802.11-2020 annex J.4.1: PBKDF2 with SHA-1, 4,096 rounds, 256 bits. */
const keyOf = (passphrase: string, ssid: string): string =>
  pbkdf2Sync(passphrase, ssid, 4096, 32, 'sha1').toString('hex');
