import t from 'tap';
import { SystemError } from '../../src/base/errors.ts';
import { Control } from '../../src/control/loop.ts';
import type { CompiledConfig } from '../../src/tr181/model.ts';
import { FakeClock } from '../lib/clock.ts';
import { MemoryLog } from '../lib/log.ts';

function house(apply: (name: string, value: unknown) => Promise<readonly string[]>) {
  let listener: (revision: number) => void = () => {};
  const rows = { revision: 1, network: 'n1', dhcpClient: 'd1', firewall: 'f1' };
  const clock = new FakeClock();
  const control = new Control({
    model: {
      compileAll: () => ({ ...rows }) as unknown as CompiledConfig,
      rowsChanged: (l) => {
        listener = l;
        return {
          [Symbol.dispose]: () => {
            listener = () => {};
          },
        };
      },
    },
    steps: {
      firewall: (value) => apply('firewall', value),
      dhcpClient: (value) => apply('dhcpClient', value),
      dhcp6Client: (value) => apply('dhcp6Client', value),
      wifi: (value) => apply('wifi', value),
      map: (value) => apply('map', value),
      dht: (value) => apply('dht', value),
      lanTorrents: (value) => apply('lanTorrents', value),
      captures: (value) => apply('captures', value),
      loadTest: (value) => apply('loadTest', value),
      alerts: (value) => apply('alerts', value),
      metrics: (value) => apply('metrics', value),
      syslog: (value) => apply('syslog', value),
      network: (value) => apply('network', value),
      dhcpServer: (value) => apply('dhcpServer', value),
      dhcp6Server: (value) => apply('dhcp6Server', value),
      dns: (value) => apply('dns', value),
      dnsPolicy: (value) => apply('dnsPolicy', value),
      monitor: (value) => apply('monitor', value),
      dnsLog: (value) => apply('dnsLog', value),
      neighbors: (value) => apply('neighbors', value),
      system: (value) => apply('system', value),
    },
    clock,
    log: new MemoryLog(),
  });
  return { control, clock, rows, changed: () => listener(rows.revision) };
}

t.test('steps are applied in order, and only those whose share changed', async (t) => {
  const calls: string[] = [];
  const { control, rows, changed } = house(async (name, value) => {
    calls.push(`${name}=${value}`);
    return [];
  });
  await control.converge();
  t.same(calls, ['firewall=f1', 'dhcpClient=d1', 'network=n1']);
  rows.network = 'n2';
  rows.revision = 2;
  changed();
  await control.converge();
  t.same(calls.slice(3), ['network=n2']);
  t.same(control.convergence, { applied: 2, failing: {} });
  await control[Symbol.asyncDispose]();
});

t.test('changes during a pass are merged, and the last one arrives', async (t) => {
  const calls: string[] = [];
  const gate: (() => void)[] = [];
  const { control, rows, changed } = house(async (name, value) => {
    calls.push(`${name}=${value}`);
    if (name === 'firewall') await new Promise<void>((resolve) => gate.push(resolve));
    return [];
  });
  const first = control.converge();
  while (gate.length === 0) await new Promise((resolve) => setImmediate(resolve));
  for (let i = 2; i <= 100; i++) {
    rows.network = `n${i}`;
    rows.revision = i;
    changed();
  }
  gate.shift()?.();
  await first;
  t.equal(control.convergence.applied, 100);
  t.ok(calls.includes('network=n100'));
  t.ok(calls.length <= 6, `${calls.length} calls for 100 changes`);
  await control[Symbol.asyncDispose]();
});

t.test('a failing step keeps none from its turn and is tried again', async (t) => {
  let broken = true;
  const calls: string[] = [];
  const { control, clock } = house(async (name) => {
    calls.push(name);
    return name === 'dhcpClient' && broken ? ['no'] : [];
  });
  await control.converge();
  t.same(calls, ['firewall', 'dhcpClient', 'network']);
  t.same(control.convergence.failing, { dhcpClient: ['no'] });
  t.equal(clock.nextDelayMs, 1000);
  clock.advance(1000);
  await control.converge();
  t.same(calls.slice(3), ['dhcpClient']);
  t.equal(clock.nextDelayMs, 2000);
  broken = false;
  clock.advance(2000);
  await control.converge();
  t.same(control.convergence.failing, {});
  await control[Symbol.asyncDispose]();
  t.equal(clock.pending, 0);
});

t.test('what is held is applied once the answer is out, and a second later at most', async (t) => {
  const calls: string[] = [];
  const { control, rows, changed, clock } = house(async (name, value) => {
    calls.push(`${name}=${value}`);
    return [];
  });
  await control.converge();
  const change = (revision: number): Promise<void> => {
    Object.assign(rows, { network: `n${revision}`, revision });
    changed();
    return control.converge();
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  const answer = Promise.withResolvers<void>();
  control.hold(answer.promise);
  const first = change(2);
  await turn();
  t.equal(calls.includes('network=n2'), false, 'not before the answer');
  answer.resolve();
  await first;
  t.ok(calls.includes('network=n2'));
  t.equal(clock.pending, 0, 'nothing is left of the wait');

  control.hold(new Promise(() => {}));
  const second = change(3);
  await turn();
  t.equal(clock.nextDelayMs, 1000);
  clock.advance(999);
  await turn();
  t.equal(calls.includes('network=n3'), false);
  clock.advance(1);
  await second;
  t.ok(calls.includes('network=n3'), 'who does not take his answer holds up nobody for long');

  void change(4);
  await turn();
  await control[Symbol.asyncDispose]();
  t.equal(calls.includes('network=n4'), false, 'the next daemon applies what this one held');
  t.equal(clock.pending, 0);
});

t.test(
  'what a step throws of the system is what failed of it; a bug is none of that',
  async (t) => {
    let thrown: Error | undefined = new SystemError('its code could not be read', 'EIO');
    const { control, clock } = house(async (name) => {
      if (name === 'dhcpClient' && thrown !== undefined) throw thrown;
      return [];
    });
    await control.converge();
    t.same(control.convergence, {
      applied: 1,
      failing: { dhcpClient: ['its code could not be read'] },
    });
    thrown = undefined;
    clock.advance(60_000);
    await control.converge();
    t.same(control.convergence.failing, {});
    await control[Symbol.asyncDispose]();

    const other = house(async () => {
      throw new TypeError('a bug');
    });
    await t.rejects(other.control.converge(), TypeError);
  },
);
