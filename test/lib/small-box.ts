import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { sh } from './netns.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** As in the lab: a number that no account has. */
export const UID = 6767;

/** Why no box can be made here, or undefined when it can: hand it to tap as `skip`. */
export const noBoxes = (): string | undefined =>
  process.getuid?.() === 0 ? undefined : 'needs root for namespaces of processes';

/**
 * A machine of its own as far as processes, host name and mounts go: it has an init, a user
 * gatehouse and the root helper, and when it reboots, that ends it (reboot(2) in a namespace of
 * processes) with SIGHUP, and with SIGINT when it is powered off.
 */
export class SmallBox implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gh-box-'));
  readonly runDir = join(this.folder, 'run');
  readonly stateDir = join(this.folder, 'state');
  readonly audit = join(this.folder, 'log/root.log');
  #machine: ChildProcess | undefined;
  #gone: Promise<string> | undefined;

  constructor() {
    chmodSync(this.folder, 0o755);
    for (const name of ['run', 'state', 'etc', 'log', 'app']) mkdirSync(join(this.folder, name));
    for (const path of [this.runDir, this.stateDir]) chownSync(path, UID, UID);
    this.write('etc/passwd', `root:x:0:0::/:/bin/sh\ngatehouse:x:${UID}:${UID}::/:/bin/false\n`);
    this.write('etc/group', `root:x:0:\ngatehouse:x:${UID}:\n`);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text, { mode: 0o755 });
  }

  /** Programs of the checkout as the box sees them: it may lie where only its user may enter. */
  app(path: string): string {
    return join(this.folder, 'app', path.startsWith(ROOT) ? path.slice(ROOT.length) : path);
  }

  get helper(): string {
    const program = this.app('build/native/root-helper');
    return `${program} --run-dir ${this.runDir} --audit ${this.audit}`;
  }

  get socket(): string {
    return join(this.runDir, 'root.sock');
  }

  get records(): string[] {
    return existsSync(this.audit) ? readFileSync(this.audit, 'utf8').split('\n').slice(0, -1) : [];
  }

  /** With busybox as init, and `inittab` in front of what ends the box. */
  startBusybox(inittab: string): void {
    this.write(
      'etc/inittab',
      `${inittab}\n::shutdown:/bin/touch ${join(this.folder, 'in-order')}\n`,
    );
    this.#start('exec busybox init');
  }

  /** With an init that hears no signal. */
  startDeaf(script: string): void {
    this.write('init', `${script}\nwhile :; do wait; sleep 1; done\n`);
    this.#start(`exec sh ${join(this.folder, 'init')}`);
  }

  get endedInOrder(): boolean {
    return existsSync(join(this.folder, 'in-order'));
  }

  /** The signal that the box ended by. */
  get gone(): Promise<string> {
    return this.#gone ?? Promise.reject(new Error('never started'));
  }

  /** The host name that the box has now. */
  get hostName(): string {
    return this.inside('hostname').trim();
  }

  /** Runs a program in the box, and gives what it says. */
  inside(...command: readonly string[]): string {
    const init = readFileSync(`/proc/${this.#machine?.pid}/task/${this.#machine?.pid}/children`);
    return sh('nsenter', '--all', '--target', String(init).trim(), ...command);
  }

  /** The process of the box whose program lies in `folder` and ends in `name`. */
  pidOf(name: string, folder = this.folder): number {
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const path = `/proc/${pid}/cmdline`;
      const [program] = existsSync(path) ? readFileSync(path, 'latin1').split('\0') : [];
      if (program?.startsWith(folder) && program.endsWith(name)) return Number(pid);
    }
    throw new Error(`no ${name} runs in the box`);
  }

  async until(what: string, check: () => unknown): Promise<void> {
    const end = performance.now() + 30_000;
    while (!(await check())) {
      if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
      await pause(20);
    }
  }

  #start(init: string): void {
    const script = `
      mount --bind ${join(this.folder, 'etc')} /etc && mount --bind ${ROOT} ${this.app('')} &&
      mount --bind /dev/null /dev/console && hostname small-box && cd / && ${init}`;
    const apart = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--uts', '--net'];
    const machine = spawn('unshare', [...apart, 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#machine = machine;
    let said = '';
    for (const stream of [machine.stdout, machine.stderr]) {
      stream.on('data', (chunk) => (said += String(chunk)));
    }
    this.#gone = new Promise((resolve) =>
      machine.once('close', (code, signal) => resolve(signal ?? `code ${code}: ${said}`)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The init goes with it (--kill-child), and everything else with the init.
    this.#machine?.kill('SIGKILL');
    await this.#gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
