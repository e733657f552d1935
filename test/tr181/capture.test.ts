/** `Device.X_GATEHOUSE_Capture.`: what rows become, what is observed of them, and their commands. */
import t from 'tap';
import { err, ok } from '../../src/base/result.ts';
import type { SessionObserved } from '../../src/services/capture/config.ts';
import { ORIGIN, router } from './fixture.ts';

const CAPTURE = 'Device.X_GATEHOUSE_Capture.';
const ROW = `${CAPTURE}Capture.1.`;
const ROWS = {
  ...{ [`${ROW}Enable`]: 'true', [`${ROW}Interface`]: 'lan', [`${ROW}Filter`]: 'tcp[13] & 2 != 0' },
  ...{ [`${ROW}Protocol`]: 'tcp', [`${ROW}Port`]: '443,8000-8100', [`${ROW}Duration`]: '90' },
};

const session = (values: Partial<SessionObserved>): SessionObserved => ({
  ...{ id: 'Device.X_GATEHOUSE_Capture.Capture.1', configured: true, ifName: 'br-lan' },
  ...{ state: 'running', reason: '', filter: 'tcp', startedMs: 1_500_000_000_000 },
  ...{ packets: 7, bytes: 700, droppedPackets: 1, interruptions: 0 },
  ...{ files: ['capture-1-20170714T024000Z.pcapng'], unwrittenPackets: 0 },
  spec: {
    ...{ ifName: 'lan', filter: {}, forSec: 90, maxPackets: 0, maxBytes: 0, promiscuous: false },
    write: false,
  },
  ...values,
});

t.test('a row becomes what the service is given', async (t) => {
  const box = await router({ overrides: ROWS });
  t.match(box.model.compileAll().captures, {
    ...{ enable: true, maxSec: 86_400, wan: 'eth0' },
    captures: [
      {
        ...{ id: 'Device.X_GATEHOUSE_Capture.Capture.1', enable: true, ifName: 'lan' },
        ...{ forSec: 90, maxPackets: 0, maxBytes: 0, promiscuous: false },
        filter: { protocols: ['tcp'], ports: ['443', '8000-8100'], raw: 'tcp[13] & 2 != 0' },
      },
    ],
  });
  t.equal(await box.set(`${ROW}Interface`, 'Device.IP.Interface.1'), 'done');
  t.equal(box.model.compileAll().captures.captures[0]?.ifName, 'eth0', 'or the row of it');
  t.not(await box.set(`${ROW}Interface`, 'Device.IP.Interface.77'), 'done');
  t.not(await box.set(`${ROW}Interface`, 'a/b'), 'done');
  t.not(await box.set(`${ROW}Duration`, '604801'), 'done');
  t.equal(await box.set(`${CAPTURE}Enable`, 'false'), 'done');
  t.equal(box.model.compileAll().captures.enable, false);
});

t.test('a trigger: what it waits for, and what came of it', async (t) => {
  const row = `${CAPTURE}Trigger.1.`;
  const box = await router({
    overrides: { [`${row}Enable`]: 'true', [`${row}Event`]: 'LeaseLost', [`${row}Port`]: '67' },
  });
  const { captures } = box.model.compileAll();
  t.match(captures.triggers, [
    {
      ...{ id: 'Device.X_GATEHOUSE_Capture.Trigger.1', event: 'LeaseLost', ifName: 'wan' },
      ...{ secondsBefore: 30, secondsAfter: 10, keptBytes: 4 << 20, maxFiles: 5 },
      filter: { ports: ['67'] },
    },
  ]);
  t.match(captures.clients[0], { ifName: 'eth0' });
  box.observed.publish('captures', {
    sessions: [],
    triggers: [
      {
        ...{ id: 'Device.X_GATEHOUSE_Capture.Trigger.1', state: 'recording', reason: '' },
        ...{ ifName: 'eth0', fired: 2, skipped: 1, firedMs: 1_500_000_000_000 },
        file: 'LeaseLost-1-20170714T024000Z.pcapng',
      },
    ],
  });
  t.equal(box.get(`${row}Status`), 'Recording');
  t.equal(box.get(`${row}Fired`), '2');
  t.equal(box.get(`${row}LastFired`), '2017-07-14T02:40:00Z');
  t.equal(box.get(`${row}LastFile`), 'LeaseLost-1-20170714T024000Z.pcapng');
  t.not(await box.set(`${row}KeptBytes`, '1000'), 'done');
});

t.test('rows and what somebody started are told alike, and commands find both', async (t) => {
  const box = await router({ overrides: ROWS });
  const asked: string[] = [];
  Object.assign(box.calls, {
    captureStart: async (id: string) => {
      asked.push(`start ${id}`);
      return ok(undefined);
    },
    captureStop: async (id: string) => {
      asked.push(`stop ${id}`);
      return err('it is over already');
    },
  });
  const own = session({ id: '3', configured: false, state: 'waiting', reason: 'no link' });
  box.observed.publish('captures', { sessions: [session({}), own], triggers: [] });
  t.equal(box.get(`${ROW}Status`), 'Running');
  t.equal(box.get(`${ROW}InterfaceName`), 'br-lan');
  t.equal(box.get(`${ROW}Packets`), '7');
  t.equal(box.get(`${ROW}StartTime`), '2017-07-14T02:40:00Z');
  t.equal(box.get(`${CAPTURE}Capture.2.Status`), 'Waiting');
  t.equal(box.get(`${CAPTURE}Capture.2.Reason`), 'no link');
  t.equal(box.get(`${CAPTURE}Capture.2.Duration`), '90');
  const operate = (path: string) =>
    box.model.operate(path, {}, { origin: ORIGIN, signal: AbortSignal.timeout(20_000) });
  t.ok((await operate(`${ROW}Start()`)).ok);
  t.notOk((await operate(`${CAPTURE}Capture.2.Stop()`)).ok);
  t.same(asked, ['start Device.X_GATEHOUSE_Capture.Capture.1', 'stop 3']);
  box.observed.publish('captures', { sessions: [session({})], triggers: [] });
  t.not(box.get(`${CAPTURE}Capture.2.Status`), 'Waiting', 'forgotten there, it is gone here');
});
