import t from 'tap';
import { SystemError } from '../../src/base/errors.ts';
import { err, ok } from '../../src/base/result.ts';
import { LateStore } from '../../src/os/linux/late-store.ts';
import { MemoryStore } from '../state/memory-store.ts';

const change = { key: 'r/1', value: Uint8Array.of(1) };

t.test('a store that has no room yet is opened by the first commit that finds some', async (t) => {
  const inner = new MemoryStore();
  await inner.commit([{ key: 'r/0', value: Uint8Array.of(9) }]);
  let room = false;
  let attempts = 0;
  const store = new LateStore(async () => {
    attempts++;
    return room ? ok(inner) : err(new SystemError('no space', 'ENOSPC'));
  });
  t.match(await store.open(), { ok: false, error: { code: 'ENOSPC' } });
  t.same([store.get('r/0'), [...store.entries('')], [...store.keys('')]], [undefined, [], []]);
  t.match(await store.commit([]), { ok: false, error: { code: 'ENOSPC' } });
  room = true;
  attempts = 0;
  const both = await Promise.all([store.commit([change]), store.commit([change])]);
  t.match(both, Array(2).fill({ ok: false, error: { code: 'EAGAIN' } }));
  t.equal(attempts, 1);
  t.same([...inner.data.keys()], ['r/0'], 'what was asked without knowing of it is not done');
  t.same([...store.keys('r/')], ['r/0']);
  t.ok((await store.commit([change])).ok);
  t.same([...store.entries('r/')].length, 2);
  t.same(store.get('r/1'), Uint8Array.of(1));
  t.equal(store.corrupt, 0);
  await store[Symbol.asyncDispose]();
});

t.test('what is opened while it is closed is closed, too', async (t) => {
  const inner = new MemoryStore();
  let closed = 0;
  inner[Symbol.asyncDispose] = async () => void closed++;
  const found = Promise.withResolvers<void>();
  const store = new LateStore(async () => {
    await found.promise;
    return ok(inner);
  });
  const opening = store.open();
  const closing = store[Symbol.asyncDispose]();
  found.resolve();
  t.ok((await opening).ok);
  await closing;
  await store[Symbol.asyncDispose]();
  t.equal(closed, 1);
  const never = new LateStore(async () => {
    throw new Error('it is opened after all');
  });
  await never[Symbol.asyncDispose]();
  t.match(await never.commit([change]), { ok: false, error: { code: 'EBADF' } });
});
