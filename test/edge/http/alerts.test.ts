/** What was told, on the page: for whoever is logged in. */
import t from 'tap';
import { type CommandService, done } from '../../../src/edge/ubus/gatehouse.ts';
import { box } from './box.ts';

t.test('alerts and their history', async (t) => {
  let asked = 0;
  const alerts: Pick<CommandService, 'commands'> = {
    commands: {
      list: {
        ...{ about: '', args: {} },
        run: async () => {
          asked++;
          return done({ alerts: [], channels: [], history: [{ id: 'a' }], raised: 1 });
        },
      },
    },
  };
  const made = await box(
    t,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
    alerts,
  );
  t.equal((await made.visitor().get('/api/alerts')).status, 401);
  t.equal(asked, 0);
  const person = await made.administrator();
  t.match(await person.get('/api/alerts'), { status: 200, text: /"history":\[{"id":"a"}\]/ });
  const viewer = await made.viewer(person);
  t.equal((await viewer.get('/api/alerts')).status, 200, 'who may look may look');
});

t.test('where nothing is watched for', async (t) => {
  const made = await box(t);
  const person = await made.administrator();
  t.equal((await person.get('/api/alerts')).status, 404);
});
