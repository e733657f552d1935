/** Load tests with their real adapters: loaded when there is a schedule, or somebody asks for one. */

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { LinuxLoadTransfers } from '../os/linux/load-transfer.ts';
import type { Reactor } from '../os/linux/native.ts';
import { LinuxPathSockets } from '../os/linux/path.ts';
import { hostNames } from '../os/linux/resolve.ts';
import type { Net, Store } from '../os/ports.ts';
import { runLoadTest } from '../services/monitor/load-test/run.ts';
import { LoadTests } from '../services/monitor/load-test/service.ts';
import type { LoadObserved } from '../services/monitor/load-test/types.ts';

export interface LoadTestSurroundings {
  readonly reactor: Reactor;
  readonly net: Net;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  report(observed: LoadObserved): void;
}

export function buildLoadTests(around: LoadTestSurroundings): LoadTests {
  const { reactor, net, clock } = around;
  const sockets = new LinuxPathSockets(reactor);
  const names = hostNames(clock);
  const transfers = new LinuxLoadTransfers();
  return new LoadTests({
    ...around,
    run: (order, signal, tell) =>
      runLoadTest({ sockets, clock, names, transfers }, order, signal, tell),
    wanFault: () => wanFault(net),
    local: (wallMs) => {
      const time = new Date(wallMs);
      const [month, date] = [time.getMonth() + 1, time.getDate()].map((n) =>
        String(n).padStart(2, '0'),
      );
      return { day: `${time.getFullYear()}-${month}-${date}`, hour: time.getHours() };
    },
    random: () => Math.random(),
  });
}

/** Every link that a default route leaves by must be up: what goes another way meanwhile tells of another line. */
function wanFault(net: Net): string | undefined {
  const ways = [...net.routes(), ...net.routes6()].filter(
    ({ type, prefixLen }) => type === 'unicast' && prefixLen === 0,
  );
  const links = new Map(net.links().map((link) => [link.ifIndex, link]));
  const used = [...new Set(ways.map(({ ifIndex }) => ifIndex))].flatMap((ifIndex) => {
    const link = ifIndex === undefined ? undefined : links.get(ifIndex);
    return link === undefined ? [] : [link];
  });
  if (used.length === 0) return 'there is no way to the Internet: no default route';
  // A tunnel does not say.
  const down = used.find(({ operState }) => operState !== 'up' && operState !== 'unknown');
  return down === undefined ? undefined : `the link of ${down.name} is ${down.operState}`;
}
