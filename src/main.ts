/** Where the program starts: the command line with its real adapters; the daemon is loaded only when it is asked for. */
import { once } from 'node:events';
import { parseDaemonOptions } from './edge/cli/daemon-options.ts';
import type { CliEnvironment, Output } from './edge/cli/environment.ts';
import { failureWords } from './os/linux/errno.ts';
import { LinuxFiles } from './os/linux/files.ts';
import { thisProgram } from './os/linux/program.ts';

function onSignals(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => ending.abort());
  }
  return ending.signal;
}

async function daemon(args: readonly string[]): Promise<number> {
  const options = parseDaemonOptions(args, (path) => new LinuxFiles().readText(path));
  const say = (text: string) => void process.stderr.write(text);
  if (!options.ok) {
    for (const fault of options.error) say(`gatehouse daemon: ${fault}\n`);
    say("(try 'gatehouse daemon --help')\n");
    return 2;
  }
  const program = thisProgram(import.meta.url);
  if (process.geteuid?.() === 0) {
    const { becomeUnprivileged } = await import('./main/unprivileged.ts');
    return becomeUnprivileged(options.value, program, say);
  }
  const { runDaemon } = await import('./main/daemon.ts');
  return runDaemon(options.value, {
    program,
    signal: onSignals(),
    onReload: (run) => void process.on('SIGHUP', run),
    say,
  });
}

const output = (stream: NodeJS.WriteStream): Output => ({
  write: (text) => stream.write(text),
  taken: async () => {
    if (stream.writableNeedDrain) await once(stream, 'drain');
  },
  isTerminal: stream.isTTY === true,
  get columns() {
    return stream.isTTY ? stream.columns : undefined;
  },
});

async function environment(): Promise<CliEnvironment> {
  const { version, commit, nativePath, vendorsPath } = thisProgram(import.meta.url);
  const { commandLine } = await import('./main/command-line.ts');
  const built: CliEnvironment = {
    version,
    commit,
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    signal: onSignals(),
    daemon,
    resetPassword: async (stateDir, name, password) => {
      const { resetPassword } = await import('./main/reset-password.ts');
      return resetPassword(stateDir, nativePath, name, password);
    },
    diag: async (options, stateDir) => {
      const { diag } = await import('./main/diag.ts');
      await diag(built, options, stateDir, nativePath);
    },
    ...commandLine({ nativePath, vendorsPath }),
  };
  return built;
}

async function main(args: readonly string[]): Promise<number> {
  // The daemon starts without loading what the other commands need.
  if (args[0] === 'daemon' && !args.includes('--help') && !args.includes('-h')) {
    return daemon(args.slice(1));
  }
  // The daemon's own child: see os/linux/certificate-child.ts.
  if (args[0] === 'make-certificate') {
    const { makeCertificate } = await import('./main/make-certificate.ts');
    return makeCertificate();
  }
  // Of the box's own init: see main/first-boot.ts.
  if (args[0] === 'first-boot') {
    const { runFirstBoot } = await import('./main/first-boot.ts');
    const say = (text: string) => void process.stdout.write(`${text}\n`);
    return runFirstBoot(args.slice(1), thisProgram(import.meta.url).nativePath, say);
  }
  // `gatehouse get … | head` closes the pipe early, a terminal goes away: that ends the output, it is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'EIO') process.exit(0);
    process.stderr.write(`gatehouse: standard output: ${failureWords(error)}\n`);
    process.exit(1);
  });
  // There is nowhere to say it.
  process.stderr.on('error', () => {});
  const [{ runCli }, built] = await Promise.all([import('./edge/cli/program.ts'), environment()]);
  return runCli(args, built);
}

// No top-level await: the bundle is a script, which starts 8 ms sooner than a module.
void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
