import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { Processes, RunResult } from '../../../src/os/ports.ts';
import type { FirewallConfig, FirewallObserved } from '../../../src/services/firewall/config.ts';
import { renderMarks, renderTable } from '../../../src/services/firewall/render.ts';
import { FirewallService } from '../../../src/services/firewall/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { home, Namespaces, noNamespaces } from '../../lib/netns.ts';

const CONFIG: FirewallConfig = {
  wan: ['wan0'],
  lan: ['br-lan'],
  masquerade: ['wan0'],
  openings: [{ port: 6889, perSec: 500 }],
  dhcpDscp: [
    { ifName: 'wan0', dscp: 48, family: 4 },
    { ifName: 'wan0', dscp: 46, family: 6 },
  ],
};

t.test('an interface name can hold nothing that nft would read as more', async (t) => {
  const evil = ['x"; drop', 'a b', 'a\nb', '', 'x'.repeat(16)];
  t.equal(
    renderTable({ ...CONFIG, wan: evil, lan: [], masquerade: [] }).includes('elements'),
    false,
  );
  t.notMatch(renderMarks([{ ifName: 'x"y', dscp: 1, family: 4 }], new Set(['x"y'])), /chain/);
  t.match(renderTable({ ...CONFIG, wan: [], lan: [], masquerade: [] }), /policy drop/);
});

t.test('the kernel takes both tables, twice', { skip: noNamespaces() ?? false }, async (t) => {
  using spaces = new Namespaces('fw');
  spaces.link(['r', 'wan0'], ['isp', 'isp0']);
  const nft = (stdin: string) =>
    spawnSync('ip', spaces.argv('r', 'nft', '-f', '-'), { input: stdin, encoding: 'utf8' });
  for (let i = 0; i < 2; i++) {
    const table = nft(renderTable(CONFIG));
    t.equal(table.status, 0, table.stderr);
    const marks = nft(renderMarks(CONFIG.dhcpDscp, new Set(['wan0'])));
    t.equal(marks.status, 0, marks.stderr);
  }
  const listed = spaces.exec('r', 'nft', 'list', 'ruleset');
  t.equal(listed.match(/policy drop/g)?.length, 2);
  t.match(listed, /oifname @hidden .*masquerade/);
  t.match(listed, /ip dscp set cs6/);
  t.match(listed, /udp dport 6889 limit rate over 500\/second burst 500 packets drop\s+ct state/);
  t.match(listed, /iifname @wan udp dport 6889 accept/);
});

t.test('what exceeds a rate reaches nobody, whoever sends it', async (t) => {
  const lines = renderTable(CONFIG)
    .split('\n')
    .map((line) => line.trim());
  const at = (start: string): number => lines.findIndex((line) => line.startsWith(start));
  const excess = 'udp dport 6889 limit rate over 500/second burst 500 packets drop';
  t.ok(at(excess) > at('iifname "lo" accept'));
  t.ok(at(excess) < at('ct state vmap'), 'also of a flow that was answered once');
  t.ok(at(excess) < at('iifname @lan accept'));
  t.ok(at(excess) < at('chain forward'), 'what passes through the box is not counted');
  t.notMatch(renderTable({ ...CONFIG, openings: [] }), /limit rate over/);
});

const PEER = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('198.51.100.1', 7000))
s.settimeout(20)
print('ready', flush=True)
for i in range(10):
  _, to = s.recvfrom(100)
  for j in range(20): s.sendto(b'x', to)
print(to[1], flush=True)
`;
const HOST = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('192.168.1.2', 6889))
s.settimeout(20)
for i in range(10):
  s.sendto(b'x', ('198.51.100.1', 7000))
  for j in range(20): s.recvfrom(100)
print('all')
`;

