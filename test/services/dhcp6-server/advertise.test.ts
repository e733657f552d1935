import fc from 'fast-check';
import t from 'tap';
import { formatMac, type Mac, macBytes } from '../../../src/base/ip.ts';
import { ALL_NODES, formatPrefix6, ipv6, linkLocalOf } from '../../../src/base/ip6.ts';
import { IDLE, nextMs, type Schedule, step } from '../../../src/services/dhcp6-server/advertise.ts';
import { decodeNd, encodeNd, type NdOption } from '../../../src/wire/icmp6.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryStore } from '../../state/memory-store.ts';
import { advertise, at, CLIENT, config, House, prefix, ROUTER, segment, timed } from './house.ts';

const ALL_ROUTERS = at('ff02::2');

function solicit(house: House, from = linkLocalOf(CLIENT)): void {
  const packet = encodeNd({
    ...{ sourceMac: macBytes(CLIENT), destinationMac: Uint8Array.of(0x33, 0x33, 0, 0, 0, 2) },
    ...{ source: from, destination: ALL_ROUTERS },
    body: { kind: 'solicitation', options: [] },
  });
  house.hear('icmp6Router', packet);
}

/** What went out since the last call. */
function heard(house: House) {
  return house.sent.splice(0).map((frame) => {
    const packet = decodeNd(frame);
    if (!packet.ok || packet.value.body.kind !== 'advertisement') throw new Error('no RA');
    const { advertisement } = packet.value.body;
    const prefixes = advertisement.options.flatMap((option) =>
      option.kind === 'prefix'
        ? [`${formatPrefix6(option.prefix)} ${option.preferredSec} ${option.validSec}`]
        : [],
    );
    return { ...packet.value, ...advertisement, prefixes };
  });
}

const link = (...prefixes: ReturnType<typeof timed>[]) =>
  prefixes.map((p) => ({ ...p, onLink: true, autonomous: true }));
const served = (change = {}, prefixes = link(timed('fd00::/64'))) =>
  config({ pools: [], segments: [segment({ prefixes, advertise: advertise(change) })] });

t.test('what is advertised', async (t) => {
  const wanted = served({
    ...{ managed: true, mtu: 1492, lifetimeSec: 1800, preference: 'high', hopLimit: 64 },
    ...{
      routes: [prefix('fd00::/48')],
      captivePortal: 'https://a/',
      pref64: prefix('64:ff9b::/96'),
    },
  });
  await using house = await new House().start(wanted);
  house.clock.advance(0);
  const [ra] = heard(house);
  t.match(ra, {
    ...{ source: linkLocalOf(ROUTER), destination: ALL_NODES, managed: true, other: true },
    ...{ lifetimeSec: 1800, preference: 'high', hopLimit: 64, prefixes: ['fd00::/64 2700 5400'] },
  });
  const by = new Map(ra?.options.map((option) => [option.kind, option]));
  t.equal(
    formatMac((by.get('sourceLinkLayer') as Extract<NdOption, { kind: 'sourceLinkLayer' }>).mac),
    ROUTER,
  );
  t.match(by.get('rdnss'), { lifetimeSec: 1800, servers: [at('fd00::1')] });
  t.match(by.get('dnssl'), { lifetimeSec: 1800, domains: ['lan'] });
  t.match(by.get('mtu'), { mtu: 1492 });
  t.match(by.get('route'), { lifetimeSec: 1800 });
  t.match(by.get('captivePortal'), { uri: 'https://a/' });
  t.match(by.get('pref64'), { lifetimeSec: 1800 });
  t.equal(by.size, 8);
});

t.test('three quick ones, then in the interval; hosts that ask', async (t) => {
  await using house = await new House().start(served());
  house.clock.advance(32_000);
  t.equal(heard(house).length, 3);
  house.clock.advance(3_600_000);
  const hourly = heard(house).length;
  t.ok(hourly >= 6 && hourly <= 18, `${hourly} in an hour`);

  solicit(house);
  house.clock.advance(500);
  t.match(heard(house), [{ destination: linkLocalOf(CLIENT) }], 'an answer of its own');
  house.clock.advance(4000);
  heard(house);
  for (let i = 0; i < 100; i++)
    solicit(house, linkLocalOf(formatMac(Uint8Array.of(2, 0, 0, 0, 1, i))));
  house.clock.advance(500);
  const answers = heard(house);
  t.equal(answers.filter(({ destination }) => destination !== ALL_NODES).length <= 16, true);
  for (let i = 0; i < 100; i++) {
    solicit(house, ipv6(0n));
    house.clock.advance(100);
  }
  const all = heard(house);
  t.ok(all.length >= 2 && all.length <= 5, `${all.length} in ten seconds: one in three at most`);
  t.equal(house.service.observed.advertisers[0]?.solicitations, 201);
});

