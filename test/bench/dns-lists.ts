/**
 * What an update of a list of a million names takes of the running daemon: its peak beside its size
 * before. In a namespace, unprivileged.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';
import { cpuSec, residentMb, statusMb } from '../lib/usage.ts';
import type { Bench, Comparison } from './run.ts';

const NAMES = 1_000_000;
const UPDATES = 3;
const LIST = 'Device.X_GATEHOUSE_DNS.List.';
const ROWS = {
  'Device.DHCPv4.Client.1.Enable': 'false',
  'Device.X_GATEHOUSE_DNS.DNSSEC.Enable': 'false',
};

/** A million names of usual length, others for each version. */
function* lines(version: number): Generator<string> {
  let state = 12_345 + version;
  for (let i = 0; i < NAMES; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield `||${state.toString(36)}-${(i % 977).toString(36)}.${i % 3 === 0 ? 'ads.example.com' : 'example.net'}^`;
  }
}

async function run(): Promise<Comparison[]> {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('dnslists'));
  const router = stack.use(new Router(spaces, 'r', { rows: ROWS }));
  await router.start();
  await router.waitFor('Device.DNS.Relay.Status', 'Enabled');
  const file = join(router.folder, 'million.txt');
  const write = (version: number): void => {
    writeFileSync(file, [...lines(version)].join('\n'));
    chmodSync(file, 0o644);
  };
  write(0);
  const values = { Enable: 'true', Name: 'million', URL: `file://${file}`, AllGroups: 'true' };
  await router.rows('add', { path: LIST, obj_path: { ...values, MaxSize: '65536' } });
  const lists = async (): Promise<number> => {
    const { data } = await router.call('gatehouse.dns', 'lists');
    return Number((data as { names?: number } | null)?.names ?? 0);
  };
  await router.until('the list is in use', async () => (await lists()) > NAMES * 0.9);
  const measured: { peak: number; before: number; cpu: number }[] = [];
  for (let version = 1; version <= UPDATES; version++) {
    write(version);
    // The high-water mark begins anew (proc_pid_clear_refs(5)).
    writeFileSync(`/proc/${router.pid}/clear_refs`, '5');
    const before = residentMb(router.pid);
    const cpu = cpuSec(router.pid);
    await router.call('gatehouse.dns', 'update', { list: 'million' });
    measured.push({
      peak: statusMb(router.pid, 'VmHWM'),
      before,
      cpu: cpuSec(router.pid) - cpu,
    });
  }
  const worst = measured.reduce((a, b) => (a.peak / a.before > b.peak / b.before ? a : b));
  return [
    {
      name: 'update of 1 million names',
      ...{ ours: worst.peak, peer: worst.before, unit: 'MB', higherIsBetter: false },
      peerName: 'the same daemon before it',
      ...{ oursCpuSec: worst.cpu, peerCpuSec: 0 },
      note: `peak of VmRSS, the worst of ${UPDATES} updates`,
    },
  ];
}

export const bench: Bench = { name: 'dns-lists', skip: () => noNamespaces(), run };
