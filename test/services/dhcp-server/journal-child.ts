/**
 * Appends to the lease journal in a folder as fast as it can, until it is killed:
 *
 *     node journal-child.ts FOLDER FIRST
 *
 * Prints `a N` before words up to N are appended, and `d N` when those up to N are on disk. What word
 * N says follows from N alone (journal-words.ts).
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { LinuxDurableFiles } from '../../../src/os/linux/durable-files.ts';
import { LeaseJournal } from '../../../src/services/dhcp-server/journal.ts';
import { LeaseTable } from '../../../src/services/dhcp-server/lease.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { BOOT, BURST, SMALL, say } from './journal-words.ts';

const [folder = '', first = '1'] = process.argv.slice(2);
const table = new LeaseTable();
const opened = await LeaseJournal.open({
  files: new LinuxDurableFiles(),
  paths: [join(folder, 'a'), join(folder, 'b')],
  clock: new FakeClock(),
  log: new MemoryLog(),
  bootId: BOOT,
  random32: () => (Math.random() * 2 ** 32) >>> 0,
  table,
  capacity: 0,
  limits: SMALL,
});
if (!opened.ok) throw opened.error;
const { journal } = opened.value;
const base = Number(first) - 1;
let next = Number(first);
const burst = (): void => {
  writeSync(1, `a ${next + BURST - 1}\n`);
  for (let i = 0; i < BURST; i++) {
    if (journal.append(say(table, next)) !== next - base) throw new RangeError(`word ${next}`);
    next++;
  }
};
journal.onDurable((upTo, error) => {
  if (error !== undefined) throw error;
  writeSync(1, `d ${base + upTo}\n`);
  // At times a group waits already when the one before is done.
  burst();
  if (upTo % 3 === 0 && journal.queuedBytes < SMALL.queuedBytes / 2) burst();
});
burst();
