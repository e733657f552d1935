/** What a change does to the rows: whatever it is, it leads there and back. */
import fc from 'fast-check';
import t from 'tap';
import { ok } from '../../src/base/result.ts';
import type { Candidate, RowsView } from '../../src/state/candidate.ts';
import { allRows, deltaOf, type RowsDelta } from '../../src/state/delta.ts';
import { Rows } from '../../src/state/rows.ts';
import { MemoryStore } from './memory-store.ts';

type Action =
  | { readonly op: 'set'; readonly row: number; readonly inner: boolean; readonly value: string }
  | { readonly op: 'unset'; readonly row: number }
  | { readonly op: 'add' }
  | { readonly op: 'addInner'; readonly row: number }
  | { readonly op: 'remove'; readonly row: number };

const row = fc.integer({ min: 1, max: 4 });
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    op: fc.constant('set' as const),
    row,
    inner: fc.boolean(),
    value: fc.constantFrom('a', 'b', ''),
  }),
  fc.record({ op: fc.constant('unset' as const), row }),
  fc.record({ op: fc.constant('add' as const) }),
  fc.record({ op: fc.constant('addInner' as const), row }),
  fc.record({ op: fc.constant('remove' as const), row }),
);

function perform(candidate: Candidate, act: Action): void {
  const there = candidate.instances('T.');
  switch (act.op) {
    case 'add':
      candidate.add('T.');
      return;
    case 'addInner':
      if (there.includes(act.row)) candidate.add(`T.${act.row}.U.`);
      return;
    case 'remove':
      if (there.includes(act.row)) candidate.remove('T.', act.row);
      return;
    case 'unset':
      candidate.unset(`T.${act.row}.`, 'V');
      return;
    case 'set': {
      if (!there.includes(act.row)) return;
      const [first] = candidate.instances(`T.${act.row}.U.`);
      if (!act.inner) candidate.set(`T.${act.row}.`, 'V', act.value);
      else if (first !== undefined) candidate.set(`T.${act.row}.U.${first}.`, 'V', act.value);
    }
  }
}

/** Rows and values, as a delta could change them. */
function stateOf(view: RowsView): { rows: Set<string>; values: Map<string, string> } {
  const values = new Map<string, string>();
  for (const object of view.objects()) {
    for (const [name, value] of view.values(object) ?? []) values.set(object + name, value);
  }
  return { rows: new Set(allRows(view)), values };
}

const sorted = ({ rows, values }: ReturnType<typeof stateOf>): unknown => [
  [...rows].sort(),
  [...values].sort(),
];

function applied(
  state: ReturnType<typeof stateOf>,
  { added, removed, values }: RowsDelta,
  back: boolean,
): unknown {
  for (const path of back ? added : removed) state.rows.delete(path);
  for (const path of back ? removed : added) state.rows.add(path);
  for (const { path, old, new: now } of values) {
    const value = back ? old : now;
    if (value === undefined) state.values.delete(path);
    else state.values.set(path, value);
  }
  return sorted(state);
}

t.test('forth and back, over many changes', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(action, { maxLength: 8 }), { maxLength: 6 }),
      async (changes) => {
        const rows = new Rows(new MemoryStore());
        for (const actions of changes) {
          const before = stateOf(rows);
          const was = sorted(before);
          let delta: RowsDelta | undefined;
          await rows.change<void, never>(
            (candidate) => {
              for (const act of actions) perform(candidate, act);
              return ok(undefined);
            },
            (_value, candidate) => {
              delta = deltaOf(rows, candidate);
              return undefined;
            },
          );
          if (delta === undefined) return false;
          const is = JSON.stringify(sorted(stateOf(rows)));
          if (JSON.stringify(applied(before, delta, false)) !== is) return false;
          if (JSON.stringify(applied(stateOf(rows), delta, true)) !== JSON.stringify(was)) {
            return false;
          }
        }
        return true;
      },
    ),
    { seed: 1, numRuns: 500 },
  );
  t.pass('500 histories');
});

t.test('what goes along is in the same commit, or nowhere', async (t) => {
  const store = new MemoryStore();
  const rows = new Rows(store);
  const committed: number[] = [];
  const change = (value: string, revisionOnly = false) =>
    rows.change(
      (candidate) => {
        if (!revisionOnly) candidate.set('T.', 'V', value);
        return ok(undefined);
      },
      (_value, _candidate, revision) => ({
        store: [{ key: 'along', value: Buffer.from(value) }],
        committed: () => committed.push(revision),
      }),
    );
  await change('1');
  t.same([rows.revision, store.commits, committed], [1, 1, [1]]);
  store.failing = 'ENOSPC';
  t.notOk((await change('2')).ok);
  t.equal(Buffer.from(store.get('along') ?? []).toString(), '1');
  t.same(committed, [1]);
  store.failing = undefined;
  await change('3', true);
  t.equal(rows.revision, 1, 'what goes along alone makes no revision');
  t.equal(Buffer.from(store.get('along') ?? []).toString(), '3');
});
