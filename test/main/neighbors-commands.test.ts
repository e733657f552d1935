/** `gatehouse.neighbors`: what its commands answer. */
import t from 'tap';
import { ipv4, macOf } from '../../src/base/ip.ts';
import { neighborsCommands } from '../../src/main/neighbors-commands.ts';
import type { HostView } from '../../src/services/neighbors/config.ts';
import { ORIGIN } from '../tr181/fixture.ts';

const host = (n: number, values: Partial<HostView> = {}): HostView => ({
  ...{ mac: macOf(n), name: undefined, vendor: undefined, randomised: false, active: true },
  ...{ activeChangedMs: 0, firstSeenMs: 0, lastSeenMs: 1_500 },
  ...{ ifName: 'lan0', port: undefined, leases: [] },
  addresses: [{ address: ipv4(n), ifName: 'lan0', leased: false }],
  mainAddress: ipv4(n),
  ...values,
});

function commands(hosts: readonly HostView[]) {
  const service = neighborsCommands({ observed: { revision: 1, hosts, full: false } });
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
