/** `gatehouse.neighbors`: what its commands answer. */
import t from 'tap';
import { ipv4, macOf } from '../../src/base/ip.ts';
import { err, ok } from '../../src/base/result.ts';
import { neighborsCommands } from '../../src/main/neighbors-commands.ts';
import type { HostView } from '../../src/services/neighbors/config.ts';
import type { Watch } from '../../src/services/neighbors/watch.ts';
import type { Fault } from '../../src/tr181/model.ts';
import { ORIGIN } from '../tr181/fixture.ts';

const host = (n: number, values: Partial<HostView> = {}): HostView => ({
  ...{ mac: macOf(n), name: undefined, vendor: undefined, randomised: false, active: true },
  ...{ activeChangedMs: 0, firstSeenMs: 0, lastSeenMs: 1_500 },
  ...{ ifName: 'lan0', port: undefined, leases: [], calls: undefined, presence: [] },
  ...{ device: macOf(n), joined: undefined },
  addresses: [{ address: ipv4(n), ifName: 'lan0', leased: false }],
  mainAddress: ipv4(n),
  ...values,
});

function commands(hosts: readonly HostView[], watch?: Pick<Watch, 'scanNow' | 'observed'>) {
  const service = neighborsCommands(
    { service: { observed: { revision: 1, hosts, full: false } }, watch: () => watch },
    {
      set: async (changes) => {
        const [{ value } = { value: '' }] = changes;
        const fault: Fault = { kind: 'outOfRange', path: 'X', message: 'too often' };
        return Number(value) < 10 ? err([fault]) : ok({ revision: 1, changes });
      },
    },
  );
  return async (name: string, args: Record<string, unknown> = {}) => {
    const { signal } = new AbortController();
    const command = service.commands[name];
    if (command === undefined) throw new Error(`no command ${name}`);
    return await command.run(args, { origin: ORIGIN, peer: undefined, signal });
  };
}

t.test('hosts by MAC address, page by page', async (t) => {
  const run = commands(Array.from({ length: 1200 }, (_, i) => host(1200 - i)));
  const seen: string[] = [];
  for (let after = ''; ; ) {
    const answer = await run('hosts', { after });
    const { hosts, more } = answer.data as { hosts: { mac: string }[]; more: boolean };
    seen.push(...hosts.map(({ mac }) => mac));
    if (!more) break;
    after = seen.at(-1) ?? '';
  }
  t.equal(seen.length, 1200);
  t.same(seen, [...new Set(seen)].sort());
  const [first] = ((await run('hosts')).data as { hosts: object[] }).hosts;
  t.same(first, {
    ...{ mac: '00:00:00:00:00:01', name: null, addresses: ['0.0.0.1'], vendor: null },
    ...{ randomised: false, active: true, interface: 'lan0', port: null },
    ...{ device: '00:00:00:00:00:01', joined: null, calls: null },
    ...{ firstSeen: '1970-01-01T00:00:00.000Z', lastSeen: '1970-01-01T00:00:01.500Z' },
  });
});

t.test('devices as the specification has them', async (t) => {
  const run = commands([host(1), host(2, { addresses: [], mainAddress: undefined })]);
  t.same(await run('get_devices'), {
    status: 'success',
    message: null,
    data: { devices: [{ mac: '00:00:00:00:00:01', ip: '0.0.0.1', last_seen: 1.5 }] },
  });
});

t.test('the interval of searches as the specification has it', async (t) => {
  const run = commands([]);
  t.same(await run('set_scan_interval', { interval: 60 }), {
    ...{ status: 'success', message: null, data: { new_interval: 60 } },
  });
  t.match(await run('set_scan_interval', { interval: 1 }), {
    status: 'error',
    message: 'too often',
  });
  t.match(await run('set_scan_interval'), { status: 'error', message: /interval is missing/ });
});

t.test('hosts that are one device are one', async (t) => {
  const joined = { to: macOf(1), by: 'HostName' } as const;
  const run = commands([
    host(1, { active: false, vendor: 'Somebody', presence: [{ fromMs: 0, toMs: 1000 }] }),
    host(2, {
      ...{ device: macOf(1), joined, name: 'phone', lastSeenMs: 9000, firstSeenMs: 2000 },
      presence: [{ fromMs: 2000, toMs: undefined }],
    }),
    host(3),
  ]);
  const { devices, more } = (await run('devices')).data as { devices: object[]; more: boolean };
  t.equal(more, false);
  t.equal(devices.length, 2);
  t.match(devices[0], {
    ...{ id: '00:00:00:00:00:01', name: 'phone', vendor: 'Somebody', active: true },
    macs: [
      { mac: '00:00:00:00:00:02', joined: { to: '00:00:00:00:00:01', by: 'HostName' } },
      { mac: '00:00:00:00:00:01', joined: null },
    ],
    presence: [
      ['1970-01-01T00:00:02.000Z', null],
      ['1970-01-01T00:00:00.000Z', '1970-01-01T00:00:01.000Z'],
    ],
  });
  t.match(await run('scan'), { status: 'error', message: 'the LAN is not watched yet' });
});
