import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { CaptureReport } from '#src/os/ports-capture.ts';
import {
  block,
  capturePackets,
  clientHello,
  dnsMessage,
  enhancedPacket,
  ethernet,
  interfaceBlock,
  ipv4,
  ipv6,
  oldPacket,
  type Packet,
  pcapFile,
  section,
  simplePacket,
  TCP,
  Traffic,
  tcp,
  udp,
  writeTraffic,
} from '../../lib/capture-files.ts';

const GIVEN = join(import.meta.dirname, '../../../../shared/data/captures');
const ALL = { endpoints: 1e5, conversations: 1e5, flows: 1e5, names: 1e5 };
t.setTimeout(120_000);
const folder = mkdtempSync(join(tmpdir(), 'gh-engine-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const native = loadNative();
const engine = new LinuxCaptureEngine(native);

async function analyzed(path: string, with_ = engine): Promise<CaptureReport> {
  const found = await with_.analyze(path, { rows: ALL });
  if (!found.ok) throw found.error;
  return found.value;
}

let files = 0;
async function reportOf(bytes: Uint8Array, with_ = engine): Promise<CaptureReport> {
  const path = join(folder, `${files++}.pcap`);
  writeFileSync(path, bytes);
  const report = await analyzed(path, with_);
  rmSync(path);
  return report;
}

const [A, B] = [0xc0a80102, 0x08080808];
const at = (ms: number, bytes: Uint8Array): Packet => ({
  us: 1_700_000_000_000_000 + ms * 1000,
  bytes,
});
const ip = (from: number, to: number, protocol: number, body: Uint8Array): Buffer =>
  ethernet(0x0800, ipv4(from, to, protocol, body));
const query = ip(A, B, 17, udp(4000, 53, dnsMessage('www.example.org')));
const paths = ({ protocols }: CaptureReport): string[] => protocols.map(({ path }) => path);

t.test('every capture of other people has as many packets as tcpdump reads', async (t) => {
  const counts = join(GIVEN, 'COUNTS.tsv');
  if (!existsSync(counts)) return t.pass('none are here');
  const rows = readFileSync(counts, 'utf8').trim().split('\n').slice(1);
  const wrong: string[] = [];
  for (const row of rows) {
    const [name = '', , packets] = row.split('\t');
    const report = await analyzed(join(GIVEN, name));
    if (report.packets !== Number(packets) || report.error !== null)
      wrong.push(`${name}: ${report.packets} for ${packets}, ${report.error}`);
  }
  t.same(wrong, []);
  t.comment(`${rows.length} captures`);
});

t.test('pcap in both byte orders, in micro- and nanoseconds', async (t) => {
  const packets = [at(0, query), at(1500, query)];
  for (const big of [false, true]) {
    for (const nano of [false, true]) {
      const report = await reportOf(pcapFile(packets, { big, nano }));
      t.match(report, { format: 'pcap', packets: 2, bytes: 2 * query.length, error: null });
      t.equal(report.firstSec, 1_700_000_000);
      t.equal(report.lastSec, 1_700_000_001.5);
    }
  }
});

t.test(
  'pcapng: several interfaces and sections, every block with packets, unknown blocks',
  async (t) => {
    // if_tsresol: 10^-9 seconds
    const nano = Buffer.from('090001000900000000000000', 'hex');
    // if_tsresol 2^-10 seconds; if_tsoffset of 1,000 s
    const binary = Buffer.from('090001008a0000000e000800e80300000000000000000000', 'hex');
    const raw = ipv4(A, B, 1, Buffer.from('0800000000000000', 'hex'));
    const report = await reportOf(
      Buffer.concat([
        section(),
        interfaceBlock(1, nano),
        block(5, Buffer.alloc(12)),
        enhancedPacket(0, 1_700_000_000_000_000_000, query),
        block(0xbad, Buffer.alloc(700_000)),
        interfaceBlock(101, binary),
        enhancedPacket(1, (1_700_000_000 - 1000 + 2) * 1024 + 512, raw),
        oldPacket(0, 1_700_000_001_000_000_000, query),
        simplePacket(query),
        section(),
        interfaceBlock(1),
        enhancedPacket(0, 1_700_000_000_250_000, query),
      ]),
    );
    t.match(report, { format: 'pcapng', packets: 5, error: null, firstSec: 1_700_000_000 });
    t.equal(report.lastSec, 1_700_000_002.5);
    t.same(paths(report), [
      'eth',
      'eth:ip',
      'eth:ip:udp',
      'eth:ip:udp:dns',
      'raw',
      'raw:ip',
      'raw:ip:icmp',
    ]);
  },
);

t.test(
  'a file that is cut anywhere gives the packets before, and says where it ends',
  async (t) => {
    const pcap = pcapFile([at(0, query), at(1, query), at(2, query)]);
    const pcapng = Buffer.concat([
      section(),
      interfaceBlock(1),
      ...[0, 1, 2].map((i) => enhancedPacket(0, i, query)),
    ]);
    for (const [whole, head, record] of [
      [pcap, 24, 16 + query.length],
      [pcapng, 28 + 20, enhancedPacket(0, 0, query).length],
    ] as const) {
      for (let length = 0; length < whole.length; length++) {
        const report = await reportOf(whole.subarray(0, length));
        const packets = Math.max(0, Math.floor((length - head) / record));
        const rest = length - head - packets * record;
        if (report.packets !== packets) return t.fail(`${report.packets} of ${length} bytes`);
        const clean = (length >= head && rest === 0) || (whole === pcapng && length === 28);
        if ((report.error === null) !== clean) return t.fail(`${report.error} at ${length}`);
        if (!clean && length > 0 && report.truncated !== true)
          return t.fail(`not cut at ${length}`);
        if (length > head && !clean) {
          if (report.errorOffset !== head + packets * record) return t.fail(`offset at ${length}`);
        }
      }
    }
    t.pass('at every length');
  },
);

t.test('a file that is broken gives the packets before the fault', async (t) => {
  const whole = pcapFile([at(0, query), at(1, query), at(2, query)]);
  const second = 24 + 16 + query.length;
  whole.writeUInt32LE(0x7fffffff, second + 8);
  t.match(await reportOf(whole), {
    packets: 1,
    truncated: false,
    error: /longer than a packet/,
    errorOffset: second,
  });
  for (const [bytes, error] of [
    [Buffer.from('this is text'), /neither/],
    [Buffer.alloc(0), /empty/],
    [Buffer.concat([section(), enhancedPacket(0, 0, query)]), /not described/],
    [Buffer.concat([section(), block(6, Buffer.alloc(24, 0xff))]), /longer than the block/],
  ] as const) {
    t.match(await reportOf(bytes), { packets: 0, error });
  }
  const lengths = Buffer.concat([section(), interfaceBlock(1), enhancedPacket(0, 0, query)]);
  lengths.writeUInt32LE(16, lengths.length - 4);
  t.match(await reportOf(lengths), { error: /two lengths/, errorOffset: 48 });
});

t.test('gzip and zstd, whole and cut; other packings and folders are refused', async (t) => {
  const packets = Array.from({ length: 2000 }, (_, i) => at(i, query));
  const plain = pcapFile(packets);
  const same = await reportOf(plain);
  for (const packed of [gzipSync(plain), zstdCompressSync(plain)]) {
    t.same(await reportOf(packed), same);
    const cut = await reportOf(packed.subarray(0, packed.length - 5));
    t.match(cut, { truncated: true, error: /no whole (gzip|zstd)/ });
    t.ok(cut.packets > 0, 'what could be unpacked was read');
    t.equal(cut.errorOffset, 24 + (cut.packets * (plain.length - 24)) / 2000);
  }
  t.match(await engine.analyze(folder, { rows: ALL }), { ok: false, error: { code: 'EISDIR' } });
  t.match(await engine.analyze(join(folder, 'none'), { rows: ALL }), {
    ok: false,
    error: { code: 'ENOENT' },
  });
});

t.test('a little that unpacks to very much does not fill the memory', async (t) => {
  // A packet block of pcapng that nobody knows, of zeros.
  const body = Buffer.alloc(128 << 20);
  const bomb = zstdCompressSync(Buffer.concat([section(), block(0xbad, body)]));
  t.ok(bomb.length < 50_000, `${bomb.length} bytes`);
  const before = process.memoryUsage.rss();
  t.match(await reportOf(bomb), { packets: 0, error: null });
  t.ok(process.memoryUsage.rss() - before < 80 << 20);
});

t.test('a pipe is read as it comes, and given up on a signal', async (t) => {
  const fifo = join(folder, 'fifo');
  t.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const ending = new AbortController();
  const read = engine.analyze(fifo, { rows: ALL, signal: ending.signal });
  // Held for reading as well, so that it does not end.
  const file = await open(fifo, 'r+');
  const packets = Array.from({ length: 5000 }, (_, i) => at(i, query));
  // A pipe holds 64 KiB: when all is written, most of it has been read.
  await file.writeFile(pcapFile(packets));
  ending.abort();
  const found = await read;
  await file.close();
  t.match(found, { ok: true, value: { interrupted: true, error: null } });
  t.ok(found.ok && found.value.packets > 4000);
});

t.test('what is inside what', async (t) => {
  const inner = ipv4(A, B, 17, udp(123, 123, Buffer.alloc(48)));
  const cases: readonly (readonly [Buffer, string, number?])[] = [
    [
      ethernet(0x8100, Buffer.concat([Buffer.from('00050800', 'hex'), inner])),
      'eth:vlan:ip:udp:ntp',
    ],
    [
      ethernet(0x88a8, Buffer.concat([Buffer.from('0005810000060800', 'hex'), inner])),
      'eth:vlan:vlan:ip:udp:ntp',
    ],
    [ip(A, B, 4, inner), 'eth:ip:ip:udp:ntp'],
    [
      ip(A, B, 41, ipv6(1, 2, 58, Buffer.from('8700000000000000', 'hex'))),
      'eth:ip:ipv6:icmpv6:ndp',
    ],
    [ip(A, B, 47, Buffer.concat([Buffer.from('00000800', 'hex'), inner])), 'eth:ip:gre:ip:udp:ntp'],
    [
      ip(A, B, 17, udp(9, 4789, Buffer.concat([Buffer.from('0800000000000700', 'hex'), query]))),
      'eth:ip:udp:vxlan:eth:ip:udp:dns',
    ],
    [
      ethernet(0x8864, Buffer.concat([Buffer.from('1100000100320021', 'hex'), inner])),
      'eth:pppoe:ppp:ip:udp:ntp',
    ],
    [
      ethernet(
        0x86dd,
        ipv6(
          1,
          2,
          0,
          Buffer.concat([Buffer.from('3a00050200000100', 'hex'), Buffer.alloc(8, 128)]),
        ),
      ),
      'eth:ipv6:icmpv6',
    ],
    [ethernet(0x0800, ipv4(A, B, 17, Buffer.alloc(64), 100)), 'eth:ip:fragment'],
    [
      Buffer.concat([Buffer.from('00000001000602000000000100000800', 'hex'), inner]),
      'sll:ip:udp:ntp',
      113,
    ],
    [
      Buffer.concat([Buffer.from('0800000000000001000100060200000000010000', 'hex'), inner]),
      'sll:ip:udp:ntp',
      276,
    ],
    [Buffer.concat([Buffer.from('02000000', 'hex'), inner]), 'null:ip:udp:ntp', 0],
    [Buffer.concat([Buffer.from('ff030021', 'hex'), inner]), 'ppp:ip:udp:ntp', 9],
    [inner, 'raw:ip:udp:ntp', 101],
    [
      Buffer.concat([
        Buffer.from('000008000000000008020000', 'hex'),
        Buffer.from('020000000001020000000002020000000003', 'hex'),
        Buffer.from('1000aaaa030000000800', 'hex'),
        inner,
      ]),
      'radiotap:wlan:llc:ip:udp:ntp',
      127,
    ],
    [
      ip(
        A,
        B,
        17,
        udp(6881, 6881, Buffer.from('d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe')),
      ),
      'eth:ip:udp:bt-dht',
    ],
    [
      ip(A, B, 17, udp(5000, 443, Buffer.from('c00000000108aaaaaaaaaaaaaaaa0000', 'hex'))),
      'eth:ip:udp:quic',
    ],
    [ip(A, B, 17, udp(1900, 1900, Buffer.from('M-SEARCH * HTTP/1.1\r\n'))), 'eth:ip:udp:ssdp'],
    [
      ip(A, B, 6, tcp(5000, 6881, 1, 1, TCP.ack, Buffer.from('\x13BitTorrent protocol'))),
      'eth:ip:tcp:bittorrent',
    ],
    [
      ip(
        A,
        B,
        6,
        tcp(5000, 80, 1, 1, TCP.ack, Buffer.from('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')),
      ),
      'eth:ip:tcp:http',
    ],
    [ip(A, B, 17, Buffer.from('0000', 'hex')), 'eth:ip:udp:malformed'],
    [ethernet(0x0806, Buffer.from('0001080006040001', 'hex')), 'eth:arp:malformed'],
  ];
  for (const [bytes, path, linkType = 1] of cases) {
    const report = await reportOf(pcapFile([at(0, bytes)], { linkType }));
    t.equal(paths(report).at(-1), path, path);
  }
});

t.test('addresses of 802.11 frames', async (t) => {
  const mac = (n: number): string => `02000000000${n}`;
  // Data frame to the access point: receiver (BSSID), transmitter, destination; encrypted.
  const frame = Buffer.from(`08410000${mac(1)}${mac(2)}${mac(3)}0000aabbccdd`, 'hex');
  const { conversations } = await reportOf(pcapFile([at(0, frame)], { linkType: 105 }));
  t.match(conversations, [
    { a: '02:00:00:00:00:02', b: '02:00:00:00:00:03', family: 'link', packetsFromA: 1 },
  ]);
});

t.test('TCP: states, the time of the handshake, segments sent again', async (t) => {
  const up = (ms: number, seq: number, ack: number, flags: number, text = ''): Packet =>
    at(ms, ip(A, B, 6, tcp(4000, 443, seq, ack, flags, Buffer.from(text, 'latin1'))));
  const down = (ms: number, seq: number, ack: number, flags: number, text = ''): Packet =>
    at(ms, ip(B, A, 6, tcp(443, 4000, seq, ack, flags, Buffer.from(text, 'latin1'))));
  const hello = clientHello('www.example.org').toString('latin1');
  const steps: readonly (readonly [Packet, string])[] = [
    [up(0, 100, 0, TCP.syn), 'syn-sent'],
    [down(10, 500, 101, TCP.syn | TCP.ack), 'syn-received'],
    [up(20, 101, 501, TCP.ack), 'established'],
    [up(21, 101, 501, TCP.ack, hello), 'established'],
    [down(40, 501, 101 + hello.length, TCP.ack, 'x'.repeat(100)), 'established'],
    [down(300, 501, 101 + hello.length, TCP.ack, 'x'.repeat(100)), 'established'],
    // A later segment overtakes.
    [down(400, 701, 101 + hello.length, TCP.ack, 'z'.repeat(100)), 'established'],
    [down(401, 601, 101 + hello.length, TCP.ack, 'y'.repeat(100)), 'established'],
    [down(500, 801, 101 + hello.length, TCP.fin | TCP.ack), 'half-closed'],
    [up(510, 101 + hello.length, 802, TCP.fin | TCP.ack), 'closed'],
  ];
  for (const [i, [, state]] of steps.entries()) {
    const report = await reportOf(pcapFile(steps.slice(0, i + 1).map(([packet]) => packet)));
    t.equal(report.flows[0]?.state, state, `after ${i + 1} segments`);
  }
  const report = await reportOf(pcapFile(steps.map(([packet]) => packet)));
  // 8.8.8.8 is the lower address, so it is A.
  t.match(report.flows, [
    {
      a: '8.8.8.8',
      client: 'b',
      application: 'tls',
      name: 'www.example.org',
      rttUs: 20_000,
      retransmissions: 1,
      outOfOrder: 1,
      connections: 1,
    },
  ]);
  t.match(report.tcp, { connections: 1, handshakes: 1, retransmissions: 1, outOfOrder: 1 });
  t.match(report.endpoints, [
    { address: '8.8.8.8', name: 'www.example.org' },
    { address: '192.168.1.2' },
  ]);
});

t.test('names: DNS answers, DHCP requests; what is no name is not taken for one', async (t) => {
  const answer = ip(B, A, 17, udp(53, 4000, dnsMessage('www.example.org', 0x01020304)));
  const traffic = ip(A, 0x01020304, 17, udp(4000, 9999, Buffer.alloc(10)));
  const report = await reportOf(pcapFile([at(0, query), at(1, answer), at(2, traffic)]));
  t.equal(report.endpoints.find(({ address }) => address === '1.2.3.4')?.name, 'www.example.org');
  t.same(report.names, [{ name: 'www.example.org', queries: 1, hellos: 0 }]);
  for (const name of ['a"b.example', 'x\u001b[2J.example', '<b>.example']) {
    const bytes = ip(A, B, 17, udp(4000, 53, dnsMessage(name)));
    t.same((await reportOf(pcapFile([at(0, bytes)]))).names, []);
  }
});

t.test('bandwidth over years stays in its room; sizes', async (t) => {
  const day = 86_400_000;
  const packets = Array.from({ length: 1000 }, (_, i) => at(i * day, query));
  const { bandwidth, sizes } = await reportOf(pcapFile(packets));
  t.equal(bandwidth.startSec, 1_700_000_000);
  t.ok(bandwidth.packets.length <= 4096);
  t.ok(bandwidth.packets.length * bandwidth.stepSec >= (999 * day) / 1000);
  t.equal(
    bandwidth.packets.reduce((a, b) => a + b, 0),
    1000,
  );
  t.same(
    sizes.filter(({ packets }) => packets > 0),
    [{ leastBytes: 40, packets: 1000 }],
  );
});

t.test(
  'a flood of addresses: tables stay at their bounds and say what they may have missed',
  async (t) => {
    const limits = { flows: 256, conversations: 128, endpoints: 128 };
    const small = new LinuxCaptureEngine(native, limits);
    // 40 talkers among 20,000 addresses that come once each.
    const truth = new Map<string, number>();
    const packets: Packet[] = [];
    const heard = (address: number, bytes: number): void => {
      const text = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
      truth.set(text, (truth.get(text) ?? 0) + bytes);
    };
    for (let i = 0; i < 40_000; i++) {
      const from = i % 2 === 0 ? 0x0a000000 + ((i / 2) % 40) : (0x20000000 + i * 7919) >>> 0;
      const frame = ip(from, 0x01010101, 17, udp(1000, 2000, Buffer.alloc(30)));
      packets.push(at(i, frame));
      heard(from, frame.length);
      heard(0x01010101, frame.length);
    }
    const report = await reportOf(pcapFile(packets), small);
    t.equal(report.packets, 40_000);
    t.match(report.totals, limits);
    t.equal(report.approximation.exact, false);
    t.ok(report.approximation.endpointsForgotten > 15_000);
    const { endpointFloorBytes } = report.approximation;
    for (const { address, bytes, missedBytes = 0 } of report.endpoints) {
      const real = truth.get(address) ?? 0;
      if (real < bytes || real > bytes + missedBytes)
        t.fail(`${address}: ${real} is not in ${bytes} + ${missedBytes}`);
      truth.delete(address);
    }
    t.ok(Math.max(...truth.values()) <= endpointFloorBytes, 'nobody who is missing had more');
    t.equal(report.endpoints[0]?.address, '1.1.1.1');
  },
);

t.test('filters: what passes is counted alone; one that is none is refused', async (t) => {
  if (!engine.compileFilter('tcp').ok) return t.comment('skipped: no libpcap');
  const path = join(folder, 'filtered.pcap');
  const fd = openSync(path, 'w');
  writeTraffic(fd, 5000, 6);
  closeSync(fd);
  const filtered = async (filter: string): Promise<CaptureReport> => {
    const found = await engine.analyze(path, { rows: ALL, filter });
    if (!found.ok) throw found.error;
    return found.value;
  };
  const whole = await analyzed(path);
  const counted = (end: string): number =>
    whole.protocols
      .filter(({ path }) => path.endsWith(end))
      .reduce((n, { packets }) => n + packets, 0);
  t.equal((await filtered('udp port 53')).packets, counted(':dns'));
  t.equal((await filtered('tcp')).packets, counted(':tcp'));
  t.equal((await filtered('ip6')).packets, counted(':ipv6'));
  t.match(await engine.analyze(path, { rows: ALL, filter: 'tcp and' }), {
    ok: false,
    error: { code: 'EINVAL', message: /"tcp and" is no filter: .*syntax error/ },
  });
  // Made for the link that a packet is of: here raw IP.
  const raw = ipv4(A, B, 17, udp(1, 53, dnsMessage('a.b')));
  writeFileSync(path, pcapFile([at(0, raw), at(1, raw)], { linkType: 101 }));
  t.equal((await filtered('udp port 53')).packets, 2);
  t.match(await filtered('vlan 5'), { packets: 0, error: /no sense on a link/, errorOffset: 24 });
});

t.test('mixed traffic: sums agree with each other', async (t) => {
  const path = join(folder, 'mixed.pcap');
  const fd = openSync(path, 'w');
  writeTraffic(fd, 20_000, 5);
  closeSync(fd);
  const report = await analyzed(path);
  const traffic = new Traffic(5);
  let bytes = 0;
  for (let i = 0; i < 20_000; i++) bytes += traffic.packet().bytes.length;
  t.match(report, { packets: 20_000, bytes, error: null });
  const sum = (rows: readonly { readonly bytes: number }[]): number =>
    rows.reduce((all, row) => all + row.bytes, 0);
  t.equal(sum(report.conversations), bytes);
  t.equal(sum(report.flows), bytes);
  t.equal(sum(report.endpoints), 2 * bytes);
  t.equal(
    report.bandwidth.bytes.reduce((a, b) => a + b, 0),
    bytes,
  );
  t.ok(report.flows.some(({ name }) => name?.startsWith('host-') === true));
});

t.test('mutated packets of every kind: the engine reads nothing that it may not', async (t) => {
  const { mutate, randomFrom } = await import('../../fuzz/run.ts');
  const next = randomFrom(11);
  const seeds = Object.values(capturePackets());
  const linkTypes = [0, 1, 9, 12, 50, 51, 101, 104, 105, 108, 113, 119, 127, 228, 229, 276];
  let packets = 0;
  for (const linkType of linkTypes) {
    const batch = Array.from({ length: 500 }, (_, i) => at(i, mutate(seeds, next)));
    packets += (await reportOf(pcapFile(batch, { linkType }))).packets;
  }
  t.equal(packets, linkTypes.length * 500);
  // Files themselves.
  const whole = [
    pcapFile([at(0, query), at(1, query)]),
    Buffer.concat([
      section(),
      interfaceBlock(1, Buffer.from('0900010009000000', 'hex')),
      enhancedPacket(0, 0, query),
      simplePacket(query),
    ]),
  ];
  for (let i = 0; i < 200; i++) await reportOf(mutate(whole, next));
});
