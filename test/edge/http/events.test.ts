/** Live events: what is told, to whom, and what becomes of those who do not listen. */
import t from 'tap';
import { EventHub } from '../../../src/edge/http/events.ts';
import type { PendingChange } from '../../../src/edge/http/faces.ts';
import { router } from '../../tr181/fixture.ts';
import { box } from './box.ts';

const INFO = 'Device.DeviceInfo.';
const CODE = 'Device.DeviceInfo.ProvisioningCode';

async function hub(t: { teardown(run: () => void): void }) {
  const made = await router();
  let tell: (pending: PendingChange | undefined) => void = () => {};
  let rx = 1000n;
  const events = new EventHub({
    model: made.model,
    clock: made.clock,
    bootId: 'boot',
    configuration: {
      pending: undefined,
      onPending: (listener) => {
        tell = listener;
        return { [Symbol.dispose]: () => {} };
      },
    },
    links: () => [{ name: 'wan0', rxBytes: rx, txBytes: 5n }],
  });
  t.teardown(() => events[Symbol.dispose]());
  return {
    ...{ events, clock: made.clock, model: made.model, set: made.set },
    pending: (pending: PendingChange | undefined) => tell(pending),
    received: (bytes: bigint) => {
      rx += bytes;
    },
  };
}

/** Reads one block at a time, parsed; comments as they are. */
function reader(stream: ReadableStream<Uint8Array> | undefined) {
  if (stream === undefined) throw new Error('no stream');
  const source = stream.getReader();
  const decoder = new TextDecoder();
  let text = '';
  return {
    async next(): Promise<{ event: string; data: Record<string, unknown> } | undefined> {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end < 0) {
          const { done, value } = await source.read();
          if (done) return undefined;
          text += decoder.decode(value);
          continue;
        }
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        const match = /^event: (.*)\ndata: (.*)$/.exec(block);
        return match === null
          ? { event: block, data: {} }
          : { event: match[1] ?? '', data: JSON.parse(match[2] ?? '') };
      }
    },
    cancel: () => source.cancel(),
  };
}

t.test('hello, changes, pending, traffic once a second, a comment every 15', async (t) => {
  const h = await hub(t);
  const listener = reader(h.events.open(new AbortController().signal));
  t.match(await listener.next(), {
    event: 'hello',
    data: {
      revision: h.model.revision,
      changes: 0,
      bootId: 'boot',
      serverTimeMs: h.clock.wallMs(),
    },
  });
  await h.set(CODE, 'line\nbreak </script>');
  t.match(await listener.next(), {
    event: 'change',
    data: {
      revision: h.model.revision,
      values: [[CODE, 'line\nbreak </script>']],
      added: [],
      removed: [],
    },
  });
  t.equal(h.events.changes, 1);
  h.pending({
    ...{ token: 'x', revision: 5, user: 'ann', via: 'http' },
    ...{ remainingMs: 9, deadlineMs: 99 },
  });
  t.match(await listener.next(), { event: 'pending', data: { deadlineMs: 99 } });
  h.pending(undefined);
  t.match(await listener.next(), { event: 'pending', data: { deadlineMs: null } });
  h.received(5000n);
  h.clock.advance(1000);
  t.match(await listener.next(), {
    event: 'traffic',
    data: { links: [{ name: 'wan0', rxBytesPerSec: 5000, txBytesPerSec: 0 }] },
  });
  h.clock.advance(14_000);
  const seen: string[] = [];
  for (let i = 0; i < 15; i++) seen.push((await listener.next())?.event ?? '');
  t.same(seen.sort(), [': here', ...Array(14).fill('traffic')]);
  h.events.log({ level: 'warn', msg: 'x' });
  t.match(await listener.next(), { event: 'log', data: { msg: 'x' } });
  h.events.audit({ action: 'set' });
  t.match(await listener.next(), { event: 'audit', data: { action: 'set' } });
});

