/** The page's copy of the model, as answers and events come in any order. */
import { mock } from 'node:test';
import t from 'tap';
import type { ModelValue } from '../../src/web/lib/shapes.ts';
import type { Answer, Api } from '../../src/web/state/api.ts';
import { ModelStore } from '../../src/web/state/model.ts';

const ROW = 'Device.X_GATEHOUSE_DNS.List.3.';
const STATUS = `${ROW}Status`;
const BYTES = `${ROW}Size`;

/** A box that answers when it is told to, with what it is told. */
function box() {
  const asked: {
    paths: readonly string[];
    answer: (values: Record<string, string>, changes?: number) => void;
    fail: (status: number) => void;
  }[] = [];
  const post = (_path: string, body: unknown): Promise<Answer<unknown>> => {
    const { promise, resolve } = Promise.withResolvers<Answer<unknown>>();
    const answer = (values: Record<string, string>, changes = 0): void => {
      const list = Object.entries(values).map(([path, value]): ModelValue => {
        return { path, value, type: 'string', writable: false, atMs: 0 };
      });
      resolve({ ok: true, value: { revision: 1, changes, values: list, faults: [] } });
    };
    const fail = (status: number): void =>
      resolve({ ok: false, error: { status, message: '', faults: [], retryAfterSec: undefined } });
    asked.push({ paths: (body as { paths: readonly string[] }).paths, answer, fail });
    return promise;
  };
  const store = new ModelStore({ post } as unknown as Api);
  const shown = () =>
    Object.fromEntries([...store.values.value].map(([path, { value }]) => [path, value]));
  return { store, asked, shown };
}

const patch = (part: object) => ({ revision: 1, values: [], added: [], removed: [], ...part });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function watching(there: ReturnType<typeof box>, values: Record<string, string>) {
  there.store.watch([ROW]);
  await turn();
  there.asked.shift()?.answer(values);
  await turn();
}

t.test('what was heard while an answer was under way is not undone by it', async (t) => {
  const there = box();
  const { store, asked, shown } = there;
  await watching(there, { [STATUS]: 'Waiting', [BYTES]: '0' });
  void store.read([ROW]);
  store.patch(patch({ values: [[STATUS, 'Current']] }));
  store.live([[BYTES, '37']]);
  t.same(shown(), { [STATUS]: 'Current', [BYTES]: '37' });
  asked.shift()?.answer({ [STATUS]: 'Fetching', [BYTES]: '5' });
  await turn();
  t.same(shown(), { [STATUS]: 'Current', [BYTES]: '37' });
  void store.read([ROW]);
  asked.shift()?.answer({ [STATUS]: 'Failed', [BYTES]: '0' });
  await turn();
  t.same(shown(), { [STATUS]: 'Failed', [BYTES]: '0' }, 'a later answer counts');
  t.same(asked, []);
});

t.test('of two answers, the older one may come last', async (t) => {
  const there = box();
  const { store, asked, shown } = there;
  await watching(there, { [STATUS]: 'Waiting' });
  void store.read([ROW]);
  void store.read([STATUS]);
  store.patch(patch({ values: [[STATUS, 'Current']] }));
  const [older, newer] = asked;
  newer?.answer({ [STATUS]: 'Current' });
  await turn();
  older?.answer({ [STATUS]: 'Fetching' });
  await turn();
  t.same(shown(), { [STATUS]: 'Current' });
});

t.test('a row that went meanwhile stays away, one that came is read', async (t) => {
  const there = box();
  const { store, asked, shown } = there;
  await watching(there, { [STATUS]: 'Current' });
  void store.read([ROW]);
  store.patch(patch({ removed: [ROW] }));
  asked.shift()?.answer({ [STATUS]: 'Current' });
  await turn();
  t.same(shown(), {});
  void store.read([ROW]);
  store.patch(patch({ added: [ROW] }));
  t.same(
    asked.map(({ paths }) => paths),
    [[ROW], [ROW]],
  );
  asked.pop()?.answer({ [STATUS]: 'Waiting' });
  asked.shift()?.answer({});
  await turn();
  asked.shift()?.answer({ [STATUS]: 'Waiting' });
  await turn();
  t.same(shown(), { [STATUS]: 'Waiting' });
  t.same(asked, []);
});

