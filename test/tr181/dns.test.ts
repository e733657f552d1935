/** `Device.DNS.` and `Device.X_GATEHOUSE_DNS.`: what rows compile to, what is refused, and what reports look like. */
import t from 'tap';
import { formatIp, parseIpv6 } from '../../src/base/ip6.ts';
import { ok } from '../../src/base/result.ts';
import type { DnsCounts, DnsObserved } from '../../src/services/dns/config.ts';
import type { ListObserved, PolicyObserved } from '../../src/services/dns/policy-config.ts';
import type { DnsName } from '../../src/wire/dns-name.ts';
import { address, type Bench, messages, ORIGIN, router, settled } from './fixture.ts';

const DNS = 'Device.X_GATEHOUSE_DNS.';
const FORWARDING = 'Device.DNS.Relay.Forwarding.';
const { signal } = new AbortController();

const counts = (values: Partial<DnsCounts> = {}): DnsCounts => ({
  ...{ queries: 0, refused: 0, limited: 0, malformed: 0, local: 0, blocked: 0, cacheHits: 0 },
  ...{ staleAnswers: 0, prefetches: 0, forwarded: 0, joined: 0, failed: 0, rebindRefused: 0 },
  ...{ secure: 0, bogus: 0, synthesised: 0, overload: 0 },
  ...values,
});

const observation = (values: Partial<DnsObserved> = {}): DnsObserved => ({
  status: 'Enabled',
  listeners: [],
  upstreams: [],
  counts: counts(),
  cache: { entries: 0, usedBytes: 0, sizeBytes: 0, evicted: 0 },
  anchors: [],
  ...values,
});

const list = (values: Partial<ListObserved> = {}): ListObserved => ({
  ...{ id: `${DNS}List.1`, state: 'current', format: 'plain', sizeBytes: 120, rules: 7 },
  ...{ rejected: 1, rejectedLines: [{ line: 3, reason: 'no name', text: '<b>' }] },
  ...{ sha256: undefined, fetchedMs: 0, triedMs: 60_000, nextMs: undefined, fault: '' },
  ...values,
});

async function add(b: Bench, table: string, values: Record<string, string>): Promise<string> {
  const added = await b.model.add(table, values, ORIGIN);
  return added.ok ? added.value.path : messages(added.error);
}

t.test(
  'a first start: the LAN asks the box, nothing is blocked, leases say whom to ask',
  async (t) => {
    const { dns, dnsPolicy, dnsLog } = (await router()).model.compileAll();
    t.match(dns, {
      enable: true,
      listen: { interfaces: ['eth1'], port: 53, tlsPort: 853, httpsPort: undefined },
      upstreams: [],
      useLeaseResolvers: true,
      local: { domain: 'lan', ownNames: ['gatehouse'], mdns: true },
      dnssec: { enable: true },
      rebind: { enable: true },
    });
    t.same(
      dns.allow.map(({ address, prefixLen }) => `${formatIp(address)}/${prefixLen}`),
      ['127.0.0.0/8', '::1/128', '192.168.1.1/24', 'fe80::/10', 'fc00::/7'],
    );
    t.equal(dns.dnssec.anchors.length, 2);
    t.match(dnsPolicy, {
      defaultGroup: `${DNS}Group.1`,
      groups: [{ lists: [`${DNS}List.1`, `${DNS}List.2`], clients: [], blockMode: 'zero' }],
      lists: [
        { id: `${DNS}List.1`, effect: 'block', enable: true, source: { kind: 'text', text: '' } },
        { id: `${DNS}List.2`, effect: 'allow', enable: true },
      ],
      rewrites: [],
    });
    t.same(dnsLog, { privacy: 'counts', entries: 5000 });
  },
);

t.test('a box without a LAN serves nobody', async (t) => {
  const b = await router({ lan: [] });
  const { dns } = b.model.compileAll();
  t.notOk(dns.enable);
  t.same(dns.listen.interfaces, []);
});

