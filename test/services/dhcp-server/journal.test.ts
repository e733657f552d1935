/** The lease journal over a disk that does as it should, and over one that does not. */
import t from 'tap';
import type { SystemError } from '../../../src/base/errors.ts';
import { type JournalDeps, LeaseJournal } from '../../../src/services/dhcp-server/journal.ts';
import { FakeDisk } from './fake-disk.ts';
import { bench, opened, PATHS, settle, TINY } from './journal-workload.ts';
import { someLease } from './some-leases.ts';

const [A, B] = PATHS;

/** Names of the leases that a new start finds. */
async function found(disk: FakeDisk): Promise<(string | undefined)[]> {
  const { deps } = bench(disk.copy());
  const { journal, leases } = await opened(deps);
  await journal[Symbol.asyncDispose]();
  return leases.map((lease) => lease.hostName).sort();
}

/** A journal, and what it told. */
async function start(disk: FakeDisk, more: Partial<JournalDeps> = {}) {
  const made = bench(disk, more);
  const { journal } = await opened(made.deps);
  const told: (number | string)[] = [];
  journal.onDurable((upTo, error) => {
    told.push(error === undefined ? upTo : `${upTo} ${error.code}`);
  });
  const put = (i: number, with_: Parameters<typeof someLease>[1] = {}): number => {
    const lease = someLease(i, with_);
    made.table.add(lease);
    return journal.append(lease);
  };
  return { ...made, journal, told, put };
}

function gate(disk: FakeDisk): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.gate = promise;
  return async () => {
    disk.gate = undefined;
    resolve();
    await settle();
  };
}

t.test('both files are made at the start, and found again', async (t) => {
  const disk = new FakeDisk();
  const { journal, put } = await start(disk);
  t.same([...disk.files.keys()].sort(), [A, B]);
  t.equal(disk.files.get(A)?.length, 4096);
  t.equal(disk.files.get(B)?.length, 4096);
  put(1);
  put(2);
  await journal[Symbol.asyncDispose]();
  await journal[Symbol.asyncDispose]();
  t.equal(disk.openFiles, 0, 'nothing is left open');
  t.equal(journal.append(someLease(3)), 0, 'nothing is taken any more');
  t.same(await found(disk), ['host-1', 'host-2'], 'what was queued is written before the end');
});

t.test('one write is under way, what comes meanwhile goes with the next', async (t) => {
  const disk = new FakeDisk();
  const { journal, put, told } = await start(disk);
  const writes = (): number => disk.changes.filter((change) => change.kind === 'write').length;
  const before = writes();
  const release = gate(disk);
  t.same([put(1), put(2)], [1, 2]);
  await settle();
  t.equal(writes(), before + 1, 'both in one');
  t.same([put(3), put(4), put(5)], [3, 4, 5]);
  await settle();
  t.equal(writes(), before + 1);
  t.same([told, journal.durable], [[], 0]);
  await release();
  t.equal(writes(), before + 2);
  t.same([told, journal.durable], [[2, 5], 5]);
  await journal[Symbol.asyncDispose]();
});

t.test('what is queued has a bound; what was refused is written once there is room', async (t) => {
  const disk = new FakeDisk();
  const { journal, put, told } = await start(disk);
  const release = gate(disk);
  put(1);
  await settle();
  const tickets = Array.from({ length: 30 }, (_, i) => put(i + 2));
  t.ok(journal.queuedBytes <= TINY.queuedBytes);
  const refused = tickets.filter((ticket) => ticket === 0).length;
  t.ok(refused > 10);
  t.equal(journal.counts.refused, refused);
  await release();
  t.equal(told.at(-1), 31 - refused);
  t.equal((await found(disk)).length, 31);
  await journal[Symbol.asyncDispose]();
});

t.test('a lease without a past is not written', async (t) => {
  const disk = new FakeDisk();
  const { journal, table, put } = await start(disk);
  table.add(someLease(99));
  for (let i = 0; i < 60; i++) {
    put(i % 3);
    await settle();
  }
  t.ok(journal.counts.takeOvers > 0);
  t.same(await found(disk), ['host-0', 'host-1', 'host-2']);
  await journal[Symbol.asyncDispose]();
});

