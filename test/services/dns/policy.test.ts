/** Decisions: what goes before what, for whom, when, and what the engine is told of it. */
import t from 'tap';
import { type Mac, parseMac } from '#src/base/ip.ts';
import type { IpAddress } from '#src/base/ip6.ts';
import type { Decision } from '#src/services/dns/decision.ts';
import { type CompileSource, compileLists } from '#src/services/dns/lists/compile.ts';
import { listAddress } from '#src/services/dns/lists/names.ts';
import { SideRules } from '#src/services/dns/lists/side-rules.ts';
import { Policy, rewriteKey } from '#src/services/dns/policy.ts';
import type {
  GroupConfig,
  ListConfig,
  PolicyConfig,
  RewriteAnswer,
  RewriteConfig,
} from '#src/services/dns/policy-config.ts';
import { encodeName } from '#src/wire/dns-name.ts';
import { formatRdata } from '#src/wire/dns-rdata-text.ts';
import { TYPE, typeName } from '#src/wire/dns-registry.ts';
import { FakeClock } from '../../lib/clock.ts';
import { dnsName, PlainBlocks } from '../../lib/dns-blocks.ts';

const ip = (text: string): IpAddress => {
  const address = listAddress(text);
  if (address === undefined) throw new TypeError(text);
  return address;
};
const mac = (text: string): Mac => {
  const parsed = parseMac(text);
  if (!parsed.ok) throw new TypeError(text);
  return parsed.value;
};

const list = (id: string, text: string, more: Partial<ListConfig> = {}): ListConfig => ({
  id,
  enable: true,
  name: `list ${id}`,
  effect: 'block',
  source: { kind: 'text', text },
  format: 'adblock',
  subdomains: false,
  mayRewrite: true,
  everySec: 86_400,
  maxBytes: 1 << 20,
  sha256: undefined,
  signature: undefined,
  ...more,
});
const group = (id: string, more: Partial<GroupConfig> = {}): GroupConfig => ({
  id,
  name: id,
  clients: [],
  lists: [],
  filterDuring: undefined,
  offlineDuring: undefined,
  safeSearch: false,
  blockMode: 'zero',
  ...more,
});
const rewrite = (
  name: string,
  answer: RewriteAnswer,
  more: Partial<RewriteConfig> = {},
): RewriteConfig => ({
  ...{ id: name, enable: true, name: dnsName(name), wildcard: false, groups: [], answer },
  ttlSec: 60,
  ...more,
});
const record = (type: number, rdata: Uint8Array): RewriteAnswer => ({
  kind: 'record',
  type,
  rdata,
});

/** A policy with its lists compiled, as the service has it. */
async function policyOf(config: Partial<PolicyConfig>) {
  const whole: PolicyConfig = {
    lists: [],
    groups: [],
    defaultGroup: undefined,
    rewrites: [],
    blockTtlSec: 60,
    ...config,
  };
  const blocks = new PlainBlocks();
  const clock = new FakeClock();
  const time = { day: 0, minute: 0 };
  const isLocal = ({ name }: { readonly name: string }): boolean => name.endsWith('.lan');
  const policy = new Policy({ engine: blocks, clock, localTime: () => time, isLocal });
  policy.apply(whole);
  const compile = async (): Promise<void> => {
    const sources = whole.lists.map((one, place): CompileSource => {
      const text = one.source.kind === 'text' ? one.source.text : '';
      return {
        list: { id: place + 2, name: one.name, sha256: new Uint8Array(32) },
        reading: one,
        own: false,
        read: async function* () {
          yield new TextEncoder().encode(text);
        },
      };
    });
    const own = whole.rewrites.map(({ name, wildcard }) => {
      const scope: 'exact' | 'below' = wildcard ? 'below' : 'exact';
      return { name, scope };
    });
    const options = { key: new Uint8Array(16), note: '', path: '/blocks', own };
    const compiled = await compileLists(sources, blocks, options, new AbortController().signal);
    if (!compiled.ok) throw compiled.error;
    const side = new SideRules();
    for (const one of compiled.value.side) side.add(one);
    policy.useLists({
      lists: [{ id: '', name: '' }, ...whole.lists],
      side,
      rewriteKey: rewriteKey(whole.rewrites),
    });
  };
  await compile();
  return { policy, clock, time, blocks };
}

