/** The DNS server's commands over HTTP: who may run which, and what is answered. */
import t from 'tap';
import { done, failed } from '../../../src/edge/ubus/gatehouse.ts';
import { box } from './box.ts';

t.test('looking for everyone, names and devices for administrators', async (t) => {
  const ran: unknown[] = [];
  const command = (answer: ReturnType<typeof done>) => ({
    about: '',
    args: {},
    run: async (args: object, { origin }: { origin: { user: string; via: string } }) => {
      ran.push([args, origin.user, origin.via]);
      return answer;
    },
  });
  const commands = {
    why: command(done({ verdict: 'block' })),
    log: command(done({ entries: [] })),
    block: command(failed('no domain name: a..b')),
  };
  const b = await box(t, undefined, { commands });
  const owner = await b.administrator();
  const guest = await b.viewer(owner);
  t.match(await guest.post('/api/dns/why', { name: 'x.example' }), {
    status: 200,
    text: JSON.stringify({ verdict: 'block' }),
  });
  t.equal((await guest.post('/api/dns/log')).status, 403, 'who asked for what');
  t.equal((await guest.post('/api/dns/block', { name: 'x' })).status, 403);
  t.match(await owner.post('/api/dns/log', {}), {
    status: 200,
    text: JSON.stringify({ entries: [] }),
  });
  t.match(await owner.post('/api/dns/block', { name: 'a..b' }), {
    status: 422,
    text: JSON.stringify({ error: 'no domain name: a..b' }),
  });
  t.equal((await owner.post('/api/dns/nothing', {})).status, 404);
  t.equal((await owner.post('/api/dns/toString', {})).status, 404);
  t.match(ran[0], [{ name: 'x.example' }, /./, 'http']);
});
