import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UbusClient } from '../../src/edge/ubus/client.ts';
import { LinuxClock } from '../../src/os/linux/clock.ts';
import { loadNative, Reactor } from '../../src/os/linux/native.ts';
import { LinuxUnixSockets } from '../../src/os/linux/unix.ts';
import { tableFromPlain, tableToPlain } from '../../src/wire/blobmsg-json.ts';
import { MemoryLog } from './log.ts';
import { type Namespaces, sh, signalIfThere } from './netns.ts';
import { NODE_FLAGS } from './node-flags.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The bundle where it is newer than the sources, as the launcher has it. */
const ENTRY = sh(join(ROOT, 'scripts/entry')).trim();
/** As in the lab: a number that no account has. */
const UID = 6767;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const CAPS = '-all,+net_admin,+net_raw,+net_bind_service';

export interface RouterOptions {
  readonly wan?: string;
  readonly lan?: readonly string[];
  readonly rows?: Readonly<Record<string, string>>;
  /** Environment of the daemon alone, not of what starts it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Start it as root, on a machine that has a user `gatehouse`: it is to drop by itself. */
  readonly asRoot?: boolean;
  /** What starts it instead of Node and the bundle; paths in the checkout are found wherever it is seen. */
  readonly program?: readonly string[];
  /** A program that is there, but fails, for this daemon alone. */
  readonly broken?: string;
  /** A folder whose content this daemon sees in /usr/lib, besides what is there. */
  readonly library?: string;
  /** /dev/net/tun is open to all, as on the box. */
  readonly tun?: true;
}

interface Row {
  readonly path: string;
  readonly data?: string;
  readonly fault?: number;
  readonly fault_msg?: string;
}

/**
 * A Gatehouse daemon in a namespace, unprivileged as on the box, driven over ubus from outside.
 * Everything it leaves (clients live on by design) is ended by the namespace's own list of
 * processes on disposal.
 */
export class Router implements AsyncDisposable {
  readonly folder: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly #spaces: Namespaces;
  readonly #node: string;
  readonly #options: RouterOptions;
  readonly #reactor = new Reactor(loadNative());
  readonly bus: UbusClient;
  #daemon: ChildProcess | undefined;
  #boots = 0;
  /** Files: the boot id, and the time namespace. */
  #boot: { readonly id: string; readonly time: string } | undefined;

  constructor(spaces: Namespaces, node: string, options: RouterOptions = {}) {
    this.#spaces = spaces;
    this.#node = node;
    this.#options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'gh-router-'));
    this.stateDir = join(this.folder, 'state');
    this.runDir = join(this.folder, 'run');
    for (const path of [this.folder, this.stateDir, this.runDir]) {
      mkdirSync(path, { recursive: true, mode: 0o755 });
      chownSync(path, UID, UID);
    }
    const { wan = 'wan0', lan = ['lan0'], rows = {} } = options;
    const config = { interfaces: { wan, lan }, log: { level: 'debug' }, rows };
    writeFileSync(join(this.folder, 'config.json'), JSON.stringify(config));
    const sockets = new LinuxUnixSockets(this.#reactor);
    this.bus = new UbusClient({
      connect: (opened) => sockets.connect(this.socket, 1 << 20, opened),
      clock: new LinuxClock(loadNative()),
      log: new MemoryLog(),
    });
    this.bus.start();
  }

  get socket(): string {
    return join(this.runDir, 'ubus.sock');
  }

  get pid(): number {
    return this.#daemon?.pid ?? 0;
  }

  get alive(): boolean {
    return (
      this.#daemon !== undefined &&
      this.#daemon.exitCode === null &&
      this.#daemon.signalCode === null
    );
  }

  /** Starts the daemon and waits until it answers. */
  async start(...extra: string[]): Promise<void> {
    const node = process.execPath;
    const app = join(this.folder, 'app');
    mkdirSync(app, { recursive: true });
    const { asRoot = false, env = {}, broken, library, tun } = this.#options;
    const { program: start = [node, ...NODE_FLAGS, join(ROOT, ENTRY)] } = this.#options;
    const seen = (word: string): string =>
      word.startsWith(ROOT) ? join(app, word.slice(ROOT.length)) : word;
    const passwd = join(this.folder, 'passwd');
    const device = join(this.folder, 'tun');
    const users = readFileSync('/etc/passwd', 'utf8');
    writeFileSync(passwd, `${users}gatehouse:x:${UID}:${UID}::/:/bin/false\n`);
    // The checkout may lie where only its user may enter; the bind mounts are the daemon's alone.
    const script = `mount --bind "$1" "$2" && ${
      asRoot ? `mount --bind ${passwd} /etc/passwd && ` : ''
    }${broken === undefined ? '' : `mount --bind /bin/false ${broken} && `}${
      this.#boot === undefined ? '' : `mount --bind ${this.#boot.id} ${BOOT_ID} && `
    }${
      library === undefined
        ? ''
        : `mount -t overlay -o lowerdir=${library}:/usr/lib overlay /usr/lib && `
    }${
      tun === undefined
        ? ''
        : `{ [ -e ${device} ] || mknod -m 666 ${device} c 10 200; } && mount --bind ${device} /dev/net/tun && `
    }shift 2 && cd / && exec env -i "$@"`;
    const ids = ['--reuid', `${UID}`, '--regid', `${UID}`, '--clear-groups', '--no-new-privs'];
    const caps = ['--inh-caps', CAPS, '--ambient-caps', CAPS, '--bounding-set', CAPS];
    const program = [
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      ...(this.#boot === undefined ? [] : ['nsenter', `--time=${this.#boot.time}`]),
      ...(asRoot ? [] : ['setpriv', ...ids, ...caps]),
      ...['env', ...Object.entries(env).map(([key, value]) => `${key}=${value}`)],
      ...start.map(seen),
      ...['daemon', '--config', join(this.folder, 'config.json'), '--state-dir', this.stateDir],
      ...['--run-dir', this.runDir, '--ubus-socket', this.socket, ...extra],
    ];
    const argv = this.#spaces.argv(this.#node, 'sh', '-c', script, 'sh', ROOT, app, ...program);
    const daemon = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#daemon = daemon;
    let said = '';
    daemon.stderr?.on('data', (chunk) => (said += String(chunk)));
    daemon.stdout?.resume();
    await this.until('the daemon answers', async () => {
      if (!this.alive) throw new Error(`the daemon ended: ${said}\n${this.log.slice(-2000)}`);
      const answer = await this.bus.call('gatehouse', 'status', [], { timeoutMs: 5_000 });
      return answer.ok;
    });
  }

  /**
   * To daemons that are started from now on the machine has another boot id, and CLOCK_BOOTTIME says
   * that it started `uptimeSec` ago.
   */
  async reboot(uptimeSec: number): Promise<void> {
    await this.stop('SIGKILL');
    const id = join(this.folder, `boot-id-${++this.#boots}`);
    writeFileSync(id, `${randomUUID()}\n`);
    const [now = '0'] = readFileSync('/proc/uptime', 'utf8').split(' ');
    const offset = `${uptimeSec - Math.round(Number(now))}`;
    const hold = [
      '--time',
      '--boottime',
      offset,
      '--fork',
      'sh',
      '-c',
      'echo $$; exec sleep infinity',
    ];
    const holder = spawn('ip', this.#spaces.argv(this.#node, 'unshare', ...hold), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = (await once(holder.stdout, 'data')) as [Buffer];
    this.#boot = { id, time: `/proc/${String(pid).trim()}/ns/time` };
  }

  /** Ends the daemon by a signal and waits until it is gone; its clients live on. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined || !this.alive) return;
    const gone = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill(signal);
    await gone;
  }

  /** Waits until `check` gives something true; fails after `timeoutMs` with what was waited for. */
  async until<T>(
    what: string,
    check: () => Promise<T> | T,
    timeoutMs = 60_000,
  ): Promise<NonNullable<T>> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const value = await check();
      if (value) return value;
      if (performance.now() > end)
        throw new Error(`waited ${timeoutMs} ms in vain until ${what}\n${this.log.slice(-3000)}`);
      await pause(20);
    }
  }

