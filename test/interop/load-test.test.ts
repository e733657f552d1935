/** A daemon loads a line whose rate and queue are known: it says what was done to the line, and takes no more than it may. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { LoadRun } from '../../src/services/monitor/load-test/types.ts';
import { home, type Namespaces, noNamespaces, sh } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const ENTRY = sh(fileURLToPath(new URL('../../scripts/entry', import.meta.url))).trim();
const SERVER = fileURLToPath(new URL('load-server.ts', import.meta.url));
const LOAD = 'Device.X_GATEHOUSE_Monitor.LoadTest.';
/** Each way; headers of Ethernet, IP and TCP take 4.4 % of it. */
const RATE_MBIT = 20;
/** How long a packet waits in a queue that is full. */
const QUEUE_MS = 150;

/** Queues of the kernel's token bucket filter, which not every kernel has. */
function narrow(spaces: Namespaces, node: string, ifName: string): boolean {
  const made = spawnSync('ip', [
    ...spaces.argv(node, 'tc', 'qdisc', 'add', 'dev', ifName, 'root', 'tbf'),
    ...['rate', `${RATE_MBIT}mbit`, 'burst', '16kb', 'latency', `${QUEUE_MS}ms`],
  ]);
  return made.status === 0;
}

t.test('a line of known rate and queue', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('load'));
  spaces.exec('r', 'ip', 'address', 'add', '198.51.100.2/24', 'dev', 'wan0');
  if (!narrow(spaces, 'isp', 'isp0') || !narrow(spaces, 'r', 'wan0')) {
    t.comment('the kernel has no token bucket filter');
    return;
  }
  // It fills a queue until something is lost, however long that makes packets wait.
  for (const node of ['isp', 'r']) {
    spaces.exec(node, 'sysctl', '-qw', 'net.ipv4.tcp_congestion_control=reno');
  }
  const argv = spaces.argv('isp', process.execPath, SERVER, '198.51.100.1');
  const server: ChildProcess = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  stack.defer(() => void server.stdin?.end());
  if (server.stdout !== null) await once(server.stdout, 'data');
  const router = stack.use(new Router(spaces, 'r'));
  await router.start('--only', 'monitor');

  const cli = async (args: readonly string[], began?: (child: ChildProcess) => void) => {
    const argv = [...NODE_FLAGS, ENTRY, '--ubus-socket', router.socket, ...args];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    began?.(child);
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { stdout, stderr, code: code as number };
  };
  const at = 'http://198.51.100.1';
  const down = ['load-test', '--url', `${at}/file`];
  /** Why a test is not begun; one that is, is called off. */
  const refusal = async (args: object = {}): Promise<unknown> => {
    const { status, message } = await router.call('gatehouse.load-test', 'run', args);
    if (status !== 'success') return message;
    await router.call('gatehouse.load-test', 'stop');
    await router.waitFor(`${LOAD}Status`, /Disabled|Waiting/);
    return '';
  };

  t.match(await refusal({ url: `${at}/file` }), /no default route/);
  spaces.exec('r', 'ip', 'route', 'add', 'default', 'via', '198.51.100.1');
  await router.until('the route is known', async () =>
    /no URL to load the line with: set .*DownloadURL/.test(String(await refusal())),
  );
  t.match(await cli(['load-test', '--history']), { code: 0, stderr: /there was no test yet/ });
  t.match(await refusal({ url: 'ftp://host/' }), /http:/);
  t.match(await refusal({ url: `${at}/file`, cap: 5 }), /from 1000000/);
  t.notMatch(router.log, /the line is loaded/);

  // Whoever is at the command line has agreed to this one, whatever is configured.
  const both = ['--upload-url', `${at}/up`, '--seconds', '3'];
  const done = await cli(['--json', ...down.with(-1, `${at}/elsewhere`), ...both]);
  t.equal(done.code, 0, done.stderr);
  const run = JSON.parse(done.stdout) as LoadRun;
  t.match(run, { cause: 'Owner', ended: 'Duration', host: '198.51.100.1', number: 1 });
  t.comment(JSON.stringify(run));
  for (const direction of [run.download, run.upload]) {
    const share = (direction?.bitsPerSec ?? 0) / 1e6 / RATE_MBIT;
    // Within a tenth on a machine that is idle. What was lost comes later, in one piece, which a few seconds do not
    // even out, the less the busier the machine is.
    t.ok(share > 0.5 && share < 1.5, `${share} of the rate, of which TCP can carry 0.956`);
    t.ok((direction?.increaseUs ?? 0) > 0, 'round trips take longer');
    const p95Ms = (direction?.latency.p95Us ?? 0) / 1000;
    t.ok(p95Ms > 0.25 * QUEUE_MS, `${p95Ms} ms show the queue`);
    t.ok((direction?.latency.received ?? 0) > 0);
  }
  t.match(run.grade, /^[ABCDF]$/);
  t.ok((run.idle?.medianUs ?? 0) < 1000 * QUEUE_MS, 'nothing waits while it is idle');

  // A cap ends it at once; what it took is counted, and stays so over a kill.
  const capped = await cli(['--json', ...down, '--seconds', '2', '--cap', '1000000']);
  t.equal(capped.code, 0, capped.stderr);
  const short = JSON.parse(capped.stdout) as LoadRun;
  t.match(short, { ended: 'Cap', number: 2 });
  t.ok(short.bytes <= 1_000_000 && short.bytes > 930_000, `${short.bytes}`);
  t.equal(await router.value(`${LOAD}BytesToday`), String(run.bytes + short.bytes));

  // Ctrl-C calls it off; the link that is down is told.
  const off = await cli([...down, '--seconds', '5'], (child) => {
    void router
      .waitFor(`${LOAD}Phase`, /./)
      .then(() => child.kill('SIGINT'))
      .catch(() => child.kill());
  });
  t.match(off, { code: 1, stderr: /at most 250 MB .*Ctrl-C[\s\S]*it was called off/ });
  t.match(await cli(['load-test', '--seconds', '1', '--url', `${at}/none`]), {
    ...{ code: 1, stderr: /status 404/ },
  });
  spaces.exec('isp', 'ip', 'link', 'set', 'isp0', 'down');
  await router.until('the link is seen to be down', async () =>
    /the link of wan0 is/.test(String(await refusal({ url: `${at}/file` }))),
  );
  spaces.exec('isp', 'ip', 'link', 'set', 'isp0', 'up');

  const list = await cli(['load-test', '--history']);
  t.match(list.stdout, /Owner .*Mbit\/s.*Mbit\/s.* Duration/);
  t.match(list.stdout, / Failed +.*404\n[\s\S]* Aborted *\n[\s\S]* Cap *\n/);

  // A controller needs the owner's consent.
  const operate = async () => {
    const rows = await router.rows('operate', { command: `${LOAD}Run()` });
    return JSON.stringify(rows);
  };
  t.match(await operate(), /nobody agreed to it/);
  t.match(await router.set({ [`${LOAD}Enable`]: 'true' }), [/nothing to load the line with/]);
  t.same(await router.set({ [`${LOAD}DownloadURL`]: `${at}/file`, [`${LOAD}Duration`]: '1' }), []);
  t.same(await router.set({ [`${LOAD}Enable`]: 'true', [`${LOAD}DayCap`]: '1000000' }), []);
  t.match(await operate(), /0 bytes are left/);
  await router.stop('SIGKILL');
  await router.start('--only', 'monitor');
  t.match(await operate(), /0 bytes are left/, 'a kill gives no bytes back');
  t.same(await router.set({ [`${LOAD}DayCap`]: '100000000' }), []);
  t.match(await operate(), /"Controller"[\s\S]*"Duration"/);
  const last = await router.value(`${LOAD}Last`);
  t.match(last, /^Device\.X_GATEHOUSE_Monitor\.LoadTest\.History\.\d+$/);
  t.match(await router.get(`${last}.`), {
    [`${last}.Cause`]: 'Controller',
    [`${last}.DownloadRate`]: /^\d{3,}$/,
    [`${last}.UploadRate`]: '0',
  });
  t.same(await router.set({ [`${LOAD}Metered`]: 'true' }), []);
  t.match(await refusal(), /paid by volume/);
});
