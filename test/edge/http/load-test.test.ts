/** Tests of the line under load: begun and called off by administrators alone. */
import t from 'tap';
import { type CommandService, done, failed } from '../../../src/edge/ubus/gatehouse.ts';
import { box } from './box.ts';

t.test('a test is begun and called off', async (t) => {
  const asked: unknown[] = [];
  const command = (name: string, answer: ReturnType<typeof done>) => ({
    ...{ about: '', args: {} },
    run: async (args: object, { origin }: { readonly origin: { readonly via: string } }) => {
      asked.push([name, args, origin.via]);
      return answer;
    },
  });
  const loadTest: Pick<CommandService, 'commands'> = {
    commands: {
      run: command('run', done({ capBytes: 5 })),
      stop: command('stop', failed('no test is under way')),
      history: command('history', done()),
    },
  };
  const none = { commands: {} };
  const made = await box(t, undefined, none, undefined, undefined, none, loadTest);
  const path = '/api/monitor/load-test';
  t.equal((await made.visitor().post(`${path}/run`, {})).status, 401);
  const person = await made.administrator();
  t.equal((await (await made.viewer(person)).post(`${path}/run`, {})).status, 403);
  t.same(asked, []);
  const begun = await person.post(`${path}/run`, { cap: 1 });
  t.match(begun, { status: 200, text: '{"capBytes":5}' });
  t.match(await person.post(`${path}/stop`, {}), {
    ...{ status: 422, text: '{"error":"no test is under way"}' },
  });
  t.equal((await person.post(`${path}/history`, {})).status, 404);
  t.same(asked, [
    ['run', {}, 'http'],
    ['stop', {}, 'http'],
  ]);
});
