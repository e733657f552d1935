import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import { parseIpv6 } from '#src/base/ip6.ts';
import { NativeBlockBuilders } from '#src/os/linux/dns-builder.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type {
  DnsEngine,
  EngineLogEntry,
  EngineQuery,
  RuleKind,
  RuleScope,
} from '#src/os/ports-dns.ts';
import { decodeMessage } from '#src/wire/dns.ts';
import { EDE, OPTION, RCODE, TYPE } from '#src/wire/dns-registry.ts';
import {
  CLIENT,
  EDNS,
  engineFor,
  folderFor,
  GROUP,
  keyOf,
  POLICY,
  query,
  record,
  response,
  wireName,
} from '../../lib/dns-engine.ts';

const LOOPBACK = ipv4(0x7f000001);
const META = { ttlSec: 300, passMask: 1n, generation: 1 };
const A = TYPE.A;

/** The engine's answer, decoded. */
function answered(engine: DnsEngine, wire: Uint8Array, nowMs = 0, limit = 65_535) {
  const said = engine.ask(wire, CLIENT, limit, nowMs);
  if (said.kind !== 'answer') throw new Error(`no answer but ${JSON.stringify(said)}`);
  const message = decodeMessage(said.wire);
  if (!message.ok) throw new Error(message.error.message);
  return { ...said, message: message.value };
}

const missOf = (engine: DnsEngine, wire: Uint8Array, nowMs = 0): string => {
  const said = engine.ask(wire, CLIENT, 65_535, nowMs);
  return said.kind === 'miss' ? said.reason : said.kind;
};

const put = (engine: DnsEngine, text: string, ttl = 300, nowMs = 0): void => {
  const wire = response(text, A, { answers: [record(text.toLowerCase(), A, ttl, [192, 0, 2, 1])] });
  // Thousands of them: one that fails is enough to be told.
  if (!engine.cache.put(keyOf(text, A), wire, { ...META, ttlSec: ttl }, nowMs)) t.fail(text);
};

type Line = readonly [list: number, kind: RuleKind, scope: RuleScope, name: string];

/** Compiles and loads. */
async function blocks(
  t: Test,
  engine: DnsEngine,
  lines: readonly Line[],
  lists = ['Ads', 'Malware'],
): Promise<string> {
  const path = `${folderFor(t)}/lists`;
  const opened = new NativeBlockBuilders(loadNative()).open({
    key: Uint8Array.from({ length: 16 }, (_, i) => i),
    lists: lists.map((name, i) => ({ id: i + 1, name, sha256: new Uint8Array(32).fill(i) })),
    note: 'made by a test',
  });
  if (!opened.ok) throw opened.error;
  for (const line of lines) opened.value.add(...line);
  const built = await opened.value.finish(path);
  if (!built.ok) throw built.error;
  const loaded = engine.loadBlocks(path);
  if (!loaded.ok) throw loaded.error;
  return path;
}

t.test('an answer out of the cache is the stored one, made for the query', async (t) => {
  const engine = engineFor(t);
  t.equal(missOf(engine, query('www.example.com', A)), 'unknown');
  put(engine, 'www.example.com');
  const { message, by, wire } = answered(engine, query('wWw.ExAmple.com', A, { id: 77 }), 12_900);
  t.equal(by, 'cache');
  t.match(message, {
    id: 77,
    response: true,
    recursionDesired: true,
    recursionAvailable: true,
    authenticData: false,
    checkingDisabled: false,
    questions: [{ name: 'wWw.ExAmple.com' }],
    answers: [{ name: 'wWw.ExAmple.com', ttl: 288, rdata: Uint8Array.of(192, 0, 2, 1) }],
  });
  t.equal(message.edns, undefined);
  t.equal(wire.length, query('www.example.com', A).length + 16);
  const withOpt = answered(engine, query('www.example.com', A, { edns: EDNS }), 299_999).message;
  t.match(withOpt.edns, { udpSize: 1232, dnssecOk: false, options: [] });
  t.equal(withOpt.answers[0]?.ttl, 1);
  t.equal(missOf(engine, query('www.example.com', TYPE.AAAA)), 'unknown');
  t.equal(
    missOf(engine, query('www.example.com', A, { edns: { ...EDNS, dnssecOk: true } })),
    'unknown',
    'DO is part of the key',
  );
});