t.test(
  'a flow of the LAN behind a port that is limited is not limited',
  { skip: noNamespaces() ?? false },
  async (t) => {
    using spaces = home('fwflow');
    for (const [node, at, dev] of [
      ['r', '198.51.100.2/24', 'wan0'],
      ['r', '192.168.1.1/24', 'lan0'],
      ['lan', '192.168.1.2/24', 'eth0'],
    ] as const)
      spaces.exec(node, 'ip', 'address', 'add', at, 'dev', dev);
    spaces.exec('lan', 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
    spaces.exec('r', 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
    const config = { ...CONFIG, lan: ['lan0'], openings: [{ port: 6889, perSec: 1 }] };
    const nft = spawnSync('ip', spaces.argv('r', 'nft', '-f', '-'), {
      input: renderTable(config),
      encoding: 'utf8',
    });
    t.equal(nft.status, 0, nft.stderr);
    const peer = spawn('ip', spaces.argv('isp', 'python3', '-c', PEER));
    const said = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
    t.equal((await said.next()).value, 'ready');
    t.equal(spaces.exec('lan', 'python3', '-c', HOST).trim(), 'all');
    t.equal((await said.next()).value, '6889', 'masqueraded behind the same port');
    if (peer.exitCode === null) await once(peer, 'exit');
  },
);

/** nft as far as the service can tell: takes text, lists what it took. */
class Nft implements Pick<Processes, 'run'> {
  readonly inputs: string[] = [];
  listed = 'table';
  failing = false;
  refusesMarks = false;

  async run(
    _file: string,
    args: readonly string[],
    { stdin }: { stdin?: string },
  ): Promise<Result<RunResult, SystemError>> {
    if (stdin === undefined) return ok({ code: 0, stdout: this.listed, stderr: args.join(' ') });
    if (this.failing) return err(new SystemError('cannot run nft', 'ENOENT'));
    if (this.refusesMarks && stdin.includes('netdev')) {
      return ok({ code: 1, stdout: '', stderr: 'no such device\n' });
    }
    this.inputs.push(stdin);
    this.listed = 'table';
    return ok({ code: 0, stdout: '', stderr: '' });
  }
}

function house() {
  const nft = new Nft();
  const clock = new FakeClock();
  const reports: FirewallObserved[] = [];
  const service = new FirewallService({
    processes: nft as unknown as Processes,
    clock,
    log: new MemoryLog(),
    nft: 'nft',
    linkNames: () => new Set(['wan0']),
    report: (observed) => reports.push(observed),
  });
  return { nft, clock, reports, service };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('wishes during a write are merged, and the last one arrives', async (t) => {
  const { nft, service } = house();
  const all = await Promise.all(
    ['a0', 'b0', 'c0', 'wan0'].map((wan) => service.apply({ ...CONFIG, wan: [wan] })),
  );
  t.ok(all.every((result) => result.ok));
  const tables = nft.inputs.filter((text) => text.includes('inet'));
  t.ok(tables.length <= 2, `${tables.length} writes`);
  t.match(tables.at(-1), /"wan0"/);
  await service[Symbol.asyncDispose]();
});

t.test('a table that someone else changed is put back', async (t) => {
  const { nft, service, clock } = house();
  await service.apply(CONFIG);
  const writes = nft.inputs.length;
  service.rulesetChanged();
  clock.advance(200);
  for (let i = 0; i < 5; i++) await settled();
  t.equal(nft.inputs.length, writes, 'our own write is not a foreign one');
  nft.listed = 'table without rules';
  service.rulesetChanged();
  service.rulesetChanged();
  clock.advance(200);
  for (let i = 0; i < 5; i++) await settled();
  t.equal(nft.inputs.length, writes + 1);
  t.match(nft.inputs.at(-1), /table netdev/, 'with the marks, which a flush takes, too');
  t.equal(service.observed.restored, 1);
  await service[Symbol.asyncDispose]();
  t.equal(clock.pending, 0);
});

t.test(
  'one run of nft sets both tables; marks that are refused do not cost the other',
  async (t) => {
    const { nft, service } = house();
    await service.apply(CONFIG);
    t.equal(nft.inputs.length, 1);
    t.match(nft.inputs[0], /table inet gatehouse.*table netdev gatehouse/s);
    await service.apply({ ...CONFIG, lan: ['lan7'] });
    t.notMatch(nft.inputs.at(-1), /netdev/, 'marks that stand are left alone');
    nft.refusesMarks = true;
    t.notOk((await service.apply({ ...CONFIG, lan: ['lan8'], dhcpDscp: [] })).ok);
    t.match(nft.inputs.at(-1), /lan8/);
    t.match(service.observed, { status: 'Error', reason: 'nft: no such device' });
    t.ok(service.stood);
    await service[Symbol.asyncDispose]();
  },
);

t.test('a failure is Status Error, and is tried again until it works', async (t) => {
  const { nft, service, clock } = house();
  nft.failing = true;
  t.notOk((await service.apply(CONFIG)).ok);
  t.match(service.observed, { status: 'Error', reason: 'cannot run nft' });
  t.equal(clock.nextDelayMs, 1000);
  clock.advance(1000);
  for (let i = 0; i < 5; i++) await settled();
  t.equal(clock.nextDelayMs, 2000);
  nft.failing = false;
  clock.advance(2000);
  for (let i = 0; i < 5; i++) await settled();
  t.match(service.observed, { status: 'Enabled', reason: undefined, masquerade: ['wan0'] });
  await service[Symbol.asyncDispose]();
});
