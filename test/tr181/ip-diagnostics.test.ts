/** `Device.IP.Diagnostics.`: what is asked of whom, and how it is told; against TR-181, where it is at hand. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { objectGroups } from '../../src/tr181/objects/index.ts';
import { bench, ORIGIN } from './fixture.ts';

const signal = new AbortController().signal;
const DIAGNOSTICS = 'Device.IP.Diagnostics.';

const asked: unknown[] = [];
const summary = {
  ...{ sent: 5, received: 4, lossPercent: 20, lastMs: 1, bestMs: 0.2444, meanMs: 1.6, worstMs: 3 },
  deviationMs: 1,
};

function router() {
  const b = bench();
  b.observed.publish('network', { links: [], items: [], ipv6Capable: true } as never);
  Object.assign(b.calls, {
    ipPing: async (wanted: unknown) => {
      asked.push(wanted);
      return { status: 'Complete', address: '192.0.2.1', summary };
    },
    traceRoute: async (wanted: unknown) => {
      asked.push(wanted);
      const hops = [
        { host: 'gw.example', address: '192.168.1.1', icmpType: 11, times: [0.6, 1.4, 2] },
        { host: '', address: '', icmpType: 0, times: [] },
        { host: '192.0.2.1', address: '192.0.2.1', icmpType: 0, times: [9.9] },
      ];
      return { status: 'Complete', address: '192.0.2.1', responseMs: 9.9, hops };
    },
  });
  const operate = async (path: string, args: Record<string, string>) => {
    const done = await b.model.operate(`${DIAGNOSTICS}${path}()`, args, { origin: ORIGIN, signal });
    if (!done.ok) return [done.error.kind, done.error.message];
    return done.value.output.map(({ name, value }) => `${name}=${value}`);
  };
  return { b, operate };
}

t.test('IPPing', async (t) => {
  const { operate } = router();
  const given = { Host: 'h.example', ProtocolVersion: 'IPv6', NumberOfRepetitions: '5' };
  t.same(await operate('IPPing', { ...given, DSCP: '46', Timeout: '900', DataBlockSize: '100' }), [
    ...['Status=Complete', 'IPAddressUsed=192.0.2.1', 'SuccessCount=4', 'FailureCount=1'],
    ...['AverageResponseTime=2', 'MinimumResponseTime=0', 'MaximumResponseTime=3'],
    ...['AverageResponseTimeDetailed=1600', 'MinimumResponseTimeDetailed=244'],
    'MaximumResponseTimeDetailed=3000',
  ]);
  t.same(asked.splice(0), [
    {
      ...{ host: 'h.example', family: 6, ifName: '', timeoutMs: 900, dataBytes: 100, dscp: 46 },
      repetitions: 5,
    },
  ]);
  t.match(await operate('IPPing', { Host: '' }), ['badArguments']);
  t.match(await operate('IPPing', {}), ['badArguments', /Host is needed/]);
  t.match(await operate('IPPing', { Host: 'h', NumberOfRepetitions: '0' }), ['badArguments']);
  t.match(await operate('IPPing', { Host: 'h', Interface: 'Device.IP.Interface.77' }), [
    'commandFailed',
    /no IP interface: Device\.IP\.Interface\.77/,
  ]);
  t.same(asked, [], 'nothing was asked');
});

t.test('TraceRoute', async (t) => {
  const { operate } = router();
  t.same(await operate('TraceRoute', { Host: 'h.example' }), [
    ...['Status=Complete', 'IPAddressUsed=192.0.2.1', 'ResponseTime=10'],
    ...['RouteHops.1.Host=gw.example', 'RouteHops.1.HostAddress=192.168.1.1'],
    ...['RouteHops.1.ErrorCode=11', 'RouteHops.1.RTTimes=1,1,2'],
    ...['RouteHops.2.Host=', 'RouteHops.2.HostAddress=', 'RouteHops.2.ErrorCode=0'],
    ...['RouteHops.2.RTTimes=', 'RouteHops.3.Host=192.0.2.1', 'RouteHops.3.HostAddress=192.0.2.1'],
    ...['RouteHops.3.ErrorCode=0', 'RouteHops.3.RTTimes=10'],
  ]);
  t.match(asked.splice(0), [{ family: undefined, tries: 3, maxHops: 30, dataBytes: 32 }]);
  t.match(await operate('TraceRoute', { Host: 'h', MaxHopCount: '65' }), ['badArguments']);
});

t.test('what is supported is told', (t) => {
  const { b } = router();
  t.equal(b.get(`${DIAGNOSTICS}IPv6PingSupported`), 'true');
  const other = bench();
  t.equal(other.get(`${DIAGNOSTICS}IPv4TraceRouteSupported`), 'true');
  t.equal(other.get(`${DIAGNOSTICS}IPv6TraceRouteSupported`), 'false', 'a kernel without IPv6');
  t.end();
});

t.test('arguments are those of TR-181', async (t) => {
  const file = join(import.meta.dirname, '../../../shared/data/tr181-subset.json');
  if (!existsSync(file)) return t.comment('skipped: no ../shared/data');
  const facts = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"argument"'));
  const commands = objectGroups()
    .flatMap(({ objects }) => objects)
    .filter(({ path }) => /^Device\.(IP|DNS)\.Diagnostics\.$/.test(path))
    .flatMap(({ path, commands = {} }) =>
      Object.entries(commands).map(([name, def]) => ({ path: `${path}${name}()`, def })),
    );
  t.equal(commands.length, 3);
  for (const { path, def } of commands) {
    for (const direction of ['input', 'output'] as const) {
      const theirs = facts
        .map((line) => JSON.parse(line))
        .filter((fact) => fact.path === path && fact.dir === direction)
        .map(({ arg, type, enum: words }) => [arg, type, [...(words ?? [])].sort()]);
      const ours = Object.entries(def[direction] ?? {}).map(([name, spec]) => [
        ...[name, spec.type],
        [...(spec.enum ?? [])].sort(),
      ]);
      const byName = (a: unknown[], b: unknown[]) => (String(a[0]) < String(b[0]) ? -1 : 1);
      t.same(ours.sort(byName), theirs.sort(byName), `${path}, ${direction}`);
    }
  }
});