t.test('AD is for who asked for it, CD is repeated, options follow an OPT alone', async (t) => {
  const engine = engineFor(t);
  const ede = Uint8Array.of(0, 15, 0, 2, 0, 3);
  const wire = response('x.org', A, {
    authenticData: true,
    answers: [record('x.org', A, 9, [1, 2, 3, 4])],
  });
  for (const checkingDisabled of [false, true]) {
    const key = keyOf('x.org', A, { checkingDisabled });
    t.ok(engine.cache.put(key, wire, { ...META, options: ede }, 0));
    const ask = (authenticData: boolean, edns?: typeof EDNS) =>
      answered(
        engine,
        query('x.org', A, { checkingDisabled, authenticData, ...(edns && { edns }) }),
      ).message;
    t.match(ask(false), { authenticData: false, checkingDisabled, edns: undefined });
    t.match(ask(true), { authenticData: true, checkingDisabled });
    t.match(ask(false, EDNS).edns?.options, [{ code: 15, value: Uint8Array.of(0, 3) }]);
  }
});

t.test('past its TTL an answer is stale for as long as is asked, and can be had', async (t) => {
  const engine = engineFor(t);
  put(engine, 'old.example', 10, 1000);
  const ask = query('old.example', A);
  t.equal(missOf(engine, ask, 11_000), 'unknown');
  engine.setCache({ staleSec: 60, prefetch: true });
  t.equal(missOf(engine, ask, 11_000), 'stale');
  t.equal(missOf(engine, ask, 71_000), 'unknown');
  t.match(engine.cache.get(keyOf('old.example', A), 16_500), {
    ageSec: 15,
    ttlSec: 10,
    passMask: 1n,
    generation: 1,
    wire: response('old.example', A, { answers: [record('old.example', A, 10, [192, 0, 2, 1])] }),
  });
  t.equal(answered(engine, ask, 9900).prefetch, false);
  t.equal(answered(engine, ask, 10_000).prefetch, true, 'with a tenth left');
  t.equal(answered(engine, ask, 10_500).prefetch, false, 'said once');
  put(engine, 'old.example', 10, 11_000);
  t.equal(answered(engine, ask, 20_000).prefetch, true, 'and again for the next one');
});

t.test('what policy has not passed is judged anew', async (t) => {
  const engine = engineFor(t);
  const key = keyOf('a.example', A);
  const wire = response('a.example', A, { answers: [record('a.example', A, 300, [1, 1, 1, 1])] });
  t.ok(engine.cache.put(key, wire, { ttlSec: 300, passMask: 2n, generation: 1 }, 0));
  const ask = query('a.example', A);
  t.equal(missOf(engine, ask), 'unjudged');
  t.ok(engine.cache.pass(key, 1n, 1));
  t.equal(missOf(engine, ask), 'answer');
  t.equal(engine.cache.get(key, 0)?.passMask, 3n);
  engine.setPolicy({ ...POLICY, generation: 2 });
  t.equal(missOf(engine, ask), 'unjudged');
  t.ok(engine.cache.pass(key, 1n, 2));
  t.equal(engine.cache.get(key, 0)?.passMask, 1n, 'passes of the old generation are gone');
  t.equal(missOf(engine, ask), 'answer');
  t.notOk(engine.cache.pass(keyOf('b.example', A), 1n, 2));
});

t.test('only well-formed responses to the question are kept', async (t) => {
  const engine = engineFor(t);
  const good = response('k.example', A, { answers: [record('k.example', A, 5, [1, 2, 3, 4])] });
  const key = keyOf('k.example', A);
  const puts = (wire: Uint8Array, k = key): boolean => engine.cache.put(k, wire, META, 0);
  t.ok(puts(good));
  for (let length = 0; length < good.length; length++) t.notOk(puts(good.slice(0, length)));
  t.notOk(puts(Uint8Array.of(...good, 0)), 'left-over bytes');
  t.notOk(puts(good, keyOf('other.example', A)));
  t.notOk(puts(good, keyOf('k.example', TYPE.AAAA)));
  t.notOk(puts(query('k.example', A)), 'a query');
  t.notOk(puts(response('k.example', A, { edns: EDNS })), 'an OPT');
  t.notOk(puts(response('k.example', A, { truncated: true })));
  t.notOk(puts(good, { ...key, name: Uint8Array.of(1, 65) }), 'no whole name');
  const many = Array.from({ length: 1100 }, () => record('k.example', A, 5, [1, 2, 3, 4]));
  t.notOk(puts(response('k.example', A, { answers: many })), 'too much');
});

