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
    answer: (values: Record<string, string>, told?: number) => void;
    fail: (status: number) => void;
  }[] = [];
  const post = (_path: string, body: unknown): Promise<Answer<unknown>> => {
    const { promise, resolve } = Promise.withResolvers<Answer<unknown>>();
    const fail = (status: number): void =>
      resolve({
        ok: false,
        error: { status, message: '', faults: [], retryAfterSec: undefined },
      });
    const answer = (values: Record<string, string>, told = 0): void => {
      const list = Object.entries(values).map(([path, value]): ModelValue => {
        return { path, value, type: 'string', writable: false, atMs: 0 };
      });
      resolve({ ok: true, value: { revision: 1, told, values: list, faults: [] } });
    };
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

t.test('what changed before the stream began is read once more', async (t) => {
  const { store, asked, shown } = box();
  store.watch([ROW]);
  await turn();
  asked.shift()?.answer({ [STATUS]: 'Waiting' }, 7);
  await turn();
  void store.read([BYTES]);
  store.opened(9, false);
  t.same(
    asked.map(({ paths }) => paths),
    [[BYTES], [ROW]],
    'what is under way is not asked for twice',
  );
  asked.pop()?.answer({ [STATUS]: 'Current' }, 9);
  asked.shift()?.answer({ [BYTES]: '1' }, 8);
  await turn();
  t.same(shown(), { [STATUS]: 'Current', [BYTES]: '1' });
  t.same(
    asked.map(({ paths }) => paths),
    [[BYTES]],
    'an answer that comes after the hello, and is older',
  );
  asked.shift()?.answer({ [BYTES]: '2' }, 9);
  await turn();
  t.same(shown(), { [STATUS]: 'Current', [BYTES]: '2' });
  t.same(asked, []);
});

t.test('a stream that begins when nothing had changed asks for nothing', async (t) => {
  const { store, asked } = box();
  store.watch([ROW]);
  await turn();
  asked.shift()?.answer({ [STATUS]: 'Waiting' }, 7);
  await turn();
  store.opened(7, false);
  t.same(asked, []);
  store.opened(7, true);
  t.same(
    asked.map(({ paths }) => paths),
    [[ROW]],
    'but after a lost connection',
  );
});

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
