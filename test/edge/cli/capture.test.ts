import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { err, ok } from '#src/base/result.ts';
import { progressText } from '#src/edge/cli/capture-commands.ts';
import { amount, quantity, spark, timeSpan } from '#src/edge/cli/figures.ts';
import { runCli } from '#src/edge/cli/program.ts';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { png } from '#src/os/linux/png.ts';
import { captureService } from '#src/services/capture/service.ts';
import { ethernet, ipv4, pcapFile, Traffic, udp } from '../../lib/capture-files.ts';
import { getPeers, HASH } from '../../lib/torrent-packets.ts';
import { REPORT } from '../../services/capture/report.ts';
import { Captured, cli, FakeBus, fakeEnvironment } from './fake.ts';

const folder = mkdtempSync(join(tmpdir(), 'gh-cli-capture-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'a.pcap');
const traffic = new Traffic(1);
const bytes = pcapFile(Array.from({ length: 500 }, () => traffic.packet()));
writeFileSync(path, bytes);
const around = { links: async () => err(new SystemError('none', 'ENODEV')), png };
const capture = async () => captureService(new LinuxCaptureEngine(loadNative()), around);
const run = (...args: string[]) => cli(args, undefined, { capture });

t.test('analyze: tables for people, one object for programs', async (t) => {
  const { code, out, err } = await run('analyze', path, '--top', '3');
  t.match({ code, err }, { code: 0, err: '' });
  for (const word of [
    'Packets',
    '500',
    'Protocols',
    'eth',
    'Top talkers (3 of',
    'Conversations (3 of',
  ])
    t.ok(out.includes(word), word);
  const json = await run('analyze', path, '--json');
  t.equal(json.code, 0);
  const report = JSON.parse(json.out);
  t.match(report, { packets: 500, truncated: false, error: null, interrupted: false });
  t.ok(report.firstSec <= report.lastSec);
  for (const list of ['protocols', 'endpoints', 'conversations'])
    t.ok(report[list].length > 0, list);
});

t.test('analyze: who speaks BitTorrent, and about what', async (t) => {
  t.notMatch((await run('analyze', path)).out, /BitTorrent/);
  const query = udp(6881, 6881, getPeers(HASH));
  const frame = ethernet(0x0800, ipv4(0xc0a80102, 0x5db80001, 17, query));
  const torrent = join(folder, 'torrent.pcap');
  writeFileSync(torrent, pcapFile([{ us: 1e15, bytes: frame }]));
  const { out } = await run('analyze', torrent);
  t.match(out, /BitTorrent\nHOST [\s\S]*192\.168\.1\.2 +02:00:00:00:00:01 /);
  t.match(out, new RegExp(`${HASH.toString('hex')} +192\\.168\\.1\\.2 .*dht-get`));
  const { torrents } = JSON.parse((await run('analyze', torrent, '--json')).out);
  t.match(torrents, { infoHashes: [{ infoHash: HASH.toString('hex'), seen: ['dht-get'] }] });
});

t.test(
  'a broken file: what was readable, then the error; a missing one: the error alone',
  async (t) => {
    const cut = join(folder, 'cut.pcap');
    writeFileSync(cut, bytes.subarray(0, bytes.length - 1));
    const { code, out, err } = await run('analyze', cut, '--json');
    t.equal(code, 1);
    t.match(JSON.parse(out), { packets: 499, truncated: true, error: /within a record/ });
    t.match(err, /cut\.pcap: the file ends within a record, at byte \d+/);
    const none = join(folder, 'none');
    t.same(await run('analyze', none), {
      code: 1,
      out: '',
      err: `gatehouse: ${none}: no such file or directory\n`,
    });
    t.match(await run('analyze'), { code: 2 });
  },
);

t.test(
  'what is no capture at all: what it is, and what to do; no tables, no picture',
  async (t) => {
    const file = join(folder, 'other');
    const STARTS = { xz: 'fd377a585a0000', bzip2: '425a683931', lz4: '04224d18', zip: '504b0304' };
    for (const [name, start] of Object.entries(STARTS)) {
      writeFileSync(file, Buffer.from(start.padEnd(64, '0'), 'hex'));
      const { code, out, err } = await run('analyze', file);
      t.match({ code, out }, { code: 1, out: '' });
      t.match(err, new RegExp(`is packed by ${name}: unpack it first, .* \\| gatehouse analyze -`));
    }
    writeFileSync(file, 'nothing of the kind');
    for (const args of [
      ['analyze', file],
      ['analyze', file, '-v'],
      ['chart', file],
      ['export', file],
    ])
      t.same(await run(...args), {
        code: 1,
        out: '',
        err: `gatehouse: ${file}: this is neither pcap nor pcapng\n`,
      });
    const { out } = await run('analyze', file, '--json');
    t.match(JSON.parse(out), { format: 'unknown', error: /neither/ });
  },
);

t.test('a file of packets is never overwritten, and not written among the tables', async (t) => {
  t.match(await run('analyze', path, '--write', path), { code: 1, out: '', err: /another name/ });
  t.match(await run('analyze', path, '--write', '-'), { code: 2, out: '', err: /mkfifo/ });
});

t.test('export and chart', async (t) => {
  const { code, out } = await run('export', path, '--table', 'conversations', '--top', '2');
  t.equal(code, 0);
  t.equal(out.split('\r\n').length, 4);
  t.match(await run('export', path, '--table', 'x'), { code: 2, err: /no table x: there are/ });
  const svg = await run('chart', path, '--kind', 'talkers', '--title', 'Who?');
  t.match(svg, { code: 0, out: /^<svg .*<title>Who\?<\/title>/s });
  t.match(await run('chart', path, '--kind', 'x'), { code: 2, err: /no chart x: there are/ });
});

t.test('filters are checked, explained and applied', async (t) => {
  t.match(await run('filter', 'explain', '--proto', 'icmp', '--port', '80', '--host', 'x'), {
    code: 2,
    out: '',
    err: /"x" is no address[\s\S]*icmp has no ports/,
  });
  const explained = await run('filter', 'explain', '--proto', 'udp', '--port', '53', '--json');
  if (explained.code === 1) return t.comment('skipped: no libpcap');
  const { filter, program } = JSON.parse(explained.out);
  t.equal(filter, 'udp and port 53');
  t.equal(program.at(-1), 'ret #0');
  t.match((await run('filter', 'explain')).out, /^everything\n\n\(000\) ret #262144\n$/);
  const whole = JSON.parse((await run('analyze', path, '--json')).out);
  const some = JSON.parse((await run('analyze', path, '--json', '--port', '53')).out);
  t.ok(some.packets > 0 && some.packets < whole.packets);
  t.match(await run('analyze', path, '--filter', 'tcp and'), {
    code: 2,
    out: '',
    err: /is no filter/,
  });
});

t.test('capture: what was heard, and what the kernel had no room for', async (t) => {
  const asked: unknown[] = [];
  const fake = async () =>
    captureService(
      {
        compileFilter: () => err(new SystemError('none', 'ENOSYS')),
        analyze: async () => err(new SystemError('none', 'ENOENT')),
        listen: async (ifName, { rows, forMs, filter, promiscuous, ringBytes, onProgress }) => {
          asked.push({ ifName, rows, forMs, filter, promiscuous, ringBytes });
          onProgress?.({ packets: 1500, bytes: 3e6, droppedPackets: 7 }, () => REPORT);
          const live = { heardPackets: 37, droppedPackets: 7, interfaceDroppedPackets: 0 };
          return { ok: true, value: { ...REPORT, format: 'live', live } };
        },
      },
      around,
    );
  const args = ['capture', 'eth0', '--for', '1m', '--ring', '8', '--port', '53', '--top', '4'];
  const [stdout, stderr] = [new Captured(), new Captured(true)];
  const environment = fakeEnvironment({ message: 'no bus', status: undefined }, { stdout, stderr });
  t.equal(await runCli([...args, '--no-promiscuous'], { ...environment, capture: fake }), 0);
  t.match(stdout.text, /Interface +eth0, live[\s\S]*Kernel +37 heard, 7 of them dropped/);
  t.match(stderr.text, /1\.50 k packets, 1\.50 k\/s, 24\.0 Mbit\/s, 7 dropped/);
  const rows = { endpoints: 4, conversations: 4, flows: 4, names: 4 };
  t.same(asked, [
    {
      ifName: 'eth0',
      rows,
      forMs: 60_000,
      filter: 'port 53',
      promiscuous: false,
      ringBytes: 8 << 20,
    },
  ]);
  t.match(await run('capture', 'x'.repeat(9)), {
    code: 1,
    err: /no such device|packets are for root/,
  });
  t.match(await run('capture', 'eth0', '--ring', '0'), { code: 2 });
});

t.test('capture: an interface as the model calls it', async (t) => {
  const rows = [
    ['Device.IP.Interface.1.Alias', 'wan'],
    ['Device.IP.Interface.1.Name', 'eth7'],
    ['Device.IP.Interface.2.Alias', 'lan'],
    ['Device.IP.Interface.2.Name', 'br-lan'],
  ];
  const bus = new FakeBus({
    'bbfdm get': () => ({ results: rows.map(([path = '', data = '']) => ({ path, data })) }),
  });
  const asked: string[] = [];
  const fake = async () =>
    captureService(
      {
        compileFilter: () => err(new SystemError('none', 'ENOSYS')),
        analyze: async () => err(new SystemError('none', 'ENOENT')),
        listen: async (ifName) => {
          asked.push(ifName);
          return ifName.startsWith('eth')
            ? { ok: true, value: { ...REPORT, format: 'live' } }
            : err(new SystemError(`${ifName}: no such device`, 'ENODEV'));
        },
      },
      around,
    );
  t.match(await cli(['capture', 'wan'], bus, { capture: fake }), {
    code: 0,
    out: /wan, live/,
  });
  t.same(asked, ['wan', 'eth7']);
  t.match(await cli(['capture', 'dmz'], bus, { capture: fake }), {
    code: 1,
    err: /dmz: no such device \(gatehouse interfaces tells/,
  });
});

t.test('a signal ends with the summary of what was read', async (t) => {
  const ending = new AbortController();
  const [stdout, stderr] = [new Captured(), new Captured(true)];
  let ms = 0;
  const approximation = { ...REPORT.approximation, conversationFloorBytes: 700 };
  const code = await runCli(['analyze', path], {
    ...fakeEnvironment({ message: 'no bus', status: undefined }, { stdout, stderr }),
    signal: ending.signal,
    wallMs: () => (ms += 1000),
    capture: async () =>
      captureService(
        {
          compileFilter: () => err(new SystemError('none', 'ENOSYS')),
          listen: async () => err(new SystemError('none', 'ENODEV')),
          analyze: async (_path, { onProgress, signal }) => {
            onProgress?.({ packets: 100, readBytes: 5e6, totalBytes: 1e7 });
            ending.abort();
            const interrupted = signal?.aborted === true;
            return { ok: true, value: { ...REPORT, approximation, interrupted } };
          },
        },
        around,
      ),
  });
  t.equal(code, 0);
  t.match(stdout.text, /until it was interrupted/);
  t.match(stderr.text, /50 %/, 'a bar on the way');
  t.match(
    stderr.text,
    /too low by up to N, and whoever they let go had at most 700 B/,
    'and what is not exact',
  );
});

t.test('rows and pictures of a part are told as such', async (t) => {
  for (const word of ['export', 'chart']) {
    const { code, err: told } = await cli([word, path], undefined, {
      capture: async () =>
        captureService(
          {
            compileFilter: () => err(new SystemError('none', 'ENOSYS')),
            listen: async () => err(new SystemError('none', 'ENODEV')),
            analyze: async () => ok({ ...REPORT, interrupted: true }),
          },
          around,
        ),
    });
    t.same([code, told], [0, 'interrupted: of the first 30 packets alone\n'], word);
  }
});

t.test('figures', async (t) => {
  t.same([0, 999, 1000, 123_456, 9.99e8, 1e9].map(quantity), [
    '0',
    '999',
    '1.00 k',
    '123 k',
    '999 M',
    '1.00 G',
  ]);
  t.same([0.2512, 59, 185, 7380, 349_200].map(timeSpan), [
    '0.251 s',
    '59 s',
    '3 min 5 s',
    '2 h 3 min',
    '4 d 1 h',
  ]);
  t.same([0, 0.001, 0.267, 2, 9.96].map(quantity), ['0', '<0.01', '0.27', '2', '10']);
  t.same(
    [364, 1230].map((n) => amount(n, 'B')),
    ['364 B', '1.23 kB'],
  );
  t.equal(spark([0, 1, 2, 4, 8], 10), '▁▂▃▅█');
  t.equal(spark([1, 1, 4, 4], 2), '▃█');
  t.equal(
    progressText({ packets: 2e6, readBytes: 25e6, totalBytes: 1e8 }, 500),
    `[${'#'.repeat(8)}${'.'.repeat(22)}] 25 %  2.00 M packets, 50.0 MB/s, 2 s left`,
  );
  t.equal(
    progressText({ packets: 5, readBytes: 2e6, totalBytes: undefined }, 1000),
    '2.00 MB  5 packets, 2.00 MB/s',
  );
});

t.test('capture and analyze --write: what goes into files', async (t) => {
  const to = join(folder, 'written.pcapng');
  t.match(await run('analyze', path, '--write', to, '--snap-length', '60', '--json'), { code: 0 });
  const again = JSON.parse((await run('analyze', to, '--json')).out);
  t.match(again, { packets: 500, format: 'pcapng', error: null });
  t.ok(again.cutPackets > 0);
  t.match(await run('analyze', path, '--write', to), { code: 1, out: '', err: /already exists/ });
  t.match(await run('analyze', path, '--snap-length', '60'), { code: 2, err: /go with --write/ });

  const asked: unknown[] = [];
  const written = {
    files: ['a-1.pcapng', 'a-2.pcapng'],
    ...{ packets: 30, bytes: 4000, queueDroppedPackets: 2, failedPackets: 5 },
    error: 'a: no space left on device',
  };
  const live = { heardPackets: 37, droppedPackets: 0, interfaceDroppedPackets: 4 };
  const fake = async () =>
    captureService(
      {
        compileFilter: () => err(new SystemError('none', 'ENOSYS')),
        analyze: async () => err(new SystemError('none', 'ENOENT')),
        listen: async (_ifName, { write }) => {
          asked.push(write);
          return { ok: true, value: { ...REPORT, format: 'live', live, written } };
        },
      },
      around,
    );
  const [stdout, stderr] = [new Captured(), new Captured()];
  const bus = { message: 'no bus', status: undefined };
  const environment = fakeEnvironment(bus, { stdout, stderr });
  const limits = ['--file-size', '100M', '--file-time', '2m', '--files', '3'];
  const args = ['capture', 'eth0', '--write', 'a.pcapng', '--snap-length', '128', ...limits];
  t.equal(await runCli(args, { ...environment, capture: fake }), 0);
  const limited = { maxFileBytes: 100e6, maxFileSeconds: 120, files: 3 };
  t.same(asked, [{ path: 'a.pcapng', snapLen: 128, ...limited }]);
  t.match(stdout.text, /37 heard, 0 of them dropped for want of room; 4 lost before, by the link/);
  t.match(
    stdout.text,
    /30 packets, 4\.00 kB: a-1\.pcapng and 1 more; 2 lost: the disk was too slow; 5 lost: a: no space/,
  );
  for (const wrong of [
    ['--write', 'a', '--files', '3'],
    ['--write', 'a', '--file-size', '10'],
    ['--write', 'a', '--snap-length', '0'],
    ['--file-time', '60s'],
  ])
    t.match(await run('capture', 'eth0', ...wrong), { code: 2 }, wrong.join(' '));
});

t.test('a chart as a file, of pixels or of shapes', async (t) => {
  const written = new Map<string, Uint8Array>();
  const writeFile = (to: string, bytes: Uint8Array, replace: boolean) => {
    if (written.has(to) && !replace) return err(new SystemError(`${to}: exists`, 'EEXIST'));
    written.set(to, bytes);
    return ok(undefined);
  };
  const draw = (...args: string[]) =>
    cli(['chart', path, '--kind', 'talkers', ...args], undefined, { capture, writeFile });
  t.match(await draw('--output', 'a.png'), { code: 0, out: '', err: '' });
  const file = Buffer.from(written.get('a.png') ?? []);
  t.equal(file.subarray(0, 8).toString('hex'), '89504e470d0a1a0a');
  t.equal(file.readUInt32BE(16), 1600, 'twice as fine as the drawing');
  t.match(await draw('--output', 'a.png'), {
    code: 1,
    err: /exists; --force/,
  });
  t.match(await draw('--output', 'a.png', '--force'), { code: 0 });
  t.match(await draw('--output', 'a.svg'), { code: 0, out: '' });
  t.match(Buffer.from(written.get('a.svg') ?? []).toString(), /^<svg/);
  t.match(await draw('--output', 'a.gif'), { code: 2, err: /\.svg or \.png/ });
});

t.test('lines of packets are for people, rows for programs', async (t) => {
  t.match(await run('analyze', path, '-v', '--json'), { code: 2, err: /export --packets/ });
  t.match(await run('export', path, '--packets', '--table', 'flows'), {
    code: 2,
    err: /or the other/,
  });
  const entry = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
  const shown = spawnSync(process.execPath, [entry, 'analyze', path, '-v'], { encoding: 'utf8' });
  t.equal(shown.stdout.split('\n').filter((line) => / > /.test(line)).length, 500);
  t.ok(shown.stdout.indexOf('Top talkers') > shown.stdout.lastIndexOf(' > '));
  const rows = spawnSync(process.execPath, [entry, 'export', path, '--packets'], {
    encoding: 'utf8',
  });
  t.equal(rows.stdout.trimEnd().split('\n').length, 501);
});
