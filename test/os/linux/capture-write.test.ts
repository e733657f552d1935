/** Live packets into pcapng files, while they are counted: read back by our own reader and by tshark. */
import { execFile, spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { CaptureReport, ListenOptions, LiveCapture } from '#src/os/ports-capture.ts';
import { dnsMessage } from '../../lib/capture-files.ts';
import { runAlone, sh } from '../../lib/netns.ts';
import { noTshark, wireshark } from '../../lib/tshark.ts';
import { until } from '../../lib/until.ts';

const run = promisify(execFile);
const ROWS = { endpoints: 100, conversations: 100, flows: 100, names: 100 };
const native = loadNative();
const engine = new LinuxCaptureEngine(native);
/** Made where the tests run, which is another process than the first. */
let folder = '';
const at = (name: string): string => join(folder, name);

/** `count` datagrams of `bytes` to the discard port of this host. */
const send = (count: number, bytes: number): Promise<unknown> =>
  run('python3', [
    '-c',
    `import socket
s=socket.socket(2,2)
for i in range(${count}): s.sendto(b'x'*${bytes},('127.0.0.1',9))`,
  ]);

async function capture(
  options: Partial<ListenOptions>,
  during: (live: LiveCapture, count: () => number) => Promise<unknown>,
): Promise<CaptureReport> {
  const ending = new AbortController();
  let packets = 0;
  let live: LiveCapture | undefined;
  const listening = engine.listen('lo', {
    rows: ROWS,
    promiscuous: false,
    ringBytes: 4 << 20,
    signal: ending.signal,
    filter: 'udp port 9',
    onStart: (started) => {
      live = started;
    },
    onProgress: (now) => {
      packets = now.packets;
    },
    ...options,
  });
  try {
    if (live !== undefined) await during(live, () => packets);
  } finally {
    ending.abort();
  }
  const found = await listening;
  if (!found.ok) throw found.error;
  return found.value;
}

async function read(path: string): Promise<CaptureReport> {
  const found = await engine.analyze(path, { rows: ROWS });
  if (!found.ok) throw found.error;
  return found.value;
}

runAlone(t, 'live packets into files', import.meta.url, () => {
  sh('ip', 'link', 'set', 'lo', 'up');
  folder = mkdtempSync(join(tmpdir(), 'gh-write-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  t.setTimeout(120_000);

  t.test('what is counted is in the file, whole', async (t) => {
    const path = at('all.pcapng');
    const heard = await capture({ write: { path } }, async () => {
      await send(2000, 1000);
      // More than the statistics look at.
      await send(3, 9000);
    });
    t.match(heard, {
      packets: 2003,
      cutPackets: 0,
      live: { heardPackets: 2003, droppedPackets: 0, interfaceDroppedPackets: 0 },
      written: { files: [path], packets: 2003, queueDroppedPackets: 0, failedPackets: 0 },
    });
    t.equal(heard.written?.bytes, statSync(path).size);
    const again = await read(path);
    const same = ({
      packets,
      bytes,
      cutPackets,
      firstSec,
      lastSec,
      protocols,
      conversations,
    }: CaptureReport) => ({
      ...{ packets, bytes, cutPackets, firstSec, lastSec, protocols, conversations },
    });
    t.same(same(again), same(heard));
    t.equal(again.error, null);
    t.equal(statSync(path).mode & 0o777, 0o600);
    if (noTshark() !== undefined) return;
    const told = wireshark('capinfos', '-M', path);
    t.match(told, /Number of packets: *2003/);
    t.match(told, /Capture oper-sys: *Linux/);
    t.match(told, /Capture application: *Gatehouse/);
    t.match(told, /Name = lo/);
    t.match(told, /Filter string = udp port 9/);
    t.match(told, /Time resolution = 0x09/);
    t.match(told, /Number of stat entries = 1/);
    const lengths = wireshark(
      'tshark',
      '-r',
      path,
      '-T',
      'fields',
      '-e',
      'frame.len',
      '-e',
      'frame.cap_len',
    );
    t.same([...new Set(lengths.trim().split('\n'))], ['1042\t1042', '9042\t9042']);
  });

  t.test('so many bytes of each', async (t) => {
    const path = at('cut.pcapng');
    const heard = await capture({ write: { path, snapLen: 61 } }, () => send(50, 1000));
    t.match(heard, { packets: 50, bytes: 50 * 1042, cutPackets: 0 }, 'counted as they were');
    t.match(await read(path), { packets: 50, bytes: 50 * 1042, cutPackets: 50, error: null });
    t.ok(statSync(path).size < 50 * (32 + 64) + 600);
  });

  t.test('names that DNS told are in the file', async (t) => {
    const path = at('names.pcapng');
    const answer = dnsMessage('www.example.org', 0x01020304).toString('hex');
    const tell = `import socket
s=socket.socket(2,2)
s.bind(('127.0.0.1',53))
s.sendto(bytes.fromhex('${answer}'),('127.0.0.1',4000))`;
    await capture({ write: { path }, filter: '' }, () => run('python3', ['-c', tell]));
    const bytes = readFileSync(path);
    const record = Buffer.from('0100140001020304', 'hex');
    t.ok(bytes.includes(Buffer.concat([record, Buffer.from('www.example.org\0')])));
    t.equal((await read(path)).error, null);
    if (noTshark() === undefined)
      t.match(wireshark('capinfos', '-M', path), /Number of resolved IPv4 addresses in file: 1/);
  });

  t.test('several captures at once, each its own', async (t) => {
    const paths = ['one', 'two', 'three', 'four', 'five', 'six'].map((name) => at(name));
    const ending = new AbortController();
    let started = 0;
    const all = paths.map((path, i) =>
      engine.listen('lo', {
        ...{ rows: ROWS, promiscuous: false, ringBytes: 4 << 20, signal: ending.signal },
        filter: i % 2 === 0 ? 'udp port 9' : 'tcp',
        write: { path },
        keep: { seconds: 60, bytes: 1 << 20 },
        onStart: () => {
          started++;
        },
      }),
    );
    t.equal(started, 6);
    await send(500, 400);
    ending.abort();
    for (const [i, heard] of (await Promise.all(all)).entries()) {
      const packets = i % 2 === 0 ? 500 : 0;
      t.match(heard, { ok: true, value: { packets, written: { packets } } });
      t.match(await read(paths[i] ?? ''), { packets, error: null });
    }
  });

  t.test('one file after the other, by size; the oldest go', async (t) => {
    const write = { path: at('ring.pcapng'), maxFileBytes: 100_000, files: 3 };
    const heard = await capture({ write }, () => send(1000, 1000));
    t.equal(heard.written?.packets, 1000);
    const files = heard.written?.files ?? [];
    t.equal(files.length, 3);
    t.same(
      readdirSync(folder)
        .filter((name) => name.startsWith('ring'))
        .map(at),
      files,
    );
    t.match(files[2], /ring-000\d\d-\d{8}T\d{6}Z\.pcapng$/);
    let packets = 0;
    for (const [i, file] of files.entries()) {
      t.ok(statSync(file).size <= 100_000);
      const report = await read(file);
      t.equal(report.error, null);
      if (i < 2) t.ok(report.packets >= 85, `${report.packets}`);
      packets += report.packets;
    }
    t.ok(packets >= 180 && packets < 300, `${packets}`);
  });

  t.test('files that have no bound: the newest are told of, all are there', async (t) => {
    const write = { path: at('many.pcapng'), maxFileBytes: 300 };
    const heard = await capture({ write }, () => send(400, 100));
    const there = readdirSync(folder).filter((name) => name.startsWith('many'));
    t.equal(heard.written?.packets, 400);
    t.equal(there.length, 400);
    t.same(heard.written?.files, there.sort().slice(-256).map(at));
  });

  t.test('two that begin in the same second have files of their own', async (t) => {
    const write = { path: at('twice.pcapng'), maxFileBytes: 100_000, files: 4 };
    const both = await capture({ write }, async () => {
      const second = await capture({ write }, () => send(5, 100));
      t.match(second.written, { packets: 5, failedPackets: 0 });
    });
    t.match(both.written, { packets: 5, failedPackets: 0 });
    const there = readdirSync(folder).filter((name) => name.startsWith('twice'));
    t.equal(there.length, 2);
  });

  t.test('one file after the other, by time', async (t) => {
    const write = { path: at('time'), maxFileSeconds: 1 };
    const heard = await capture({ write }, async (_live, count) => {
      await send(10, 100);
      await until('10 packets are counted', () => count() === 10);
      await until('a second file begins', async () => {
        await send(1, 100);
        return readdirSync(folder).filter((name) => name.startsWith('time-')).length >= 2;
      });
    });
    const files = heard.written?.files ?? [];
    t.ok(files.length >= 2);
    const packets = await Promise.all(files.map(async (file) => (await read(file)).packets));
    t.equal(
      packets.reduce((a, b) => a + b),
      heard.packets,
    );
  });

  t.test('the last seconds, when they are asked for', async (t) => {
    await capture({ keep: { seconds: 600, bytes: 1 << 20 } }, async (live, count) => {
      await send(100, 2500);
      await until('100 packets are counted', () => count() === 100);
      t.same(await live.dump(at('first.pcapng')), { ok: true, value: 100 });
      t.match(await live.dump(at('first.pcapng')), { ok: false, error: { code: 'EEXIST' } });
      // More than there is room for: the newest stay.
      await send(2000, 1000);
      await until('2100 packets are counted', () => count() === 2100);
      const both = await Promise.all([live.dump(at('second')), live.dump(at('third'))]);
      const n = both[0]?.ok === true ? both[0].value : 0;
      t.ok(n > 500 && n < 1100, `${n}`);
      t.same(both[1], { ok: true, value: n });
    });
    const first = await read(at('first.pcapng'));
    t.match(first, { packets: 100, bytes: 100 * 2542, cutPackets: 0, error: null });
    const second = await read(at('second'));
    t.match(second, { error: null, conversations: [{ bytes: second.packets * 1042 }] });
    t.ok(second.firstSec > first.lastSec);
    await capture({ keep: { seconds: 1, bytes: 1 << 20 } }, async (live, count) => {
      await send(5, 100);
      await until('5 packets are counted', () => count() === 5);
      const told = async () => await live.dump(at(`late-${count()}-${readdirSync(folder).length}`));
      await until('all is too old', async () => {
        const n = await told();
        return n.ok && n.value === 0;
      });
      // What comes now is kept, however long the machine takes to ask for it.
      const name = await until('what is new is there', async () => {
        await send(3, 200);
        const file = at(`new-${readdirSync(folder).length}`);
        const n = await live.dump(file);
        return n.ok && n.value > 0 ? file : undefined;
      });
      const kept = await read(name);
      t.match(kept, { error: null, bytes: kept.packets * 242 });
    });
  });

  t.test('without what is kept there is nothing to write', async (t) => {
    let over: LiveCapture | undefined;
    await capture({}, async (live) => {
      over = live;
      t.match(await live.dump(at('none')), { ok: false, error: { code: 'EINVAL' } });
    });
    t.match(await over?.dump(at('none')), { ok: false, error: { code: 'EINVAL' } });
    t.notOk(existsSync(at('none')));
  });

  t.test('a file that is there stays as it is, and so does what a link points to', async (t) => {
    const signal = new AbortController().signal;
    writeFileSync(at('mine'), 'mine');
    symlinkSync(at('nowhere'), at('link'));
    for (const name of ['mine', 'link'])
      t.match(
        await engine.listen('lo', {
          ...{ rows: ROWS, promiscuous: false, ringBytes: 1 << 20, signal },
          write: { path: at(name) },
        }),
        { ok: false, error: { code: 'EEXIST' } },
      );
    t.notOk(existsSync(at('nowhere')));
    t.equal(statSync(at('mine')).size, 4);
  });

  t.test(
    'who reads too slowly costs what is written, and nothing of what is counted',
    async (t) => {
      const path = at('pipe');
      sh('mkfifo', path);
      const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      t.teardown(() => closeSync(fd));
      const heard = await capture(
        { write: { path }, ringBytes: 64 << 20 },
        async (_live, count) => {
          for (const all of [800, 1600, 2400]) {
            // What the ring has room for.
            await send(800, 60_000);
            await until(`${all} packets are counted`, () => count() === all);
          }
        },
      );
      t.match(heard, { packets: 2400, live: { droppedPackets: 0 } });
      const { packets = 0, queueDroppedPackets = 0, failedPackets = 0 } = heard.written ?? {};
      t.ok(queueDroppedPackets > 800, `${queueDroppedPackets}`);
      t.equal(packets + queueDroppedPackets + failedPackets, 2400);
    },
  );

  t.test('a full disk is told, and what is written stays readable', async (t) => {
    const disk = at('disk');
    t.equal(spawnSync('mkdir', [disk]).status, 0);
    sh('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk);
    t.teardown(() => sh('umount', disk));
    const path = join(disk, 'full.pcapng');
    const heard = await capture({ write: { path } }, async (_live, count) => {
      await send(300, 1000);
      await until('300 packets are counted', () => count() === 300);
      await send(2000, 1000);
    });
    t.match(heard, { packets: 2300, written: { queueDroppedPackets: 0, error: /no space left/ } });
    const { packets = 0, failedPackets = 0 } = heard.written ?? {};
    t.ok(packets >= 300 && failedPackets > 0);
    t.equal(packets + failedPackets, 2300);
    t.match(await read(path), { packets, error: null });
  });
});
