/**
 * What the engine answers without JavaScript is, byte for byte, what the chain would have answered:
 * random questions about cached, blocked and local names, from clients of several groups, with all
 * that a query may say.
 */
import fc from 'fast-check';
import t from 'tap';
import { BugError } from '#src/base/errors.ts';
import { ipv4, type Mac } from '#src/base/ip.ts';
import type { IpAddress } from '#src/base/ip6.ts';
import { NativeBlockBuilders } from '#src/os/linux/dns-builder.ts';
import { NodeDnsCrypto } from '#src/os/linux/dns-crypto.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { DnsConfig } from '#src/services/dns/config.ts';
import { SideRules } from '#src/services/dns/lists/side-rules.ts';
import type { GroupConfig, PolicyConfig } from '#src/services/dns/policy-config.ts';
import { Resolving } from '#src/services/dns/resolving.ts';
import { type DnsMessage, type DnsRecord, type EdnsOption, extendedError } from '#src/wire/dns.ts';
import { canonicalResponse, encodeOptions, udpLimit } from '#src/wire/dns-finish.ts';
import { encodeName } from '#src/wire/dns-name.ts';
import { EDE, RCODE, TYPE } from '#src/wire/dns-registry.ts';
import { FakeClock } from '../../lib/clock.ts';
import { dnsName } from '../../lib/dns-blocks.ts';
import { EDNS, engineFor, folderFor, keyOf, query, record } from '../../lib/dns-engine.ts';
import { MemoryLog } from '../../lib/log.ts';

const MX = 15;
const HTTPS = 65;
const CLIENTS: readonly IpAddress[] = [0xc0a80102, 0xc0a80203, 0xc0a80304].map(ipv4);

/** Names of every fate; some end like the SOA that a blocked name gets. */
const NAMES = [
  ...[
    'plain.example',
    'alias.example',
    'gone.example',
    'big.example',
    'odd.example',
    'stamped.example',
  ],
  ...[
    'ads.example',
    'x.ads.example',
    'good.ads.example',
    'malware.example',
    'deep.a.b.malware.example',
  ],
  ...['ads.invalid', 'nobody.invalid.ads.example', 'ads', 'a.nobody.ads'],
  ...['box.lan', 'printer.lan', 'box', 'static.example', 'unknown.example', 'localhost'],
] as const;

const soa = (zone: string): DnsRecord => ({
  ...record(zone, TYPE.SOA, 900, []),
  rdata: Uint8Array.from([
    ...encodeName(dnsName(`ns.${zone}`)),
    ...encodeName(dnsName(`h.${zone}`)),
    ...new Uint8Array(20),
  ]),
});
const a = (name: string, ttl: number, last: number): DnsRecord =>
  record(name, TYPE.A, ttl, [192, 0, 2, last]);

interface Kept {
  readonly name: string;
  readonly type: number;
  readonly parts: Partial<DnsMessage>;
  readonly options?: readonly EdnsOption[];
}

const CACHED: readonly Kept[] = [
  {
    name: 'plain.example',
    type: TYPE.A,
    parts: { answers: [a('plain.example', 300, 1), a('plain.example', 299, 2)] },
  },
  { name: 'plain.example', type: MX, parts: { authorities: [soa('example')] } },
  {
    name: 'alias.example',
    type: TYPE.A,
    parts: {
      authenticData: true,
      answers: [
        {
          ...record('alias.example', TYPE.CNAME, 40, []),
          rdata: encodeName(dnsName('plain.example')),
        },
        a('plain.example', 200, 1),
      ],
    },
  },
  {
    name: 'good.ads.example',
    type: TYPE.A,
    parts: { authoritative: true, answers: [a('good.ads.example', 120, 9)] },
  },
  {
    name: 'gone.example',
    type: TYPE.AAAA,
    parts: { rcode: RCODE.NXDOMAIN, authorities: [soa('example')] },
  },
  {
    name: 'big.example',
    type: TYPE.A,
    parts: { answers: Array.from({ length: 60 }, (_, i) => a('big.example', 300, i)) },
  },
  {
    name: 'odd.example',
    type: HTTPS,
    parts: { answers: [record('odd.example', HTTPS, 60, [0, 1, 0, 9, 9, 0, 1, 7])] },
  },
  {
    name: 'stamped.example',
    type: TYPE.A,
    parts: { rcode: RCODE.SERVFAIL },
    options: [extendedError(EDE.BOGUS, 'bogus: ä')],
  },
  { name: 'malware.example', type: TYPE.A, parts: { answers: [a('malware.example', 300, 66)] } },
];