const MX = 15;
const CLIENT = ip('192.168.1.10');
const OTHER = ip('192.168.1.11');

/** In a few words, for comparison. */
function told(decision: Decision): string {
  const by = 'by' in decision ? ` by ${decision.by.kind}` : '';
  const alias = decision.kind === 'block' && decision.alias ? ` through ${decision.alias}` : '';
  if (decision.kind !== 'rewrite') return `${decision.kind}${by}${alias}`;
  const records = decision.records.map(
    ({ type, rdata }) => ` ${typeName(type)} ${formatRdata(type, rdata)}`,
  );
  return `${decision.rcode}${records.join()}${decision.follow ? ' followed' : ''}${by}`;
}

t.test('rules of lists', async (t) => {
  const text = `
||ads.example^
@@||good.ads.example^
||bad.good.ads.example^$important
@@||best.bad.good.ads.example^$important
|exact.example^
||*.below.example^
/^track[0-9]+\\./
@@||track7.example^
||kids.example^$client=192.168.1.10
||typed.example^$dnstype=AAAA
||zip^$denyallow=fine.zip
||led.example^$dnsrewrite=192.0.2.1
||led.example^$dnsrewrite=192.0.2.2
@@||unled.led.example^$dnsrewrite
||gone.example^
||gone.example^$badfilter
`;
  const { policy } = await policyOf({
    lists: [list('a', text)],
    groups: [group('home', { lists: ['a'] })],
    defaultGroup: 'home',
  });
  const say = (name: string, type: number = TYPE.A, client = CLIENT): string =>
    told(policy.decide({ name: dnsName(name), type }, client));
  const block = 'block by list';
  t.equal(say('ads.example'), block);
  t.equal(say('x.ads.example'), block);
  t.equal(say('notads.example'), 'pass');
  t.equal(say('good.ads.example'), 'allow by list');
  t.equal(say('bad.good.ads.example'), block, 'important goes before an exception');
  t.equal(say('x.best.bad.good.ads.example'), 'allow by list', 'an important one before that');
  t.equal(say('exact.example'), block);
  t.equal(say('x.exact.example'), 'pass');
  t.equal(say('below.example'), 'pass');
  t.equal(say('x.below.example'), block);
  t.equal(say('track12.example'), block);
  t.equal(say('mytrack12.example'), 'pass');
  t.equal(say('track7.example'), 'allow by list', 'a hashed exception from a pattern');
  t.equal(say('kids.example'), block);
  t.equal(say('kids.example', TYPE.A, OTHER), 'pass');
  t.equal(policy.decide({ name: dnsName('kids.example'), type: 1 }, OTHER).shared, false);
  t.equal(policy.decide({ name: dnsName('other.example'), type: 1 }, OTHER).shared, true);
  t.equal(say('typed.example'), 'pass');
  t.equal(say('typed.example', TYPE.AAAA), block);
  t.equal(say('any.zip'), block);
  t.equal(say('www.fine.zip'), 'pass');
  t.equal(say('led.example'), 'NOERROR A 192.0.2.1, A 192.0.2.2 by list');
  t.equal(say('led.example', TYPE.AAAA), 'NOERROR by list', 'no data of another type');
  t.equal(say('unled.led.example'), 'pass', 'an exception lifts the rewrite');
  t.equal(say('gone.example'), 'pass', 'taken back');
  const by = policy.decide({ name: dnsName('kids.example'), type: 1 }, CLIENT);
  t.match(by, { by: { list: 'a', listName: 'list a', place: 1, line: 10 } });
  t.match(policy.decide({ name: dnsName('ads.example'), type: 1 }, CLIENT), {
    by: { list: 'a', place: 1, line: undefined },
  });
});

