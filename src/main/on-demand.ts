/** Services that are loaded when they are wanted first, so that they cost the start nothing: monitor, load tests, captures, alerts, torrents of the LAN. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { CommandService } from '../edge/ubus/gatehouse.ts';
import type { Native, Reactor } from '../os/linux/native.ts';
import type { LinuxProcesses } from '../os/linux/process.ts';
import type { Net, Store } from '../os/ports.ts';
import type { Observed } from '../state/observed.ts';
import type { CompiledConfig, Model, Origin } from '../tr181/model.ts';
import type { Observations } from '../tr181/table.ts';
import { alertCommands, LazyAlerts } from './alerts.ts';
import { captureCalls, captureCommands, LazyCaptures } from './captures.ts';
import type { LazyDht } from './dht-lazy.ts';
import { LazyLanTorrents, lanTorrentsCommands } from './lan-torrents.ts';
import { LazyLoadTests, loadTestCommands } from './load-test-commands.ts';
import { monitorCommands } from './monitor-commands.ts';
import { LazyMonitor } from './monitor-lazy.ts';

export interface OnDemandParts {
  readonly native: Native;
  readonly reactor: Reactor;
  readonly processes: LinuxProcesses;
  readonly net: Net;
  readonly store: Store;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly observed: Observed<Observations>;
  readonly dht: LazyDht;
  model(): Model;
}

export type OnDemand = ReturnType<typeof buildOnDemand>;

export function buildOnDemand(stack: AsyncDisposableStack, parts: OnDemandParts) {
  const { observed, log } = parts;
  const monitor = new LazyMonitor(stack, {
    ...parts,
    log: log.child({ service: 'monitor' }),
    report: (value) => observed.publish('monitor', value),
  });
  const loadTests = stack.use(
    new LazyLoadTests(
      {
        ...parts,
        log: log.child({ service: 'monitor' }),
        report: (value) => observed.publish('loadTest', value),
      },
      () => parts.model().compileAll().loadTest,
    ),
  );
  const captures = stack.use(
    new LazyCaptures({
      ...parts,
      log: log.child({ service: 'capture' }),
    }),
  );
  const alerts = stack.use(
    new LazyAlerts({
      ...parts,
      log: log.child({ service: 'alerts' }),
      captured: (sinceMs) => captures.firedSince(sinceMs),
      names: () =>
        new Map(
          parts
            .model()
            .compileAll()
            .monitor.targets.map(({ id, name }) => [id, name]),
        ),
    }),
  );
  const lanTorrents = stack.use(
    new LazyLanTorrents({ ...parts, log: log.child({ service: 'lan-torrents' }) }),
  );
  return {
    lookups: { monitor: () => monitor.service, lanTorrents: () => lanTorrents.look(1000) },
    calls: {
      ...captureCalls(captures),
      monitorTest: monitor.test.bind(monitor),
      loadTest: loadTests.test.bind(loadTests),
      alertsTest: alerts.test.bind(alerts),
      lanTorrentsClear: () => lanTorrents.clear(),
    },
    steps: {
      monitor: (wanted: CompiledConfig['monitor']) => monitor.apply(wanted),
      lanTorrents: (wanted: CompiledConfig['lanTorrents']) => lanTorrents.apply(wanted),
      loadTest: (wanted: CompiledConfig['loadTest']) => loadTests.apply(wanted),
      captures: (wanted: CompiledConfig['captures']) => captures.apply(wanted),
      alerts: (wanted: CompiledConfig['alerts']) => alerts.apply(wanted),
    },
    /** `done`: a line in the audit log. */
    commands(done: (what: string, origin: Origin) => Promise<void>) {
      const capture = captureCommands(captures, (what, origin) => done(`capture ${what}`, origin));
      const watched = monitorCommands(
        monitor,
        () => parts.model().compileAll().monitor,
        parts.clock,
      );
      const dht = parts.dht.commands(
        lanTorrentsCommands(lanTorrents, observed, (what, origin) => done(`dht ${what}`, origin)),
      );
      const loadTest = loadTestCommands(loadTests, (what, origin) =>
        done(`load-test ${what}`, origin),
      );
      const told = alertCommands(alerts);
      const all: readonly CommandService[] = [dht, watched, loadTest, capture, told];
      return { all, capture, monitor: watched, loadTest, alerts: told };
    },
  };
}
