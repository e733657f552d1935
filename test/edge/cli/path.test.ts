/** `gatehouse ping|trace|mtu`: what is asked, and how it is told. */
import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { ipv4 } from '#src/base/ip.ts';
import { err, ok } from '#src/base/result.ts';
import { runCli } from '#src/edge/cli/program.ts';
import type { ProbeOutcome } from '#src/services/monitor/path.ts';
import { Counting } from '#src/services/monitor/summary.ts';
import type { PathTools } from '#src/services/monitor/tools.ts';
import type { TraceHop, TraceReport } from '#src/services/monitor/trace.ts';
import { Captured, cli, FakeBus, fakeEnvironment } from './fake.ts';

const A = (last: number) => ipv4(0x0a000000 + last);
const counted = (sent: number, ...times: number[]) => {
  const counting = new Counting();
  counting.sent = sent;
  for (const ms of times) counting.answered(ms);
  return counting.summary;
};
const hop = (hopLimit: number, addresses: TraceHop['addresses'], times: number[]): TraceHop => ({
  ...{ hopLimit, addresses, times, mark: '', icmpType: 11 },
  ...counted(4, ...times),
});

class Fake {
  readonly asked: unknown[] = [];
  readonly tools: PathTools & AsyncDisposable = {
    resolve: async (host, family) => {
      this.asked.push({ host, family });
      return host === 'nowhere'
        ? err(new SystemError('nowhere: no such host', 'ENOTFOUND'))
        : ok({ address: A(9), scope: 0 });
    },
    nameOf: async (address) => (address === A(1) ? 'gw.\u001b[31mexample' : undefined),
    ping: async (wanted, _signal, onNews) => {
      this.asked.push(wanted);
      const outcomes: ProbeOutcome[] = [
        { kind: 'reached', ms: 1.25, from: A(9), hopLimit: 61 },
        { kind: 'timeout' },
        { kind: 'unreachable', ms: 3, from: A(1), type: 3, code: 1 },
      ];
      for (const [i, outcome] of outcomes.entries()) onNews?.(i + 1, outcome);
      const rest = { raw: true, unreachable: 1, unsent: 0, unsentBecause: undefined };
      return ok({ ...(this.silent ? counted(3) : counted(3, 1.25)), ...rest });
    },
    trace: async (wanted, _signal, onNews) => {
      this.asked.push(wanted);
      const report: TraceReport = {
        hops: [hop(1, [A(1)], [1, 2, 3, 2]), hop(2, [], []), hop(3, [A(9)], [4, 6])],
        ...{ reached: !this.silent, rounds: 4 },
      };
      onNews?.({ ...report, hops: report.hops.slice(0, 1) });
      onNews?.(report);
      return ok(report);
    },
    findMtu: async (wanted, _signal, onNews) => {
      this.asked.push(wanted);
      if (this.silent) return err({ kind: 'silent' });
      onNews?.(1500, { kind: 'tooBig', mtu: 1492, from: A(1) });
      return ok({
        ...{ mtuBytes: 1400, linkMtuBytes: 1500, said: [{ from: A(1), mtuBytes: 1492 }] },
        ...{ blackHole: true, lostBehind: A(2), probes: 9, ms: 1234.5678 },
      });
    },
    [Symbol.asyncDispose]: async () => void this.asked.push('disposed'),
  };
  silent = false;
  run(...args: string[]) {
    return cli(args, undefined, {
      paths: async () => this.tools,
      readFile: (path) =>
        path === 'table'
          ? ok(new TextEncoder().encode('10.0.0.0/24 64500 Ours\n'))
          : ok(new TextEncoder().encode('nonsense')),
    });
  }
}

t.test('ping', async (t) => {
  const fake = new Fake();
  const { code, out } = await fake.run('ping', '-4', 'host.example', '--count', '3');
  t.equal(code, 0);
  t.match(fake.asked, [
    { host: 'host.example', family: 4 },
    { address: A(9), protocol: 'icmp', count: 3, intervalMs: 1000, packetBytes: 84 },
    'disposed',
  ]);
  t.match(out, /^host\.example \(10\.0\.0\.9\), 84 bytes\n +1 {2}1\.25 ms {2}ttl 61\n/);
  t.match(out, / 2 {2}no answer\n +3 {2}no way, says 10\.0\.0\.1 \(ICMP 3\/1\)\n/);
  t.match(out, /3 sent, 1 answered, 66\.7 % lost; best 1\.25 ms/);
  const json = JSON.parse((await fake.run('ping', 'h', '--count', '0', '--json')).out);
  t.match(json, { address: '10.0.0.9', sent: 3, received: 1, bestMs: 1.25, unreachable: 1 });
  t.match(fake.asked.at(-2), { count: Infinity });
  fake.silent = true;
  t.match(await fake.run('ping', 'h'), { code: 1, err: /h: there is no way to it/ });
  t.match(await fake.run('ping', 'nowhere'), { code: 1, err: /no such host/ });
});