t.test('upstreams: protocol, usual port, name, pins and domains', async (t) => {
  const b = await router();
  const tls = await add(b, FORWARDING, {
    Enable: 'true',
    DNSServer: '9.9.9.9',
    X_GATEHOUSE_Protocol: 'TLS',
    X_GATEHOUSE_Name: 'dns.quad9.net',
    X_GATEHOUSE_Pins: `${'A'.repeat(43)}=`,
  });
  await add(b, FORWARDING, {
    Enable: 'true',
    X_GATEHOUSE_Protocol: 'HTTPS',
    X_GATEHOUSE_Name: 'dns.example',
    X_GATEHOUSE_Domains: 'Corp.Example.,10.in-addr.arpa',
  });
  t.match(b.model.compileAll().dns.upstreams, [
    {
      id: tls.slice(0, -1),
      enable: true,
      protocol: 'tls',
      port: 853,
      addresses: [address('9.9.9.9')],
      name: 'dns.quad9.net',
      pins: [`${'A'.repeat(43)}=`],
      domains: [],
    },
    {
      protocol: 'https',
      port: 443,
      addresses: [],
      path: '/dns-query',
      domains: ['corp.example', '10.in-addr.arpa'],
    },
  ]);
  t.match(
    await add(b, FORWARDING, { Enable: 'true', X_GATEHOUSE_Protocol: 'TLS' }),
    /neither an address nor a name/,
  );
  t.match(
    await add(b, FORWARDING, { DNSServer: '1.1.1.1', X_GATEHOUSE_Domains: 'a..b' }),
    /"a..b" is no domain name/,
  );
});

t.test('records of the owner', async (t) => {
  const b = await router();
  await add(b, `${DNS}Record.`, { Enable: 'true', Name: 'Nas.lan', Value: '192.168.1.9' });
  await add(b, `${DNS}Record.`, {
    Enable: 'true',
    Name: 'lan',
    Type: 'mx',
    Value: '10 mail.lan.',
    TTL: '60',
  });
  t.match(b.model.compileAll().dns.local.records, [
    { name: 'nas.lan', type: 1, ttlSec: 3600, rdata: Uint8Array.of(192, 168, 1, 9) },
    { name: 'lan', type: 15, ttlSec: 60 },
  ]);
  for (const [values, why] of [
    [{ Name: 'nas.lan', Value: '192.168.1' }, /Value/],
    [{ Name: 'nas..lan', Value: '192.168.1.1' }, /name/],
    [{ Name: 'nas.lan', Type: 'NONSENSE', Value: 'x' }, /no type of record/],
  ] as const) {
    t.match(await add(b, `${DNS}Record.`, { Enable: 'true', ...values }), why);
  }
  t.not(await add(b, `${DNS}Record.`, { Name: 'half.done' }), '', 'what is off may be unfinished');
  t.equal(b.model.compileAll().dns.local.records.length, 2);
});

t.test('groups: who is in them, when they count, and their lists', async (t) => {
  const b = await router();
  const ads = await add(b, `${DNS}List.`, {
    Enable: 'true',
    Name: 'Adverts',
    URL: 'https://lists.example/ads.txt',
    SHA256: 'AB'.repeat(32),
  });
  await add(b, `${DNS}Group.`, {
    Name: 'Children',
    Clients: '02:00:00:00:00:0A,192.168.1.0/28,fd00::/64,tablet',
    Lists: ads.slice(0, -1),
    FilterDuring: 'Mo-Fr 06:30-20:00,10:00-12:00',
    OfflineDuring: 'Fr-Mo 22:00-07:00',
    SafeSearch: 'true',
    BlockMode: 'NXDOMAIN',
  });
  const { groups, lists } = b.model.compileAll().dnsPolicy;
  const fd = parseIpv6('fd00::');
  t.match(groups[1], {
    name: 'Children',
    clients: [
      { kind: 'mac', mac: '02:00:00:00:00:0a' },
      { kind: 'prefix', address: address('192.168.1.0'), prefixLen: 28 },
      { kind: 'prefix', address: fd.ok ? fd.value : 0n, prefixLen: 64 },
      { kind: 'name', name: 'tablet' },
    ],
    lists: [ads.slice(0, -1), `${DNS}List.1`, `${DNS}List.2`],
    filterDuring: [
      { days: 0b0011111, fromMin: 390, toMin: 1200 },
      { days: 0b1111111, fromMin: 600, toMin: 720 },
    ],
    offlineDuring: [{ days: 0b1110001, fromMin: 1320, toMin: 420 }],
    safeSearch: true,
    blockMode: 'nxdomain',
  });
  t.match(lists[2], {
    name: 'Adverts',
    source: { kind: 'url', url: 'https://lists.example/ads.txt' },
    sha256: 'ab'.repeat(32),
    everySec: 86_400,
    maxBytes: 64 * 1024 * 1024,
    signature: undefined,
  });
  t.match(await add(b, `${DNS}Group.`, { Clients: 'two words' }), /is no MAC address/);
  t.match(await add(b, `${DNS}Group.`, { FilterDuring: 'Mo 25:00-07:00' }), /25:00/);
  t.equal(await b.set(`${DNS}Group.2.Lists`, `${DNS}List.99`), 'badReference');
});

