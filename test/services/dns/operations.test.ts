/** What people do with the server: by address, MAC or name of a device; asking here and elsewhere. */
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { type Ipv4, ipv4, type Mac } from '../../../src/base/ip.ts';
import { type IpAddress, ipv6 } from '../../../src/base/ip6.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import { DnsOperations, type DnsOperationsDeps } from '../../../src/services/dns/operations.ts';
import type { Override } from '../../../src/services/dns/overrides.ts';
import {
  type DnsMessage,
  type DnsRecord,
  decodeMessage,
  encodeMessage,
} from '../../../src/wire/dns.ts';
import { type DnsName, encodeName, formatName } from '../../../src/wire/dns-name.ts';
import { CLASS_IN, RCODE, TYPE } from '../../../src/wire/dns-registry.ts';
import { FakeClock } from '../../lib/clock.ts';

const FOUR = ipv4(0xc0a8_0107);
const SIX = ipv6((0xfd00n << 112n) | 7n);
const HOST = { mac: '02:00:00:00:00:07' as Mac, name: 'tablet', addresses: [FOUR, SIX] };
const { signal } = new AbortController();

const record = (name: string, type: number, rdata: Uint8Array): DnsRecord => ({
  ...{ name: name as DnsName, type, class: CLASS_IN, ttl: 60, rdata },
});

/** Answers a query with what `say` has for its name and type. */
function answer(
  query: Uint8Array,
  say: (name: string, type: number) => Partial<DnsMessage>,
): Uint8Array {
  const asked = decodeMessage(query);
  if (!asked.ok) throw new Error(asked.error.message);
  const [question] = asked.value.questions;
  const said = say(formatName(question?.name ?? ('' as DnsName)), question?.type ?? 0);
  return encodeMessage({ ...asked.value, response: true, edns: undefined, ...said });
}

const zone = (name: string, type: number): Partial<DnsMessage> => {
  if (name === 'www.example') {
    const alias = record('www.example', TYPE.CNAME, encodeName('Web.example' as DnsName));
    const address = record('web.example', TYPE.A, Uint8Array.of(192, 0, 2, 1));
    return { answers: type === TYPE.A ? [alias, address] : [alias] };
  }
  if (name === 'ns.example' && type === TYPE.A) {
    return { answers: [record(name, type, Uint8Array.of(192, 0, 2, 53))] };
  }
  return { rcode: RCODE.NXDOMAIN };
};

function bench(values: Partial<DnsOperationsDeps> = {}) {
  const said: string[] = [];
  const words = (kind: string) => (name: unknown, client: unknown, ms: unknown) => {
    said.push(`${kind} ${String(name)} ${String(client)} ${String(ms)}`);
    return {} as Override;
  };
  const deps: DnsOperationsDeps = {
    clock: new FakeClock(),
    transports: {
      udp: async () => err(new SystemError('nobody', 'ETIMEDOUT')),
      stream: async () => err(new SystemError('nobody', 'ECONNREFUSED')),
    },
    ask: async (query) => answer(query, zone),
    policy: () => ({
      pause: (client, ms) => words('pause')('', client, ms),
      allow: words('allow'),
      block: words('block'),
      endOverride: (id) => id === 1,
    }),
    cache: () => ({ flush: (name) => (name === undefined ? 9 : name.length) }),
    overridden: () => said.push('told'),
    hosts: () => [HOST],
    random16: () => 7,
    ...values,
  };
  return { operations: new DnsOperations(deps), said };
}

t.test('a device is all of its addresses, whatever it is called by', async (t) => {
  for (const client of ['192.168.1.7', 'fd00::7', '02:00:00:00:00:07', 'Tablet']) {
    const { operations, said } = bench();
    t.ok(operations.override({ kind: 'pause', name: '', client, seconds: 60 }).ok);
    t.same(said, [`pause  ${FOUR} 60000`, `pause  ${SIX} 60000`, 'told'], client);
  }
  const { operations, said } = bench();
  t.ok(operations.override({ kind: 'allow', name: 'A.Example', client: '', seconds: 1 }).ok);
  t.ok(operations.override({ kind: 'block', name: 'b', client: '10.0.0.1', seconds: 1 }).ok);
  t.same(said, ['allow a.example undefined 1000', 'told', `block b ${0x0a00_0001} 1000`, 'told']);
  t.notOk(operations.override({ kind: 'block', name: 'a..b', client: '', seconds: 1 }).ok);
  t.notOk(operations.override({ kind: 'pause', name: '', client: 'nobody', seconds: 1 }).ok);
  t.ok(operations.cancel(1));
  t.notOk(operations.cancel(2));
  t.same(operations.flush(''), ok(9));
  t.same(operations.flush('A.b'), ok(5));
  t.notOk(operations.flush('a..b').ok);
  const off = bench({ policy: () => undefined, cache: () => undefined }).operations;
  t.notOk(off.override({ kind: 'pause', name: '', client: '', seconds: 1 }).ok);
  t.notOk(off.cancel(1));
  t.notOk(off.flush('').ok);
});

