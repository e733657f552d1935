/** Pictures of watched paths: for whoever is logged in, with arguments that are numbers. */
import t from 'tap';
import { type CommandService, done, failed } from '../../../src/edge/ubus/gatehouse.ts';
import { box } from './box.ts';

t.test('a graph comes as a picture', async (t) => {
  const asked: object[] = [];
  const monitor: Pick<CommandService, 'commands'> = {
    commands: {
      graph: {
        ...{ about: '', args: {} },
        run: async (args) => {
          asked.push(args);
          return args['target'] === 'known' ? done({ svg: '<svg/>' }) : failed('no target x');
        },
      },
    },
  };
  const made = await box(t, undefined, undefined, undefined, undefined, monitor);
  const path = '/api/monitor/graph.svg?target=known&from=-5&to=1e3&width=300&dark=1&offset=x';
  t.equal((await made.visitor().get(path)).status, 401);
  t.same(asked, []);
  const person = await made.administrator();
  const got = await person.get(path);
  t.match(got, { status: 200, headers: { 'content-type': 'image/svg+xml' } });
  t.equal(got.text, '<svg/>');
  t.same(asked, [{ target: 'known', from: -5, width: 300, dark: 1, format: 'svg' }]);
  t.match(await person.get('/api/monitor/graph.svg?target=x'), { status: 404 });
  const viewer = await made.viewer(person);
  t.equal((await viewer.get(path)).status, 200, 'who may look may look');
});
