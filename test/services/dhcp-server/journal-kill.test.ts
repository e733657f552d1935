/** SIGKILL under load, a hundred times: whatever was told to be on disk is there, and nothing is given twice. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { type Lease, LeaseTable } from '../../../src/services/dhcp-server/lease.ts';
import { recover } from '../../../src/services/dhcp-server/recover.ts';
import { randomFrom } from '../../fuzz/run.ts';
import { BOOT, say, wordOf } from './journal-words.ts';

t.setTimeout(290_000);

const KILLS = 100;
const CHILD = join(import.meta.dirname, 'journal-child.ts');

/** Runs until so many groups are on disk, then kills it in whatever it does. */
async function life(folder: string, first: number, groups: number) {
  const child = spawn(process.execPath, [CHILD, folder, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let durable = first - 1;
  let given = first - 1;
  let left = groups;
  for await (const line of createInterface({ input: child.stdout })) {
    const n = Number(line.slice(2));
    if (line.startsWith('a ')) given = n;
    else {
      durable = n;
      if (--left === 0) child.kill('SIGKILL');
    }
  }
  const [code, signal] = await exited;
  return { durable, given, ended: signal ?? code };
}

const read = (path: string): Uint8Array | undefined =>
  existsSync(path) ? readFileSync(path) : undefined;

t.test('killed under load', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-journal-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const random = randomFrom(2);
  // What must be there: the table as the words so far made it.
  let expected = new LeaseTable();
  let first = 1;
  let unacknowledged = 0;
  let files = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const { durable, given, ended } = await life(folder, first, 1 + (random() % 60));
    if (ended !== 'SIGKILL') return void t.fail(`the child ended by itself: ${ended}`);
    for (let n = first; n <= durable; n++) say(expected, n);
    // Of these nobody was told; they may be there or not.
    const clients = new Set<string>();
    const addresses = new Set<number>();
    for (let n = durable + 1; n <= given; n++) {
      const { lease, address } = wordOf(n);
      clients.add(lease.key);
      addresses.add(address);
    }
    const result = recover([read(join(folder, 'a')), read(join(folder, 'b'))], {
      bootId: BOOT,
      bootMs: 1_000,
      wallMs: 1_000,
    });
    if (!result.ok) throw result.error;
    const { leases, damage, end } = result.value;
    const faults = damage === undefined ? [] : [damage];
    const found = new Map<string, Lease>();
    for (const lease of leases) {
      found.set(lease.key, lease);
      const n = lease.firstWallMs;
      const word = wordOf(n);
      if (n > given || word.lease.key !== lease.key || word.address !== lease.address) {
        faults.push(`word ${n} was never said`);
      }
    }
    if (new Set(leases.map((lease) => lease.address)).size !== leases.length) faults.push('twice');
    for (const lease of expected) {
      const there = found.get(lease.key);
      const n = lease.firstWallMs;
      if (there?.firstWallMs === n) continue;
      if (clients.has(lease.key) && (there === undefined || there.firstWallMs > n)) continue;
      if (there === undefined && addresses.has(lease.address)) continue;
      faults.push(`word ${n} is lost: ${there?.firstWallMs}`);
    }
    for (const lease of leases) {
      if (lease.firstWallMs > durable) unacknowledged++;
      else if (expected.find(lease.segment, lease.key)?.firstWallMs !== lease.firstWallMs) {
        faults.push(`word ${lease.firstWallMs} is out of date`);
      }
    }
    if (faults.length > 0) return void t.fail(`kill ${kill}: ${faults.join(', ')}`);
    expected = new LeaseTable();
    for (const lease of leases) expected.add(lease);
    first = given + 1;
    files = end?.number ?? 0;
  }
  t.pass(`${KILLS} kills, ${first} words, ${unacknowledged} of them there before anybody was told`);
  t.ok(files > 20, `${files} files begun`);
});