t.test('names are forgotten in all types, or everything', async (t) => {
  const engine = engineFor(t);
  for (let i = 0; i < 500; i++) put(engine, `n${i}.example`);
  const aaaa = response('n7.example', TYPE.AAAA);
  t.ok(engine.cache.put(keyOf('n7.example', TYPE.AAAA), aaaa, META, 0));
  t.equal(engine.cache.flush(wireName('n7.example')), 2);
  t.equal(engine.cache.flush(wireName('n7.example')), 0);
  t.equal(engine.stats().cacheEntries, 499);
  for (let i = 0; i < 500; i++) {
    t.equal(missOf(engine, query(`n${i}.example`, A)), i === 7 ? 'unknown' : 'answer');
  }
  t.equal(engine.cache.flush(), 499);
  t.equal(engine.stats().cacheEntries, 0);
});

t.test('the cache stays within its bytes, and keeps what is asked for', async (t) => {
  const engine = engineFor(t);
  for (let i = 0; i < 200; i++) put(engine, `known${i}.example`);
  for (let i = 0; i < 30_000; i++) {
    put(engine, `random${i}.flood.example`);
    if (i % 100 === 0)
      for (let k = 0; k < 200; k++) engine.ask(query(`known${k}.example`, A), CLIENT, 512, 0);
  }
  let kept = 0;
  for (let k = 0; k < 200; k++) {
    if (missOf(engine, query(`known${k}.example`, A)) === 'answer') kept++;
  }
  t.ok(kept >= 198, `${kept} of 200 known names are there`);
  const stats = engine.stats();
  t.ok(stats.cacheBytes <= 1 << 20, `${stats.cacheBytes} bytes`);
  t.ok(stats.cacheEntries > 4000);
  t.equal(stats.cacheInserted - stats.cacheEvicted, stats.cacheEntries);
});

t.test('the cache is what a map would be', async (t) => {
  const engine = engineFor(t);
  const expected = new Map<string, number>();
  let seed = 7;
  const below = (n: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * n);
  };
  for (let i = 0; i < 20_000; i++) {
    const host = `h${below(700)}.example`;
    const size = 1 + below(6);
    if (below(10) === 0) {
      t.equal(engine.cache.flush(wireName(host)), expected.delete(host) ? 1 : 0);
      continue;
    }
    const answers = Array.from({ length: size }, (_, k) => record(host, A, 300, [10, 0, 0, k]));
    if (!engine.cache.put(keyOf(host, A), response(host, A, { answers }), META, 0)) t.fail(host);
    expected.set(host, size);
  }
  for (let h = 0; h < 700; h++) {
    const found = engine.cache.get(keyOf(`h${h}.example`, A), 0);
    const size = expected.get(`h${h}.example`);
    // Some may have made room for others; none is another's.
    if (found !== undefined) t.equal(found.wire[7], size);
    else t.ok(size === undefined || engine.stats().cacheEvicted > 0);
  }
});

t.test('over a restart', async (t) => {
  const path = `${folderFor(t)}/cache`;
  const before = engineFor(t);
  before.setCache({ staleSec: 100, prefetch: false });
  put(before, 'long.example', 3000, 0);
  put(before, 'stale.example', 10, 0);
  put(before, 'gone.example', 1, 0);
  const ede = Uint8Array.of(0, 15, 0, 2, 0, 3);
  const key = keyOf('ede.example', A);
  t.ok(before.cache.put(key, response('ede.example', A), { ...META, options: ede }, 50_000));
  t.match(before.cache.dump(path, 105_000, 1_000_000), { ok: true, value: 3 });

  const after = engineFor(t);
  t.match(after.cache.load(path, 5000, 1_020_000), { ok: true, value: 3 });
  t.match(after.cache.get(keyOf('long.example', A), 5000), { ageSec: 125, passMask: 0n });
  t.match(after.cache.get(keyOf('ede.example', A), 6000), { ageSec: 76, options: ede });
  t.equal(missOf(after, query('long.example', A), 5000), 'unjudged');

  const earlier = engineFor(t);
  earlier.setCache({ staleSec: 100, prefetch: false });
  t.ok(earlier.cache.load(path, 5000, 999_999).ok);
  t.equal(missOf(earlier, query('long.example', A), 5000), 'stale', 'the clock went back');

  const bytes = readFileSync(path);
  const refused = engineFor(t);
  for (let at = 0; at < bytes.length; at++) {
    const broken = Uint8Array.from(bytes);
    broken[at] = (broken[at] ?? 0) ^ 0x10;
    // The last four bytes of the header are nothing.
    if (at >= 36 && at < 40) continue;
    writeFileSync(path, broken);
    t.match(refused.cache.load(path, 0, 0), { ok: false, error: { code: 'EBADMSG' } });
  }
  for (let length = 0; length < bytes.length; length++) {
    writeFileSync(path, bytes.subarray(0, length));
    t.match(refused.cache.load(path, 0, 0), { ok: false, error: { code: 'EBADMSG' } });
  }
  t.equal(refused.stats().cacheEntries, 0);
  t.match(refused.cache.load(`${path}.not`, 0, 0), { ok: false, error: { code: 'ENOENT' } });
  t.match(refused.cache.dump('/nonexistent/x', 0, 0), { ok: false, error: { code: 'ENOENT' } });
});

