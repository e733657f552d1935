/** What the daemon stands on: the adapters that several services share, each opened once, and what they report to. */
import type { DaemonOptions } from '../edge/cli/daemon-options.ts';
import { bootId } from '../os/linux/boot.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import { LinuxDirectories, LinuxFiles } from '../os/linux/files.ts';
import type { LogSink } from '../os/linux/log.ts';
import { loadNative, type Native, Reactor } from '../os/linux/native.ts';
import { LinuxNet } from '../os/linux/net.ts';
import { LinuxProcesses } from '../os/linux/process.ts';
import type { Program } from '../os/linux/program.ts';
import { LinuxSecrets } from '../os/linux/secrets.ts';
import { openStore } from '../os/linux/store.ts';
import { LinuxPacketTaps } from '../os/linux/taps.ts';
import { LinuxUnixSockets } from '../os/linux/unix.ts';
import type { Store } from '../os/ports.ts';
import { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';
import { must } from './must.ts';
import { Records } from './records.ts';

/** A log is none of it: each service is given its own. */
export interface Platform {
  readonly clock: LinuxClock;
  readonly files: LinuxFiles;
  readonly directories: LinuxDirectories;
  readonly native: Native;
  readonly reactor: Reactor;
  readonly sockets: LinuxUnixSockets;
  readonly processes: LinuxProcesses;
  readonly taps: LinuxPacketTaps;
  readonly net: LinuxNet;
  readonly secrets: LinuxSecrets;
  readonly records: Records;
  readonly store: Store;
  readonly observed: Observed<Observations>;
  readonly bootId: string;
  /** Undefined where it cannot be read. */
  textOf(path: string): string | undefined;
}

/** Folders of the daemon's own below RUN_DIR. */
const OWN = ['hook', 'spool', 'map', 'wifi'];

export async function openPlatform(
  stack: AsyncDisposableStack,
  around: {
    readonly options: DaemonOptions;
    readonly program: Program;
    readonly clock: LinuxClock;
    readonly logs: LogSink;
  },
): Promise<Platform> {
  const { clock } = around;
  const { stateDir, runDir } = around.options;
  const { log } = around.logs;
  const [files, directories] = [new LinuxFiles(), new LinuxDirectories()];
  for (const name of OWN) must(directories.make(`${runDir}/${name}`, 0o700));
  const native = loadNative(around.program.nativePath);
  const reactor = stack.use(new Reactor(native, { leads: true }));
  return {
    ...{ clock, files, directories, native, reactor },
    sockets: new LinuxUnixSockets(reactor),
    processes: new LinuxProcesses(reactor),
    taps: new LinuxPacketTaps(reactor),
    net: stack.use(must(LinuxNet.open(reactor))),
    secrets: new LinuxSecrets(native),
    records: stack.use(new Records(stateDir, clock, log)),
    store: stack.use(must(await openStore(stateDir))),
    observed: new Observed<Observations>(log, clock),
    bootId: must(bootId(files)),
    textOf: (path) => {
      const text = files.readText(path);
      return text.ok ? text.value : undefined;
    },
  };
}