t.test('trace: a table at the end, and as data', async (t) => {
  const fake = new Fake();
  const { code, out } = await fake.run('trace', 'h', '--names', '--as-table', 'table');
  t.equal(code, 0);
  t.match(fake.asked[1], { protocol: 'icmp', rounds: 5, maxHops: 30, packetBytes: 60 });
  const [, head = '', first = '', second = '', third = ''] = out.split('\n');
  t.match(head, /^HOP +HOST +AS +LOSS +SENT +LAST +BEST +MEAN +WORST +DEV/);
  t.match(first, /^1 +gw\.\\x1b\[31mexample \(10\.0\.0\.1\) +AS64500 Ours +0 % +4 +2\.00 +1\.00/);
  t.match(second, /^2 +\* +100 % +4$/);
  t.match(third, /^3 +10\.0\.0\.9 +AS64500 Ours +50 % +4 +6\.00 +4\.00 +5\.00 +6\.00 +1\.00/);
  const json = await fake.run('trace', 'h', '--tcp', '443', '--as-table', 'table', '--json');
  t.match(fake.asked.at(-2), { protocol: 'tcp', port: 443 });
  t.match(JSON.parse(json.out), {
    ...{ address: '10.0.0.9', protocol: 'tcp', reached: true, rounds: 4 },
    hops: [
      { hop: 1, hosts: [{ address: '10.0.0.1', name: null, as: { number: 64500, name: 'Ours' } }] },
      { hop: 2, hosts: [], lossPercent: 100, meanMs: null },
      { hop: 3, lossPercent: 50, meanMs: 5, deviationMs: 1 },
    ],
  });
  fake.silent = true;
  t.match(await fake.run('trace', 'h', '--udp'), { code: 1, err: /not reached/ });
  t.match(fake.asked.at(-2), { protocol: 'udp' });
});

t.test('trace: drawn over itself on a terminal', async (t) => {
  const fake = new Fake();
  const [stdout, stderr] = [new Captured(true), new Captured()];
  const bus = new FakeBus({});
  const environment = {
    ...fakeEnvironment(bus, { stdout, stderr }),
    paths: async () => fake.tools,
  };
  t.equal(await runCli(['trace', 'h', '--no-color'], environment), 0);
  const drawn = stdout.text.split('\u001b[J');
  t.equal(drawn.length, 3, 'twice over what stood there');
  t.ok(drawn[0]?.endsWith('\u001b[2A'), 'one hop and the titles');
  t.ok(drawn[1]?.endsWith('\u001b[4A'), 'three hops and the titles');
});

t.test('mtu', async (t) => {
  const fake = new Fake();
  const { code, out, err: said } = await fake.run('mtu', 'h', '-6');
  t.equal(code, 0);
  t.match(fake.asked, [{ family: 6 }, { protocol: 'icmp', timeoutMs: 2000 }, 'disposed']);
  t.match(out, /^h \(10\.0\.0\.9\): 1400 bytes\n10\.0\.0\.1 says that 1492 bytes pass\n/);
  t.match(out, /larger packets vanish behind 10\.0\.0\.2 without a word: a black hole/);
  t.match(said, /1500 bytes: too big for 10\.0\.0\.1: at most 1492 bytes pass/);
  const json = await fake.run('mtu', 'h', '--udp', '--json');
  t.match(fake.asked.at(-2), { protocol: 'udp' });
  t.match(JSON.parse(json.out), {
    ...{ mtuBytes: 1400, blackHole: true, lostBehind: '10.0.0.2', probes: 9, tookMs: 1234.568 },
    said: [{ from: '10.0.0.1', mtuBytes: 1492 }],
  });
  fake.silent = true;
  t.match(await fake.run('mtu', 'h'), { code: 1, err: /h: no answer/ });
});

t.test('what is no way to ask', async (t) => {
  const fake = new Fake();
  for (const args of [
    ['ping', 'h', '-4', '-6'],
    ['ping', 'h', '--size', '27'],
    ['trace', 'h', '--udp', '--tcp', '80'],
    ['trace', 'h', '--tcp', '0'],
    ['trace', 'h', '--max-hops', '256'],
    ['mtu'],
  ]) {
    t.equal((await fake.run(...args)).code, 2, args.join(' '));
  }
  const told = await fake.run('trace', 'h', '--as-table', 'other');
  t.match(told, { code: 1, err: /other: line 1 is no range/ });
  t.same(fake.asked, [], 'nothing was asked');
});
