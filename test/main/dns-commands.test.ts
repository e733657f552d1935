/** `gatehouse.dns`: what its commands take, refuse, say to the trail, and answer. */
import t from 'tap';
import { ipv4 } from '../../src/base/ip.ts';
import { err, ok } from '../../src/base/result.ts';
import { DnsNames } from '../../src/control/dns-names.ts';
import { type DnsFace, dnsCommands, modelCalls } from '../../src/main/dns-commands.ts';
import type { OverrideWanted, PolicyConfig } from '../../src/services/dns/policy-config.ts';
import { QueryLog } from '../../src/services/dns/query-log.ts';
import type { DnsName } from '../../src/wire/dns-name.ts';
import { FakeClock } from '../lib/clock.ts';
import { ORIGIN, router } from '../tr181/fixture.ts';

const LIST = 'Device.X_GATEHOUSE_DNS.List.3';
const { signal } = new AbortController();

async function bench(on = true) {
  const b = await router();
  const clock = new FakeClock();
  const log = new QueryLog(clock);
  const said: unknown[] = [];
  const trail: string[] = [];
  const health = { queries: 0, answers: 0, timeouts: 0, failures: 0, mismatches: 0 };
  const face = {
    log,
    observed: {
      status: 'Enabled',
      listeners: [],
      upstreams: [
        {
          ...{ id: 'up', protocol: 'tls', address: ipv4(0x0909_0909), port: 853, state: 'up' },
          ...{ rttMs: undefined, lastError: undefined, ...health },
        },
      ],
      counts: {},
      cache: {},
      anchors: [],
    },
    policy: {
      generation: 1,
      names: 4,
      overrides: [
        {
          ...{ id: 3, kind: 'block', name: 'x.example' as DnsName, client: undefined },
          untilMs: clock.boottimeMs() + 1500,
        },
      ],
      lists: [
        {
          ...{ id: LIST, state: 'failed', format: undefined, sizeBytes: 0, rules: 0, rejected: 0 },
          ...{ rejectedLines: [], sha256: undefined, fetchedMs: undefined, triedMs: 0 },
          ...{ nextMs: undefined, fault: 'HTTP 404' },
        },
      ],
    },
    config: {
      lists: [
        { id: LIST, name: 'Adverts', effect: 'block', source: { kind: 'url', url: 'https://a' } },
      ],
    } as unknown as PolicyConfig,
    operations: {
      override: (wanted: OverrideWanted) => {
        said.push(wanted);
        return wanted.client === 'nobody' ? err('no such device') : ok(undefined);
      },
      cancel: (id: number) => id === 3,
      flush: (name: string) => ok(name === '' ? 7 : 1),
      addressesOf: () => err('no such device'),
      query: async () => err('no answer'),
      lookUp: async () => err('none'),
    },
    why: async () => undefined,
    update: async (list: string) => {
      said.push(`update ${list}`);
      return ok(undefined);
    },
  } as unknown as DnsFace;
  const { commands } = dnsCommands({
    dns: () => (on ? face : undefined),
    names: new DnsNames({ model: b.model }),
    audit: async (what) => void trail.push(what),
    clock,
  });
  const run = async (name: string, args: object = {}) => {
    const command = commands[name];
    if (command === undefined) throw new Error(`no ${name}`);
    return command.run(args as Record<string, unknown>, {
      origin: ORIGIN,
      peer: undefined,
      signal,
    });
  };
  return { b, run, said, trail, face, log };
}

t.test('for good is configuration, for a while is not; both are in the trail', async (t) => {
  const { b, run, said, trail } = await bench();
  t.match(await run('block', { name: 'Ads.example' }), { status: 'success' });
  t.equal(b.get('Device.X_GATEHOUSE_DNS.List.1.Text'), 'ads.example');
  t.match(await run('block', { name: 'a', client: 'tv' }), { message: /only for a while/ });
  t.match(await run('forget', { name: 'ads.example' }), { status: 'success' });
  t.match(await run('forget', { name: 'ads.example' }), { message: /nothing was said/ });
  t.match(await run('allow', { name: 'a', seconds: 60, client: 'tv' }), {
    status: 'success',
    data: { overrides: [{ id: 3, kind: 'block', name: 'x.example', client: null, leftSec: 2 }] },
  });
  for (const seconds of [0, -1, 1.5, 604_801, 'soon', undefined]) {
    t.match(await run('pause', { seconds }), { message: /seconds is 1 to 604800/ });
  }
  t.match(await run('pause', { seconds: 5, client: 'nobody' }), { message: 'no such device' });
  t.match(await run('cancel', { id: 3 }), { status: 'success' });
  t.match(await run('cancel', { id: 4 }), { status: 'error' });
  t.match(await run('flush'), { data: { forgotten: 7 } });
  t.match(said[0], { kind: 'allow', name: 'a', client: 'tv', seconds: 60 });
  t.same(trail, ['allow a tv for 60 s', 'cancel 3', 'flush']);
});

t.test('lists by name or path; status and statistics say addresses', async (t) => {
  const { run, said, log, face } = await bench();
  t.match(await run('lists'), {
    data: {
      names: 4,
      lists: [{ name: 'Adverts', url: 'https://a', fault: 'HTTP 404', updated: null }],
    },
  });
  for (const list of ['Adverts', LIST, `${LIST}.`, '']) await run('update', { list });
  t.match(await run('update', { list: 'other' }), { message: 'no list other' });
  t.same(said, [`update ${LIST}`, `update ${LIST}`, `update ${LIST}`, 'update ']);
  t.match(await modelCalls(face).dnsUpdateList(LIST, signal), { error: 'HTTP 404' });
  t.match(await run('status'), { data: { upstreams: [{ address: '9.9.9.9', rttMs: null }] } });
  log.apply({ privacy: 'full', entries: 10 });
  const query = { client: ipv4(0xc0a8_0107), name: 'a.example' as DnsName, type: 28, rcode: 3 };
  log.add({ ...query, by: 'upstream', rule: undefined, upstream: 'up', tookMs: 3 });
  t.match(await run('stats'), {
    data: { topNames: [{ key: 'a.example', count: 1 }], latency: [{ address: '9.9.9.9' }] },
  });
  t.match(await run('log', { after: 0, limit: 5 }), {
    data: {
      last: 1,
      entries: [
        { id: 1, name: 'a.example', type: 'AAAA', rcode: 'NXDOMAIN', client: '192.168.1.7' },
      ],
    },
  });
  t.match(await run('log', { after: 1 }), { data: { entries: [] } });
  t.match(await run('query', { name: 'a', type: 'NONSENSE' }), { message: /no type of record/ });
  t.match(await run('why', { name: 'a..b' }), { message: /not a domain name/ });
});

t.test('where it is off, only what is configuration can be said', async (t) => {
  const { run } = await bench(false);
  for (const name of ['status', 'pause', 'why', 'log', 'stats', 'lists', 'flush', 'query']) {
    t.match(await run(name, { name: 'a' }), { message: /does not run/ }, name);
  }
  t.match(await run('block', { name: 'a' }), { status: 'success' });
});