t.test('one question, as the box or another would have it answered', async (t) => {
  const clients: IpAddress[] = [];
  const { operations } = bench({
    ask: async (query, client) => {
      clients.push(client);
      return answer(query, zone);
    },
  });
  const asked = await operations.query('www.example', TYPE.A, FOUR);
  t.match(asked, { ok: true, value: { message: { rcode: 0, answers: [{}, {}] } } });
  await operations.query('www.example', TYPE.A);
  t.same(clients, [FOUR, ipv6(1n)]);
  t.notOk((await operations.query('a..b', TYPE.A)).ok);
  t.notOk((await bench({ ask: async () => undefined }).operations.query('a', TYPE.A)).ok);
});

const wanted = { hostName: 'www.example', server: '', timeoutMs: 100, repetitions: 1 };

t.test(
  'NSLookupDiagnostics: along aliases, as often as wanted, and every way to fail',
  async (t) => {
    const { operations } = bench();
    t.match(await operations.lookUp({ ...wanted, repetitions: 2 }, signal), {
      ok: true,
      value: {
        status: 'Complete',
        results: [
          {
            ...{ status: 'Success', answerType: 'NonAuthoritative', hostName: 'Web.example' },
            ...{ addresses: ['192.0.2.1'], server: '::1' },
          },
          {},
        ],
      },
    });
    const status = async (
      values: Partial<typeof wanted>,
      deps: Partial<DnsOperationsDeps> = {},
    ): Promise<string> => {
      const done = await bench(deps).operations.lookUp({ ...wanted, ...values }, signal);
      if (!done.ok) return done.error;
      return done.value.results[0]?.status ?? done.value.status;
    };
    t.equal(await status({ hostName: 'no.example' }), 'Error_HostNameNotResolved');
    t.equal(await status({ server: 'no.example' }), 'Error_DNSServerNotResolved');
    t.equal(await status({ server: '192.0.2.9' }), 'Error_Timeout');
    t.match(await status({ hostName: 'a..b' }), /not a domain name/);
    const refused = async (): Promise<Result<Uint8Array, SystemError>> =>
      err(new SystemError('closed', 'ECONNREFUSED'));
    t.equal(
      await status({ server: '192.0.2.9' }, { transports: { udp: refused, stream: refused } }),
      'Error_DNSServerNotAvailable',
    );
    const servfail = async (query: Uint8Array) => answer(query, () => ({ rcode: RCODE.SERVFAIL }));
    t.equal(await status({}, { ask: servfail }), 'Error_Other');
  },
);

t.test(
  'another server by name; what is cut comes by TCP; what answers something else is passed over',
  async (t) => {
    const to: Ipv4[] = [];
    const { operations } = bench({
      transports: {
        udp: async ({ address }, query, _timeoutMs, accept) => {
          to.push(address as Ipv4);
          const right = answer(query, () => ({ truncated: true }));
          const wrong = answer(query, () => ({ id: 8 }));
          const other = answer(query, () => ({
            questions: [{ name: 'x' as DnsName, type: 1, class: 1 }],
          }));
          t.same([right, wrong, other, Uint8Array.of(1)].map(accept), [true, false, false, false]);
          return ok(right);
        },
        stream: async ({ protocol }, query) => {
          t.equal(protocol, 'tcp');
          return ok(answer(query, zone));
        },
      },
    });
    const done = await operations.lookUp({ ...wanted, server: 'ns.example' }, signal);
    t.match(done, { value: { results: [{ status: 'Success', server: '192.0.2.53' }] } });
    t.same(to, [ipv4(0xc000_0235), ipv4(0xc000_0235)]);
  },
);