t.test('lists: what cannot be fetched or checked is refused', async (t) => {
  const b = await router();
  t.match(await add(b, `${DNS}List.`, { URL: 'http://lists.example/x' }), /no URL that begins/);
  t.match(
    await add(b, `${DNS}List.`, { URL: 'https://a.example/', SignatureURL: 'https://a.example/s' }),
    /both its URL and the key/,
  );
  let refused = '';
  for (let i = 0; i < 63 && refused === ''; i++) {
    const said = await add(b, `${DNS}List.`, { Enable: 'true', Text: `host${i}.example` });
    if (!said.endsWith('.')) refused = said;
  }
  t.match(refused, /at most 63 lists/);
});

t.test('rewrites', async (t) => {
  const b = await router();
  const put = (values: Record<string, string>) =>
    add(b, `${DNS}Rewrite.`, { Enable: 'true', ...values });
  await put({ Name: '*.Example.org', Value: '192.0.2.1', Groups: `${DNS}Group.1` });
  await put({ Name: 'example.org', Type: 'CNAME', Value: 'www.example.net.' });
  await put({ Name: 'old.example.org', Type: 'nxdomain' });
  await put({ Name: 'ok.example.org', Type: 'PASS' });
  t.match(b.model.compileAll().dnsPolicy.rewrites, [
    { name: 'example.org', wildcard: true, groups: [`${DNS}Group.1`], answer: { type: 1 } },
    { name: 'example.org', wildcard: false, answer: { kind: 'record', type: 5 }, ttlSec: 300 },
    { name: 'old.example.org', answer: { kind: 'nxdomain' } },
    { answer: { kind: 'pass' } },
  ]);
  t.match(await put({ Name: 'x.example', Type: 'AAAA', Value: '192.0.2.1' }), /Value|AAAA/);
});

t.test('the report: status, upstreams, listeners, counters', async (t) => {
  const b = await router();
  t.equal(b.get('Device.DNS.Relay.Status'), 'Disabled');
  const own = await add(b, FORWARDING, { Enable: 'true', DNSServer: '9.9.9.9' });
  const health = { queries: 9, answers: 8, timeouts: 1, failures: 0, mismatches: 2 };
  b.observed.publish(
    'dns',
    observation({
      listeners: [
        { transport: 'udp', address: address('192.168.1.1'), port: 53, error: undefined },
        { transport: 'tls', address: address('192.168.1.1'), port: 853, error: 'in use' },
      ],
      upstreams: [
        {
          ...{ id: own.slice(0, -1), protocol: 'udp', address: address('9.9.9.9'), port: 53 },
          ...{ state: 'down', rttMs: 12.3456, ...health, lastError: 'timed out' },
        },
        {
          ...{ id: 'lease', protocol: 'udp', address: address('203.0.113.1'), port: 53 },
          ...{ state: 'up', rttMs: undefined, ...health, lastError: undefined },
        },
      ],
      counts: counts({ queries: 100, blocked: 7 }),
      cache: { entries: 3, usedBytes: 4096, sizeBytes: 1, evicted: 0 },
      anchors: [{ keyTag: 20_326, algorithm: 8, state: 'addPending' }],
    }),
  );
  await settled();
  t.equal(b.get('Device.DNS.Relay.Status'), 'Enabled');
  t.equal(b.get('Device.DNS.Relay.X_GATEHOUSE_Reason'), 'in use');
  t.equal(b.get(`${own}Status`), 'Error');
  t.equal(b.get(`${own}X_GATEHOUSE_ResponseTime`), '12346');
  t.equal(b.get(`${own}X_GATEHOUSE_LastError`), 'timed out');
  t.equal(b.get(`${FORWARDING}2.DNSServer`), '203.0.113.1');
  t.equal(b.get(`${FORWARDING}2.Status`), 'Enabled');
  t.equal(b.get(`${FORWARDING}2.Type`), 'DHCPv4');
  t.equal(b.get(`${DNS}Listener.2.Status`), 'Error');
  t.equal(b.get(`${DNS}DNSSEC.Anchor.1.State`), 'AddPending');
  t.equal(b.get(`${DNS}Stats.Queries`), '100');
  t.equal(b.get(`${DNS}Stats.Blocked`), '7');
  t.equal(b.get(`${DNS}Cache.UsedBytes`), '4096');
});

