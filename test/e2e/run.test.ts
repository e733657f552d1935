import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { noNamespaces } from '../lib/netns.ts';

const SCRIPTS = join(import.meta.dirname, '../../scripts');
const NAME = `r${process.pid}`;
const STATE = `/tmp/gatehouse-lab-${NAME}`;
const env = { ...process.env, GATEHOUSE_LAB: NAME };
/** NET_BIND_SERVICE (10), NET_ADMIN (12) and NET_RAW (13): capabilities(7). */
const THREE = ((1n << 10n) | (1n << 12n) | (1n << 13n)).toString(16).padStart(16, '0');

const skip = noNamespaces() ?? false;

t.teardown(() => {
  if (skip === false) spawnSync(join(SCRIPTS, 'lab'), ['down'], { env });
});

/** `make run` under test, with what it says. */
class Run {
  readonly child: ChildProcess;
  output = '';
  readonly #waiting = new Map<RegExp, () => void>();
  readonly #closed: Promise<void>;

  constructor(...args: string[]) {
    this.child = spawn(join(SCRIPTS, 'run'), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#closed = once(this.child, 'close').then(() => undefined);
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.output += chunk;
        for (const [pattern, tell] of this.#waiting) if (pattern.test(this.output)) tell();
      });
  }

  /** Once it says so; fails when it ends before. */
  async says(pattern: RegExp): Promise<void> {
    if (pattern.test(this.output)) return;
    const said = new Promise<void>((resolve) => this.#waiting.set(pattern, resolve));
    await Promise.race([said, this.#closed]);
    if (!pattern.test(this.output)) throw new Error(`it ended before ${pattern}:\n${this.output}`);
  }

  async ended(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }
}

const router = (...command: string[]): string =>
  spawnSync(join(SCRIPTS, 'lab'), ['exec', 'router', ...command], { env, encoding: 'utf8' }).stdout;

const processes = (): number[] =>
  spawnSync('ip', ['netns', 'pids', `${NAME}-router`], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line !== '')
    .map(Number);

const nothingLeft = (t: Tap, pids: readonly number[]): void => {
  t.notOk(existsSync(STATE), 'no state');
  t.notMatch(spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout, `${NAME}-`);
  t.same(
    pids.filter((pid) => existsSync(`/proc/${pid}`)),
    [],
    'no process',
  );
};
type Tap = Pick<typeof t, 'notOk' | 'notMatch' | 'same'>;

for (const isp of ['dnsmasq', 'kea'])
  t.test(`the tour with ${isp}: lease, NAT, and nothing left behind`, { skip }, async (t) => {
    const run = new Run('--isp', isp, '--once');
    t.equal(await run.ended(), 0, run.output);
    const leased = /^wan +Bound +(198\.51\.100\.1\d\d) +255\.255\.255\.0 +198\.51\.100\.1 /m.exec(
      run.output,
    );
    t.ok(leased, 'a lease');
    t.match(run.output, '2 packets transmitted, 2 received, 0% packet loss');
    t.match(
      run.output,
      new RegExp(`^hello ${leased?.[1]}$`, 'm'),
      'the web server sees the WAN address',
    );
    nothingLeft(t, []);
  });

/** The daemon and its clients: udhcpc and dibbler-client. */
const LASTING = 3;

/** Once what comes and goes is gone (nft, a hook, a fork that is about to become one), and all are there. */
function lasting(): number[] {
  let pids = processes();
  for (let i = 0; i < 1000 && pids.length !== LASTING; i++) {
    router('true');
    pids = processes();
  }
  return pids;
}

t.test('unprivileged; a killed daemon is taken over; Ctrl-C ends it all', { skip }, async (t) => {
  const run = new Run();
  await run.says(/Ctrl-C stops it/);
  const before = lasting();
  t.equal(before.length, LASTING, 'the daemon, udhcpc and dibbler-client');
  for (const pid of before) {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    t.match(status, /^Uid:\t6767\t6767\t6767\t6767$/m);
    t.match(status, /^Gid:\t6767\t6767\t6767\t6767$/m);
    t.match(status, /^NoNewPrivs:\t1$/m);
    for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'])
      t.match(status, new RegExp(`^Cap${set}:\t${THREE}$`, 'm'), `Cap${set}`);
  }

  const address = router('ip', '-4', '-br', 'address', 'show', 'dev', 'wan0');
  t.match(address, '198.51.100.');
  const daemon = Number(readFileSync(join(STATE, 'daemon.pid'), 'utf8'));
  process.kill(daemon, 'SIGKILL');
  await run.says(/starting it again/);
  t.equal(
    router('ip', '-4', '-br', 'address', 'show', 'dev', 'wan0'),
    address,
    'the address stays',
  );
  // `leases` waits for nobody: ask until the new daemon answers.
  let leases = '';
  for (let i = 0; i < 200 && !leases.includes('Bound'); i++) leases = router('gatehouse', 'leases');
  t.match(leases, /^wan +Bound/m);
  const after = lasting();
  t.equal(after.length, LASTING);
  t.same(
    before.filter((pid) => !after.includes(pid)),
    [daemon],
    'the same clients',
  );

  run.child.kill('SIGINT');
  t.equal(await run.ended(), 0);
  nothingLeft(t, [...before, ...after]);
});

t.test('wrong use is refused', { skip }, async (t) => {
  const run = new Run('--nonsense');
  t.equal(await run.ended(), 2);
  t.match(run.output, /Usage: run/);
});