t.test('names of lists are blocked as their group is', async (t) => {
  const engine = engineFor(t);
  await blocks(t, engine, [
    [1, 'block', 'subtree', 'ads.example'],
    [0, 'block', 'exact', 'only.example'],
    [0, 'block', 'below', 'below.example'],
    [0, 'allow', 'exact', 'good.ads.example'],
    [1, 'importantBlock', 'exact', 'bad.good.ads.example'],
    [0, 'allow', 'subtree', 'good.ads.example'],
  ]);
  const zero = answered(engine, query('X.Ads.example', A, { edns: EDNS }));
  t.equal(zero.by, 'block');
  t.match(zero.message, {
    rcode: RCODE.NOERROR,
    answers: [{ ttl: 60, rdata: Uint8Array.of(0, 0, 0, 0) }],
  });
  const [ede] = zero.message.edns?.options ?? [];
  t.equal(ede?.code, OPTION.EDE);
  t.same(ede?.value, Uint8Array.of(0, EDE.BLOCKED, ...Buffer.from('Malware')));
  t.equal(answered(engine, query('ads.example', TYPE.AAAA)).message.answers[0]?.rdata.length, 16);
  const mx = answered(engine, query('ads.example', 15)).message;
  t.match(mx, {
    rcode: RCODE.NOERROR,
    answers: [],
    authorities: [{ type: TYPE.SOA, ttl: 60, name: 'ads.example' }],
  });

  const reasons = (names: string[]): string[] => names.map((n) => missOf(engine, query(n, A)));
  t.same(reasons(['only.example', 'x.only.example']), ['answer', 'unknown']);
  t.same(reasons(['below.example', 'x.below.example', 'y.x.below.example']), [
    'unknown',
    'answer',
    'answer',
  ]);
  t.same(reasons(['good.ads.example', 'a.good.ads.example', 'bad.good.ads.example']), [
    'unknown',
    'unknown',
    'answer',
  ]);
  t.same(reasons(['example', 'xads.example']), ['unknown', 'unknown']);

  engine.setPolicy({
    ...POLICY,
    generation: 2,
    groups: [{ ...GROUP, blockMode: 'nxdomain', listMask: 1n }],
  });
  t.match(answered(engine, query('only.example', A)).message, {
    rcode: RCODE.NXDOMAIN,
    answers: [],
    authorities: [{ type: TYPE.SOA }],
  });
  t.same(reasons(['ads.example']), ['unknown'], 'a list that the group does not have');
  engine.setPolicy({ ...POLICY, generation: 3, groups: [{ ...GROUP, blockMode: 'refused' }] });
  t.match(answered(engine, query('only.example', A)).message, {
    rcode: RCODE.REFUSED,
    answers: [],
    authorities: [],
  });
  engine.setPolicy({ ...POLICY, generation: 4, groups: [{ ...GROUP, hasAllowPatterns: true }] });
  t.same(reasons(['ads.example', 'bad.good.ads.example']), ['complex', 'answer']);
});