t.test('an answer that leads through a blocked name is blocked', async (t) => {
  const { policy } = await policyOf({
    lists: [list('a', '||tracker.example^\n@@||shop.example^')],
    groups: [group('home', { lists: ['a'] })],
    defaultGroup: 'home',
  });
  const chain = (name: string, ...targets: string[]): string =>
    told(policy.decideChain({ name: dnsName(name), type: 1 }, targets.map(dnsName), CLIENT));
  t.equal(
    chain('news.example', 'cdn.example', 'x.tracker.example'),
    'block by list through x.tracker.example',
  );
  t.equal(chain('news.example', 'cdn.example'), 'pass');
  t.equal(chain('www.shop.example', 'x.tracker.example'), 'allow by list');
  t.equal(chain('tracker.example', 'cdn.example'), 'block by list');
});

t.test('the owner’s answers', async (t) => {
  const address = record(TYPE.A, Uint8Array.of(192, 0, 2, 1));
  const { policy } = await policyOf({
    lists: [list('a', '||example^')],
    groups: [
      group('home', { lists: ['a'] }),
      group('kids', { clients: [{ kind: 'prefix', address: OTHER, prefixLen: 32 }] }),
    ],
    defaultGroup: 'home',
    rewrites: [
      rewrite('one.example', address),
      rewrite('one.example', record(TYPE.A, Uint8Array.of(192, 0, 2, 2))),
      rewrite(
        'one.example',
        record(MX, Uint8Array.of(0, 5, ...encodeName(dnsName('mail.example')))),
      ),
      rewrite('wild.example', record(TYPE.CNAME, encodeName(dnsName('target.example'))), {
        wildcard: true,
      }),
      rewrite('except.wild.example', { kind: 'pass' }),
      rewrite('gone.example', { kind: 'nxdomain' }),
      rewrite('none.example', { kind: 'nodata' }),
      rewrite('no.example', { kind: 'refused' }),
      rewrite('kids.example', { kind: 'nxdomain' }, { groups: ['kids'] }),
      rewrite('off.example', { kind: 'nxdomain' }, { enable: false }),
    ],
  });
  const say = (name: string, type: number = TYPE.A, client = CLIENT): string =>
    told(policy.decide({ name: dnsName(name), type }, client));
  t.equal(say('one.example'), 'NOERROR A 192.0.2.1, A 192.0.2.2 by rewrite');
  t.equal(say('one.example', MX), 'NOERROR MX 5 mail.example. by rewrite');
  t.equal(say('one.example', TYPE.TXT), 'NOERROR by rewrite');
  t.equal(say('x.one.example'), 'block by list');
  t.equal(say('a.b.wild.example'), 'NOERROR CNAME target.example. followed by rewrite');
  t.equal(say('wild.example'), 'block by list', 'a wildcard is what is below it');
  t.equal(say('except.wild.example'), 'block by list', 'an exception: the lists speak');
  t.equal(say('gone.example'), 'NXDOMAIN by rewrite');
  t.equal(say('none.example'), 'NOERROR by rewrite');
  t.equal(say('no.example'), 'REFUSED by rewrite');
  t.equal(say('kids.example'), 'block by list');
  t.equal(say('kids.example', TYPE.A, OTHER), 'NXDOMAIN by rewrite');
  t.equal(say('off.example'), 'block by list');
});