  async call(object: string, method: string, args: object = {}): Promise<Record<string, unknown>> {
    const data = tableFromPlain(args);
    const answer = await this.bus.call(object, method, data);
    if (!answer.ok) throw new Error(`${object} ${method}: ${answer.error.message}`);
    return tableToPlain(answer.value);
  }

  async rows(method: string, args: object): Promise<readonly Row[]> {
    const answer = await this.call('bbfdm', method, {
      ...args,
      optional: { format: 'raw', proto: 'usp' },
    });
    return (answer['results'] ?? []) as Row[];
  }

  /** All values below a path, by path. */
  async get(path: string): Promise<Record<string, string>> {
    const rows = await this.rows('get', { path });
    return Object.fromEntries(
      rows.map((row) => [row.path, row.data ?? `fault ${row.fault}: ${row.fault_msg}`]),
    );
  }

  async value(path: string): Promise<string | undefined> {
    return (await this.get(path))[path];
  }

  /** Sets several parameters; gives the faults. */
  async set(values: Record<string, string>): Promise<readonly string[]> {
    const faults: string[] = [];
    for (const [path, value] of Object.entries(values)) {
      const rows = await this.rows('set', { path, value });
      for (const row of rows) if (row.fault) faults.push(`${row.path}: ${row.fault_msg}`);
    }
    return faults;
  }

  waitFor(path: string, wanted: string | RegExp | undefined, timeoutMs?: number): Promise<string> {
    const fits = (value: string) =>
      wanted instanceof RegExp ? wanted.test(value) : value === wanted;
    return this.until(
      `${path} is ${wanted}`,
      async () => {
        const value = (await this.value(path)) ?? '';
        return fits(value) ? value || ' ' : undefined;
      },
      timeoutMs,
    );
  }

  get log(): string {
    const path = join(this.stateDir, 'log/gatehouse.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Processes in the router's namespace whose command line holds `text`. */
  processes(text: string): number[] {
    const pids = this.#spaces.pids(this.#node);
    return pids.filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
      } catch {
        return false;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus[Symbol.asyncDispose]();
    await this.#reactor[Symbol.asyncDispose]();
    await this.stop('SIGKILL');
    await this.until('all processes have ended', () => {
      const pids = this.#spaces.pids(this.#node);
      for (const pid of pids) signalIfThere(pid, 'SIGKILL');
      return pids.length === 0;
    });
    rmSync(this.folder, { recursive: true, force: true });
  }
}