t.test('what the lists say of a name can be asked', async (t) => {
  const engine = engineFor(t);
  const name = wireName('b.a.example');
  t.same(engine.match(name, 3n), {
    verdict: 'none',
    important: false,
    list: undefined,
    at: undefined,
    complex: 0n,
  });
  t.same(engine.rules(name), []);
  await blocks(t, engine, [
    [0, 'block', 'subtree', 'example'],
    [1, 'block', 'subtree', 'example'],
    [1, 'block', 'below', 'a.example'],
    [0, 'complex', 'exact', 'b.a.example'],
  ]);
  t.same(engine.match(name, 3n), {
    verdict: 'block',
    important: false,
    list: 0,
    at: 4,
    complex: 1n,
  });
  t.same(engine.match(name, 2n), {
    verdict: 'block',
    important: false,
    list: 1,
    at: 2,
    complex: 0n,
  });
  t.same(engine.match(wireName('example'), 2n), {
    verdict: 'block',
    important: false,
    list: 1,
    at: 0,
    complex: 0n,
  });
  t.match(engine.rules(name), [
    { at: 0, complexExact: 1n, complexBelow: 0n, blockExact: 0n },
    { at: 2, blockBelow: 2n, blockExact: 0n },
    { at: 4, blockBelow: 3n, blockExact: 3n },
  ]);
  t.equal(missOf(engine, query('b.a.example', A)), 'complex');
});

t.test('a compiled file that is not whole is refused, and the one before stays', async (t) => {
  const engine = engineFor(t);
  const path = await blocks(t, engine, [[0, 'block', 'exact', 'x.example']]);
  const bytes = readFileSync(path);
  const other = `${path}.other`;
  copyFileSync(path, other);
  for (let length = 0; length < bytes.length; length += 3) {
    truncateSync(other, bytes.length);
    writeFileSync(other, bytes.subarray(0, length));
    t.match(engine.loadBlocks(other), { ok: false, error: { code: 'EBADMSG' } });
  }
  for (let at = 0; at < bytes.length; at++) {
    const broken = Uint8Array.from(bytes);
    broken[at] = (broken[at] ?? 0) ^ 0x10;
    writeFileSync(other, broken);
    t.match(engine.loadBlocks(other), { ok: false, error: { code: 'EBADMSG' } });
  }
  t.match(engine.loadBlocks('/dev/null'), { ok: false, error: { code: 'EBADMSG' } });
  t.match(engine.loadBlocks('/nonexistent'), { ok: false, error: { code: 'ENOENT' } });
  t.equal(missOf(engine, query('x.example', A)), 'answer');
  t.match(engine.loadBlocks(path), {
    ok: true,
    value: {
      names: 1,
      sizeBytes: bytes.length,
      note: 'made by a test',
      key: Uint8Array.from({ length: 16 }, (_, i) => i),
      lists: [
        { id: 1, name: 'Ads' },
        { id: 2, name: 'Malware', sha256: new Uint8Array(32).fill(1) },
      ],
    },
  });
  t.same(engine.loadBlocks(undefined), { ok: true, value: undefined });
  t.equal(missOf(engine, query('x.example', A)), 'unknown');
});

t.test('another key of another file loses neither cache nor local names', async (t) => {
  const engine = engineFor(t);
  for (let i = 0; i < 1000; i++) put(engine, `n${i}.example`);
  t.ok(engine.setLocal([{ name: wireName('box.lan'), type: A, wire: response('box.lan', A) }]));
  await blocks(t, engine, [[0, 'block', 'exact', 'x.example']]);
  for (let i = 0; i < 1000; i++) t.equal(missOf(engine, query(`n${i}.example`, A)), 'answer');
  t.equal(missOf(engine, query('box.lan', A)), 'answer');
});

t.test('local names', async (t) => {
  const engine = engineFor(t);
  const wire = response('box.lan', A, {
    authoritative: true,
    answers: [record('box.lan', A, 60, [192, 168, 1, 9])],
  });
  t.ok(engine.setLocal([{ name: wireName('box.lan'), type: A, wire }]));
  t.match(answered(engine, query('BOX.lan', A), 1e9), {
    by: 'local',
    message: { authoritative: true, answers: [{ ttl: 60 }] },
  });
  t.equal(missOf(engine, query('box.lan', TYPE.AAAA)), 'local');
  t.equal(missOf(engine, query('x.box.lan', A)), 'unknown');
  put(engine, 'box.lan');
  t.equal(answered(engine, query('box.lan', A)).by, 'local', 'before the cache');
  await blocks(t, engine, [[0, 'block', 'exact', 'box.lan']]);
  t.equal(answered(engine, query('box.lan', A)).by, 'block', 'after policy');
  engine.loadBlocks(undefined);
  engine.setPolicy({ ...POLICY, groups: [{ ...GROUP, hasPatterns: true }] });
  t.equal(missOf(engine, query('box.lan', A)), 'complex');
  t.notOk(engine.setLocal([{ name: wireName('box.lan'), type: A, wire: query('box.lan', A) }]));
  t.equal(missOf(engine, query('box.lan', A)), 'complex', 'the table before stays');
  const many = Array.from({ length: 3000 }, (_, i) => {
    const host = `h${i}.lan`;
    return { name: wireName(host), type: A, wire: response(host, A) };
  });
  engine.setPolicy(POLICY);
  t.ok(engine.setLocal(many));
  t.ok(many.every((_, i) => missOf(engine, query(`h${i}.lan`, A)) === 'answer'));
  t.equal(missOf(engine, query('box.lan', A)), 'answer', 'the cache has it');
  t.ok(engine.setLocal([]));
});

