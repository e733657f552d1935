/** Servers that fall silent, refuse, never end, or lie. */
import t from 'tap';
import { kea, TalkingServer } from '../lib/isp.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const CLIENT = 'Device.DHCPv4.Client.1.';
const skip = noNamespaces() ?? false;

t.test(
  'Kea falls silent: T1, T2, expiry on time; back again: bound within 5 s',
  { skip },
  async (t) => {
    await using stack = new AsyncDisposableStack();
    const spaces = stack.use(home('silent'));
    const server = stack.use(await kea(spaces, 'isp', { lease: 12, t1: 4, t2: 8 }));
    const router = stack.use(new Router(spaces, 'r'));
    await router.start();
    await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
    const shown = () => spaces.exec('r', 'ip', '-4', '-br', 'address', 'show', 'dev', 'wan0');
    // First a renewal that is answered, so that the times are those of a renewed lease.
    const acks = Number(await router.value(`${CLIENT}Stats.ACK`));
    await router.until(
      'the lease was renewed',
      async () => Number(await router.value(`${CLIENT}Stats.ACK`)) > acks,
    );
    await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
    const from = performance.now();
    const left = Number(await router.value(`${CLIENT}LeaseTimeRemaining`));
    server.signal('SIGSTOP');
    // udhcpc misses an ACK now and then, when the machine is busy, and broadcasts at once.
    await router.waitFor(`${CLIENT}DHCPStatus`, /Renewing|Rebinding/);
    await router.waitFor(`${CLIENT}DHCPStatus`, /Rebinding|Selecting/);
    t.match(shown(), /198\.51\.100/, 'the address stays until the lease ends');
    await router.until('the address is gone', () => !shown().includes('198.51.100'));
    const took = (performance.now() - from) / 1000;
    t.ok(
      took > left - 2 && took < left + 10,
      `gone after ${took.toFixed(1)} s, ${left} s were left`,
    );
    t.equal(await router.value(`${CLIENT}IPAddress`), '');
    server.signal('SIGCONT');
    const back = performance.now();
    await router.waitFor(`${CLIENT}DHCPStatus`, 'Bound');
    t.comment(`bound again after ${Math.round(performance.now() - back)} ms`);
    t.match(shown(), /198\.51\.100/);
  },
);

const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');
const ip = (text: string) => Buffer.from(text.split('.').map(Number)).toString('hex');
const GOOD = { 1: 'ffffff00', 3: ip('198.51.100.1'), 6: ip('198.51.100.1'), 51: '00000e10' };

t.test('NAK, a lease without end, and answers that lie', { skip }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('moods'));
  const server = stack.use(new TalkingServer(spaces, 'isp'));
  const router = stack.use(new Router(spaces, 'r'));
  await server.mood({ mode: 'answer', address: '198.51.100.50', options: GOOD });
  await router.start();
  await router.waitFor(`${CLIENT}IPAddress`, '198.51.100.50');
  const shown = () => spaces.exec('r', 'ip', '-4', '-br', 'address', 'show', 'dev', 'wan0');
  const routes = () => spaces.exec('r', 'ip', 'route');
  const renew = () => router.rows('operate', { command: `${CLIENT}Renew()` });
  const reason = async () => (await router.value(`${CLIENT}X_GATEHOUSE_Reason`)) ?? '';

  await t.test('NAK: the old address goes, a new lease is taken', async (t) => {
    await server.mood({ mode: 'nak' });
    await renew();
    await router.until('the old address is gone', () => !shown().includes('198.51.100.50'));
    t.equal(await router.value(`${CLIENT}Stats.NACK`).then((n) => Number(n) > 0), true);
    await server.mood({ mode: 'answer', address: '198.51.100.60' });
    await router.waitFor(`${CLIENT}IPAddress`, '198.51.100.60');
    t.match(shown(), /198\.51\.100\.60\/24/);
  });

  await t.test('a lease of 0xffffffff seconds never ends', async (t) => {
    await server.mood({ options: { ...GOOD, 51: 'ffffffff' } });
    await renew();
    await router.waitFor(`${CLIENT}LeaseTimeRemaining`, '-1');
    t.match(shown(), /198\.51\.100\.60/);
  });

  const lies: [name: string, options: Record<string, string>, said: RegExp, check?: () => void][] =
    [
      [
        'host name with newline and $(…)',
        { 12: hex('x\n$(touch /tmp/gh-owned)'), 15: hex('d\nnameserver 6.6.6.6') },
        /hostname ignored/,
      ],
      [
        'netmask 0',
        { 1: '00000000' },
        /netmask 0\.0\.0\.0/,
        () => t.match(shown(), /198\.51\.100\.60\/32/),
      ],
      [
        'router outside the subnet',
        { 3: ip('203.0.113.1') },
        /router 203\.0\.113\.1 is outside/,
        () => t.notMatch(routes(), /default/),
      ],
      [
        'route over the LAN',
        { 121: `18c0a801${ip('198.51.100.1')}` },
        /192\.168\.1\.0\/24 .*refused/,
        () => t.notMatch(routes(), /192\.168\.1\.0\/24 via/),
      ],
      [
        'MTU 10',
        { 26: '000a' },
        /MTU 10 ignored/,
        () => t.match(spaces.exec('r', 'ip', 'link', 'show', 'wan0'), /mtu 1500/),
      ],
      [
        '60 DNS servers',
        { 6: Array.from({ length: 60 }, (_, i) => ip(`198.51.100.${i + 100}`)).join('') },
        /only the first 8 of 60 DNS/,
      ],
      ['lease of 0 s', { 51: '00000000' }, /lease of 0 s clamped/],
    ];
  for (const [name, options, said, check] of lies) {
    await t.test(`${name}: refused or clamped, and it is said`, async (t) => {
      await server.mood({ options: { ...GOOD, ...options } });
      await renew();
      await router.until(`the reason says ${said}`, async () => said.test(await reason()));
      check?.();
      t.match(await reason(), said);
      t.match(router.log, said, 'in the log as well');
    });
  }

  await t.test('an address of the LAN is refused whole', async (t) => {
    await server.mood({ address: '192.168.1.77', options: GOOD });
    await renew();
    await router.until('it is refused', async () => /overlaps 192\.168\.1\.0/.test(await reason()));
    t.equal(await router.value(`${CLIENT}Status`), 'Error');
    t.notMatch(shown(), /192\.168\.1\.77/);
    await server.mood({ address: '198.51.100.70', options: GOOD });
    await router.waitFor(`${CLIENT}IPAddress`, '198.51.100.70');
    t.equal(await router.value(`${CLIENT}Status`), 'Enabled');
  });

  await t.test('nothing reached a shell', async (t) => {
    const { existsSync } = await import('node:fs');
    t.notOk(existsSync('/tmp/gh-owned'));
  });
});
