/** The lease journal on a real disk that is full: what it has goes on, what it lacks is told and made good. */
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LinuxDurableFiles } from '../../../src/os/linux/durable-files.ts';
import { LeaseJournal } from '../../../src/services/dhcp-server/journal.ts';
import { JOURNAL_LIMITS } from '../../../src/services/dhcp-server/journal-size.ts';
import { LeaseTable } from '../../../src/services/dhcp-server/lease.ts';
import { FakeClock } from '../../lib/clock.ts';
import { noSmallDisk, smallDisk } from '../../lib/disk.ts';
import { MemoryLog } from '../../lib/log.ts';
import { BOOT } from './journal-workload.ts';
import { someLease } from './some-leases.ts';

const LEASES = 200;
const skip = noSmallDisk() ?? false;

function fill(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  try {
    writeFileSync(join(folder, 'fill'), Buffer.alloc(bavail * bsize));
  } catch {
    // The last page did not fit: it is full now.
  }
}

async function start(folder: string) {
  const table = new LeaseTable();
  const clock = new FakeClock();
  const opened = await LeaseJournal.open({
    files: new LinuxDurableFiles(),
    paths: [join(folder, 'a'), join(folder, 'b')],
    clock,
    log: new MemoryLog(),
    bootId: BOOT,
    random32: () => Math.floor(Math.random() * 2 ** 32),
    table,
    capacity: LEASES,
    limits: JOURNAL_LIMITS,
  });
  if (!opened.ok) throw opened.error;
  const { journal } = opened.value;
  let told = (_: { readonly upTo: number; readonly code: string | undefined }): void => {};
  journal.onDurable((upTo, error) => told({ upTo, code: error?.code }));
  /** Waits for the next word on tickets. */
  const word = () =>
    new Promise<{ readonly upTo: number; readonly code: string | undefined }>((resolve) => {
      told = resolve;
    });
  return { table, clock, journal, word };
}

t.test('journal made beforehand: a full disk stops nothing', { skip }, async (t) => {
  const folder = smallDisk(t, 4 * 1024 * 1024);
  const { table, journal, word } = await start(folder);
  fill(folder);
  const { bavail } = statfsSync(folder);
  t.equal(bavail, 0);
  for (let i = 0; i < LEASES; i++) table.add(someLease(i));
  // New leases at first, then renewals, through several take-overs.
  while (journal.counts.takeOvers < 4) {
    const next = word();
    let last = 0;
    for (const lease of table) last = journal.append(lease);
    for (let done = await next; done.upTo < last; done = await word())
      t.equal(done.code, undefined);
    if (journal.fault !== undefined) return void t.fail(journal.fault);
  }
  t.equal(journal.counts.refused, 0);
  await journal[Symbol.asyncDispose]();
  const again = await start(folder);
  t.equal(again.table.size, LEASES, 'also a restart finds them, and goes on');
  t.equal(again.journal.fault, undefined);
  await again.journal[Symbol.asyncDispose]();
});

t.test('no journal, and no room for one: nothing is taken until there is', { skip }, async (t) => {
  const folder = smallDisk(t, 4 * 1024 * 1024);
  fill(folder);
  const { table, clock, journal, word } = await start(folder);
  t.match(journal.fault, /ENOSPC.*free some disk space/);
  const lease = someLease(1);
  table.add(lease);
  t.equal(journal.append(lease), 0);
  rmSync(join(folder, 'fill'));
  clock.advance(500);
  // It says nothing of what was refused, so the end of its work is awaited by the next ticket.
  while (journal.fault !== undefined) await new Promise((resolve) => setImmediate(resolve));
  const next = word();
  const other = someLease(2);
  table.add(other);
  t.equal(journal.append(other), 1);
  t.same(await next, { upTo: 1, code: undefined });
  await journal[Symbol.asyncDispose]();
  const again = await start(folder);
  t.same([...again.table].map((l) => l.hostName).sort(), ['host-1', 'host-2']);
  await again.journal[Symbol.asyncDispose]();
});