t.test('clients are known by the longest prefix, and strangers get nothing', async (t) => {
  const engine = engineFor(t);
  const v6 = parseIpv6('2001:db8::5');
  if (!v6.ok) throw new Error('no address');
  const at = (text: string) => {
    const parsed = parseIpv6(text);
    if (!parsed.ok) throw new Error(text);
    return parsed.value;
  };
  engine.setPolicy({
    ...POLICY,
    groups: [GROUP, GROUP, GROUP, GROUP],
    defaultGroup: 3,
    access: [
      { address: ipv4(0xc0a80000), prefixLen: 16 },
      { address: at('2001:db8::'), prefixLen: 32 },
    ],
    clients: [
      { address: ipv4(0xc0a80100), prefixLen: 24, group: 1 },
      { address: ipv4(0xc0a80102), prefixLen: 32, group: 2 },
      { address: at('2001:db8::'), prefixLen: 64, group: 0 },
      { address: at('2001:db8::5'), prefixLen: 128, group: 1 },
    ],
  });
  const groupOf = (client: Parameters<DnsEngine['ask']>[1]) => {
    const said = engine.ask(query('x.example', A), client, 512, 0);
    return said.kind === 'miss' ? said.group : said.kind;
  };
  t.same(
    [0xc0a80101, 0xc0a80102, 0xc0a80103, 0xc0a801ff, 0xc0a80200, 0xc0a900ff, 1].map((a) =>
      groupOf(ipv4(a)),
    ),
    [1, 2, 1, 1, 3, 'drop', 'drop'],
  );
  t.same(
    ['2001:db8::5', '2001:db8::6', '2001:db8:0:1::5', '2001:db9::1', '::'].map((a) =>
      groupOf(at(a)),
    ),
    [1, 0, 3, 'drop', 'drop'],
  );
  t.equal(engine.stats().droppedAccess, 4);
  t.throws(() => engine.setPolicy({ ...POLICY, defaultGroup: 1 }), /refuses policy/);
});

t.test('how much one may ask', async (t) => {
  const engine = engineFor(t);
  put(engine, 'k.example');
  const known = query('k.example', A);
  const limits = { queriesPerSec: 0, missesPerSec: 0, sameAnswersPerSec: 0 };
  const count = (ask: Uint8Array, times: number, nowMs: number) => {
    let answers = 0;
    for (let i = 0; i < times; i++) answers += missOf(engine, ask, nowMs) === 'drop' ? 0 : 1;
    return answers;
  };
  engine.setPolicy({ ...POLICY, limits: { ...limits, queriesPerSec: 10 } });
  t.equal(count(known, 50, 0), 20, 'a client starts with what it may save up');
  t.equal(count(known, 50, 1000), 10);
  t.equal(count(known, 50, 100_000), 20, 'two seconds at most');
  t.equal(engine.stats().droppedClientRate, 100);
  engine.setPolicy({ ...POLICY, limits: { ...limits, missesPerSec: 5 } });
  t.equal(count(query('unknown.example', A), 50, 200_000), 10);
  t.equal(count(known, 50, 200_000), 50, 'known names do not count');
  t.equal(engine.stats().droppedMissRate, 40);
});