t.test('groups: MAC before address, long prefix before short, name last', async (t) => {
  const { policy } = await policyOf({
    groups: [
      group('net', { clients: [{ kind: 'prefix', address: ip('192.168.1.0'), prefixLen: 24 }] }),
      group('half', { clients: [{ kind: 'prefix', address: ip('192.168.1.128'), prefixLen: 25 }] }),
      group('mac', { clients: [{ kind: 'mac', mac: mac('02:00:00:00:00:01') }] }),
      group('name', { clients: [{ kind: 'name', name: 'phone' }] }),
      group('six', { clients: [{ kind: 'prefix', address: ip('2001:db8::'), prefixLen: 64 }] }),
    ],
  });
  policy.useHosts([
    {
      mac: mac('02:00:00:00:00:01'),
      name: 'phone',
      addresses: [ip('192.168.1.200'), ip('2001:db8:1::5')],
    },
    {
      mac: mac('02:00:00:00:00:02'),
      name: 'phone',
      addresses: [ip('192.168.1.201'), ip('10.0.0.5')],
    },
  ]);
  const of = (text: string): string | undefined => policy.viewOf(ip(text)).group?.id;
  t.equal(of('192.168.1.5'), 'net');
  t.equal(of('192.168.1.129'), 'half');
  t.equal(of('192.168.1.200'), 'mac');
  t.equal(of('2001:db8:1::5'), 'mac');
  t.equal(of('192.168.1.201'), 'half', 'a prefix goes before a name');
  t.equal(of('10.0.0.5'), 'name');
  t.equal(of('2001:db8::1'), 'six');
  t.equal(of('10.0.0.6'), undefined);
  const { clients, groups, defaultGroup } = policy.forEngine();
  t.equal(groups.length, 12);
  t.equal(defaultGroup, 0);
  const entry = (text: string, prefixLen: number) =>
    clients.find((one) => one.address === ip(text) && one.prefixLen === prefixLen)?.group;
  t.equal(entry('192.168.1.0', 24), 2);
  t.equal(entry('192.168.1.200', 32), 6);
  t.equal(entry('10.0.0.5', 32), 8);
  t.equal(entry('2001:db8::', 64), 10);
  t.equal(policy.engineGroupOf(ip('192.168.1.200')), 6, 'the same number as the engine finds');
});

t.test('for a while', async (t) => {
  const { policy, clock } = await policyOf({
    lists: [list('a', '||ads.example^')],
    groups: [group('home', { lists: ['a'] })],
    defaultGroup: 'home',
  });
  const say = (name: string, client = CLIENT): string =>
    told(policy.decide({ name: dnsName(name), type: 1 }, client));
  const engine = () => policy.forEngine();
  const { generation } = engine();
  t.equal(engine().generation, generation, 'nothing happened');
  t.equal(engine().changesInMs, Infinity);

  policy.pause(CLIENT, 60_000);
  t.equal(say('ads.example'), 'allow by override');
  t.equal(say('ads.example', OTHER), 'block by list', 'nobody else is paused');
  t.equal(engine().changesInMs, 60_000);
  t.ok(engine().generation > generation);
  t.equal(engine().clients.find(({ address }) => address === CLIENT)?.group, 3, 'its own number');
  t.equal(engine().groups[3]?.slow, true);
  t.equal(engine().groups[2]?.slow, false, 'the others are as quick as before');
  clock.advance(59_999);
  t.equal(say('ads.example'), 'allow by override');
  clock.advance(1);
  t.equal(say('ads.example'), 'block by list');
  t.equal(engine().clients.length, 0);

  const { id } = policy.allow(dnsName('ads.example'), undefined, 60_000);
  t.equal(say('x.ads.example', OTHER), 'allow by override');
  t.equal(engine().groups[2]?.slow, true, 'the engine would block it');
  t.equal(policy.endOverride(id), true);
  t.equal(policy.endOverride(id), false);
  t.equal(say('x.ads.example', OTHER), 'block by list');

  policy.block(dnsName('news.example'), CLIENT, 60_000);
  t.equal(say('www.news.example'), 'block by override');
  t.equal(say('www.news.example', OTHER), 'pass');
  policy.allow(dnsName('www.news.example'), CLIENT, 60_000);
  t.equal(say('www.news.example'), 'allow by override', 'the newest counts');
  t.equal(policy.overrides.length, 2);
  policy.pause(undefined, 1000);
  t.equal(engine().groups[2]?.listMask, 0n, 'a pause for all');
  clock.advance(60_000);
  t.equal(policy.overrides.length, 0);
});

