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
      history: {
        ...{ about: '', args: { before: 'int32' as const } },
        run: async ({ before }) =>
          done({ history: [{ id: 'b', asked: before ?? 'all' }], more: true }),
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
  t.match(await person.get('/api/alerts/history'), {
    status: 200,
    text: /"asked":"all".*"more":true/,
  });
  t.match(await person.get('/api/alerts/history?before=17'), { status: 200, text: /"asked":17/ });
  for (const before of ['', 'x', '-1', '1.5', '1234567890']) {
    t.equal((await person.get(`/api/alerts/history?before=${before}`)).status, 400, before);
  }
  const viewer = await made.viewer(person);
  t.equal((await viewer.get('/api/alerts')).status, 200, 'who may look may look');
});

t.test('where nothing is watched for', async (t) => {
  const made = await box(t);
  const person = await made.administrator();
  t.equal((await person.get('/api/alerts')).status, 404);
  t.equal((await person.get('/api/alerts/history')).status, 404);
});
