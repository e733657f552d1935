import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { NO_GROUP } from '#src/os/linux/capture-native.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { datagrams } from '../../lib/datagrams.ts';
import { runAlone, sh } from '../../lib/netns.ts';
import { until } from '../../lib/until.ts';

const ROWS = { endpoints: 100, conversations: 100, flows: 100, names: 100 };
const options = { rows: ROWS, promiscuous: true, ringBytes: 4 << 20 };
const native = loadNative();
const engine = new LinuxCaptureEngine(native);

runAlone(t, 'live packets', import.meta.url, () => {
  sh('ip', 'link', 'set', 'lo', 'up');

  t.test('what the kernel heard is counted, each packet once', async (t) => {
    const ending = new AbortController();
    const seen: number[] = [];
    const listening = engine.listen('lo', {
      ...options,
      signal: ending.signal,
      onProgress: ({ packets }) => seen.push(packets),
    });
    await datagrams(300, '127.0.0.1');
    await datagrams(20, '::1');
    await until('some are told of', () => seen.length > 0);
    ending.abort();
    const found = await listening;
    if (!found.ok) throw found.error;
    const { packets, live, interfaces, protocols, conversations, format, error } = found.value;
    t.match(
      { packets, live, format, interfaces, error },
      {
        ...{ packets: 320, interfaces: 1 },
        live: { heardPackets: 320, droppedPackets: 0 },
        format: 'live',
        error: null,
      },
    );
    t.match(
      protocols.find(({ path }) => path === 'eth:ip:udp'),
      { packets: 300 },
    );
    t.match(
      protocols.find(({ path }) => path === 'eth:ipv6:udp'),
      { packets: 20 },
    );
    t.match(conversations, [{ a: '127.0.0.1', b: '127.0.0.1', packets: 300 }, { packets: 20 }]);
    t.ok(seen.every((n) => n <= 320));
  });

  t.test('a filter is the kernel’s own', async (t) => {
    if (!engine.compileFilter('tcp').ok) return t.comment('skipped: no libpcap');
    const ending = new AbortController();
    const listening = engine.listen('lo', {
      ...options,
      signal: ending.signal,
      filter: 'ip and udp and udp[4:2] = 64',
    });
    await datagrams(10, '127.0.0.1');
    await datagrams(10, '::1');
    ending.abort();
    const found = await listening;
    t.match(found, { ok: true, value: { packets: 10, live: { heardPackets: 10 } } });
    const refused = await engine.listen('lo', {
      ...options,
      signal: ending.signal,
      filter: 'tcp (',
    });
    t.match(refused, { ok: false, error: { code: 'EINVAL' } });
  });

  t.test('what finds the ring full is counted apart', async (t) => {
    const raw = native.createCapture(64, 64, 64);
    if (typeof raw === 'number') return t.fail(`${raw}`);
    t.equal(raw.listen('lo', 1 << 20, 0, '', 2048, NO_GROUP), 0);
    // Nobody empties the ring yet.
    const flood = `import socket
s=socket.socket(2,2)
for i in range(5000): s.sendto(b'x'*1000,('127.0.0.1',9))`;
    t.equal(spawnSync('python3', ['-c', flood]).status, 0);
    t.equal(raw.start(), 0);
    t.equal(await raw.stop(), 0);
    const figures = new Float64Array(13);
    t.equal(raw.live(figures), 0);
    const [packets = 0, , heard = 0, dropped = 0] = figures;
    t.ok(dropped > 1000, `${dropped} dropped`);
    t.ok(packets > 100);
    t.equal(packets, heard - dropped);
    raw.release();
  });

  t.test(
    'it ends by its time, by the loss of its interface, and does not begin without one',
    async (t) => {
      const { signal } = new AbortController();
      t.match(await engine.listen('lo', { ...options, signal, forMs: 10 }), {
        ok: true,
        value: { interrupted: false },
      });
      sh('ip', 'link', 'add', 'gh-cap0', 'type', 'veth', 'peer', 'name', 'gh-cap1');
      sh('ip', 'link', 'set', 'gh-cap0', 'up');
      const listening = engine.listen('gh-cap0', { ...options, signal });
      sh('ip', 'link', 'del', 'gh-cap0');
      t.match(await listening, { ok: false, error: { code: 'ENETDOWN' } });
      t.match(await engine.listen('gh-cap0', { ...options, signal }), {
        ok: false,
        error: { code: 'ENODEV' },
      });
    },
  );

  t.test('nonsense for arguments', async (t) => {
    const raw = native.createCapture(64, 64, 64);
    if (typeof raw === 'number') return t.fail(`${raw}`);
    const { EINVAL } = constants.errno;
    const [ring, none] = [1 << 20, { ms: 0, bytes: 0 }];
    t.equal(raw.start(), -EINVAL, 'before it listens');
    t.equal(raw.stop(), -EINVAL);
    t.equal(raw.live(new Float64Array(13)), -EINVAL);
    t.equal(raw.files(), -EINVAL);
    t.equal(raw.listen('lo', 1, 0, '', 2048, NO_GROUP), -EINVAL);
    t.equal(raw.listen('lo', ring, 0, '', 0, NO_GROUP), -EINVAL);
    t.equal(raw.listen('x'.repeat(16), ring, 0, '', 2048, NO_GROUP), -EINVAL);
    t.equal(raw.record('x', 0, 0, 0, 100), -EINVAL);
    t.equal(raw.listen('lo', ring, 0, '', 2048, NO_GROUP), 0);
    t.equal(raw.listen('lo', ring, 0, '', 2048, NO_GROUP), -EINVAL, 'twice');
    t.equal(raw.live(new Float64Array(12)), -EINVAL);
    for (const [path, bytes, ms, snap] of [
      ['', 0, 0, 100],
      ['x', -1, 0, 100],
      ['x', 0, Number.NaN, 100],
      ['x', 0, 0, 0],
    ] as const)
      t.equal(raw.record(path, bytes, ms, 0, snap), -EINVAL);
    t.equal(raw.keep(none.ms, none.bytes), -EINVAL);
    t.equal(raw.dump('x'), -EINVAL, 'before it starts');
    t.equal(raw.start(), 0);
    t.equal(raw.start(), -EINVAL, 'twice');
    t.equal(raw.keep(1000, ring), -EINVAL, 'after it started');
    const ended = raw.stop();
    t.equal(raw.dump('x'), -constants.errno.EBUSY);
    t.equal(await ended, 0);
    t.equal(await raw.dump('x'), -EINVAL, 'nothing is kept');
    raw.release();
  });
});
