/** Captures of a running daemon: started by the bus and by the model, real packets, and figures that are right. */
import { join } from 'node:path';
import t from 'tap';
import { LinuxCaptureEngine } from '../../src/os/linux/capture-engine.ts';
import { loadNative } from '../../src/os/linux/native.ts';
import { home, noNamespaces } from '../lib/netns.ts';
import { Router } from '../lib/router.ts';

t.setTimeout(290_000);

const CAPTURE = 'Device.X_GATEHOUSE_Capture.';
const LAPTOP = '192.168.1.77';
const engine = new LinuxCaptureEngine(loadNative());

interface Capture {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly interface: string;
  readonly packets: number;
  readonly bytes: number;
  readonly droppedPackets: number;
  readonly interruptions: number;
  readonly files: readonly string[];
  readonly report: {
    readonly packets: number;
    readonly protocols: readonly { path: string; packets: number; bytes: number }[];
    readonly endpoints: readonly {
      address: string;
      sentPackets: number;
      receivedPackets: number;
    }[];
  } | null;
}

t.test('captures of a house', { skip: noNamespaces() ?? false }, async (t) => {
  await using stack = new AsyncDisposableStack();
  const spaces = stack.use(home('caps'));
  const router = stack.use(new Router(spaces, 'r'));
  spaces.exec('lan', 'ip', 'address', 'add', `${LAPTOP}/24`, 'dev', 'eth0');
  await router.start();
  const ask = async (name: string, args: object = {}): Promise<Record<string, unknown>> => {
    const { status, message, data } = await router.call('gatehouse.capture', name, args);
    if (status !== 'success') throw new Error(`${name}: ${message}`);
    return JSON.parse(JSON.stringify(data ?? {}));
  };
  const look = async (id: string) => (await ask('status', { id })) as unknown as Capture;
  const until = (id: string, state: string) =>
    router.until(`capture ${id} is ${state}`, async () => {
      const seen = await look(id);
      return seen.state === state ? seen : undefined;
    });
  const ping = (count: number): string =>
    spaces.exec('lan', 'ping', '-c', `${count}`, '-i', '0.02', '-s', '56', '192.168.1.1');
  await router.until('the laptop reaches the router', () => {
    try {
      return ping(1);
    } catch {
      return undefined;
    }
  });
  t.same(await ask('list'), { captures: [] });

  await t.test('by the bus', async (t) => {
    const { id } = await ask('start', {
      ...{ interface: 'lan0', protocols: ['icmp'], hosts: [LAPTOP], seconds: 600 },
    });
    await until(String(id), 'running');
    t.match(ping(20), /20 received/);
    const seen = await router.until('all are counted', async () => {
      const now = await look(String(id));
      return now.packets >= 40 ? now : undefined;
    });
    t.match(seen, { packets: 40, bytes: 40 * 98, droppedPackets: 0, interruptions: 0 });
    t.same(seen.report?.protocols.at(-1), {
      ...{ protocol: 'icmp', path: 'eth:ip:icmp', packets: 40, bytes: 3920 },
    });
    t.match(
      seen.report?.endpoints.find(({ address }) => address === LAPTOP),
      { sentPackets: 20, receivedPackets: 20 },
    );
    const row = `${CAPTURE}Capture.1.`;
    await router.waitFor(`${row}Packets`, '40');
    t.match(await router.get(row), {
      ...{ [`${row}Status`]: 'Running', [`${row}Interface`]: 'lan0', [`${row}Bytes`]: '3920' },
      [`${row}FilterText`]: `icmp and host ${LAPTOP}`,
    });
    await router.rows('operate', { path: `${row}Stop()` });
    const over = await until(String(id), 'stopped');
    t.equal(over.report?.packets, 40, 'its figures stay');
    ping(3);
    t.equal((await look(String(id))).packets, 40, 'and it hears no more');
    await ask('again', { id });
    t.match(await until(String(id), 'running'), { packets: 0 });
    await ask('delete', { id });
    t.same(await ask('list'), { captures: [] });
    await t.rejects(look(String(id)), /there is no capture/);
  });

  await t.test('by the model; and a link that goes away', async (t) => {
    const [added] = await router.rows('add', { path: `${CAPTURE}Capture.` });
    const row = `${CAPTURE}Capture.${added?.data}.`;
    t.same(await router.set({ [`${row}Port`]: 'http' }), []);
    t.same(
      await router.set({
        ...{ [`${row}Interface`]: 'gone0', [`${row}Duration`]: '600' },
        [`${row}Enable`]: 'true',
      }),
      [],
    );
    await router.waitFor(`${row}Status`, 'Error');
    t.match(await router.value(`${row}Reason`), /no port/);
    t.same(await router.set({ [`${row}Port`]: '', [`${row}Protocol`]: 'udp' }), []);
    await router.waitFor(`${row}Status`, 'Waiting');
    t.match(await router.value(`${row}Reason`), /gone0 is not there/);
    const ip = (...args: string[]) => spaces.exec('r', 'ip', ...args);
    const link = (...args: string[]) => ip('link', ...args);
    const send = (count: number) => {
      for (let i = 0; i < count; i++)
        spaces.exec('r', 'bash', '-c', 'echo hello >/dev/udp/10.99.0.2/999');
    };
    const up = () => {
      link('add', 'gone0', 'type', 'veth', 'peer', 'name', 'gone1');
      ip('address', 'add', '10.99.0.1/24', 'dev', 'gone0');
      link('set', 'gone1', 'up');
      link('set', 'gone0', 'up');
      ip('neigh', 'add', '10.99.0.2', 'lladdr', '02:00:00:00:99:02', 'dev', 'gone0');
    };
    up();
    await router.waitFor(`${row}Status`, 'Running');
    send(5);
    await router.waitFor(`${row}Packets`, '5');
    link('del', 'gone0');
    await router.waitFor(`${row}Status`, 'Waiting');
    t.equal(await router.value(`${row}Interruptions`), '1');
    t.same(await router.set({ [`${CAPTURE}MaximumDuration`]: '600' }), []);
    up();
    await router.waitFor(`${row}Status`, 'Running');
    send(4);
    await router.waitFor(`${row}Packets`, '9');
    t.same(await router.set({ [`${CAPTURE}Enable`]: 'false' }), []);
    await router.waitFor(`${row}Status`, 'Stopped');
    t.same(await router.set({ [`${CAPTURE}Enable`]: 'true', [`${row}MaximumPackets`]: '2' }), []);
    await router.waitFor(`${row}Status`, 'Running');
    send(3);
    await router.waitFor(`${row}Status`, 'Complete');
    t.match(await router.value(`${row}Packets`), /^[23]$/);
    await router.rows('del', { path: row });
    t.same(await ask('list'), { captures: [] });
  });

  await t.test('written into a file, which can be fetched, read and removed', async (t) => {
    const { id } = await ask('start', {
      ...{ interface: 'lan0', protocols: ['icmp'], seconds: 600, write: true },
    });
    await until(String(id), 'running');
    ping(10);
    await router.until('all are counted', async () => (await look(String(id))).packets >= 20);
    await ask('stop', { id });
    const { files } = await until(String(id), 'stopped');
    t.equal(files.length, 1);
    t.match(files[0], /^capture-\d+-.*\.pcapng$/);
    const read = await engine.analyze(join(router.stateDir, 'captures', files[0] ?? ''), {
      rows: { endpoints: 9, conversations: 9, flows: 9, names: 9 },
    });
    t.match(read, { value: { packets: 20, cutPackets: 0, error: null, format: 'pcapng' } });
    t.match(await ask('files'), { files: [{ name: files[0] }] });
    await ask('remove_file', { name: files[0] });
    t.same(await ask('files'), { files: [] });
    await t.rejects(ask('remove_file', { name: '../config.json' }), /there is no file/);
    await ask('delete', { id });
  });

  await t.test('a lost link is written with the seconds before and after it', async (t) => {
    const [added] = await router.rows('add', { path: `${CAPTURE}Trigger.` });
    const row = `${CAPTURE}Trigger.${added?.data}.`;
    t.same(
      await router.set({
        ...{ [`${row}Interface`]: 'lan0', [`${row}Protocol`]: 'icmp' },
        ...{ [`${row}SecondsAfter`]: '6', [`${row}Enable`]: 'true' },
      }),
      [],
    );
    await router.waitFor(`${row}Status`, 'Armed');
    t.match(ping(15), /15 received/);
    spaces.exec('lan', 'ip', 'link', 'set', 'eth0', 'down');
    await router.waitFor(`${row}Status`, 'Recording');
    spaces.exec('lan', 'ip', 'link', 'set', 'eth0', 'up');
    await router.until('the link is back', () => {
      try {
        return /received/.test(ping(1));
      } catch {
        return undefined;
      }
    });
    await router.waitFor(`${row}Status`, 'Armed');
    t.equal(await router.value(`${row}Fired`), '1');
    const name = await router.waitFor(`${row}LastFile`, /^LinkLost-\d+-[^-]+\.pcapng$/);
    const read = await engine.analyze(join(router.stateDir, 'captures', name), {
      rows: { endpoints: 9, conversations: 9, flows: 9, names: 9 },
    });
    t.ok(read.ok && read.value.packets >= 30, 'what was before the event is there');
    t.match(await ask('files'), { files: [{ name }] });
    t.equal(
      ((await ask('files')) as { files: object[] }).files.length,
      1,
      'the first half made room for the whole',
    );
    await router.rows('del', { path: row });
    t.match(await ask('triggers'), { triggers: [] });
  });

  await t.test('several at once, and the daemon ends in order while they go', async (t) => {
    for (let i = 0; i < 3; i++) await ask('start', { interface: 'lan0', seconds: 600 });
    const { captures } = await ask('list');
    t.match(captures, [
      { state: 'running' },
      { state: 'running' },
      { state: 'waiting', reason: /run already/ },
    ]);
    await router.stop();
    t.match(router.log, /ending; clients/);
    t.notMatch(router.log, /unhandled|"level":"(error|fatal)"|"level":(50|60)/i);
  });
});
