/** Attacks from the LAN on the page's server, while the WAN's lease is renewed again and again. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { kea, Server } from '../lib/isp.ts';
import { median } from '../lib/median.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';
const BASE = 'https://192.168.1.1';
const OWNER = '192.168.1.99';
const PASSWORD = 'correct horse battery';
const IN_PEACE = 20;
const UNDER_ATTACK = 60;

t.test('no attack from the LAN costs a lease', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('attacks'));
  const crowd = Array.from({ length: 100 }, (_, i) => `192.168.1.${100 + i}`);
  spaces.exec('lan', 'ip', 'address', 'add', `${OWNER}/24`, 'dev', 'eth0');
  const batch = crowd.map((address) => `address add ${address}/24 dev eth0`).join('\n');
  spaces.exec('lan', 'sh', '-c', `printf '%s\\n' "${batch}" | ip -batch -`);
  stack.use(await kea(spaces, 'isp', { lease: 12, t1: 4, t2: 8 }));
  const router = stack.use(new Router(spaces, 'r'));
  await router.start();
  await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
  const address = await router.value(`${CLIENT}IPAddress`);
  const watch = stack.use(new Server(spaces, 'r', 'ip', ['-4', 'monitor', 'address']));

  /** As a browser of the owner's would: the status, or 0 for no answer in time. */
  const owner = (path: string, body?: object): number => {
    const json = body === undefined ? [] : ['-d', JSON.stringify(body)];
    const head = ['-H', `Origin: ${BASE}`, '-H', 'Content-Type: application/json'];
    const curl = ['-ksm', '30', '-o', '/dev/null', '-w', '%{http_code}', '--interface', OWNER];
    try {
      return Number(spaces.exec('lan', 'curl', ...curl, ...head, ...json, `${BASE}${path}`));
    } catch {
      return 0;
    }
  };
  await router.until('the page is served', () => owner('/api/session') === 200);
  const setup = { timeZone: 'UTC', lanAddress: '192.168.1.1', lanMask: '255.255.255.0' };
  t.equal(owner('/api/setup', { ...setup, password: PASSWORD, wan: { type: 'dhcp' } }), 200);
  const logIn = () => owner('/api/login', { username: 'admin', password: PASSWORD });
  t.equal(logIn(), 200);

  const stats = async (name: string) => Number(await router.value(`${CLIENT}Stats.${name}`));
  const lines = () =>
    router.log
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  const messages = () => lines().filter(({ msg }) => msg === 'lease message taken');
  // BusyBox sometimes says nothing of an ACK, in peace as well; then the ACK itself is taken.
  const silences = () => lines().filter(({ msg }) => msg === 'the hook was silent about an ACK');
  const stored = () => messages().length + silences().length;
  /** Renews so many times; each must be acknowledged, and stored, before the next is asked for. */
  const renew = async (what: string, times: number, between?: () => Promise<unknown>) => {
    const [from, before, silent] = [performance.now(), messages().length, silences().length];
    const called: number[] = [];
    for (let turn = 0; turn < times; turn++) {
      const [acks, had] = [await stats('ACK'), stored()];
      const asked = performance.now();
      await router.rows('operate', { command: `${CLIENT}Renew()` });
      called.push(performance.now() - asked);
      await router.until('the renewal is acknowledged', async () => (await stats('ACK')) > acks);
      await router.until('it is stored', () => stored() > had);
      await between?.();
    }
    const took = messages()
      .slice(before)
      .map(({ tookMs }) => Number(tookMs));
    const quiet = silences().length - silent;
    t.ok(took.length + quiet >= times, `${what}: each renewal was acknowledged and stored`);
    t.ok(took.length > times / 2);
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    t.comment(
      `${what}: ${took.length} messages of the hook (silent ${quiet} times) in ${seconds} s; from ` +
        `hook to stored: median ${median(took).toFixed(1)} ms, slowest ${Math.max(...took).toFixed(1)} ms; ` +
        `a call on ubus: median ${median(called).toFixed(1)} ms, slowest ${Math.max(...called).toFixed(1)} ms`,
    );
  };

  await renew('in peace', IN_PEACE);
  const script = fileURLToPath(new URL('lan-attacks.ts', import.meta.url));
  const attack = stack.use(
    // Another machine's processor would be the attacker's own.
    new Server(spaces, 'lan', 'nice', [
      '-n',
      '19',
      process.execPath,
      script,
      '192.168.1.1',
      ...crowd,
    ]),
  );
  await attack.said(/"attacking"/);
  await renew('under attack', UNDER_ATTACK, () =>
    router.until('the owner is let in', () => owner('/api/session') === 200),
  );
  await router.until('the owner logs in', () => logIn() === 200);
  attack.end();
  const outcome = JSON.parse(await attack.said(/"over"/));
  t.comment(`what the attacker got: ${JSON.stringify(outcome.over)}`);
  t.comment(`the server: ${JSON.stringify(await router.call('gatehouse.http', 'status'))}`);

  await t.test('each attack was one, and was refused', async (t) => {
    for (const [kind, answer] of [
      ['log-in', '401'],
      ['log-in', '429'],
      ['slowloris', 'closed'],
      ['large body', '413'],
      ['large body', '-32700'],
      ['wrong Host', '421'],
      ['wrong Origin', '403'],
      ['handshake', 'done'],
    ] as const) {
      t.ok(outcome.over[`${kind}: ${answer}`] > 0, `${kind}: ${answer}`);
    }
    const served = Object.keys(outcome.over).filter((what) => what.endsWith(' 200'));
    t.same(served, []);
  });

  await t.test('the lease was held all the time', async (t) => {
    t.equal(await router.value(`${CLIENT}DHCPStatus`), 'Bound');
    t.equal(await router.value(`${CLIENT}IPAddress`), address);
    t.equal(await stats('NACK'), 0);
    t.equal(await stats('Decline'), 0);
    t.same(
      watch.lines.filter((line) => line.startsWith('Deleted')),
      [],
      'the kernel never lost the address',
    );
    const said = lines().map(({ msg }) => msg);
    for (const bad of [/address removed/, /lease (refused|message refused)/]) {
      t.notOk(
        said.find((msg) => bad.test(msg)),
        `${bad} was never said`,
      );
    }
    const refused = 'Device.X_GATEHOUSE_LeaseMonitor.RefusedMessages';
    t.equal(await router.value(refused), '0');
    t.same(readdirSync(join(router.runDir, 'spool')), [], 'nothing had to be spooled');
  });
});
