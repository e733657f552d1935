/**
 * The machine's own part of a lease: udhcpc's hook, from its start to the address, default route and
 * resolvers being in place, beside Debian's udhcpc script doing the same. The real udhcpc and
 * dnsmasq in namespaces; the daemon as it ships. Both hooks stand behind the same small program
 * (lease/hook.c), and the same observer (lease/observe.c) tells the times, in turns.
 *
 * Two moments count: when the kernel has told of the last address or route, and when the hook has
 * ended. Ours ends on the daemon's answer, so resolv.conf is written and the lease is on disk.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { dnsmasq } from '../lib/isp.ts';
import { median } from '../lib/median.ts';
import { Namespaces, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import type { Bench, Comparison } from './run.ts';

const HERE = join(import.meta.dirname, 'lease');
const SCRIPT = '/etc/udhcpc/default.script';
const BINDS = 25;
const ENABLE = 'Device.DHCPv4.Client.1.Enable';
const TICKS_PER_SEC = 100;

/** One bind, in ms. */
interface Bind {
  /** Start of the hook to the last address or route that the kernel tells of. */
  readonly routed: number;
  /** Start of the hook to its end. */
  readonly ended: number;
  /** Start of the client to the end of the hook. */
  readonly total: number;
}

interface Hook {
  readonly event: string;
  readonly beganNs: number;
  readonly routedNs: number;
  readonly endedNs: number;
}

function compile(compiler: string, source: string, output: string, flags: readonly string[]): void {
  execFileSync(compiler, ['-O2', '-Wall', ...flags, join(HERE, source), '-o', output]);
  chmodSync(output, 0o755);
}

/** The observer in one namespace, and the client that it runs there. */
class Observer implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #wake: () => void = () => {};

  constructor(spaces: Namespaces, node: string, program: readonly string[]) {
    // A file of its own for resolv.conf: `ip netns exec` has given the process its own mounts.
    const script = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"';
    this.#child = spawn('ip', spaces.argv(node, 'sh', '-c', script, 'sh', ...program), {
      stdio: ['pipe', 'pipe', 'ignore'], // the client talks on stderr
    });
    if (this.#child.stdout === null) throw new Error('no stdout');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
  }

  tell(word: 'start' | 'stop' | 'kill'): void {
    this.#child.stdin?.write(`${word}\n`);
  }

  /** Takes the lines up to the first that begins so, and gives the numbers in that one. */
  async heard(beginning: string): Promise<readonly number[]> {
    for (;;) {
      for (let line = this.#lines.shift(); line !== undefined; line = this.#lines.shift()) {
        if (line.startsWith(beginning)) return (line.match(/\b\d+\b/g) ?? []).map(Number);
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(() => reject(new Error(`waited in vain: ${beginning}`)), 20_000);
      this.#wake = resolve;
      await promise.finally(() => clearTimeout(timer));
    }
  }

  async hook(event: string): Promise<Hook> {
    const [beganNs = 0, routedNs = 0, endedNs = 0] = await this.heard(`hook ${event} `);
    if (event === 'bound' && routedNs === 0) throw new Error('the hook has set no address');
    return { event, beganNs, routedNs, endedNs };
  }

  [Symbol.dispose](): void {
    this.#child.stdin?.end();
    this.#child.kill('SIGKILL');
  }
}

const bind = (startedNs: number, hook: Hook): Bind => ({
  routed: (hook.routedNs - hook.beganNs) / 1e6,
  ended: (hook.endedNs - hook.beganNs) / 1e6,
  total: (hook.endedNs - startedNs) / 1e6,
});

/** User and system time of the daemon and of what it has started and reaped (proc(5), stat 14–17). */
const cpuSec = (pid: number): number =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(11, 15)
    .reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SEC;

async function ourBind(router: Router, observer: Observer): Promise<Bind> {
  await router.set({ [ENABLE]: 'true' });
  const hook = await observer.hook('bound');
  check(router.runDir, /nameserver 198\.51\.100\.53/);
  await router.set({ [ENABLE]: 'false' });
  await router.until('the client is gone', () => router.processes('udhcpc').length === 0);
  // In whole milliseconds, as the log has it.
  const started = router.log.match(/"time":"[^"]+"(?=[^\n]*"msg":"client started")/g)?.at(-1);
  return bind(Date.parse(started?.split('"')[3] ?? '') * 1e6, hook);
}

async function peerBind(observer: Observer, folder: string): Promise<Bind & { cpuSec: number }> {
  observer.tell('start');
  const [startedNs = 0] = await observer.heard('client');
  const hook = await observer.hook('bound');
  check(folder, /nameserver 203\.0\.113\.53/);
  observer.tell('stop');
  await observer.hook('deconfig');
  observer.tell('kill');
  const [cpuNs = 0] = await observer.heard('cpu');
  return { ...bind(startedNs, hook), cpuSec: cpuNs / 1e9 };
}