t.test('the report: lists and overrides', async (t) => {
  const b = await router();
  const policy: PolicyObserved = {
    generation: 1,
    names: 1234,
    lists: [list()],
    overrides: [
      {
        ...{ id: 7, kind: 'allow', name: 'example.org' as DnsName },
        ...{ client: address('192.168.1.7'), untilMs: b.clock.boottimeMs() + 90_500 },
      },
    ],
  };
  b.observed.publish('dnsPolicy', policy);
  await settled();
  t.equal(b.get(`${DNS}List.1.Status`), 'Current');
  t.equal(b.get(`${DNS}List.1.Rules`), '7');
  t.equal(b.get(`${DNS}List.1.LastTry`), '1970-01-01T00:01:00Z');
  t.equal(b.get(`${DNS}List.1.RejectedLines`), '3: no name: <b>');
  t.equal(b.get(`${DNS}List.2.Status`), 'Disabled');
  t.equal(b.get(`${DNS}BlockedNames`), '1234');
  t.equal(b.get(`${DNS}Override.1.Kind`), 'Allow');
  t.equal(b.get(`${DNS}Override.1.Name`), 'example.org');
  t.equal(b.get(`${DNS}Override.1.Client`), '192.168.1.7');
  t.equal(b.get(`${DNS}Override.1.Remaining`), '91');
  b.observed.publish('dnsPolicy', { ...policy, overrides: [] });
  await settled();
  t.equal(b.get(`${DNS}Override.1.Kind`), 'unknownPath', 'it removed itself');
});

t.test('commands reach the service', async (t) => {
  const b = await router();
  const said: unknown[] = [];
  Object.assign(b.calls, {
    dnsOverride: async (wanted: unknown) => {
      said.push(wanted);
      return ok(undefined);
    },
    dnsFlush: async (name: string) => ok(name === '' ? 12 : 1),
    dnsLookup: async (wanted: unknown) => {
      said.push(wanted);
      return ok({
        status: 'Complete',
        results: [
          {
            ...{ status: 'Success', answerType: 'NonAuthoritative', hostName: 'a.example' },
            ...{ addresses: ['192.0.2.1', '2001:db8::1'], server: '127.0.0.1', tookMs: 3.4 },
          },
          {
            ...{ status: 'Error_Timeout', answerType: 'None', hostName: '' },
            ...{ addresses: [], server: '127.0.0.1', tookMs: 500 },
          },
        ],
      });
    },
  });
  const operate = (path: string, args: Record<string, string>) =>
    b.model.operate(path, args, { origin: ORIGIN, signal });
  t.ok((await operate(`${DNS}Pause()`, { Client: '192.168.1.7', Seconds: '600' })).ok);
  t.ok((await operate(`${DNS}Block()`, { Name: 'x.example', Seconds: '60' })).ok);
  t.notOk((await operate(`${DNS}Allow()`, { Seconds: '60' })).ok, 'which name?');
  const flushed = await operate(`${DNS}Cache.Flush()`, {});
  t.match(flushed, { value: { output: [{ name: 'Forgotten', value: '12' }] } });
  const looked = await operate('Device.DNS.Diagnostics.NSLookupDiagnostics()', {
    HostName: 'a.example',
    Timeout: '500',
    NumberOfRepetitions: '2',
  });
  t.match(looked.ok && looked.value.output.map(({ name, value }) => `${name}=${value}`), [
    'Status=Complete',
    'SuccessCount=1',
    'Result.1.Status=Success',
    'Result.1.AnswerType=NonAuthoritative',
    'Result.1.HostNameReturned=a.example',
    'Result.1.IPAddresses=192.0.2.1,2001:db8::1',
    'Result.1.DNSServerIP=127.0.0.1',
    'Result.1.ResponseTime=3',
    'Result.2.Status=Error_Timeout',
  ]);
  t.same(said, [
    { kind: 'pause', name: '', client: '192.168.1.7', seconds: 600 },
    { kind: 'block', name: 'x.example', client: '', seconds: 60 },
    { hostName: 'a.example', server: '', timeoutMs: 500, repetitions: 2 },
  ]);
});