t.test('many rows that come at once are read once each', async (t) => {
  const there = box();
  const { store, asked, shown } = there;
  store.watch(['Device.X_GATEHOUSE_DNS.List.']);
  await turn();
  asked.shift()?.answer({});
  await turn();
  const rows = Array.from({ length: 40 }, (_, i) => `Device.X_GATEHOUSE_DNS.List.${i + 1}.`);
  for (const row of rows.slice(0, 20)) store.patch(patch({ added: [row] }));
  let answered = 0;
  for (const row of rows.slice(20)) {
    const next = asked.shift();
    next?.answer({ [`${next.paths[0]}Status`]: 'Current' });
    answered += 1;
    store.patch(patch({ added: [row] }));
    await turn();
  }
  for (let next = asked.shift(); next !== undefined; next = asked.shift()) {
    next.answer({ [`${next.paths[0]}Status`]: 'Current' });
    answered += 1;
    await turn();
  }
  t.equal(answered, rows.length);
  t.same(shown(), Object.fromEntries(rows.map((row) => [`${row}Status`, 'Current'])));
});

t.test('what an older answer of the whole undid is read again, in one request', async (t) => {
  const there = box();
  const { store, asked, shown } = there;
  const table = 'Device.X_GATEHOUSE_DNS.List.';
  store.watch([table]);
  await turn();
  for (const n of [4, 5]) store.patch(patch({ added: [`${table}${n}.`] }));
  const [whole, ...news] = asked.splice(0);
  for (const { paths, answer } of news) answer({ [`${paths[0]}Status`]: 'Current' });
  await turn();
  whole?.answer({ [STATUS]: 'Current' });
  await turn();
  t.same(
    asked.map(({ paths }) => paths),
    [[`${table}4.`, `${table}5.`]],
  );
  asked.shift()?.answer({ [`${table}4.Status`]: 'Current', [`${table}5.Status`]: 'Current' });
  await turn();
  t.equal(Object.keys(shown()).length, 3);
});

t.test(
  'what changed between an answer and the stream of events is read again, and no more',
  async (t) => {
    const there = box();
    const { store, asked, shown } = there;
    await watching(there, { [STATUS]: 'Waiting' });
    store.follow(0, false);
    t.same(asked, [], 'nothing changed between them');
    store.follow(0, true);
    t.same(asked.shift()?.paths, [ROW], 'all is read after a loss');

    const late = box();
    await watching(late, { [STATUS]: 'Fetching' });
    late.store.follow(3, false);
    late.asked.shift()?.answer({ [STATUS]: 'Current' }, 3);
    await turn();
    t.same(late.shown(), { [STATUS]: 'Current' });
    t.same(late.asked, []);

    void store.read([STATUS]);
    store.follow(5, false);
    asked.shift()?.answer({ [STATUS]: 'Fetching' }, 4);
    await turn();
    asked.shift()?.answer({ [STATUS]: 'Current' }, 5);
    await turn();
    t.same(shown(), { [STATUS]: 'Current' }, 'the answer was under way when the stream began');
    t.same(asked, []);
  },
);

t.test(
  'an answer that does not come in time is asked for again while somebody looks',
  async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.teardown(() => mock.timers.reset());
    const { store, asked, shown } = box();
    const leave = store.watch([ROW, BYTES]);
    await turn();
    asked.shift()?.fail(0);
    await turn();
    t.same(asked, []);
    mock.timers.tick(2000);
    t.same(asked[0]?.paths, [ROW, BYTES]);
    t.notOk(store.ready.value.has(ROW));
    asked.shift()?.answer({ [STATUS]: 'Current' });
    await turn();
    t.same(shown(), { [STATUS]: 'Current' });
    t.ok(store.ready.value.has(ROW));
    void store.read([ROW]);
    asked.shift()?.fail(401);
    await turn();
    mock.timers.tick(2000);
    t.same(asked, [], 'a refusal stays one');
    void store.read([ROW]);
    asked.shift()?.fail(0);
    await turn();
    leave();
    mock.timers.tick(2000);
    t.same(asked, [], 'nobody looks any more');
  },
);
