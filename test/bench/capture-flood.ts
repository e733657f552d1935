/**
 * Five million flows between random addresses: what the capture engine keeps of them, beside what it keeps
 * of a fiftieth of them, which fills its tables already. Each in the same process, one after the other.
 */
import { loadNative } from '../../src/os/linux/native.ts';
import { flood } from '../lib/capture-flood.ts';
import type { Bench, Comparison } from './run.ts';

const FLOWS = 5_000_000;
const FEW = 100_000;

async function run(): Promise<Comparison[]> {
  const native = loadNative();
  const measured = async (flows: number) => {
    const cpu = process.cpuUsage();
    await flood(native, flows, flows);
    const { user, system } = process.cpuUsage(cpu);
    return { mib: process.memoryUsage.rss() / (1 << 20), cpuSec: (user + system) / 1e6 };
  };
  const few = await measured(FEW);
  const all = await measured(FLOWS);
  return [
    {
      ...{ ours: all.mib, peer: few.mib, unit: 'MiB resident', higherIsBetter: false },
      peerName: `the same after ${FEW.toLocaleString('en')} flows`,
      ...{ oursCpuSec: all.cpuSec, peerCpuSec: few.cpuSec },
      note: `${FLOWS.toLocaleString('en')} flows, whole process, the making of the packets in it`,
    },
  ];
}

export const bench: Bench = { name: 'capture-flood', run };