function check(folder: string, resolver: RegExp): void {
  const text = readFileSync(join(folder, 'resolv.conf'), 'utf8');
  if (!resolver.test(text)) throw new Error(`resolv.conf says ${text}`);
}

async function run(): Promise<Comparison[]> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'gh-bench-lease-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const spaces = stack.use(new Namespaces('benchlease'));
  spaces.link(['isp', 'isp0'], ['r', 'wan0']);
  spaces.link(['isp', 'isp1'], ['p', 'wan0']);
  spaces.exec('isp', 'ip', 'address', 'add', '198.51.100.1/24', 'dev', 'isp0');
  spaces.exec('isp', 'ip', 'address', 'add', '203.0.113.1/24', 'dev', 'isp1');
  stack.use(
    await dnsmasq(
      spaces,
      'isp',
      '--dhcp-range=set:ours,198.51.100.100,198.51.100.199,255.255.255.0,3600',
      '--dhcp-range=set:peer,203.0.113.100,203.0.113.199,255.255.255.0,3600',
      '--dhcp-option=tag:ours,option:dns-server,198.51.100.53',
      '--dhcp-option=tag:peer,option:dns-server,203.0.113.53',
      '--dhcp-option=option:domain-name,isp.example',
    ),
  );
  const router = stack.use(new Router(spaces, 'r', { lan: [], rows: { [ENABLE]: 'false' } }));
  await router.start();

  const observe = join(folder, 'observe');
  compile('gcc', 'observe.c', observe, []);
  const hookBefore = (name: string, socket: string, target: string): string => {
    const path = join(folder, name);
    const flags = [`-DSOCKET="${socket}"`, `-DTARGET="${target}"`];
    compile('musl-gcc', 'hook.c', path, ['-static', '-s', ...flags]);
    return path;
  };
  const observer = (node: string, ...program: string[]): Observer => {
    writeFileSync(join(folder, 'resolv.conf'), '');
    const socket = join(folder, node);
    return stack.use(
      new Observer(spaces, node, [join(folder, 'resolv.conf'), observe, socket, ...program]),
    );
  };
  const link = join(router.runDir, 'hook/dhcp4.1');
  const plugin = readlinkSync(link);
  unlinkSync(link);
  symlinkSync(hookBefore('ours', join(folder, 'r'), plugin), link);
  const ours = observer('r');
  const script = hookBefore('script', join(folder, 'p'), SCRIPT);
  const peer = observer(
    'p',
    '/sbin/udhcpc',
    '-f',
    '-i',
    'wan0',
    '-s',
    script,
    '-t',
    '3',
    '-T',
    '3',
  );
  await Promise.all([ours.heard('ready'), peer.heard('ready')]);

  await ourBind(router, ours);
  const warm = await peerBind(peer, folder);
  const mine: Bind[] = [];
  const theirs: (Bind & { cpuSec: number })[] = [];
  const before = cpuSec(router.pid);
  for (let i = 0; i < BINDS; i++) {
    mine.push(await ourBind(router, ours));
    theirs.push(await peerBind(peer, folder));
    await pause(50);
  }
  const cpu = {
    oursCpuSec: cpuSec(router.pid) - before,
    peerCpuSec: (theirs.at(-1)?.cpuSec ?? Number.NaN) - warm.cpuSec,
  };
  const [version] = execFileSync('busybox', { encoding: 'utf8' }).split(' (');
  const row = (name: string, key: keyof Bind, note: string): Comparison => {
    const worst = Math.max(...mine.map((one) => one[key])).toFixed(1);
    return {
      name,
      ours: median(mine.map((one) => one[key])),
      peer: median(theirs.map((one) => one[key])),
      unit: 'ms',
      peerName: `udhcpc script of ${version}`,
      higherIsBetter: false,
      ...cpu,
      note: `${note}; worst of our ${BINDS}: ${worst} ms; CPU with client and RELEASE, ours with all else that the daemon does when Enable is set`,
    };
  };
  return [
    row('hook to routes', 'routed', 'hook started to the last route in the kernel'),
    row('hook to end', 'ended', 'resolvers too, and ours is on disk'),
    row('client to end of hook', 'total', 'the whole exchange with dnsmasq'),
  ];
}

export const bench: Bench = {
  name: 'lease',
  skip: () => {
    if (spawnSync('musl-gcc', ['--version']).status !== 0) return 'needs musl-gcc (musl-tools)';
    return existsSync(SCRIPT) ? noNamespaces() : `needs ${SCRIPT} (Debian's udhcpc)`;
  },
  run,
};