t.test('the schedule keeps what RFC 4861 §6.2 says, whatever happens', async (t) => {
  const interval = { minIntervalSec: 30, maxIntervalSec: 100 };
  const event = fc.record({
    kind: fc.constantFrom(
      'changed' as const,
      'solicited' as const,
      'unspecified' as const,
      'wait' as const,
    ),
    who: fc.integer({ min: 1, max: 40 }),
    waitMs: fc.integer({ min: 0, max: 60_000 }),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      let state: Schedule = IDLE;
      let nowMs = 0;
      let lastMs = Number.NEGATIVE_INFINITY;
      const asked = new Map<bigint, number>();
      const take = (event: Parameters<typeof step>[1], random: number): boolean => {
        const next = step(state, event, nowMs, interval, () => random);
        state = next.state;
        for (const { address } of next.to) asked.delete(address);
        if (next.toAll) {
          if (nowMs - lastMs < 3000 || nowMs - lastMs > 100_000 + 3000) {
            if (lastMs !== Number.NEGATIVE_INFINITY) return false;
          }
          lastMs = nowMs;
          asked.clear();
        }
        return [...asked.values()].every((sinceMs) => nowMs - sinceMs <= 3500);
      };
      if (!take({ kind: 'changed' }, 0)) return false;
      for (const { kind, who, waitMs, random } of events) {
        const address = ipv6(BigInt(who));
        if (kind === 'wait') {
          const end = nowMs + waitMs;
          while (nextMs(state) <= end) {
            nowMs = Math.max(nowMs, nextMs(state));
            if (!take({ kind: 'timer' }, random)) return false;
          }
          nowMs = end;
        } else if (kind === 'changed') {
          if (!take({ kind }, random)) return false;
        } else {
          const from = kind === 'solicited' ? { address, mac: macBytes(CLIENT) } : undefined;
          if (from !== undefined && !asked.has(address)) asked.set(address, nowMs);
          if (!take({ kind: 'solicited', from }, random)) return false;
          if (state.waiting.length > 16) return false;
        }
      }
      return true;
    }),
    { seed: 31, numRuns: 500 },
  );
  t.pass('500 stories');
});

t.test('a prefix that goes is deprecated, also after a crash', async (t) => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  const two = link(timed('fd00::/64'), timed('2001:db8:1::/64'));
  const settle = () => new Promise<void>((done) => setImmediate(done));
  {
    await using house = await new House(store, clock).start(served({}, two));
    clock.advance(40_000);
    t.same(heard(house).at(-1)?.prefixes, ['fd00::/64 2700 5400', '2001:db8:1::/64 2700 5400']);
    await settle();
    house.service.apply(served({}, link(timed('fd00::/64'), timed('2001:db8:2::/64'))));
    clock.advance(3_000);
    t.same(heard(house).at(-1)?.prefixes, [
      'fd00::/64 2700 5400',
      '2001:db8:2::/64 2700 5400',
      '2001:db8:1::/64 0 5400',
    ]);
    await settle();
  }
  {
    // It ended without a word; the configuration changed while nobody ran.
    await using house = await new House(store, clock).start(served({}, link(timed('fd00::/64'))));
    clock.advance(16_000);
    const last = heard(house).at(-1);
    t.equal(last?.prefixes.length, 3);
    t.match(last?.prefixes[1], /^2001:db8:2::\/64 0 5\d\d\d$/);
    clock.advance(6_000_000);
    await settle();
    t.same(
      heard(house).at(-1)?.prefixes,
      ['fd00::/64 2700 5400'],
      'as long as hosts may know of it',
    );
    // It comes back before its time.
    house.service.apply(served({}, two));
    clock.advance(3_000);
    t.equal(heard(house).at(-1)?.prefixes.length, 2);
    await settle();
  }
  {
    await using house = await new House(store, clock).start(served({}, two));
    clock.advance(0);
    t.equal(heard(house).at(-1)?.prefixes.length, 2, 'nothing of old left');
  }
});

t.test('lifetimes run down to what the WAN gave', async (t) => {
  const prefixes = link(timed('2001:db8:1::/64', 61_000, 121_000));
  await using house = await new House().start(served({}, prefixes));
  house.clock.advance(0);
  t.same(heard(house)[0]?.prefixes, ['2001:db8:1::/64 60 120']);
  house.clock.advance(90_000);
  solicit(house);
  house.clock.advance(500);
  t.match(heard(house).at(-1)?.prefixes[0], /^2001:db8:1::\/64 0 (29|30)$/);
});

t.test('told to cease; cables; another router', async (t) => {
  await using house = await new House().start(served({ lifetimeSec: 1800 }));
  house.clock.advance(10);
  heard(house);
  const other = '02:00:00:00:00:66' as Mac;
  const rogue = encodeNd({
    ...{ sourceMac: macBytes(other), destinationMac: Uint8Array.of(0x33, 0x33, 0, 0, 0, 1) },
    ...{ source: linkLocalOf(other), destination: ALL_NODES },
    body: {
      kind: 'advertisement',
      advertisement: {
        ...{ hopLimit: 0, managed: false, other: false, preference: 'medium', lifetimeSec: 900 },
        ...{ reachableMs: 0, retransMs: 0 },
        options: [
          {
            ...{ kind: 'prefix', prefix: prefix('fd66::/64'), onLink: true, autonomous: true },
            ...{ validSec: 60, preferredSec: 60 },
          },
        ],
      },
    },
  });
  house.hear('icmp6Router', rogue);
  house.clock.advance(100);
  t.match(house.observed?.rogues, [
    { router: linkLocalOf(other), mac: other, lifetimeSec: 900, segment: 'Device.IP.Interface.2' },
  ]);
  t.equal(house.observed?.rogues.length, 1);

  const [lan] = house.links;
  if (lan === undefined) return t.fail('no link');
  house.links[0] = { ...lan, carrier: false };
  house.service.linksChanged();
  t.equal(house.openPorts, 0);
  house.links[0] = lan;
  house.service.linksChanged();
  t.equal(house.openPorts, 1);
  house.clock.advance(0);
  t.equal(heard(house).length, 1, 'told at once after the cable is back');

  house.service.apply(config({ segments: [segment()], pools: [] }));
  t.match(heard(house), [{ lifetimeSec: 0, prefixes: ['fd00::/64 0 5400'] }], 'the last one');
  t.equal(house.openPorts, 0);
  house.clock.advance(3_600_000);
  t.equal(heard(house).length, 0);
  house.refusePorts = true;
  house.service.apply(served());
  t.match(house.service.observed.advertisers, [{ status: 'Error', reason: 'no port for you' }]);
});
