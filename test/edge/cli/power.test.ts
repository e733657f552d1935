/** reboot, poweroff: what is asked first, and what of the router. */
import t from 'tap';
import { cli, FakeBus } from './fake.ts';

const bus = (fault?: string): FakeBus =>
  new FakeBus({
    'bbfdm operate': ({ command }) => ({
      results: [{ path: command ?? '', ...(fault ? { fault: 9003, fault_msg: fault } : {}) }],
    }),
  });

const asked = ({ calls }: FakeBus): unknown =>
  calls.map(({ args }) => ({ command: args['command'], input: args['input'] }));

t.test('--yes, with a reason for the record', async (t) => {
  const b = bus();
  t.match(await cli(['reboot', '--yes', '--reason', 'new cable'], b), {
    code: 0,
    err: 'the box reboots now\n',
  });
  t.match(await cli(['poweroff', '--yes'], b), { code: 0, err: 'the box powers off now\n' });
  t.same(asked(b), [
    { command: 'Device.Reboot()', input: { Cause: 'LocalReboot', Reason: 'new cable' } },
    { command: 'Device.X_GATEHOUSE_PowerOff()', input: {} },
  ]);
});

t.test('it is asked at a terminal, and only yes is yes', async (t) => {
  for (const [typed, sent] of [
    ['y', 1],
    ['YES ', 1],
    ['', 0],
    ['no', 0],
  ] as const) {
    const b = bus();
    let question = '';
    const ran = await cli(['reboot'], b, {
      readLine: async (text) => {
        question = text;
        return typed;
      },
    });
    t.match(question, /Reboot the box\?/);
    t.equal(b.calls.length, sent, JSON.stringify(typed));
    t.equal(ran.code, sent === 1 ? 0 : 1);
  }
});

t.test('nobody there to confirm', async (t) => {
  const b = bus();
  t.match(await cli(['poweroff'], b), { code: 2, err: /add --yes/ });
  t.equal(b.calls.length, 0);
});

t.test('no helper', async (t) => {
  const why = 'Device.Reboot() failed: no root helper runs here: it ended';
  t.match(await cli(['reboot', '--yes'], bus(why)), { code: 1, err: `gatehouse: ${why}\n` });
});
