import { spawnSync } from 'node:child_process';
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { Processes, RunResult } from '../../../src/os/ports.ts';
import type { FirewallConfig, FirewallObserved } from '../../../src/services/firewall/config.ts';
import { renderMarks, renderTable } from '../../../src/services/firewall/render.ts';
import { FirewallService } from '../../../src/services/firewall/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { Namespaces, noNamespaces } from '../../lib/netns.ts';

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
  t.match(listed, /limit over6889 {\s+rate over 500\/second burst 500 packets/);
  t.match(
    listed,
    /hook prerouting priority raw;[^}]*@wan udp dport 6889 limit name "over6889" drop/,
  );
  t.match(listed, /@lan udp dport 6889 limit name "over6889" drop\s+ct state/);
  t.match(listed, /iifname @wan udp dport 6889 accept/);
});

t.test('what exceeds a rate reaches nobody, whoever sends it', async (t) => {
  const lines = renderTable(CONFIG)
    .split('\n')
    .map((line) => line.trim());
  const at = (line: string): number => lines.indexOf(line);
  const excess = 'udp dport 6889 limit name "over6889" drop';
  t.ok(at(`iifname @wan ${excess}`) > at('chain early {'));
  t.ok(at(`iifname @wan ${excess}`) < at('chain input {'));
  const established = lines.findIndex((line) => line.startsWith('ct state vmap'));
  t.ok(at(`iifname @lan ${excess}`) < established, 'also of a flow that was answered once');
  t.ok(at(`iifname @lan ${excess}`) < at('iifname @lan accept'));
  t.notMatch(renderTable({ ...CONFIG, openings: [] }), /early|limit over/);
});

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