for (const [code, keptBytes, remedy] of [
  ['EIO', undefined, /replace it/],
  ['EIO', 70, /replace it/],
  ['EROFS', undefined, /read-only/],
] as const) {
  t.test(`a write fails with ${code}, after ${keptBytes ?? 0} bytes`, async (t) => {
    const disk = new FakeDisk();
    const { journal, put, told, clock, log } = await start(disk);
    put(1);
    await settle();
    disk.fault = (operation) =>
      operation === 'write'
        ? { code, ...(keptBytes === undefined ? {} : { keptBytes }) }
        : undefined;
    const release = gate(disk);
    put(2);
    await settle();
    put(3);
    await release();
    t.same(told, [1, `3 ${code}`], 'also what was gathered meanwhile');
    t.match(journal.fault, remedy);
    t.equal(journal.durable, 1);
    t.equal(put(4), 0, 'nothing is taken');
    t.same(await found(disk), ['host-1'], 'half a group is nothing');
    for (let i = 0; i < 8; i++) {
      clock.advance(30_000);
      await settle();
    }
    t.equal(told.length, 2, 'told once');
    t.equal(log.lines.filter((line) => line.level === 'error').length, 1);
    t.ok((clock.nextDelayMs ?? 0) <= 30_000);
    disk.fault = () => undefined;
    clock.advance(30_000);
    await settle();
    t.equal(journal.fault, undefined);
    t.same(told.slice(2), [2, 3], 'they are on disk after all');
    t.equal(put(5), 4);
    await settle();
    t.same(await found(disk), ['host-1', 'host-2', 'host-3', 'host-4', 'host-5']);
    await journal[Symbol.asyncDispose]();
    t.equal(disk.openFiles, 0);
    t.equal(clock.pending, 0);
  });
}

t.test(
  'one file goes bad: the other takes over, and is used alone as long as it must',
  async (t) => {
    const disk = new FakeDisk();
    const { journal, put, clock } = await start(disk);
    put(1);
    await settle();
    disk.fault = (operation, path) =>
      operation === 'write' && path === A ? { code: 'EIO' } : undefined;
    put(2);
    await settle();
    clock.advance(500);
    await settle();
    t.equal(journal.fault, undefined);
    t.equal(journal.counts.takeOvers, 1);
    put(3);
    await settle();
    t.same(await found(disk), ['host-1', 'host-2', 'host-3']);
    t.equal(put(1), 4);
    await settle();
    // The good one is full: back to the bad one, which is told of, and tried again.
    while (journal.fault === undefined) {
      put(1);
      await settle();
    }
    clock.advance(60_000);
    await settle();
    t.match(journal.fault, /EIO.*replace it/);
    t.same(await found(disk), ['host-1', 'host-2', 'host-3'], 'nothing is lost');
    disk.fault = () => undefined;
    clock.advance(60_000);
    await settle();
    t.equal(journal.fault, undefined);
    await journal[Symbol.asyncDispose]();
  },
);

t.test('the disk fails in the middle of a sweep', async (t) => {
  const disk = new FakeDisk();
  const { journal, put, clock } = await start(disk);
  for (let i = 0; journal.counts.takeOvers < 4; i++) {
    const ticket = put(i % 15);
    // Every third write does not do.
    let n = 0;
    disk.fault = (operation) => (operation === 'write' && n++ === 1 ? { code: 'EIO' } : undefined);
    await settle();
    disk.fault = () => undefined;
    if (journal.fault === undefined) continue;
    clock.advance(30_000);
    await settle();
    t.equal(journal.fault, undefined, `ticket ${ticket}`);
  }
  t.ok(journal.counts.failures > 3);
  t.equal((await found(disk)).length, 15);
  await journal[Symbol.asyncDispose]();
});

t.test('no room for any file: the journal says so, and goes on when there is', async (t) => {
  const disk = new FakeDisk();
  disk.roomBytes = 10;
  const { journal, put, told, clock, log } = await start(disk);
  t.match(journal.fault, /ENOSPC: free some disk space/);
  t.equal(put(1), 0);
  disk.roomBytes = 5000;
  clock.advance(500);
  await settle();
  t.equal(journal.fault, undefined);
  t.ok(
    log.lines.some(({ level, message }) => level === 'warn' && /no second file/.test(message)),
    'the second one is missing still',
  );
  t.same(await found(disk), ['host-1'], 'what was refused is made good');
  for (let i = 0; journal.fault === undefined; i++) {
    put(i % 3);
    await settle();
  }
  t.match(journal.fault, /ENOSPC/, 'the first one is full');
  disk.roomBytes = 10_000;
  clock.advance(30_000);
  await settle();
  t.equal(journal.fault, undefined);
  t.ok(told.length > 5);
  t.same(await found(disk), ['host-0', 'host-1', 'host-2']);
  await journal[Symbol.asyncDispose]();
});