t.test(
  'strict parsing: what is odd goes to JavaScript, what is no query goes nowhere',
  async (t) => {
    const engine = engineFor(t);
    put(engine, 'k.example');
    const good = query('k.example', A, { edns: EDNS });
    const changed = (at: number, value: number): Uint8Array => {
      const bytes = Uint8Array.from(good);
      bytes[at] = value;
      return bytes;
    };
    t.equal(missOf(engine, good), 'answer');
    for (let length = 0; length < 12; length++)
      t.equal(missOf(engine, good.slice(0, length)), 'drop');
    for (let length = 12; length < good.length; length++) {
      t.equal(missOf(engine, good.slice(0, length)), 'unusual');
    }
    t.equal(missOf(engine, changed(2, 0x81)), 'drop', 'a response');
    t.equal(missOf(engine, changed(2, 0x21)), 'unusual', 'another opcode');
    t.equal(missOf(engine, changed(5, 2)), 'unusual', 'two questions');
    t.equal(missOf(engine, changed(7, 1)), 'unusual', 'an answer in it');
    t.equal(missOf(engine, changed(12, 0xc0)), 'unusual', 'a pointer');
    t.equal(missOf(engine, Uint8Array.of(...good, 0)), 'unusual', 'left-over bytes');
    t.equal(missOf(engine, query('k.example', 255)), 'unusual', 'ANY');
    const opt = good.length - 11;
    t.equal(missOf(engine, changed(opt + 6, 1)), 'unusual', 'EDNS version 1');
    const cookie = { ...EDNS, options: [{ code: 10, value: new Uint8Array(8) }] };
    t.equal(missOf(engine, query('k.example', A, { edns: cookie })), 'answer');
    t.equal(engine.stats().droppedMalformed, 13);
    const stats = engine.stats();
    t.equal(
      stats.received,
      stats.answeredCache + stats.toJs + stats.droppedMalformed,
      'all is counted once',
    );
  },
);

interface Client {
  ask(wire: Uint8Array, port: number): Promise<Uint8Array>;
  readonly socket: Socket;
}

async function udp(t: Test, kind: 'udp4' | 'udp6' = 'udp4'): Promise<Client> {
  const socket = createSocket(kind);
  socket.bind(0, kind === 'udp4' ? '127.0.0.1' : '::1');
  await once(socket, 'listening');
  t.teardown(() => new Promise<void>((resolve) => socket.close(() => resolve())));
  return {
    socket,
    ask: async (wire, port) => {
      const answer = once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
      socket.send(wire, port, kind === 'udp4' ? '127.0.0.1' : '::1');
      const [bytes] = await answer;
      return bytes;
    },
  };
}

t.test('over UDP: from the cache at once, the rest by way of JavaScript', async (t) => {
  const asked: EngineQuery[] = [];
  const logged = Promise.withResolvers<readonly EngineLogEntry[]>();
  const engine = engineFor(t, {
    handlers: {
      queries: (batch) => {
        for (const one of batch) {
          asked.push(one);
          engine.answer(
            one.peer,
            Uint8Array.of(...one.wire.slice(0, 2), 0x80, 5, ...one.wire.slice(4)),
          );
        }
        engine.flush();
      },
      log: (entries) => logged.resolve(entries),
    },
  });
  engine.setPolicy({
    ...POLICY,
    access: [
      { address: LOOPBACK, prefixLen: 8 },
      { address: 1n as Parameters<DnsEngine['listen']>[0], prefixLen: 128 },
    ],
  });
  engine.setLog(true);
  const now = loadNative().boottimeMs();
  put(engine, 'known.example', 300, now);
  for (const [kind, address] of [
    ['udp4', LOOPBACK],
    ['udp6', 1n as Parameters<DnsEngine['listen']>[0]],
  ] as const) {
    const listener = engine.listen(address, 0);
    if (!listener.ok) throw listener.error;
    const port = engine.portOf(listener.value);
    const client = await udp(t, kind);
    const known = decodeMessage(await client.ask(query('Known.example', A, { id: 5 }), port));
    t.match(known, { ok: true, value: { id: 5, answers: [{ name: 'Known.example' }] } });
    const other = query('other.example', A, { id: 6 });
    t.same([...(await client.ask(other, port)).slice(0, 4)], [0, 6, 0x80, 5]);
    const last = asked.at(-1);
    t.match(last, {
      reason: 'unknown',
      group: 0,
      wire: other,
      peer: { client: address, port: client.socket.address().port },
    });
    engine.unlisten(listener.value);
    engine.unlisten(listener.value);
    t.ok(engine.portOf(listener.value) < 0);
  }
  t.match(await logged.promise, [
    {
      by: 'cache',
      client: LOOPBACK,
      type: A,
      rcode: 0,
      group: 0,
      list: undefined,
      name: wireName('Known.example'),
    },
  ]);
  t.match(engine.stats(), {
    received: 4,
    answeredCache: 2,
    toJs: 2,
    sentFromJs: 2,
    droppedSend: 0,
  });
});

