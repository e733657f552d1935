/** Captures over HTTP: for administrators alone, as the bus has them. */
import t from 'tap';
import { done, failed } from '../../../src/edge/ubus/gatehouse.ts';
import { box } from './box.ts';

t.test('what is on the wires is for administrators', async (t) => {
  const ran: unknown[] = [];
  const command = (answer: ReturnType<typeof done>) => ({
    about: '',
    args: {},
    run: async (args: object, { origin }: { origin: { via: string } }) => {
      ran.push([args, origin.via]);
      return answer;
    },
  });
  const commands = { start: command(done({ id: '1' })), stop: command(failed('over already')) };
  const b = await box(t, undefined, undefined, { commands });
  const owner = await b.administrator();
  const guest = await b.viewer(owner);
  t.equal((await guest.post('/api/captures/start', { interface: 'lan' })).status, 403);
  t.same(ran, []);
  t.match(await owner.post('/api/captures/start', { interface: 'lan' }), {
    status: 200,
    text: JSON.stringify({ id: '1' }),
  });
  t.match(await owner.post('/api/captures/stop', { id: '1' }), {
    status: 422,
    text: JSON.stringify({ error: 'over already' }),
  });
  t.equal((await owner.post('/api/captures/nothing', {})).status, 404);
  t.equal((await owner.post('/api/captures/toString', {})).status, 404);
  t.match(ran[0], [{ interface: 'lan' }, 'http']);
});