t.test('a full disk takes nothing from files that are there', async (t) => {
  const disk = new FakeDisk();
  const limits = { ...TINY, fileBytes: 8192 };
  const first = await start(disk, { limits });
  await first.journal[Symbol.asyncDispose]();
  disk.roomBytes = 0;
  const { journal, put } = await start(disk, { limits });
  for (let i = 0; i < 600; i++) {
    put(i % 8);
    await settle();
  }
  t.equal(journal.fault, undefined);
  t.equal(journal.counts.refused, 0);
  t.ok(journal.counts.takeOvers > 5);
  // A larger one cannot be had; the old ones are large enough for what there is.
  journal.resize(1000);
  await settle();
  for (let i = 0; i < 100; i++) {
    put(i % 8);
    await settle();
  }
  t.equal(journal.fault, undefined);
  t.equal((await found(disk)).length, 8);
  await journal[Symbol.asyncDispose]();
});

t.test('when the pools grow, the files grow', async (t) => {
  const disk = new FakeDisk();
  const { journal, put } = await start(disk);
  journal.resize(100);
  await settle();
  t.ok((disk.files.get(B)?.length ?? 0) >= 51_200, 'the free one at once');
  t.equal(disk.files.get(A)?.length, 4096);
  for (let i = 0; i < 100; i++) {
    put(i);
    await settle();
  }
  t.ok((disk.files.get(A)?.length ?? 0) >= 51_200, 'the other when its turn is over');
  t.equal((await found(disk)).length, 100);
  await journal[Symbol.asyncDispose]();
});

t.test('leases outgrow both files: the current one grows in place', async (t) => {
  const disk = new FakeDisk();
  const { journal, put } = await start(disk);
  const release = gate(disk);
  for (let i = 0; i < 8; i++) put(i);
  await release();
  // Longer and longer, so that no estimate holds.
  for (let round = 1; round < 12; round++) {
    for (let i = 0; i < 8; i++) {
      put(i, { vendorClass: 'ä'.repeat(round * 20) });
      await settle();
    }
  }
  t.equal(journal.counts.refused, 0);
  t.equal(journal.fault, undefined);
  t.equal((await found(disk)).length, 8);
  await journal[Symbol.asyncDispose]();
});

t.test('a file that was taken away is written anew as soon as a write shows it', async (t) => {
  const disk = new FakeDisk();
  const { journal, put, clock, log } = await start(disk);
  for (let i = 0; i < 5; i++) put(i);
  await settle();
  disk.files.delete(A);
  disk.files.delete(B);
  const code = 'EIO';
  disk.fault = (operation, path) => (operation === 'open' && path === B ? { code } : undefined);
  let fail = true;
  const openOnly = disk.fault;
  disk.fault = (operation, path) => {
    if (operation === 'write' && fail) {
      fail = false;
      return { code };
    }
    return openOnly(operation, path);
  };
  put(5);
  await settle();
  clock.advance(500);
  await settle();
  t.equal(journal.fault, undefined);
  disk.fault = () => undefined;
  t.equal((await found(disk)).length, 6);
  t.ok(journal.counts.failures === 1 && log.lines.some(({ level }) => level === 'error'));
  await journal[Symbol.asyncDispose]();
});

t.test('a server that cannot read its leases does not start with none', async (t) => {
  for (const operation of ['open', 'read'] as const) {
    const disk = new FakeDisk();
    const first = await start(disk);
    first.put(1);
    await first.journal[Symbol.asyncDispose]();
    disk.fault = (what, path) =>
      what === operation && path === B ? { code: 'EACCES' } : undefined;
    const { deps } = bench(disk);
    const result = await LeaseJournal.open(deps);
    const error: SystemError | undefined = result.ok ? undefined : result.error;
    t.equal(error?.code, 'EACCES');
    t.match(error?.remedy, /write access/);
    t.equal(disk.openFiles, 0);
  }
});

t.test('damage is reported', async (t) => {
  const disk = new FakeDisk();
  const { journal, put } = await start(disk);
  put(1);
  await settle();
  put(2);
  await settle();
  await journal[Symbol.asyncDispose]();
  const file = disk.files.get(A);
  const at = Buffer.from(file ?? []).indexOf('host-1');
  file?.fill(0, at, at + 1);
  const made = bench(disk);
  const { damage, leases, journal: again } = await opened(made.deps);
  t.match(damage, /damaged/);
  t.equal(leases.length, 1);
  t.equal(made.log.lines.filter((line) => line.level === 'error').length, 1);
  await again[Symbol.asyncDispose]();
});