t.test('over UDP: an answer within what the client takes, or its header with TC', async (t) => {
  const engine = engineFor(t);
  const listener = engine.listen(LOOPBACK, 0);
  if (!listener.ok) throw listener.error;
  const port = engine.portOf(listener.value);
  const now = loadNative().boottimeMs();
  const answers = Array.from({ length: 60 }, (_, i) =>
    record('big.example', A, 300, [10, 0, 0, i]),
  );
  for (const [host, count] of [
    ['big.example', 60],
    ['middle.example', 40],
  ] as const) {
    const wire = response(host, A, {
      answers: answers.slice(0, count).map((a) => ({ ...a, name: record(host, A, 1, []).name })),
    });
    t.ok(engine.cache.put(keyOf(host, A), wire, META, now));
  }
  const client = await udp(t);
  const size = async (host: string, udpSize?: number): Promise<[number, boolean, boolean]> => {
    const edns = udpSize === undefined ? {} : { edns: { ...EDNS, udpSize } };
    const message = decodeMessage(await client.ask(query(host, A, edns), port));
    if (!message.ok) throw new Error(message.error.message);
    const { value } = message;
    return [value.answers.length, value.truncated, value.edns !== undefined];
  };
  t.same(await size('middle.example'), [0, true, false]);
  t.same(await size('middle.example', 600), [0, true, true]);
  t.same(await size('middle.example', 1232), [40, false, true]);
  t.same(await size('big.example', 1232), [60, false, true]);
  t.same(await size('big.example', 900), [0, true, true]);
  t.equal(engine.stats().truncated, 3);
});

t.test('over UDP: equal answers to one network are cut short, then not sent', async (t) => {
  const engine = engineFor(t);
  engine.setPolicy({
    ...POLICY,
    limits: { queriesPerSec: 0, missesPerSec: 0, sameAnswersPerSec: 1 },
  });
  const listener = engine.listen(LOOPBACK, 0);
  if (!listener.ok) throw listener.error;
  const port = engine.portOf(listener.value);
  put(engine, 'k.example', 300, loadNative().boottimeMs());
  const client = await udp(t);
  const got: number[] = [];
  const enough = Promise.withResolvers<void>();
  client.socket.on('message', (bytes) => {
    got.push((bytes[2] ?? 0) & 2);
    if (engine.stats().received === 400 && got.length >= 100) enough.resolve();
  });
  for (let i = 0; i < 400; i++) client.socket.send(query('k.example', A), port, '127.0.0.1');
  await enough.promise;
  const { droppedSameAnswer, answeredCache, truncated } = engine.stats();
  t.equal(droppedSameAnswer + answeredCache, 400);
  t.ok(
    droppedSameAnswer >= 190 && truncated >= 190,
    `${droppedSameAnswer} dropped, ${truncated} cut`,
  );
});

t.test('what JavaScript does not take in time is dropped and counted', async (t) => {
  const batches: number[] = [];
  const engine = engineFor(t, {
    queueLength: 100,
    handlers: { queries: (batch) => batches.push(batch.length) },
  });
  const listener = engine.listen(LOOPBACK, 0);
  if (!listener.ok) throw listener.error;
  const port = engine.portOf(listener.value);
  const client = await udp(t);
  for (let i = 0; i < 300; i++) client.socket.send(query(`n${i}.example`, A), port, '127.0.0.1');
  // The loop is not entered until the thread has seen them all.
  const until = loadNative().boottimeMs() + 10_000;
  while (engine.stats().received < 300 && loadNative().boottimeMs() < until) {
    // Sends of this process wait in its loop, so it turns once in a while.
    await new Promise(setImmediate);
  }
  const { received, toJs, droppedQueue } = engine.stats();
  t.equal(received, 300);
  t.equal(toJs + droppedQueue, 300);
  while (batches.reduce((a, b) => a + b, 0) < toJs) await new Promise(setImmediate);
  t.equal(
    batches.reduce((a, b) => a + b, 0),
    toJs,
  );
});

t.test('an address that is taken, and one that is not there yet', async (t) => {
  const engine = engineFor(t);
  const client = await udp(t);
  t.match(engine.listen(LOOPBACK, client.socket.address().port), {
    ok: false,
    error: { code: 'EADDRINUSE' },
  });
  t.ok(engine.listen(ipv4(0xcb007101), 5353).ok, 'an address of another host');
  await engine[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  t.equal(engine.ask(query('x.example', A), CLIENT, 512, 0).kind, 'drop');
  t.notOk(engine.listen(LOOPBACK, 0).ok);
  t.equal(engine.cache.flush(), 0);
});
