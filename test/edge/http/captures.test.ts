/** Captures over HTTP: for administrators alone, as the bus has them. */
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok } from '../../../src/base/result.ts';
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
  const asked: unknown[] = [];
  const b = await box(t, undefined, undefined, {
    commands,
    read: async (name, { via }) => {
      asked.push([name, via]);
      if (name !== 'capture-1.pcapng') return err(new SystemError(name, 'ENOENT'));
      return ok({ bytes: 5, body: new Response('bytes').body ?? new ReadableStream() });
    },
  });
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
  const file = '/api/captures/files/capture-1.pcapng';
  t.equal((await guest.get(file)).status, 403);
  const got = await owner.get(file);
  t.match(got, { status: 200, text: 'bytes' });
  t.equal(got.headers['content-disposition'], 'attachment; filename="capture-1.pcapng"');
  t.equal((await owner.get('/api/captures/files/..%2f..%2fconfig.json')).status, 404);
  t.same(asked, [
    ['capture-1.pcapng', 'http'],
    ['../../config.json', 'http'],
  ]);
});
