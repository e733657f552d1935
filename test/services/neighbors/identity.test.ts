/** Which hosts are one device, and why; and when they were there. */
import fc from 'fast-check';
import t from 'tap';
import { type Mac, macOf } from '#src/base/ip.ts';
import { eui64, type IpAddress, ipv6 } from '#src/base/ip6.ts';
import { identify, type Traits } from '#src/services/neighbors/identity.ts';
import { Presence } from '#src/services/neighbors/presence.ts';

const MINUTE = 60_000;
const REAL = (n: number): Mac => macOf(0xdca632000000 + n);
const MADE_UP = (n: number): Mac => macOf(0x020000000000 + n);

function presence(...stays: readonly [fromMs: number, toMs: number | undefined][]): Presence {
  const own = new Presence();
  for (const [fromMs, toMs] of stays) {
    own.came(fromMs);
    if (toMs !== undefined) own.went(toMs);
  }
  return own;
}

const host = (mac: Mac, firstSeenMs: number, more: Partial<Traits> = {}): Traits => ({
  ...{ mac, firstSeenMs, clientId: undefined, called: undefined, addresses: [] },
  ...{ interfaceId: eui64(mac), stays: new Presence() },
  ...more,
});
const address = (value: IpAddress) => ({ address: value });

/** `mac < device by reason`, by last bytes. */
const told = (hosts: readonly Traits[], apart: readonly (readonly [Mac, Mac])[] = []): string[] =>
  [...identify(hosts, apart, 1000 * MINUTE)]
    .map(([mac, { device, joined }]) =>
      joined === undefined
        ? `${mac.slice(-2)} ${device.slice(-2)}`
        : `${mac.slice(-2)} ${device.slice(-2)} ${joined.by} ${joined.to.slice(-2)}`,
    )
    .sort();

t.test('each is its own, unless something tells', async (t) => {
  t.same(told([host(REAL(1), 1), host(MADE_UP(2), 2)]), ['01 01', '02 02']);
});

t.test('the same client identifier', async (t) => {
  const clientId = 'ff00112233445566';
  t.same(told([host(MADE_UP(1), 1, { clientId }), host(MADE_UP(2), 2, { clientId })]), [
    ...['01 01', '02 01 ClientId 01'],
  ]);
  const ofMac = '01dca632000001';
  t.same(
    told([host(REAL(1), 1, { clientId: ofMac }), host(REAL(2), 2, { clientId: ofMac })]),
    ['01 01', '02 02'],
    'one that is made of a MAC address tells nothing',
  );
});

t.test('an IPv6 address that is made of the other MAC address', async (t) => {
  const own = address(ipv6((0x2001_0db8n << 96n) | eui64(REAL(1))));
  t.same(told([host(REAL(1), 1), host(MADE_UP(2), 2, { addresses: [own] })]), [
    ...['01 01', '02 01 IPv6Address 01'],
  ]);
});

t.test('the same name, where one is made up, and never at the same time', async (t) => {
  const called = 'annas-phone';
  const first = presence([0, 100 * MINUTE]);
  const after = presence([200 * MINUTE, undefined]);
  const during = presence([50 * MINUTE, undefined]);
  const pair = (a: Traits, b: Traits): boolean =>
    told([a, b]).some((text) => text.includes('Host'));
  const old = host(REAL(1), 1, { called, stays: first });
  t.ok(pair(old, host(MADE_UP(2), 2, { called, stays: after })));
  t.notOk(pair(old, host(MADE_UP(2), 2, { called, stays: during })), 'both were there');
  t.notOk(pair(old, host(REAL(2), 2, { called, stays: after })), 'nobody makes up anything');
  const common = 'iphone';
  t.notOk(
    pair({ ...old, called: common }, host(MADE_UP(2), 2, { called: common, stays: after })),
    'half of the neighbourhood is called so',
  );
});

t.test('the owner undoes it, for the whole chain', async (t) => {
  const clientId = 'ff00112233445566';
  const hosts = [1, 2, 3].map((n) => host(MADE_UP(n), n, { clientId }));
  t.same(told(hosts), ['01 01', '02 01 ClientId 01', '03 01 ClientId 01']);
  t.same(told(hosts, [[MADE_UP(2), MADE_UP(1)]]), ['01 01', '02 02', '03 01 ClientId 01']);
});

