/** `gatehouse captures`: what is asked of the daemon, and how its answers are shown. */
import t from 'tap';
import type { JsonObject } from '../../../src/edge/cli/bus.ts';
import { cli, FakeBus } from './fake.ts';

const ONE = {
  ...{ id: '1', configured: false, state: 'running', reason: '', interface: 'br-lan' },
  ...{ filter: 'tcp', seconds: 60, started: null, packets: 7, bytes: 700 },
  ...{ droppedPackets: 0, interruptions: 0 },
};
const REPORT = {
  endpoints: [{ address: '192.0.2.1', name: 'a.example', packets: 7, bytes: 700 }],
  protocols: [{ protocol: 'tcp', path: 'eth:ip:tcp', packets: 7, bytes: 700 }],
};
const answering = (data: object | null, status = 'success') =>
  new FakeBus({
    'gatehouse call': () => ({ status, message: 'there is no capture 9', data }) as never,
  });
const asked = (bus: FakeBus): JsonObject | undefined => bus.calls[0]?.args;

t.test('started with what it is to hear', async (t) => {
  const bus = answering({ id: '4' });
  const { out, code } = await cli(
    [
      ...['captures', 'start', 'lan', '--proto', 'tcp', '--port', '443', '--port', '80'],
      ...['--host', '192.0.2.1', '--for', '5m'],
    ],
    bus,
  );
  t.match({ out, code }, { out: '4\n', code: 0 });
  t.match(JSON.stringify(asked(bus)), /"interface":"lan".*"ports":\["443","80"\]/);
  t.match(JSON.stringify(asked(bus)), /"seconds":300/);
});

t.test('listed and shown', async (t) => {
  t.match(await cli(['captures', 'list'], answering({ captures: [] })), {
    ...{ code: 0, out: '', err: /no capture/ },
  });
  const listed = await cli(['captures', 'list'], answering({ captures: [ONE] }));
  t.match(listed.out, /1 +running +br-lan +7 +700 +0 +tcp/);
  const shown = await cli(['captures', 'show', '1'], answering({ ...ONE, report: REPORT }));
  t.match(shown.out, /192\.0\.2\.1 +a\.example +7 +700[\s\S]*eth:ip:tcp +7 +700/);
  const json = await cli(['--json', 'captures', 'show', '1'], answering({ ...ONE, report: null }));
  t.match(JSON.parse(json.out), { id: '1', report: null });
  const files = [{ name: 'capture-1.pcapng', bytes: 98, changed: '2026-11-29T08:00:00.000Z' }];
  t.match(await cli(['captures', 'files'], answering({ files })), {
    out: /capture-1\.pcapng +98 +2026/,
  });
  const triggers = [{ id: 'T.1', state: 'armed', ifName: 'wan0', fired: 2, file: 'x', reason: '' }];
  t.match(await cli(['captures', 'triggers'], answering({ triggers })), {
    out: /T\.1 +armed +wan0 +2 +x/,
  });
  const wrong = await cli(['captures', 'stop', '9'], answering(null, 'error'));
  t.match(wrong, { code: 1, err: /there is no capture 9/ });
});
