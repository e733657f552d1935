// needs root: network namespaces
/** A daemon whose DHT node is switched on finds, announces and keeps, by the command line, beside a node from npm. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Talk } from '../lib/dht-net.ts';
import { home, noNamespaces, sh } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { Router } from '../lib/router.ts';
import { until } from '../lib/until.ts';

t.setTimeout(290_000);

const ENTRY = sh(fileURLToPath(new URL('../../scripts/entry', import.meta.url))).trim();
const PEER = fileURLToPath(new URL('dht-npm-child.ts', import.meta.url));
const ROOT = 'Device.X_GATEHOUSE_DHT.';
const HASH = 'ab'.repeat(20);
/** Takes a port of both families. */
const HOLD = "require('node:dgram').createSocket('udp6').bind(7777, () => console.log('held'))";

t.test('the daemon’s node', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('dhtd'));
  spaces.exec('r', 'ip', 'address', 'add', '198.51.100.2/24', 'dev', 'wan0');
  const child = spawn('ip', spaces.argv('isp', process.execPath, PEER, '198.51.100.1'));
  child.stderr.on('data', (bytes) => t.comment(String(bytes)));
  stack.defer(async () => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  const peer = new Talk(child);
  await peer.next();
  const router = stack.use(new Router(spaces, 'r'));
  await router.start('--only', 'dht');
  t.equal(await router.value(`${ROOT}Status`), 'Disabled');

  const cli = async (...args: string[]) => {
    const argv = [...NODE_FLAGS, ENTRY, '--ubus-socket', router.socket, ...args];
    const run = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, [code]] = await Promise.all([
      text(run.stdout),
      text(run.stderr),
      once(run, 'close'),
    ]);
    return { stdout, stderr, code };
  };
  const json = async (...args: string[]) => {
    const { stdout, stderr } = await cli('--json', ...args);
    if (stdout === '') t.comment(stderr);
    return stdout === '' ? { stderr } : (JSON.parse(stdout) as Record<string, unknown>);
  };

  t.match(
    await cli('dht', 'peers', HASH),
    { code: 1, stderr: /Enable/ },
    'it says how it is turned on',
  );
  await cli(
    'set',
    `${ROOT}PrivateNetworks=198.51.100.0/24`,
    `${ROOT}BootstrapNodes=198.51.100.1:6881`,
    `${ROOT}Enable=true`,
  );
  await until(
    'they know each other',
    async () => (await router.value(`${ROOT}Status`)) === 'Enabled',
  );
  t.match(await json('dht', 'status'), { status: 'Enabled', port: 6889 });
  t.match(await json('dht', 'ping', '198.51.100.1:6881'), { node: '198.51.100.1:6881' });
  t.match(await cli('dht', 'ping', '203.0.113.1:1'), {
    ...{ code: 1, stderr: /is not talked to: .*PrivateNetworks/ },
  });

  await peer.ask('announce', HASH, 7001);
  t.match(await json('dht', 'peers', HASH), { peers: ['198.51.100.1:7001'] });
  const magnet = `magnet:?xt=urn:btih:${'cd'.repeat(20)}`;
  t.match(await json('dht', 'announce', magnet, '--port', '7002'), { stored: 1 });
  t.same(await peer.ask('peers', 'cd'.repeat(20)), ['198.51.100.2:7002']);

  const odd = await cli('dht', 'item', 'put', 'xyz', '--bencode');
  t.match(odd.stderr, /bencode: an even number of hexadecimal digits/);
  const put = await json('dht', 'item', 'put', 'a value');
  t.match(put, { stored: 1 });
  const seed = `${t.testdir({ seed: '07'.repeat(32) })}/seed`;
  const update = ['1.2.3', 'https://example.org/bundle', 'ef'.repeat(32), '--seed', seed] as const;
  const published = await json('dht', 'publish', ...update);
  t.match(published, { stored: 1, seq: 1 });
  t.match(
    await json('dht', 'item', 'get', '--key', String(published['key']), '--salt', 'gatehouse'),
    {
      ...{ seq: 1, update: { version: '1.2.3' } },
    },
  );
  t.match(await json('dht', 'find', HASH), { searches: [{ family: 4, answered: 1 }] });
  const call = (command: string, args: object) =>
    router.call('gatehouse', 'call', { service: 'dht', command, args });
  // A search that waits for an answer tells how far it is, and ends when it is told to.
  child.kill('SIGSTOP');
  const [found, step, stopped] = await Promise.all([
    call('find', { id: HASH, job: 'mine' }),
    call('progress', { job: 'mine' }),
    call('stop', { job: 'mine' }),
  ]);
  child.kill('SIGCONT');
  t.match(step, { status: 'success', data: { asked: 1, answered: 0, peers: 0 } });
  t.match(stopped, { status: 'success' });
  t.match(found, { status: 'success', data: { searches: [{ answered: 0 }] } });
  t.match(await call('progress', { job: 'mine' }), { status: 'error', message: /no such job/ });
  t.match(await json('dht', 'announce', HASH), { stored: 1 });
  const both = await peer.ask<readonly string[]>('peers', HASH);
  t.ok(both.includes('198.51.100.2:6889'), `at the node's own port: ${both}`);
  // Where nobody is, nothing is known of what others have.
  await cli('set', `${ROOT}PrivateNetworks=198.51.100.9/32`);
  await until('it is alone', async () => (await router.value(`${ROOT}Status`)) === 'Starting');
  t.match((await cli('dht', 'item', 'get', HASH)).stderr, /no other node of the DHT answers/);
  t.match((await cli('dht', 'announce', HASH)).stderr, /no other node of the DHT answers/);
  t.match((await cli('dht', 'peers', HASH)).stderr, /no other node answered yet/);
  const holder = spawn('ip', spaces.argv('r', process.execPath, '-e', HOLD));
  stack.defer(async () => {
    const gone = once(holder, 'exit');
    holder.kill('SIGKILL');
    await gone;
  });
  await once(holder.stdout, 'data');
  await cli('set', `${ROOT}Port=7777`);
  await until('it is told', async () => (await router.value(`${ROOT}Status`)) === 'Error');
  const why = { code: 1, stderr: /could not start: UDP socket at .*: address already in use/ };
  t.match(await cli('dht', 'find', HASH), why);
  await cli('set', `${ROOT}Enable=false`);
  t.match(await json('dht', 'status'), { status: 'Disabled' });
});