const GROUPS: readonly GroupConfig[] = (['zero', 'nxdomain', 'refused'] as const).map(
  (blockMode, i) => ({
    ...{ id: `g${i}`, name: `g${i}`, blockMode, safeSearch: false },
    ...{ filterDuring: undefined, offlineDuring: undefined },
    clients: [{ kind: 'prefix', address: CLIENTS[i] ?? ipv4(0), prefixLen: 24 }],
    lists: i === 1 ? ['0', '1'] : ['0'],
  }),
);

const POLICY: PolicyConfig = {
  lists: ['Ads', 'Malware & Söhne'].map((name, i) => ({
    ...{ id: `${i}`, enable: true, name, effect: 'block', format: 'plain', subdomains: true },
    source: { kind: 'text', text: '' },
    ...{ mayRewrite: false, everySec: 1, maxBytes: 1, sha256: undefined, signature: undefined },
  })),
  groups: GROUPS,
  defaultGroup: undefined,
  rewrites: [],
  blockTtlSec: 77,
};

const CONFIG: DnsConfig = {
  enable: true,
  listen: { interfaces: [], addresses: [], port: 53, tlsPort: undefined, httpsPort: undefined },
  allow: [{ address: ipv4(0xc0a80000), prefixLen: 16 }],
  clientPerSec: 0,
  ...{ upstreams: [], useLeaseResolvers: false, bootstrap: [] },
  local: {
    domain: dnsName('lan'),
    ownNames: ['gatehouse'],
    ttlSec: 60,
    records: [
      {
        id: 's',
        name: dnsName('static.example'),
        type: TYPE.A,
        ttlSec: 500,
        rdata: Uint8Array.of(10, 0, 0, 1),
      },
    ],
    mdns: false,
  },
  cache: {
    ...{ sizeBytes: 1 << 20, minTtlSec: 0, maxTtlSec: 86_400, maxNegativeTtlSec: 3600 },
    ...{ staleSec: 0, prefetch: true },
  },
  dnssec: { enable: false, anchors: [], negativeAnchors: [] },
  rebind: { enable: false, exempt: [] },
};

const never = (): never => {
  throw new BugError('nobody is asked');
};

const asked = fc.record({
  name: fc.constantFrom(...NAMES),
  upper: fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
  type: fc.constantFrom(TYPE.A, TYPE.A, TYPE.AAAA, MX, HTTPS, TYPE.SOA, 4711),
  id: fc.integer({ min: 0, max: 65_535 }),
  recursion: fc.boolean(),
  authenticData: fc.boolean(),
  edns: fc.option(
    fc.record({
      udpSize: fc.constantFrom(0, 511, 512, 513, 600, 1231, 1232, 1400, 4096, 65_535),
      dnssecOk: fc.boolean(),
      options: fc.constantFrom(
        [],
        [{ code: 10, value: new Uint8Array(8) }],
        [{ code: 12, value: new Uint8Array(40) }],
      ),
    }),
    { nil: undefined },
  ),
  checkingDisabled: fc.boolean(),
  client: fc.constantFrom(...CLIENTS),
  stream: fc.boolean(),
  afterMs: fc.constantFrom(0, 0, 1, 999, 1000, 12_345),
});