const traits = fc
  .uniqueArray(
    fc.record({
      n: fc.integer({ min: 1, max: 60 }),
      made: fc.boolean(),
      firstSeenMs: fc.nat(10),
      clientId: fc.option(fc.constantFrom('ff001122', 'ff003344'), { nil: undefined }),
      called: fc.option(fc.constantFrom('anna', 'ben'), { nil: undefined }),
      other: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
      from: fc.nat(500),
      length: fc.nat(200),
    }),
    { selector: ({ n, made }) => `${n} ${made}`, maxLength: 14 },
  )
  .map((all) =>
    all.map(({ n, made, other, from, length, ...rest }) =>
      host(made ? MADE_UP(n) : REAL(n), rest.firstSeenMs, {
        ...rest,
        addresses: other === undefined ? [] : [address(ipv6(eui64(REAL(other))))],
        stays: presence([from * MINUTE, (from + length) * MINUTE]),
      }),
    ),
  );

t.test(
  'whatever they are like: a partition, of no order, that keeps apart what is apart',
  async (t) => {
    fc.assert(
      fc.property(
        traits,
        fc.array(fc.tuple(fc.nat(13), fc.nat(13))),
        fc.nat(),
        (hosts, pairs, turn) => {
          const apart = pairs.flatMap(([i, j]): [Mac, Mac][] => {
            const [a, b] = [hosts[i], hosts[j]];
            return a === undefined || b === undefined || a === b ? [] : [[a.mac, b.mac]];
          });
          const found = identify(hosts, apart, 1000 * MINUTE);
          if (found.size !== hosts.length) throw new Error('somebody is missing');
          const turned = hosts.map((_, i) => hosts[(i + turn) % hosts.length] as Traits);
          const again = identify(turned, apart, 1000 * MINUTE);
          for (const { mac, firstSeenMs } of hosts) {
            const { device, joined } = found.get(mac) ?? { device: undefined, joined: undefined };
            if (device !== again.get(mac)?.device) throw new Error('the order counts');
            if (device === undefined || found.get(device)?.device !== device) {
              throw new Error('a device is no host of its own');
            }
            if ((mac === device) !== (joined === undefined))
              throw new Error('joined without a reason');
            if (joined !== undefined && found.get(joined.to)?.device !== device) {
              throw new Error('joined to another device');
            }
            const first = hosts.find((one) => one.mac === device);
            if (first !== undefined && first.firstSeenMs > firstSeenMs)
              throw new Error('not the first');
          }
          for (const [a, b] of apart) {
            if (found.get(a)?.device === found.get(b)?.device) throw new Error('not kept apart');
          }
        },
      ),
      { seed: 4, numRuns: 300 },
    );
    t.pass('it is one');
  },
);

t.test('a short absence is none, and what is long past goes', async (t) => {
  const own = presence([0, 10 * MINUTE], [12 * MINUTE, 20 * MINUTE], [60 * MINUTE, undefined]);
  t.same(own.stays, [
    { fromMs: 60 * MINUTE, toMs: undefined },
    { fromMs: 0, toMs: 20 * MINUTE },
  ]);
  const later = 40 * 24 * 60 * MINUTE;
  own.went(61 * MINUTE);
  own.came(later);
  t.same(own.stays, [{ fromMs: later, toMs: undefined }]);
});

t.test('what is read back from the store ended when it was seen last', async (t) => {
  const own = new Presence();
  own.restore(
    [
      { fromMs: 100, toMs: undefined },
      { fromMs: 1, toMs: 2 },
    ],
    150,
  );
  t.same(own.stays, [
    { fromMs: 100, toMs: 150 },
    { fromMs: 1, toMs: 2 },
  ]);
  own.came(200);
  t.same(own.stays[0], { fromMs: 100, toMs: undefined }, 'a restart is no absence');
});

t.test('however often it comes and goes, and whatever the clock does: few, in order', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(1e10))), (turns) => {
      const own = new Presence();
      for (const [came, wallMs] of turns) {
        if (came) own.came(wallMs);
        else own.went(wallMs);
      }
      if (own.stays.length > 64) throw new Error('too many');
      for (const { fromMs, toMs } of own.stays) {
        if (toMs !== undefined && toMs < fromMs) throw new Error('ended before it began');
      }
      if (own.stays.slice(1).some(({ toMs }) => toMs === undefined)) throw new Error('two open');
    }),
    { seed: 5 },
  );
  t.pass('as they are told');
});
