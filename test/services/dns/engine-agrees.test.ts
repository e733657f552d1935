/**
 * What the engine answers alone is what policy decides: random lists, groups, overrides, rewrites and
 * hours over a small world of names, each name asked by each client in each type.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { IpAddress } from '#src/base/ip6.ts';
import { NativeBlockBuilders } from '#src/os/linux/dns-builder.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { Decision } from '#src/services/dns/decision.ts';
import { type CompileSource, compileLists } from '#src/services/dns/lists/compile.ts';
import { listAddress } from '#src/services/dns/lists/names.ts';
import { SideRules } from '#src/services/dns/lists/side-rules.ts';
import { Policy, rewriteKey } from '#src/services/dns/policy.ts';
import type { GroupConfig, PolicyConfig, RewriteConfig } from '#src/services/dns/policy-config.ts';
import { blockReply } from '#src/services/dns/policy-handler.ts';
import { decodeMessage } from '#src/wire/dns.ts';
import { finish } from '#src/wire/dns-finish.ts';
import { TYPE } from '#src/wire/dns-registry.ts';
import { FakeClock } from '../../lib/clock.ts';
import { dnsName } from '../../lib/dns-blocks.ts';
import {
  EDNS,
  engineFor,
  folderFor,
  keyOf,
  POLICY,
  query,
  record,
  response,
} from '../../lib/dns-engine.ts';

t.setTimeout(120_000);

const ip = (text: string): IpAddress => listAddress(text) ?? (0 as never);
const CLIENTS = ['192.168.1.10', '192.168.1.11', '192.168.2.10', '10.0.0.1'].map(ip);
const TYPES = [TYPE.A, TYPE.AAAA, TYPE.TXT];

const label = fc.constantFrom('a', 'b', 'ads1', 'ads2');
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const modifiers = fc
  .subarray(
    [
      'important',
      'dnstype=A',
      'dnstype=~AAAA',
      'client=192.168.1.10',
      'denyallow=a.b|b',
      'dnsrewrite=NXDOMAIN',
      'badfilter',
    ],
    { maxLength: 2 },
  )
  .map((all) => (all.length === 0 ? '' : `$${all.join()}`));
const pattern = fc.oneof(
  { weight: 6, arbitrary: name.map((one) => `||${one}^`) },
  { weight: 2, arbitrary: name.map((one) => `|${one}^`) },
  { weight: 2, arbitrary: name.map((one) => `||*.${one}^`) },
  fc.constantFrom('/^ads[12]\\./', 'ads1', '||ads*.b^', '/b\\.ads2$/'),
);
const line = fc
  .tuple(fc.boolean(), pattern, fc.oneof({ weight: 3, arbitrary: fc.constant('') }, modifiers))
  .map(([allow, what, how]) => `${allow ? '@@' : ''}${what}${how}`);
const list = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'));

const hours = fc.constantFrom(
  undefined,
  undefined,
  [{ days: 1, fromMin: 0, toMin: 720 }],
  [{ days: 2, fromMin: 0, toMin: 720 }],
);
const group = fc.record({
  lists: fc.subarray(['0', '1', '2']),
  offlineDuring: hours,
  filterDuring: hours,
  safeSearch: fc.boolean(),
  blockMode: fc.constantFrom('zero' as const, 'nxdomain' as const, 'refused' as const),
});
const rewrite = fc.record({
  name,
  wildcard: fc.boolean(),
  inGroup: fc.boolean(),
  isPass: fc.boolean(),
});
const override = fc.record({
  kind: fc.constantFrom('pause' as const, 'allow' as const, 'block' as const),
  name: fc.oneof(label, name),
  client: fc.constantFrom(undefined, undefined, undefined, ...CLIENTS),
});
const world = fc.record({
  lists: fc.tuple(list, list, list),
  groups: fc.tuple(group, group),
  hasDefault: fc.boolean(),
  rewrites: fc.array(rewrite, { maxLength: 2 }),
  knowsRewrites: fc.boolean(),
  overrides: fc.array(override, { maxLength: 2 }),
  names: fc.array(name, { minLength: 4, maxLength: 12 }),
});

t.test('the engine and JavaScript decide alike', async (t) => {
  const folder = folderFor(t);
  const engine = engineFor(t);
  const builders = new NativeBlockBuilders(loadNative());
  const clock = new FakeClock();
  let [asked, alone, files] = [0, 0, 0];

  const run = async (made: typeof world extends fc.Arbitrary<infer T> ? T : never) => {
    const groups: GroupConfig[] = made.groups.map((one, i) => ({
      ...{ id: `g${i}`, name: `g${i}`, ...one },
      clients: [
        i === 0
          ? { kind: 'prefix', address: ip('192.168.1.0'), prefixLen: 24 }
          : { kind: 'prefix', address: ip('192.168.1.11'), prefixLen: 32 },
      ],
    }));
    const rewrites = made.rewrites.map(
      (one, i): RewriteConfig => ({
        ...{
          id: `r${i}`,
          enable: true,
          name: dnsName(one.name),
          wildcard: one.wildcard,
          ttlSec: 60,
        },
        groups: one.inGroup ? ['g0'] : [],
        answer: { kind: one.isPass ? 'pass' : 'nxdomain' },
      }),
    );
    const config: PolicyConfig = {
      lists: made.lists.map((text, i) => ({
        ...{
          id: `${i}`,
          enable: true,
          name: `list ${i}`,
          effect: 'block',
          source: { kind: 'text', text },
        },
        ...{ format: 'adblock', subdomains: false, mayRewrite: true, everySec: 1, maxBytes: 1 },
        ...{ sha256: undefined, signature: undefined },
      })),
      groups,
      defaultGroup: made.hasDefault ? 'g1' : undefined,
      rewrites,
      blockTtlSec: 60,
    };
    const sources = made.lists.map(
      (text, i): CompileSource => ({
        list: { id: i + 2, name: `list ${i}`, sha256: new Uint8Array(32) },
        reading: { format: 'adblock', effect: 'block', subdomains: false, mayRewrite: true },
        own: false,
        read: async function* () {
          yield new TextEncoder().encode(text);
        },
      }),
    );
    const known = made.knowsRewrites ? rewrites : [];
    const own = known.map((one) => {
      const scope: 'below' | 'exact' = one.wildcard ? 'below' : 'exact';
      return { name: one.name, scope };
    });
    const path = join(folder, `${files++ % 2}.bin`);
    const options = { key: new Uint8Array(16), note: '', path, own };
    const compiled = await compileLists(sources, builders, options, new AbortController().signal);
    if (!compiled.ok) throw compiled.error;
    const loaded = engine.loadBlocks(path);
    if (!loaded.ok) throw loaded.error;
    const side = new SideRules();
    for (const one of compiled.value.side) side.add(one);
    const policy = new Policy({
      ...{ engine, clock, localTime: () => ({ day: 0, minute: 60 }), isLocal: () => false },
    });
    policy.apply(config);
    policy.useLists({
      lists: [{ id: '', name: '' }, ...config.lists],
      side,
      rewriteKey: rewriteKey(known),
    });
    for (const one of made.overrides) {
      if (one.kind === 'pause') policy.pause(one.client, 1000);
      else policy[one.kind](dnsName(one.name), one.client, 1000);
    }
    engine.cache.flush();
    const { changesInMs: _, ...forEngine } = policy.forEngine();
    engine.setPolicy({ ...POLICY, ...forEngine });
    // First as it is found, then with what the chain would have kept.
    for (const round of ['cold', 'warm'] as const) {
      for (const one of made.names) for (const type of TYPES) ask(policy, one, type, round);
    }
  };

  const ask = (policy: Policy, one: string, type: number, round: 'cold' | 'warm'): void => {
    const cached = response(one, type, { answers: [record(one, type, 300, [1, 2, 3, 4])] });
    for (const client of CLIENTS) {
      const decision = policy.decide({ name: dnsName(one), type }, client);
      const bit = 1n << BigInt(policy.engineGroupOf(client));
      if (round === 'warm' && (decision.kind === 'pass' || decision.kind === 'allow')) {
        const meta = { ttlSec: 300, passMask: 0n, generation: policy.generation };
        if (engine.cache.get(keyOf(one, type), 0) === undefined) {
          engine.cache.put(keyOf(one, type), cached, meta, 0);
        }
        if (decision.shared) engine.cache.pass(keyOf(one, type), bit, policy.generation);
      }
      const wire = query(one, type, { edns: EDNS });
      const said = engine.ask(wire, client, 1232, 0);
      asked += 1;
      const where = `${one} ${type} of ${client}, ${round}: ${JSON.stringify(decision, (_, v) => (typeof v === 'bigint' ? `${v}` : v))}`;
      if (said.kind === 'drop') throw new Error(`dropped ${where}`);
      if (said.kind === 'miss') continue;
      alone += 1;
      if (said.by === 'block') expectBlocked(wire, said.wire, decision, one, type, where);
      else if (said.by !== 'cache') throw new Error(`${said.by} ${where}`);
      else if (decision.kind !== 'pass' && decision.kind !== 'allow') {
        throw new Error(`from the cache: ${where}`);
      }
    }
  };

  const expectBlocked = (
    wire: Uint8Array,
    answer: Uint8Array,
    decision: Decision,
    one: string,
    type: number,
    where: string,
  ): void => {
    if (decision.kind !== 'block') throw new Error(`blocked by the engine: ${where}`);
    const message = decodeMessage(wire);
    if (!message.ok) throw new TypeError('our own query');
    const reply = blockReply({ name: dnsName(one), type }, decision);
    const own = finish(message.value, reply.wire, reply.options, 0, 1232);
    if (Buffer.compare(own, answer) !== 0) throw new Error(`another answer: ${where}`);
  };

  await fc.assert(fc.asyncProperty(world, run), { numRuns: 300, seed: 1 });
  t.ok(alone > asked / 10, `${asked} questions, ${alone} of them answered by the engine alone`);
});