t.test('who looks at counters is sent them once a second, and only what changed', async (t) => {
  const h = await hub(t);
  const session = new AbortController();
  const looker = reader(h.events.open(session.signal));
  const other = reader(h.events.open(new AbortController().signal));
  const stream = Number((await looker.next())?.data['stream']);
  await other.next();
  t.equal(h.events.look(stream, new AbortController().signal, [INFO]), false, 'of another session');
  t.equal(h.events.look(stream + 9, session.signal, [INFO]), false, 'no such stream');
  t.equal(h.events.look(stream, session.signal, [INFO, 'Device.Time.', 'Device.No.']), true);
  h.clock.advance(1000);
  const values = async () => {
    t.equal((await looker.next())?.event, 'traffic');
    const { event, data } = (await looker.next()) ?? {};
    t.equal(event, 'live');
    return new Map(data?.['values'] as [string, string][]);
  };
  const first = await values();
  t.ok(first.has(CODE));
  t.equal(
    [...first.keys()].some((path) => path.includes('MemoryStatus.')),
    false,
    'of the object itself alone',
  );
  h.clock.advance(1000);
  t.same([...(await values()).keys()], ['Device.Time.CurrentLocalTime']);
  h.events.look(stream, session.signal, []);
  h.clock.advance(1000);
  t.equal((await looker.next())?.event, 'traffic');
  h.events.log({});
  t.equal((await looker.next())?.event, 'log');
  for (let i = 0; i < 3; i++) t.equal((await other.next())?.event, 'traffic', 'nobody else hears');
});

t.test('no timer while nobody listens', async (t) => {
  const h = await hub(t);
  const before = h.clock.pending;
  const one = reader(h.events.open(new AbortController().signal));
  const two = reader(h.events.open(new AbortController().signal));
  t.equal(h.clock.pending, before + 1);
  await one.cancel();
  t.equal(h.clock.pending, before + 1);
  await two.cancel();
  t.equal(h.events.listeners, 0);
  t.equal(h.clock.pending, before);
});

t.test('who does not read is dropped; the others get everything', async (t) => {
  const h = await hub(t);
  const deaf = h.events.open(new AbortController().signal);
  const listener = reader(h.events.open(new AbortController().signal));
  await listener.next();
  for (let i = 0; i < 20; i++) {
    await h.set(CODE, `${i}`.padEnd(60, 'x'));
    h.events.log({ msg: 'x'.repeat(30_000) });
    t.match(await listener.next(), { event: 'change' });
    t.match(await listener.next(), { event: 'log' });
  }
  t.equal(h.events.listeners, 1);
  t.equal(h.events.dropped, 1);
  await t.rejects(reader(deaf).next());
});

t.test('log lines past a hundred a second stay in the file', async (t) => {
  const h = await hub(t);
  const listener = reader(h.events.open(new AbortController().signal));
  await listener.next();
  for (let i = 0; i < 500; i++) h.events.log({ i });
  h.clock.advance(1000);
  let told = 0;
  for (;;) {
    const next = await listener.next();
    if (next?.event !== 'log') break;
    told++;
  }
  t.equal(told, 100);
});

t.test('a stream ends with its session, and there are not too many', async (t) => {
  const h = await hub(t);
  const session = new AbortController();
  const listener = reader(h.events.open(session.signal));
  await listener.next();
  session.abort();
  t.equal(await listener.next(), undefined);
  t.equal(h.events.listeners, 0);
  t.equal(h.events.open(session.signal), undefined);
  for (let i = 0; i < 32; i++) t.ok(h.events.open(new AbortController().signal));
  t.equal(h.events.open(new AbortController().signal), undefined);
});

t.test('over HTTPS: only who is logged in, and not longer than that', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  t.equal((await b.visitor().get('/api/events')).status, 401);
  t.equal((await owner.post('/api/look', { stream: 1, paths: [INFO] })).status, 404);
  t.equal((await owner.post('/api/look', { paths: [INFO] })).status, 400);
  const told = async (): Promise<number> =>
    JSON.parse((await owner.post('/api/get', { paths: [CODE] })).text).changes;
  const before = await told();
  await owner.post('/api/set', { changes: [{ path: CODE, value: 'told to nobody' }] });
  const after = await told();
  t.ok(after > before, 'what nobody listened to is counted');
  const stream = owner.get('/api/events');
  while (b.service.events.listeners === 0) await new Promise(setImmediate);
  t.equal((await owner.post('/api/look', { stream: 1, paths: [INFO] })).status, 200);
  t.equal((await owner.post('/api/look', { stream: 1, paths: Array(33).fill(INFO) })).status, 400);
  await owner.post('/api/set', { changes: [{ path: CODE, value: 'seen' }] });
  await owner.post('/api/set', {
    changes: [{ path: 'Device.Users.User.1.Password', value: 'another long one here' }],
  });
  const answer = await stream;
  t.match(answer.headers['content-type'], 'text/event-stream');
  t.match(answer.text, /^event: hello\n[\s\S]*"seen"/);
  const [, hello = '{}'] = /^event: hello\ndata: (.*)/.exec(answer.text) ?? [];
  t.equal(
    JSON.parse(hello).changes,
    after,
    'a stream says what comes after the answers that say this',
  );
  t.notMatch(answer.text, /another long one|argon2id/);
});
