/** The console with its real terminal, programs and files. */
import { SystemError } from '../base/errors.ts';
import { err, ok } from '../base/result.ts';
import type { CliEnvironment } from '../edge/cli/environment.ts';
import type { GlobalOptions } from '../edge/cli/session.ts';
import { runConsole } from '../edge/console/menu.ts';
import { hasColour } from '../edge/console/terminal.ts';
import { captureTo } from '../os/linux/capture.ts';
import { LinuxFiles } from '../os/linux/files.ts';
import { followLines } from '../os/linux/follow.ts';
import { firstProgram, runLines } from '../os/linux/line-program.ts';
import { LOG_FILE, readable } from '../os/linux/log.ts';
import { loadNative, Reactor } from '../os/linux/native.ts';
import { LinuxNet } from '../os/linux/net.ts';
import { lineOf } from '../os/linux/physical-line.ts';
import { RawTerminal } from '../os/linux/raw-terminal.ts';
import { LinuxPacketTaps } from '../os/linux/taps.ts';

/** An open menu on a line that everybody passes by closes itself. */
const IDLE_MS = 15 * 60_000;
const PING = ['/bin/ping', '/usr/bin/ping'];
/** As both iputils and busybox have them: so many requests, so many seconds in all. */
const PING_BOUNDS = ['-c', '5', '-w', '10'];
const NEWEST_LINES = 20;
const SHELL = '/bin/sh';
/** Memory, on the box: a capture is not kept over a restart. */
const CAPTURE_DIR = '/tmp';

export async function diag(
  environment: CliEnvironment,
  options: GlobalOptions,
  stateDir: string,
  nativePath: string,
): Promise<void> {
  using terminal = new RawTerminal(IDLE_MS);
  environment.signal.addEventListener('abort', () => terminal.end(), { once: true });
  const { env } = environment;
  await runConsole({
    terminal: Object.assign(terminal, {
      colour: process.stdout.isTTY === true && options.color !== false && hasColour(env),
    }),
    environment,
    options,
    line: lineOf(new LinuxFiles(), 'self'),
    ping: async (host, said, signal) => {
      const program = firstProgram(PING);
      return program === undefined
        ? err(new SystemError('no ping is installed here', 'ENOENT'))
        : runLines(program, [...PING_BOUNDS, host], said, signal);
    },
    followLog: (heard, signal) =>
      followLines(
        `${stateDir}/log/${LOG_FILE}`,
        NEWEST_LINES,
        (line) => heard(shown(line)),
        signal,
      ),
    capture: async (ifName, limits, signal) => {
      await using reactor = new Reactor(loadNative(nativePath));
      const net = LinuxNet.open(reactor);
      if (!net.ok) return net;
      await using opened = net.value;
      const link = opened.links().find(({ name }) => name === ifName);
      if (link === undefined) return err(new SystemError(`there is no link ${ifName}`, 'ENODEV'));
      const time = new Date(environment.wallMs()).toISOString().replace(/[:.]/g, '-');
      const path = `${CAPTURE_DIR}/${ifName}-${time}.pcap`;
      const task = { ...limits, path, ifIndex: link.ifIndex };
      const taps = new LinuxPacketTaps(reactor);
      const done = await captureTo(taps, environment.wallMs, task, signal);
      return done.ok ? ok({ path, ...done.value }) : done;
    },
    shell: () => terminal.handOver(SHELL, ['-l']),
  });
}

/** A line that a crash tore is shown as it is not. */
function shown(line: string): string {
  try {
    return readable(line);
  } catch {
    return '(a torn line)\n';
  }
}
