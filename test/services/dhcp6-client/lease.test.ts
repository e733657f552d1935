import t from 'tap';
import { formatIpv6, formatPrefix6 } from '../../../src/base/ip6.ts';
import {
  alive,
  type Held,
  judgeReply,
  nextEndMs,
  type RawIa,
  type RawReply,
  without,
} from '../../../src/services/dhcp6-client/lease.ts';
import { at, net, SERVER } from './talk.ts';

const NOW = 1_000_000;
type Given = readonly [text: string, preferredSec?: number, validSec?: number];

const raw = (
  kind: 'address' | 'prefix',
  iaid: number,
  given: readonly Given[],
  more: Partial<RawIa> = {},
): RawIa => ({
  ...{ kind, iaid, t1Sec: 300, t2Sec: 480, status: 0 },
  leases: given.map(([text, preferredSec = 600, validSec = 1200]) =>
    kind === 'prefix'
      ? { ...net(text), preferredSec, validSec }
      : { address: at(text), prefixLen: 128, preferredSec, validSec },
  ),
  ...more,
});
const reply = (
  answered: RawReply['answered'],
  ias: readonly RawIa[],
  more: Partial<RawReply> = {},
): RawReply => ({
  ...{ answered, ias, status: 0, options: [], dnsServers: [], domains: [] },
  asked: ias.map(({ kind, iaid }) => `${kind === 'address' ? 'na' : 'pd'}${iaid}`),
  ...{ serverDuid: SERVER, serverAddress: at('fe80::9'), receivedAtMs: NOW },
  ...more,
});
const shown = (held: Held | undefined): string =>
  [
    ...(held?.addresses ?? []).map(({ address }) => formatIpv6(address)),
    ...(held?.prefixes ?? []).map(({ prefix }) => formatPrefix6(prefix)),
  ].join();

const BOUND = judgeReply(
  undefined,
  reply('bind', [raw('address', 1, [['2001:db8::5']]), raw('prefix', 1, [['2001:db8:1::/56']])]),
).held;

t.test('a bind', async (t) => {
  t.equal(shown(BOUND), '2001:db8::5,2001:db8:1::/56', 'IA_NA 1 and IA_PD 1 are two');
  t.match(BOUND, { t1AtMs: NOW + 300_000, t2AtMs: NOW + 480_000 });
  t.equal(BOUND && nextEndMs(BOUND), NOW + 1_200_000);
  const free = reply('bind', [
    raw('prefix', 1, [['2001:db8:1::/56', 100, 200]], { t1Sec: 0, t2Sec: 0 }),
  ]);
  t.match(
    judgeReply(undefined, free).held,
    { t1AtMs: NOW + 50_000, t2AtMs: NOW + 80_000 },
    'RFC 8415 §14.2',
  );
  const never = reply('bind', [
    raw('prefix', 1, [['2001:db8:1::/56', Infinity, Infinity]], {
      t1Sec: Infinity,
      t2Sec: Infinity,
    }),
  ]);
  t.match(judgeReply(undefined, never).held, {
    t1AtMs: Infinity,
    prefixes: [{ validUntilMs: Infinity }],
  });
});

t.test('an answer to REQUEST is the whole of each IA', async (t) => {
  const other = judgeReply(BOUND, reply('bind', [raw('prefix', 1, [['2001:db8:2::/56']])]));
  t.equal(shown(other.held), '2001:db8::5,2001:db8:2::/56', 'what was not asked for stays');
  const silent = judgeReply(
    BOUND,
    reply('bind', [raw('prefix', 1, [['2001:db8:2::/56']])], { asked: ['na1', 'pd1'] }),
  );
  t.equal(shown(silent.held), '2001:db8:2::/56', 'what was asked for and is not answered is none');
  const nothing = judgeReply(
    BOUND,
    reply('bind', [raw('address', 1, [], { status: 2 }), raw('prefix', 1, [], { status: 6 })]),
  );
  t.equal(nothing.held, undefined);
  t.same(nothing.remarks, [
    'the server has no address for IA 1',
    'the server has no prefix for IA 1',
  ]);
});

