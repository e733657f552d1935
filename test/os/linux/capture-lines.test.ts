/** A line for each packet: of files all, beside what tshark says of them; of live packets as many as are taken. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { PacketLines } from '#src/os/ports-capture.ts';
import { dnsMessage, ethernet, ipv4, pcapFile, Traffic, udp } from '../../lib/capture-files.ts';
import { datagrams } from '../../lib/datagrams.ts';
import { runAlone, sh } from '../../lib/netns.ts';
import { noTshark } from '../../lib/tshark.ts';

const ROWS = { endpoints: 10, conversations: 10, flows: 10, names: 10 };
const engine = new LinuxCaptureEngine(loadNative());
const folder = mkdtempSync(join(tmpdir(), 'gh-lines-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'a.pcap');
const traffic = new Traffic(7);
const PACKETS = 3000;
writeFileSync(file, pcapFile(Array.from({ length: PACKETS }, () => traffic.packet())));

/** What a capture writes as lines. */
async function written(csv: boolean, work: (lines: PacketLines) => Promise<unknown>) {
  const path = join(folder, 'lines');
  const fd = openSync(path, 'w');
  try {
    await work({ fd, csv });
  } finally {
    closeSync(fd);
  }
  return readFileSync(path, 'utf8').trimEnd().split('\n');
}

runAlone(t, 'lines of packets', import.meta.url, () => {
  t.test('of a file: one for each, with its time, length, addresses and ports', async (t) => {
    const lines = await written(true, async (lines) => {
      const read = await engine.analyze(file, { rows: ROWS, lines });
      if (!read.ok) throw read.error;
      t.equal(read.value.packets, PACKETS);
    });
    const [head, ...rows] = lines;
    t.match(head, /^time,length,captured,protocols,source,source_port,destination/);
    t.equal(rows.length, PACKETS);
    for (const row of rows) if (row.split(',').length !== 9) t.fail(row);
    if (noTshark() !== undefined) return;
    const fields = ['frame.time_epoch', 'frame.len', 'frame.cap_len', 'udp.srcport', 'udp.dstport'];
    const { stdout } = spawnSync(
      'tshark',
      ['-n', '-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
      { encoding: 'utf8', maxBuffer: 1 << 26 },
    );
    let compared = 0;
    for (const [i, line] of stdout.trimEnd().split('\n').entries()) {
      const [time, length, captured, from = '', to = ''] = line.split('\t');
      const [ourTime, ourLength, ourCaptured, protocols = '', , ourFrom, , ourTo] =
        rows[i]?.split(',') ?? [];
      if (time !== ourTime || length !== ourLength || captured !== ourCaptured) t.fail(line);
      // Where there is one UDP header, and nothing is quoted by ICMP.
      if (!/:ip(v6)?:udp(:[a-z-]+)?$/.test(protocols) || from === '' || from.includes(','))
        continue;
      if (from !== ourFrom || to !== ourTo) t.fail(`${line} is not ${rows[i]}`);
      compared++;
    }
    t.ok(compared > 100, `${compared} compared`);
  });

  t.test('for people', async (t) => {
    const lines = await written(false, (lines) => engine.analyze(file, { rows: ROWS, lines }));
    t.equal(lines.length, PACKETS);
    t.match(lines[0], /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}Z {2}\S* > \S* {2}[a-z0-9-]+ {2}\d+/);
  });

  t.test('of DNS the name that is asked for; of a link without addresses none', async (t) => {
    const told = async (linkType: number, ...frames: Uint8Array[]) => {
      const path = join(folder, 'few.pcap');
      writeFileSync(
        path,
        pcapFile(
          frames.map((bytes, i) => ({ us: 1e15 + i, bytes })),
          { linkType },
        ),
      );
      const lines = await written(false, (lines) => engine.analyze(path, { rows: ROWS, lines }));
      return lines.map((line) => line.slice(line.indexOf('Z') + 3));
    };
    const asked = (name: string, answer?: number) =>
      ethernet(0x0800, ipv4(0x0a000001, 0x0a000002, 17, udp(5000, 53, dnsMessage(name, answer))));
    t.match(await told(1, asked('a.example'), asked('b.example', 1), asked('not a name')), [
      /^10\.0\.0\.1:5000 > 10\.0\.0\.2:53 {2}dns {2}\d+ {2}a\.example$/,
      /dns {2}\d+ {2}b\.example$/,
      /dns {2}\d+$/,
    ]);
    t.same(await told(147, Buffer.alloc(9)), ['- > -  data  9']);
  });

  t.test('nobody who reads: an error, not a wait', async (t) => {
    const fd = openSync('/dev/full', 'w');
    const read = await engine.analyze(file, { rows: ROWS, lines: { fd, csv: true } });
    closeSync(fd);
    t.match(read, { ok: false, error: { code: 'ENOSPC' } });
  });

  t.test('nobody who reads live ones any longer: that ends it', { timeout: 60_000 }, async (t) => {
    sh('ip', 'link', 'set', 'lo', 'up');
    const fd = openSync('/dev/full', 'w');
    const listening = engine.listen('lo', {
      ...{ rows: ROWS, promiscuous: false, ringBytes: 8 << 20, filter: 'udp' },
      ...{ signal: new AbortController().signal, lines: { fd, csv: false } },
    });
    let over = false;
    void listening.then(() => (over = true));
    while (!over) {
      await datagrams(1, '127.0.0.1');
      await pause(50);
    }
    closeSync(fd);
    t.match(await listening, {
      ok: false,
      error: { code: 'ENOSPC', message: /^lines of packets/ },
    });
  });

  t.test('come as they are heard; a flood is told by its number', async (t) => {
    sh('ip', 'link', 'set', 'lo', 'up');
    const lines = await written(false, async (lines) => {
      const ending = new AbortController();
      const listening = engine.listen('lo', {
        ...{ rows: ROWS, promiscuous: false, ringBytes: 8 << 20, filter: 'udp' },
        ...{ signal: ending.signal, lines },
      });
      // Lines are counted by the second: one of each of the last two begins anew.
      for (const count of [10_000, 1, 1]) {
        await datagrams(count, '127.0.0.1');
        await pause(1100);
      }
      ending.abort();
      const heard = await listening;
      if (!heard.ok) throw heard.error;
      t.equal(heard.value.packets, 10_002);
    });
    const told = lines.filter((line) => / > /.test(line)).length;
    const left = lines.flatMap((line) => /^\.\.\. (\d+) more/.exec(line)?.[1] ?? []).map(Number);
    t.ok(told >= 502 && told < 10_002);
    t.equal(told + left.reduce((a, b) => a + b, 0), 10_002, 'each is shown, or is in a number');
  });
});
