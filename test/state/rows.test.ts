import fc from 'fast-check';
import t from 'tap';
import { BugError } from '../../src/base/errors.ts';
import { err, ok } from '../../src/base/result.ts';
import type { Candidate } from '../../src/state/candidate.ts';
import { REMEMBERED_ROWS, Rows, splitRow } from '../../src/state/rows.ts';
import { MemoryStore } from './memory-store.ts';

const CLIENTS = 'Device.DHCPv4.Client.';

/** Everything that the rows hold, for comparison. */
function dump(rows: Rows): unknown {
  const objects = [...rows.objects()]
    .sort()
    .map((object) => [object, [...(rows.values(object) ?? [])].sort()]);
  const tables = ['T.', 'T.1.U.', 'T.2.U.', 'S.'].map((table) => [
    table,
    rows.instances(table),
    [...rows.systemRows(table)].sort(),
  ]);
  return {
    objects: objects.filter(([, values]) => values?.length !== 0),
    tables,
    revision: rows.revision,
  };
}

t.test('a change is visible and durable when it resolves, and announced', async (t) => {
  const store = new MemoryStore();
  const rows = new Rows(store);
  t.ok(rows.empty);
  const seen: number[] = [];
  const subscription = rows.subscribe(({ revision, changes }) =>
    seen.push(revision, changes.length),
  );
  const change = rows.change((candidate) => {
    const instance = candidate.add(CLIENTS);
    candidate.set(`${CLIENTS}${instance}.`, 'Enable', 'true');
    return ok(instance);
  });
  t.same(rows.instances(CLIENTS), [], 'nothing before it is on disk');
  t.same(await change, { ok: true, value: { value: 1, revision: 1 } });
  t.same(seen, [1, 2]);
  t.equal(rows.values(`${CLIENTS}1.`)?.get('Enable'), 'true');
  const again = new Rows(store);
  t.same(again.instances(CLIENTS), [1]);
  t.equal(again.values(`${CLIENTS}1.`)?.get('Enable'), 'true');
  t.equal(again.revision, 1);
  t.notOk(again.empty);
  subscription[Symbol.dispose]();
  await rows.change((candidate) => ok(candidate.set(`${CLIENTS}1.`, 'Enable', 'false')));
  t.equal(seen.length, 2, 'not after disposal');
});

t.test('a refused change leaves nothing, and an empty one makes no revision', async (t) => {
  const store = new MemoryStore();
  const rows = new Rows(store);
  const refused = await rows.change((candidate) => {
    candidate.set('A.', 'x', '1');
    return err('no');
  });
  t.same(refused, { ok: false, error: 'no' });
  t.same(await rows.change(() => ok('nothing')), {
    ok: true,
    value: { value: 'nothing', revision: 0 },
  });
  t.equal(store.data.size, 0);
});

t.test('a full disk: nothing changes, and the next change goes through', async (t) => {
  const store = new MemoryStore();
  const rows = new Rows(store);
  await rows.change((candidate) => ok(candidate.set('A.', 'x', '1')));
  const number = rows.systemNumber('S.', 'eth0');
  store.failing = 'ENOSPC';
  const failed = await rows.change((candidate) => ok(candidate.set('A.', 'x', '2')));
  t.notOk(failed.ok);
  t.equal(rows.values('A.')?.get('x'), '1');
  t.equal(rows.revision, 1);
  t.ok(rows.unsaved, 'the number still waits');
  store.failing = undefined;
  t.ok((await rows.change((candidate) => ok(candidate.set('A.', 'x', '3')))).ok);
  t.notOk(rows.unsaved);
  const again = new Rows(store);
  t.equal(again.values('A.')?.get('x'), '3');
  t.equal(again.systemInstance('S.', 'eth0'), number);
});

