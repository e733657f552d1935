/** `gatehouse devices`: devices of several MAC addresses, when they were there, and who comes and goes. */
import t from 'tap';
import type { JsonObject } from '../../../src/edge/cli/bus.ts';
import { presenceBar } from '../../../src/edge/cli/device-commands.ts';
import { Captured, cli, FakeBus } from './fake.ts';

const NOW = Date.UTC(2026, 0, 2, 12);
const at = (hour: number) => new Date(NOW + hour * 3_600_000).toISOString();

t.test('the last day, hour by hour', async (t) => {
  t.equal(presenceBar([], NOW), '·'.repeat(24));
  t.equal(presenceBar([[at(-100), null]], NOW), '█'.repeat(24));
  t.equal(presenceBar([[at(-1.5), at(-0.25)]], NOW), `${'·'.repeat(22)}▄▄`);
  t.equal(presenceBar([[at(-3), at(-2)], ['nonsense', 'x'], 7], NOW), `${'·'.repeat(21)}█··`);
});

const phone = {
  ...{ id: '02:00:00:00:00:01', name: 'phone', vendor: null, active: true },
  ...{ addresses: ['fe80::1', '192.168.1.7'], firstSeen: at(-80), lastSeen: at(0) },
  macs: [
    { mac: '02:00:00:00:00:02', randomised: true, active: true, joined: null },
    { mac: '02:00:00:00:00:01', randomised: true, active: false, joined: null },
  ],
  presence: [[at(-100), null]],
};
const conflict = {
  ...{ kind: 'Spoof', address: '192.168.1.9', mac: '02:00:00:00:00:09', other: null },
  reason: 'it says so\u001b[2J',
};

const busOf = (devices: readonly JsonObject[]) =>
  new FakeBus({
    'gatehouse call': ({ command }) => ({
      ...{ status: 'success', message: null },
      data: (command === 'devices'
        ? { devices, more: false }
        : { conflicts: [conflict] }) as JsonObject,
    }),
  });

t.test('one line a device, and what is wrong beside', async (t) => {
  const { out, err, code } = await cli(['devices'], busOf([phone]));
  t.equal(code, 0);
  t.match(out, /phone +192\.168\.1\.7 +02:00:00:00:00:02 \(made up\) and 1 more +yes/);
  t.match(err, /^Spoof: 192\.168\.1\.9 by 02:00:00:00:00:09, against this router: it says so\\/);
  t.same(JSON.parse((await cli(['--json', 'devices'], busOf([phone]))).out), [phone]);
  t.match(await cli(['devices'], busOf([])), { code: 0, out: '', err: /nobody/ });
});

t.test('who comes and goes is told as it happens', async (t) => {
  const watched = async (...flags: string[]): Promise<string> => {
    const bus = new FakeBus({});
    const controller = new AbortController();
    const stdout = new Captured();
    const ran = cli([...flags, 'devices', '--watch'], bus, { signal: controller.signal, stdout });
    await bus.listening;
    const input = Object.entries({
      Change: 'New',
      HostName: 'tv',
      PhysAddress: '02:00:00:00:00:03',
    });
    bus.say('bbfdm.event', {
      name: 'Device.Hosts.X_GATEHOUSE_HostChange!',
      input: input.map(([path, data]) => ({ path, data })),
    });
    bus.say('bbfdm.event', { name: 'Device.Other!', input: [] });
    controller.abort();
    await ran;
    return stdout.text;
  };
  t.equal(await watched(), '03:04:05 new      tv 02:00:00:00:00:03\n');
  t.match(JSON.parse(await watched('--json')), { Change: 'New', HostName: 'tv' });
});