t.test('times of the week', async (t) => {
  const evening = [{ days: 0b0011111, fromMin: 20 * 60, toMin: 7 * 60 }];
  const day = [{ days: 0b1111111, fromMin: 8 * 60, toMin: 12 * 60 }];
  const { policy, time } = await policyOf({
    lists: [list('a', '||ads.example^')],
    groups: [group('kids', { lists: ['a'], offlineDuring: evening, filterDuring: day })],
    defaultGroup: 'kids',
  });
  const at = (weekday: number, hour: number, minute = 0): string => {
    Object.assign(time, { day: weekday, minute: hour * 60 + minute });
    return ['ads.example', 'other.example']
      .map((name) => told(policy.decide({ name: dnsName(name), type: 1 }, CLIENT)))
      .join(', ');
  };
  t.equal(at(0, 9), 'block by list, pass');
  const { generation } = policy.forEngine();
  t.equal(at(0, 12), 'pass, pass', 'the end is not part of it');
  t.ok(policy.forEngine().generation > generation);
  t.equal(at(0, 20), 'block by offline, block by offline');
  const nas = policy.decide({ name: dnsName('nas.lan'), type: 1 }, CLIENT);
  t.equal(told(nas), 'pass', 'the LAN’s own names go on');
  t.equal(policy.forEngine().groups[2]?.slow, true);
  t.equal(at(1, 6, 59), 'block by offline, block by offline', 'past midnight');
  t.equal(at(1, 7), 'pass, pass');
  t.equal(at(5, 6, 59), 'block by offline, block by offline', 'Friday’s night ends on Saturday');
  t.equal(at(5, 21), 'pass, pass');
  t.equal(at(0, 0), 'pass, pass', 'Sunday has no evening');
  at(0, 19, 55);
  t.equal(policy.forEngine().changesInMs, 5 * 60_000, 'it says when to ask again');
  at(0, 12, 30);
  t.equal(policy.forEngine().changesInMs, 15 * 60_000, 'and looks at the clock now and then');
});

t.test('safe search', async (t) => {
  const { policy } = await policyOf({
    groups: [group('kids', { safeSearch: true })],
    defaultGroup: 'kids',
  });
  const say = (name: string): string =>
    told(policy.decide({ name: dnsName(name), type: 1 }, CLIENT));
  for (const name of ['www.google.com', 'google.de', 'www.google.co.uk', 'www.google.com.au']) {
    t.equal(say(name), 'NOERROR CNAME forcesafesearch.google.com. followed by safeSearch', name);
  }
  t.equal(say('www.bing.com'), 'NOERROR CNAME strict.bing.com. followed by safeSearch');
  t.equal(say('forcesafesearch.google.com'), 'pass');
  t.equal(say('mail.google.com'), 'pass');
  t.equal(say('strict.bing.com'), 'pass');
});

t.test('what the engine is told', async (t) => {
  const { policy } = await policyOf({
    lists: [
      list('a', '||ads.example^'),
      list('b', '/ban+er/'),
      list('c', 'x.example', { enable: false }),
    ],
    groups: [
      group('one', { lists: ['a', 'c'], blockMode: 'nxdomain' }),
      group('two', { lists: ['a', 'b'] }),
    ],
    rewrites: [rewrite('mine.example', { kind: 'nxdomain' })],
  });
  const { groups } = policy.forEngine();
  t.match(groups[0], { listMask: 1n, slow: false }, 'the owner’s names are asked about');
  t.match(groups[2], { listMask: 0b11n, blockMode: 'nxdomain', hasPatterns: false, slow: false });
  t.match(groups[3], { listMask: 0b11n, slow: true });
  t.match(groups[4], { listMask: 0b111n, blockMode: 'zero', hasPatterns: true, blockTtlSec: 60 });
  policy.apply({
    lists: [],
    groups: [group('one')],
    defaultGroup: 'one',
    rewrites: [rewrite('new.example', { kind: 'nxdomain' })],
    blockTtlSec: 60,
  });
  t.equal(policy.forEngine().groups[2]?.slow, true, 'until the file knows of the name');
});