t.test('changes are serial: each sees the one before', async (t) => {
  const rows = new Rows(new MemoryStore());
  const increment = (candidate: Candidate) => {
    const old = Number(candidate.values('A.')?.get('n') ?? '0');
    candidate.set('A.', 'n', String(old + 1));
    return ok(undefined);
  };
  await Promise.all(Array.from({ length: 50 }, () => rows.change(increment)));
  t.equal(rows.values('A.')?.get('n'), '50');
  t.equal(rows.revision, 50);
});

t.test('a change that throws is rejected and does not stop the next', async (t) => {
  const rows = new Rows(new MemoryStore());
  await t.rejects(
    rows.change(() => {
      throw new BugError('broken');
    }),
    /broken/,
  );
  t.ok((await rows.change((candidate) => ok(candidate.set('A.', 'x', '1')))).ok);
});

t.test('instance numbers are never used again, also after a restart', async (t) => {
  const store = new MemoryStore();
  const rows = new Rows(store);
  const add = () => rows.change((candidate) => ok(candidate.add('T.')));
  await add();
  await add();
  await rows.change((candidate) => ok(candidate.remove('T.', 2)));
  const again = new Rows(store);
  t.same(await again.change((candidate) => ok(candidate.add('T.'))), {
    ok: true,
    value: { value: 3, revision: 4 },
  });
  store.data.delete('tr181/rev');
  t.notOk(new Rows(store).empty, 'a lost revision does not make it a first start');
  store.data.delete('tr181/n/T.');
  t.equal(new Rows(store).nextInstance('T.'), 4, 'not even when the counter is lost');
});

t.test('a removed row takes all below it along', async (t) => {
  const store = new MemoryStore();
  const rows = new Rows(store);
  await rows.change((candidate) => {
    candidate.add('T.');
    candidate.add('T.1.U.');
    candidate.set('T.1.', 'a', '1');
    candidate.set('T.1.U.1.', 'b', '2');
    candidate.map('T.1.U.', 'key', 2);
    candidate.add('T.');
    candidate.set('T.2.', 'a', '1');
    // Not below T.1.
    candidate.add('T.', 11);
    candidate.set('T.11.', 'a', '1');
    return ok(undefined);
  });
  await rows.change((candidate) => {
    candidate.remove('T.', 1);
    t.same(candidate.instances('T.1.U.'), []);
    t.same([...candidate.objects()].sort(), ['T.11.', 'T.2.']);
    return ok(undefined);
  });
  for (const state of [rows, new Rows(store)]) {
    t.same(state.instances('T.'), [2, 11]);
    t.same(state.instances('T.1.U.'), []);
    t.same([...state.systemRows('T.1.U.')], []);
    t.same([...state.objects()].sort(), ['T.11.', 'T.2.']);
  }
  t.notOk(
    [...store.data.keys()].some((key) => key.includes('T.1.U')),
    'nothing is left behind',
  );
});

t.test('rows of the system keep their numbers, and old ones are forgotten in time', async (t) => {
  const store = new MemoryStore();
  const rows = new Rows(store);
  t.equal(rows.systemNumber('S.', 'eth0'), 1);
  t.equal(rows.systemNumber('S.', 'eth1'), 2);
  t.equal(rows.systemNumber('S.', 'eth0'), 1);
  await rows.save();
  t.equal(new Rows(store).systemInstance('S.', 'eth1'), 2);
  t.equal(new Rows(store).systemKey('S.', 2), 'eth1');
  for (let i = 0; i < REMEMBERED_ROWS + 50; i++) rows.systemNumber('S.', `veth${i}`);
  await rows.change((candidate) => ok(candidate.set('S.3.', 'Enable', 'false')));
  rows.forgetOld('S.', new Set([1]));
  t.equal(rows.systemInstance('S.', 'eth0'), 1, 'it is there');
  t.equal(rows.systemInstance('S.', 'eth1'), undefined, 'gone the longest');
  t.equal(rows.systemInstance('S.', 'veth0'), 3, 'it holds a value');
  await rows.save();
  const again = new Rows(store);
  t.same([...again.systemRows('S.')].sort(), [...rows.systemRows('S.')].sort());
  t.equal(again.systemRows('S.').size, REMEMBERED_ROWS + 2);
  t.equal(again.nextInstance('S.'), REMEMBERED_ROWS + 53);
});