t.test('the fast path answers byte for byte as the chain does', async (t) => {
  const engine = engineFor(t);
  const clock = new FakeClock();
  const resolving = new Resolving({
    engine,
    clock,
    transports: { udp: never, stream: never, multicast: never, [Symbol.asyncDispose]: never },
    crypto: new NodeDnsCrypto(),
    log: new MemoryLog(),
    randomBytes: (count) => new Uint8Array(count),
    localTime: () => ({ day: 0, minute: 0 }),
    anchorFile: undefined,
    timeIsSure: () => true,
    addressesOf: () => [],
    hosts: () => [
      { mac: '02:00:00:00:00:01' as Mac, name: 'box', addresses: [ipv4(0xc0a80109)] },
      { mac: '02:00:00:00:00:02' as Mac, name: 'printer', addresses: [ipv4(0xc0a8010a)] },
    ],
    ownNames: () => [],
    leaseResolvers: () => [],
    changed: () => {},
    answered: () => {},
  });
  t.teardown(() => resolving[Symbol.dispose]());
  const path = `${folderFor(t)}/lists`;
  const lists = [{ id: 'own', name: 'own answers' }, ...POLICY.lists];
  const opened = new NativeBlockBuilders(loadNative()).open({
    key: new Uint8Array(16).fill(3),
    lists: lists.map(({ name }, i) => ({ id: i + 1, name, sha256: new Uint8Array(32) })),
    note: '',
  });
  if (!opened.ok) throw opened.error;
  opened.value.add(1, 'block', 'subtree', 'ads.example');
  opened.value.add(1, 'block', 'subtree', 'ads.invalid');
  opened.value.add(1, 'block', 'subtree', 'ads');
  opened.value.add(1, 'allow', 'exact', 'good.ads.example');
  opened.value.add(1, 'block', 'exact', 'printer.lan');
  opened.value.add(2, 'block', 'subtree', 'malware.example');
  const built = await opened.value.finish(path);
  if (!built.ok) throw built.error;
  t.ok(engine.loadBlocks(path).ok);
  resolving.applyPolicy(POLICY);
  resolving.useLists({ lists, side: new SideRules(), rewriteKey: '' });
  await resolving.apply(CONFIG);

  const keep = (): void => {
    for (const { name, type, parts, options = [] } of CACHED) {
      const message = { name: dnsName(name), type, class: 1 };
      for (const [dnssecOk, checkingDisabled] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        const wire = canonicalResponse({
          ...{ id: 0, response: true, opcode: 0, authoritative: false, truncated: false },
          ...{ recursionDesired: true, recursionAvailable: true, authenticData: false },
          ...{ checkingDisabled: false, rcode: 0, answers: [], authorities: [], additionals: [] },
          ...{ edns: undefined, questions: [message], ...parts },
        });
        const meta = { ttlSec: 300, passMask: 0n, generation: 0, options: encodeOptions(options) };
        const key = keyOf(name, type, { dnssecOk, checkingDisabled });
        if (!engine.cache.put(key, wire, meta, clock.boottimeMs())) throw new BugError(name);
      }
    }
  };
  keep();
  let keptMs = clock.boottimeMs();
  const seen = { cache: 0, block: 0, local: 0, truncated: 0, miss: 0 };

  await fc.assert(
    fc.asyncProperty(asked, async (one) => {
      clock.advance(one.afterMs);
      if (clock.boottimeMs() - keptMs > 250_000) {
        keep();
        keptMs = clock.boottimeMs();
      }
      const host = Array.from(one.name, (c, i) => (one.upper[i] ? c.toUpperCase() : c)).join('');
      const { id, checkingDisabled, authenticData } = one;
      const edns = one.edns && { ...EDNS, ...one.edns };
      const wire = query(host, one.type, {
        id,
        checkingDisabled,
        authenticData,
        ...(edns && { edns }),
      });
      if (!one.recursion) wire[2] = 0;
      const limit = one.stream
        ? 65_535
        : udpLimit(edns && { ...edns, udpSize: Math.max(512, edns.udpSize) });
      const ask = () => engine.ask(wire, one.client, limit, clock.boottimeMs());
      const first = ask();
      if (first.kind === 'drop') throw new BugError('dropped');
      if (first.kind === 'miss' && first.reason === 'unknown') {
        seen.miss++;
        return;
      }
      const slow = await resolving.answer({
        ...{ wire, client: one.client, group: 0, reason: 'unknown', transport: 'tcp' },
        limitBytes: limit,
      });
      // What policy let pass just now is the engine's from now on.
      const said = first.kind === 'miss' ? ask() : first;
      if (said.kind !== 'answer') {
        seen.miss++;
        return;
      }
      seen[said.by]++;
      if (((said.wire[2] ?? 0) & 2) !== 0) seen.truncated++;
      const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
      if (hex(said.wire) !== hex(slow)) {
        throw new BugError(`${one.name} ${said.by}\n${hex(said.wire)}\n${hex(slow)}`);
      }
    }),
    { numRuns: 4000 },
  );
  t.comment(JSON.stringify(seen));
  t.ok(
    seen.cache > 300 && seen.block > 300 && seen.local > 100 && seen.truncated > 1,
    'each of them often',
  );
});
