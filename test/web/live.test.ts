import t from 'tap';
import type { Api } from '../../src/web/state/api.ts';
import { Live } from '../../src/web/state/live.ts';

/** A box that answers when the test lets it. */
function box() {
  const asked: { readonly body: unknown; readonly answer: () => void }[] = [];
  const post = (path: string, body: unknown) =>
    new Promise((resolve) => {
      t.equal(path, '/api/look');
      asked.push({ body, answer: () => resolve({ ok: true, value: null }) });
    });
  return { asked, live: new Live({ post } as unknown as Api) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test(
  'what is looked at is told one at a time, and only the last of what came meanwhile',
  async (t) => {
    const { asked, live } = box();
    live.opened(7);
    const leave = live.look(['Device.DeviceInfo.']);
    await settled();
    leave();
    await settled();
    live.look(['Device.IP.Interface.1.Stats.']);
    live.look(['Device.IP.Interface.2.Stats.']);
    await settled();
    t.same(
      asked.map(({ body }) => body),
      [{ stream: 7, paths: ['Device.DeviceInfo.'] }],
      'nothing can overtake what is under way',
    );
    asked[0]?.answer();
    await settled();
    t.same(asked[1]?.body, {
      stream: 7,
      paths: ['Device.IP.Interface.1.Stats.', 'Device.IP.Interface.2.Stats.'],
    });
    asked[1]?.answer();
    await settled();
    t.equal(asked.length, 2);
  },
);

t.test('a new stream is told, also while the one before it is', async (t) => {
  const { asked, live } = box();
  live.look(['Device.DeviceInfo.']);
  await settled();
  t.equal(asked.length, 0, 'nobody to tell');
  live.opened(1);
  await settled();
  live.opened(2);
  asked[0]?.answer();
  await settled();
  t.same(
    asked.map(({ body }) => body),
    [1, 2].map((stream) => ({ stream, paths: ['Device.DeviceInfo.'] })),
  );
});
