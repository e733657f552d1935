/** Alerts of a running daemon: a host of the LAN goes away, a web server in the LAN is told, with the path; it comes back. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { home, noNamespaces, sh } from '../lib/netns.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';
import { Router } from '../lib/router.ts';
import { until } from '../lib/until.ts';

t.setTimeout(290_000);

const ENTRY = sh(fileURLToPath(new URL('../../scripts/entry', import.meta.url))).trim();
const ALERTS = 'Device.X_GATEHOUSE_Alerts.';
const TARGETS = 'Device.X_GATEHOUSE_Monitor.Target.';
const LAPTOP = '192.168.1.77';
const TV = '192.168.1.78';

/** Prints the body of each POST as a line. */
const HOOK = `
  const { createServer } = require('node:http');
  createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    console.log(body);
    response.writeHead(204).end();
  }).listen(8080, '${LAPTOP}', () => console.log('{"kind":"ready"}'));
`;

interface Told {
  readonly id: string;
  readonly kind: string;
  readonly severity: string;
  readonly name: string;
  readonly title: string;
  readonly evidence?: { readonly trace: readonly string[]; readonly capture: string };
}

t.test('a television that goes away', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('alrt'));
  const router = stack.use(new Router(spaces, 'r'));
  const ip = (...words: string[]) => spaces.exec('lan', 'ip', ...words);
  ip('address', 'add', `${LAPTOP}/24`, 'dev', 'eth0');
  ip('address', 'add', `${TV}/24`, 'dev', 'eth0');
  const told: Told[] = [];
  const listen = async () => {
    const hook = spawn('ip', spaces.argv('lan', process.execPath, '-e', HOOK), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: hook.stdout }).on('line', (line) => told.push(JSON.parse(line)));
    await until('the hook listens', () => told.shift());
    return async () => {
      const ended = once(hook, 'exit');
      hook.kill();
      if (hook.exitCode === null && hook.signalCode === null) await ended;
    };
  };
  let hangUp = await listen();
  stack.defer(() => hangUp());
  await router.start();

  const cli = async (...args: string[]) => {
    const argv = [...NODE_FLAGS, ENTRY, '--ubus-socket', router.socket, ...args];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stdout.on('data', (part) => {
      said += part;
    });
    child.stderr.on('data', (part) => {
      said += part;
    });
    const [code] = await once(child, 'close');
    return { said, code };
  };
  const add = async (table: string, values: object): Promise<string> => {
    const rows = await router.rows('add', { path: `${ALERTS}${table}.`, obj_path: values });
    return `${ALERTS}${table}.${rows[0]?.data}.`;
  };
  t.match(await cli('alerts'), { code: 0, said: /nothing is bad/ });

  const refused = await router.rows('add', {
    path: `${ALERTS}Channel.`,
    obj_path: { Type: 'Email', URL: 'https://192.168.1.77/' },
  });
  t.match(JSON.stringify(refused), /begins with smtps:\/\/ or smtp:\/\//);
  const channel = await add('Channel', { URL: `http://${LAPTOP}:8080/`, Password: 'x' });
  t.equal((await router.get(`${channel}Password`))[`${channel}Password`], '', 'never told');
  await add('Rule', { Watch: 'NewDevice', Severity: 'Info' });
  // It was found as the daemon started; with another address it is another one.
  ip('link', 'set', 'eth0', 'address', '00:00:5e:00:53:77');
  spaces.exec('lan', 'ping', '-c', '1', '-I', TV, '192.168.1.1');
  const device = await until('the hook is told of the new device', () => told.shift());
  t.match(device, { kind: 'event', title: /^Info: .*: a new device, / });
  const rule = { Watch: 'Target', Subject: 'tv', Severity: 'Critical' };
  const watched = await add('Rule', { ...rule, RaiseAfter: '1', ClearAfter: '1' });
  t.match(await cli('alerts', 'test', channel), { code: 0, said: /it was taken/ });
  t.match(await until('the hook is told of the test', () => told.shift()), { kind: 'test' });
  const trigger = { Enable: 'true', Event: 'ProbeFailed', Interface: 'lan0', SecondsAfter: '0' };
  await router.rows('add', {
    path: 'Device.X_GATEHOUSE_Capture.Trigger.',
    obj_path: { ...trigger, Protocol: 'icmp' },
  });
  await router.waitFor('Device.X_GATEHOUSE_Capture.Trigger.1.Status', 'Armed');
  const target = { Host: TV, Name: 'tv', Interval: '1', Burst: '3', Spacing: '50', Timeout: '800' };
  await router.rows('add', { path: TARGETS, obj_path: { ...target, BackOff: 'false' } });
  await router.waitFor(`${TARGETS}1.Status`, 'Up');

  ip('address', 'del', `${TV}/24`, 'dev', 'eth0');
  const raised = await until('the hook is told', () => told.shift());
  t.match(raised, { kind: 'raised', severity: 'Critical', name: 'tv' });
  t.match(raised.title, /^Critical: tv: Down, /);
  t.ok(Array.isArray(raised.evidence?.trace));
  t.match(raised.evidence?.capture, /^ProbeFailed-\d+-\d+T\d+Z\.pcapng$/);
  t.match(await cli('alerts'), { code: 0, said: /Critical +Target +tv +raised/ });
  await router.waitFor(`${ALERTS}Alert.1.Status`, 'Raised');

  ip('address', 'add', `${TV}/24`, 'dev', 'eth0');
  t.match(await until('the hook is told of the end', () => told.shift()), { kind: 'cleared' });
  await router.waitFor(`${channel}Delivered`, '3');
  t.equal(await router.value(`${channel}Failed`), '0');
  t.match(await cli('alerts', 'history'), { code: 0, said: /cleared +Critical +tv/ });
  t.match(await cli('alerts', 'test', `${ALERTS}Channel.9`), {
    code: 1,
    said: /no channel .* that is on/,
  });

  // A silence: the television goes and comes back, and only the box hears of it.
  t.match(await cli('alerts', 'silence', '1h', channel), {
    code: 0,
    said: /nothing is told until/,
  });
  await router.waitFor(`${channel}Status`, 'Silenced');
  ip('address', 'del', `${TV}/24`, 'dev', 'eth0');
  await router.waitFor(`${ALERTS}Alert.1.Status`, 'Raised');
  await router.waitFor(`${channel}Queued`, '1');
  ip('address', 'add', `${TV}/24`, 'dev', 'eth0');
  await router.waitFor(`${channel}Muted`, '2');
  t.match(await cli('alerts', 'silence', 'off', channel), { code: 0, said: /told again/ });
  await router.waitFor(`${channel}Status`, 'Idle');
  t.equal(await router.value(`${channel}Delivered`), '3');

  // Nobody listens, and the daemon is killed: the next one tells it, once.
  await hangUp();
  t.same(await router.set({ [`${watched}Evidence`]: 'false' }), []);
  ip('address', 'del', `${TV}/24`, 'dev', 'eth0');
  await router.waitFor(`${channel}Status`, 'Retrying');
  await router.waitFor(`${channel}Queued`, '1');
  await router.stop('SIGKILL');
  hangUp = await listen();
  await router.start();
  const late = await until('the hook is told after all', () => told.shift());
  t.match(late, { kind: 'raised', name: 'tv' });
  await router.waitFor(`${TARGETS}1.Status`, 'Down');
  await router.waitFor(`${ALERTS}Alert.1.Status`, 'Raised');
  // This daemon finds it away, too, and does not tell that again, but that it is back.
  ip('address', 'add', `${TV}/24`, 'dev', 'eth0');
  const over = await until('the hook is told that it is back', () => told.shift());
  t.match(over, { kind: 'cleared', name: 'tv' });
  t.not(over.id, late.id);
  await router.waitFor(`${channel}Delivered`, '2');
  t.same(told, []);
});