t.test('splitRow', async (t) => {
  t.same(splitRow('Device.X.3.Y.14.'), { table: 'Device.X.3.Y.', instance: 14 });
  t.throws(() => splitRow('Device.X.'), /not the path of a row/);
});

type Step =
  | { op: 'set'; object: string; name: string; value: string }
  | { op: 'unset'; object: string; name: string }
  | { op: 'add'; table: string }
  | { op: 'remove'; table: string; instance: number }
  | { op: 'map'; key: string };

const step = fc.oneof(
  fc.record({
    op: fc.constant('set' as const),
    object: fc.constantFrom('T.1.', 'T.2.', 'T.1.U.1.', 'G.'),
    name: fc.constantFrom('a', 'b'),
    value: fc.string({ maxLength: 4 }),
  }),
  fc.record({
    op: fc.constant('unset' as const),
    object: fc.constantFrom('T.1.', 'G.'),
    name: fc.constantFrom('a', 'b'),
  }),
  fc.record({ op: fc.constant('add' as const), table: fc.constantFrom('T.', 'T.1.U.', 'T.2.U.') }),
  fc.record({
    op: fc.constant('remove' as const),
    table: fc.constantFrom('T.', 'T.1.U.'),
    instance: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ op: fc.constant('map' as const), key: fc.constantFrom('x', 'y', 'z') }),
);

function perform(candidate: Candidate, change: Step): void {
  switch (change.op) {
    case 'set':
      candidate.set(change.object, change.name, change.value);
      return;
    case 'unset':
      candidate.unset(change.object, change.name);
      return;
    case 'add':
      candidate.add(change.table);
      return;
    case 'remove':
      if (candidate.instances(change.table).includes(change.instance)) {
        candidate.remove(change.table, change.instance);
      }
      return;
    case 'map':
      if (candidate.systemInstance('S.', change.key) === undefined) {
        candidate.map('S.', change.key, candidate.nextInstance('S.'));
      }
  }
}

t.test('whatever is written, a restart finds the same', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(step, { maxLength: 4 }), fc.boolean()), { maxLength: 12 }),
      async (commits) => {
        const store = new MemoryStore();
        const rows = new Rows(store);
        for (const [steps, works] of commits) {
          const before = JSON.stringify(dump(rows));
          store.failing = works ? undefined : 'ENOSPC';
          let candidateView = '';
          const done = await rows.change((candidate) => {
            for (const change of steps) perform(candidate, change);
            candidateView = JSON.stringify(candidate.instances('T.'));
            return ok(undefined);
          });
          if (!done.ok && JSON.stringify(dump(rows)) !== before) return false;
          if (done.ok && candidateView !== JSON.stringify(rows.instances('T.'))) return false;
        }
        return JSON.stringify(dump(new Rows(store))) === JSON.stringify(dump(rows));
      },
    ),
    { seed: 7, numRuns: 300 },
  );
  t.pass('300 histories');
});

t.test('a number laid down by plan wins over one given out at first sight', async (t) => {
  const store = new MemoryStore();
  const rows = new Rows(store);
  const table = 'Device.Ethernet.Interface.';
  t.same(
    ['wan1', 'wan2', 'lan0'].map((key) => rows.systemNumber(table, key)),
    [1, 2, 3],
  );
  await rows.change((candidate) => {
    candidate.map(table, 'wan1', 1);
    candidate.map(table, 'lan0', 2);
    return ok(undefined);
  });
  const numbers = (from: Rows) =>
    ['wan1', 'lan0', 'wan2'].map((key) => from.systemNumber(table, key));
  t.same(numbers(rows), [1, 2, 4], 'the displaced row gets a number that was never used');
  await rows.save();
  const again = new Rows(store);
  t.same(numbers(again), [1, 2, 4]);
  t.equal(again.systemKey(table, 3), undefined);
});
