/**
 * The lease journal when the power goes: at every write, at every byte of the write under way, with
 * its sectors on disk in any order, and again and again in the same place.
 */
import t from 'tap';
import type { LeaseJournal } from '../../../src/services/dhcp-server/journal.ts';
import { recover } from '../../../src/services/dhcp-server/recover.ts';
import { randomFrom } from '../../fuzz/run.ts';
import { applyTo, type Change, FakeDisk } from './fake-disk.ts';
import {
  BOOT,
  bench,
  faultsOf,
  opened,
  PATHS,
  settle,
  versionOf,
  Workload,
} from './journal-workload.ts';

const SECTOR = 512;
const NOW = { bootId: BOOT, bootMs: 5_000, wallMs: 1_767_225_600_000 };

/** What had been told and asked when a change of the disk began. */
interface Moment {
  readonly change: Change;
  readonly durable: number;
  readonly given: number;
}

/** Puts part of the bytes of a write in place, runs, and takes them out again. */
function withPart(
  file: Uint8Array,
  change: Extract<Change, { kind: 'write' }>,
  parts: readonly (readonly [from: number, to: number])[],
  run: () => void,
): void {
  const before = file.slice(change.offset, change.offset + change.bytes.length);
  for (const [from, to] of parts) {
    file.set(change.bytes.subarray(from, to), change.offset + from);
  }
  run();
  file.set(before, change.offset);
}

/** The bounds of the sectors that `length` bytes at `offset` touch, from 0 on. */
function sectors(offset: number, length: number): (readonly [number, number])[] {
  const all: (readonly [number, number])[] = [];
  for (let from = 0; from < length; ) {
    const to = Math.min(length, from + SECTOR - ((offset + from) % SECTOR));
    all.push([from, to]);
    from = to;
  }
  return all;
}

t.test('every cut of a workload with many take-overs', async (t) => {
  const disk = new FakeDisk();
  const { table, deps } = bench(disk);
  const work = new Workload(3);
  const moments: Moment[] = [];
  let journal: LeaseJournal | undefined;
  let told = 0;
  disk.began = (change) => {
    moments.push({ change, durable: told, given: work.words.length });
  };
  ({ journal } = await opened(deps));
  journal.onDurable((upTo, error) => {
    if (error !== undefined) throw error;
    told = upTo;
  });
  while (work.words.length < 400) {
    const burst = 1 + work.below(6);
    for (let i = 0; i < burst; i++) work.step(table, journal);
    // Sometimes more comes while a write is under way.
    if (work.below(3) > 0 || journal.queuedBytes > 500) await settle();
    else for (let turns = work.below(8); turns > 0; turns--) await Promise.resolve();
  }
  await settle();
  t.equal(told, work.words.length);
  t.ok(journal.counts.takeOvers >= 8, `${journal.counts.takeOvers} take-overs`);
  await journal[Symbol.asyncDispose]();
  t.equal(disk.openFiles, 0);

  const files = new Map<string, Uint8Array>();
  const random = randomFrom(4);
  let cuts = 0;
  const check = (moment: Moment, how: string): void => {
    cuts++;
    const recovered = recover([files.get(PATHS[0]), files.get(PATHS[1])], NOW);
    if (!recovered.ok) return void t.fail(recovered.error.message);
    const { leases, damage } = recovered.value;
    const faults = faultsOf(leases, work.words, moment.durable, moment.given);
    if (damage !== undefined) faults.push(damage);
    if (faults.length > 0) {
      t.fail(`${how} of change ${moments.indexOf(moment)}: ${faults.join(', ')}`);
      throw new RangeError('one is enough');
    }
  };
  for (const moment of moments) {
    const { change } = moment;
    check(moment, 'before');
    const file = files.get(change.path);
    if (change.kind === 'write' && file !== undefined) {
      const { length } = change.bytes;
      for (let n = 1; n < length; n++) {
        withPart(file, change, [[0, n]], () => check(moment, `${n} bytes`));
      }
      const all = sectors(change.offset, length);
      for (let i = 0; i < 12; i++) {
        const some = all.filter(() => random() % 2 === 0);
        withPart(file, change, some, () => check(moment, `sectors ${JSON.stringify(some)}`));
      }
    }
    applyTo(files, change);
    check(moment, 'after');
  }
  t.ok(cuts > 20_000, `${cuts} cuts`);
});

t.test('crash after crash: what was left of a torn write never comes back', async (t) => {
  let disk = new FakeDisk();
  const work = new Workload(9);
  const random = randomFrom(10);
  let durable = 0;
  let takeOvers = 0;
  for (let life = 0; life < 300; life++) {
    const { table, deps } = bench(disk, { random32: random });
    const image = disk.copy();
    // What gets to the disk before the lights go out in the middle of one write.
    let torn: Moment | undefined;
    let writesLeft = 3 + (random() % 12);
    disk.began = (change) => {
      if (torn !== undefined) return;
      if (change.kind === 'write' && --writesLeft === 0) {
        torn = { change, durable, given: work.words.length };
      } else image.apply(change);
    };
    const { journal, leases, damage } = await opened(deps);
    const faults = faultsOf(leases, work.words, durable, work.words.length);
    if (damage !== undefined) faults.push(damage);
    if (faults.length > 0) return void t.fail(`life ${life}: ${faults.join(', ')}`);
    const kept = new Set(leases.map(versionOf));
    const keys = new Set(leases.map(({ key }) => key));
    for (const word of work.words) {
      if (!keys.has(word.key)) word.overruled = true;
      if (word.version > durable && !kept.has(word.version)) word.void = true;
    }
    const base = work.words.length;
    work.base = base;
    durable = base;
    journal.onDurable((upTo) => {
      durable = base + upTo;
    });
    while (torn === undefined) {
      for (let burst = 1 + work.below(5); burst > 0; burst--) work.step(table, journal);
      await settle();
    }
    takeOvers += journal.counts.takeOvers;
    await journal[Symbol.asyncDispose]();
    const { change, given } = torn;
    durable = torn.durable;
    for (const word of work.words) if (word.version > given) word.void = true;
    const file = image.files.get(change.path);
    if (change.kind === 'write' && file !== undefined) {
      for (const [from, to] of sectors(change.offset, change.bytes.length)) {
        if (random() % 2 === 0) file.set(change.bytes.subarray(from, to), change.offset + from);
      }
    }
    disk = image;
  }
  t.ok(takeOvers > 50, `${takeOvers} take-overs`);
  t.ok(work.words.length > 3000, `${work.words.length} words`);
});
