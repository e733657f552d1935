/** Names while the system's servers are silent: who asks twice asks once, and only so many are asked. */
import t from 'tap';
import { ipv4 } from '../../../src/base/ip.ts';
import { hostNames, MAX_LOOKUPS, type SystemNames } from '../../../src/os/linux/resolve.ts';
import { FakeClock } from '../../lib/clock.ts';

/** Answers when it is told to. */
class Servers implements SystemNames {
  readonly asked: string[] = [];
  readonly #waiting: (() => void)[] = [];

  async lookup(host: string, { family }: { readonly family: number }) {
    await this.#turn(`${host} ${family}`);
    if (host === 'nobody') throw Object.assign(new Error('no'), { code: 'ENOTFOUND' });
    if (host === 'silent') throw Object.assign(new Error('no'), { code: 'EAI_AGAIN' });
    if (host.startsWith('192.')) return { address: host };
    return { address: family === 6 ? 'fe80::1%7' : '192.0.2.1' };
  }

  async lookupService(address: string) {
    await this.#turn(address);
    return { hostname: address === '192.0.2.9' ? address : 'gw.test' };
  }

  answer(): void {
    for (const settle of this.#waiting.splice(0)) settle();
  }

  #turn(question: string): Promise<void> {
    this.asked.push(question);
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }
}

t.test('who asks for what is being asked waits for the same answer', async (t) => {
  const servers = new Servers();
  const names = hostNames(new FakeClock(), servers);
  const all = [
    ...[undefined, undefined, 4, 6, 6].map((family) => names.resolve('a', family as 4 | 6)),
    names.resolve('nobody', undefined),
    names.resolve('nobody', undefined),
  ];
  t.same(servers.asked, ['a 0', 'a 4', 'a 6', 'nobody 0']);
  servers.answer();
  const told = await Promise.all(all);
  t.same(told[0], { ok: true, value: { address: ipv4(0xc0000201), scope: 0 } });
  t.match(told[4], { ok: true, value: { scope: 7 } });
  t.match(told.slice(5), Array(2).fill({ ok: false, error: { code: 'ENOTFOUND' } }));
  void names.resolve('a', undefined);
  t.equal(servers.asked.length, 5, 'what is over is asked anew');
  servers.answer();
});

t.test('only so many are asked, and it is over when there is an answer', async (t) => {
  const servers = new Servers();
  const clock = new FakeClock();
  const names = hostNames(clock, servers);
  const all = Array.from({ length: MAX_LOOKUPS }, (_, i) => names.resolve(`h${i}`, undefined));
  t.match(await names.resolve('one more', undefined), { ok: false, error: { code: 'EAGAIN' } });
  t.equal(servers.asked.length, MAX_LOOKUPS);
  servers.answer();
  t.ok((await Promise.all(all)).every(({ ok }) => ok));
  const after = names.resolve('one more', undefined);
  servers.answer();
  t.match(await after, { ok: true });
});

t.test('names of addresses: shared, bounded, and nobody waits for long', async (t) => {
  const servers = new Servers();
  const clock = new FakeClock();
  const names = hostNames(clock, servers);
  const waiting = [1, 1, 9].map((n) => names.nameOf(ipv4(0xc0000200 + n)));
  t.same(servers.asked, ['192.0.2.1', '192.0.2.9']);
  servers.answer();
  t.same(await Promise.all(waiting), ['gw.test', 'gw.test', undefined]);
  const late = names.nameOf(ipv4(0xc0000202));
  clock.advance(2000);
  t.equal(await late, undefined);
  t.equal(clock.pending, 0);
  servers.answer();
  await new Promise(setImmediate);
  const all = Array.from({ length: MAX_LOOKUPS }, (_, i) => names.nameOf(ipv4(0xc6336400 + i)));
  t.equal(await names.nameOf(ipv4(0xcb007101)), undefined);
  t.equal(servers.asked.length, 3 + MAX_LOOKUPS);
  servers.answer();
  await Promise.all(all);
});

t.test('why there is no address', async (t) => {
  const servers = new Servers();
  const names = hostNames(new FakeClock(), servers);
  const all = (['nobody', 'silent', '192.0.2.1', ''] as const).map((host) =>
    names.resolve(host, 6),
  );
  servers.answer();
  const why = (await Promise.all(all)).map((one) => (one.ok ? '' : one.error.message));
  t.same(why, [
    'nobody: no such host with an IPv6 address',
    'silent: no server told its address',
    '192.0.2.1: no such host with an IPv6 address',
    'an address or a name is wanted',
  ]);
});