t.test('an answer to RENEW', async (t) => {
  const extend = (...ias: RawIa[]) =>
    judgeReply(BOUND, reply('extend', ias, { receivedAtMs: NOW + 300_000 }));
  const same = extend(
    raw('address', 1, [['2001:db8::5']]),
    raw('prefix', 1, [['2001:db8:1::/56']]),
  );
  t.match(same, { diverged: false, doubted: [], remarks: [] });
  t.equal(same.held?.prefixes[0]?.validUntilMs, NOW + 1_500_000);
  const renumbered = extend(raw('prefix', 1, [['2001:db8:1::/56', 0, 0], ['2001:db8:2::/56']]));
  t.equal(shown(renumbered.held), '2001:db8::5,2001:db8:2::/56');
  t.equal(renumbered.diverged, true, 'the program starts anew');
  const silent = extend(raw('prefix', 1, []));
  t.equal(shown(silent.held), shown(BOUND), 'what is not mentioned stays (§18.2.10.1)');
  const unknown = extend(raw('prefix', 1, [], { status: 3 }));
  t.match(unknown, { doubted: ['pd1'], diverged: true });
  t.equal(shown(unknown.held), shown(BOUND), 'until another answer decides');
  const none = extend(raw('prefix', 1, [], { status: 6 }));
  t.equal(shown(none.held), '2001:db8::5');
  t.match(none, { doubted: [], diverged: true });
  const odd = extend(raw('prefix', 1, [['2001:db8:1::/56', 900, 100]]));
  t.equal(shown(odd.held), shown(BOUND), 'a lease that makes no sense takes nothing away');
});

t.test('a CONFIRM changes no lifetimes; on another link addresses are in doubt', async (t) => {
  t.match(judgeReply(BOUND, reply('confirm', [])), { doubted: [], diverged: false });
  t.match(judgeReply(BOUND, reply('confirm', [], { status: 4 })), {
    doubted: ['na1'],
    diverged: true,
  });
});

t.test('what could not be an address or prefix of a router is refused', async (t) => {
  for (const [ia, why] of [
    [raw('address', 1, [['fe80::5']]), /no address of a host/],
    [raw('address', 1, [['ff02::1']]), /no address of a host/],
    [raw('address', 1, [['::1']]), /no address of a host/],
    [raw('prefix', 1, [['2001:db8::/65']]), /too long/],
    [raw('prefix', 1, [['2000::/3']]), /too short/],
    [raw('prefix', 1, [['fe80::/56']]), /neither of/],
    [raw('prefix', 1, [['::/56']]), /neither of/],
    [raw('prefix', 1, [['ff00::/56']]), /neither of/],
    [raw('prefix', 1, [['2001:db8:1::/56', 300, 200]]), /preferred for longer/],
    [raw('prefix', 1, [['2001:db8:1::/56']], { t1Sec: 400, t2Sec: 300 }), /T1 is after its T2/],
    [
      {
        ...raw('prefix', 1, []),
        leases: [{ address: at('2001:db8::1'), prefixLen: 56, preferredSec: 1, validSec: 2 }],
      },
      /bits behind/,
    ],
  ] as const) {
    const judged = judgeReply(undefined, reply('bind', [ia]));
    t.equal(judged.held, undefined);
    t.match(judged.remarks.join(), why);
  }
  const many = Array.from({ length: 40 }, (_, i): Given => [`2001:db8:${i.toString(16)}::/48`]);
  t.equal(judgeReply(undefined, reply('bind', [raw('prefix', 1, many)])).held?.prefixes.length, 16);
});

t.test('parts end by themselves', async (t) => {
  const held = judgeReply(
    undefined,
    reply('bind', [
      raw('address', 1, [['2001:db8::5', 10, 20]]),
      raw('prefix', 1, [['2001:db8:1::/56']]),
    ]),
  ).held;
  t.equal(alive(held, NOW + 19_999), held);
  t.equal(shown(alive(held, NOW + 20_000)), '2001:db8:1::/56');
  t.equal(alive(held, NOW + 1_200_000), undefined);
  t.equal(shown(without(held, ['pd1'])), '2001:db8::5');
  t.equal(without(held, ['pd2']), held);
});
