/** What ClientHellos say, in TLS and in QUIC: names and protocols of flows; against tshark, too. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { CaptureReport } from '#src/os/ports-capture.ts';
import {
  clientHello,
  ethernet,
  ipv4,
  ipv6,
  type Packet,
  pcapFile,
  TCP,
  tcp,
  udp,
} from '../../lib/capture-files.ts';
import { cryptoFrame, quicInitial, RFC_HELLO } from '../../lib/quic-initial.ts';
import { noTshark } from '../../lib/tshark.ts';

const ROWS = { endpoints: 1e4, conversations: 1e4, flows: 1e4, names: 1e4 };
const [CLIENT, SERVER] = [0xc0a80102, 0x08080808];
t.setTimeout(120_000);
const folder = mkdtempSync(join(tmpdir(), 'gh-hello-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const engine = new LinuxCaptureEngine(loadNative());
const path = join(folder, 'hello.pcap');

const at = (ms: number, bytes: Uint8Array): Packet => ({ us: 1_700_000_000e6 + ms * 1000, bytes });
const up = (port: number, payload: Uint8Array): Buffer =>
  ethernet(0x0800, ipv4(CLIENT, SERVER, 17, udp(port, 443, payload)));
const down = (port: number, payload: Uint8Array): Buffer =>
  ethernet(0x0800, ipv4(SERVER, CLIENT, 17, udp(443, port, payload)));
const over = (port: number, payload: Uint8Array): Buffer =>
  ethernet(0x0800, ipv4(CLIENT, SERVER, 6, tcp(port, 443, 1, 1, TCP.ack, payload)));

async function reportOf(packets: readonly Packet[]): Promise<CaptureReport> {
  writeFileSync(path, pcapFile(packets));
  const found = await engine.analyze(path, { rows: ROWS });
  if (!found.ok) throw found.error;
  return found.value;
}

/** Of the only flow. */
async function toldBy(...packets: readonly Uint8Array[]) {
  const { flows } = await reportOf(packets.map((bytes, i) => at(i, bytes)));
  const { application, name, alpn } = flows[0] ?? {};
  return { application, name, alpn };
}

t.test('TLS: the first protocol that is one', async (t) => {
  const protocols: readonly (readonly [readonly string[], string | undefined])[] = [
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [['A-z_0.9/'], 'A-z_0.9/'],
    [[], undefined],
    // RFC 8701
    [['\u001a\u001a', 'h2'], 'h2'],
    [['"', '<b>', 'a:b', 'x'], 'x'],
    [['fifteen-letters'], 'fifteen-letters'],
    [['sixteen--letters', 'h3'], 'h3'],
    [['sixteen--letters'], undefined],
  ];
  for (const [offered, alpn] of protocols) {
    const told = await toldBy(over(4000, clientHello('www.example.org', offered)));
    t.same(told, { application: 'tls', name: 'www.example.org', alpn }, offered.join());
  }
});

t.test('TLS: a hello whose end is missing', async (t) => {
  const hello = clientHello('www.example.org', ['h2']);
  const told = await toldBy(over(4000, hello.subarray(0, -3)));
  t.same(told, { application: 'tls', name: undefined, alpn: 'h2' });
  t.same(await toldBy(over(4000, hello.subarray(0, hello.indexOf('h2') + 1))), {
    ...{ application: 'tls', name: undefined, alpn: undefined },
  });
});

t.test('QUIC: name and protocol of a client, of both versions', async (t) => {
  const told = { application: 'quic', name: 'example.com', alpn: 'alpn' };
  for (const version of [1, 2] as const) {
    t.same(await toldBy(up(4000, quicInitial({ version }))), told, `version ${version}`);
  }
  const six = ethernet(0x86dd, ipv6(1, 2, 17, udp(4000, 443, quicInitial())));
  t.same(await toldBy(six), told);
  // The name is of whom the packet is for, and counts as one of TLS does.
  const report = await reportOf([at(0, up(4000, quicInitial())), at(1, up(4001, quicInitial()))]);
  t.same(report.names, [{ name: 'example.com', queries: 0, hellos: 2 }]);
  t.equal(report.endpoints.find(({ address }) => address === '8.8.8.8')?.name, 'example.com');
  t.equal(report.endpoints.find(({ address }) => address === '192.168.1.2')?.name, undefined);
});

t.test('QUIC: one packet is looked into, the first', async (t) => {
  const half = RFC_HELLO.indexOf('alpn');
  const first = quicInitial({ frames: cryptoFrame(0, RFC_HELLO.subarray(0, half)) });
  const second = quicInitial({
    packetNumber: Buffer.from([3]),
    frames: cryptoFrame(half, RFC_HELLO.subarray(half)),
  });
  const quic = { application: 'quic', name: undefined, alpn: undefined };
  // The name lies in the first half, the protocol does not.
  t.same(await toldBy(up(4000, first), up(4000, second)), { ...quic, name: 'example.com' });
  t.same(await toldBy(up(4000, second), up(4000, first)), quic);
  const short = quicInitial({ frames: cryptoFrame(0, RFC_HELLO.subarray(0, 40)) });
  t.same(await toldBy(up(4000, short), up(4000, quicInitial())), quic);
  // Of a server, or what only looks like an Initial.
  t.same(await toldBy(down(4000, quicInitial({ frames: Buffer.from([2, 0, 0, 0, 0]) }))), quic);
  const garbage = quicInitial();
  garbage.fill(0x5a, 18);
  t.same(await toldBy(up(4000, garbage), up(4000, quicInitial())), quic);
});

t.test('QUIC: a thousand a second are opened, and the others counted', async (t) => {
  const packet = quicInitial();
  const packets = Array.from({ length: 1200 }, (_, i) => at(i / 2, up(10_000 + i, packet)));
  const flood = await reportOf(packets);
  t.equal(flood.flows.filter(({ name }) => name === 'example.com').length, 1000);
  t.equal(flood.flows.filter(({ application }) => application === 'quic').length, 1200);
  t.equal(flood.approximation.initialsUnread, 200);
  const later = await reportOf([...packets, at(1000, up(20_000, packet))]);
  t.equal(
    later.flows.find(({ portA, portB }) => portA === 20_000 || portB === 20_000)?.alpn,
    'alpn',
  );
  t.equal(later.approximation.initialsUnread, 200);
});

t.test('tshark says the same', { skip: noTshark() ?? false }, async (t) => {
  const hello = clientHello('pieces.example', ['h3']).subarray(5);
  const frames = Buffer.concat([
    cryptoFrame(50, hello.subarray(50)),
    Buffer.alloc(20),
    cryptoFrame(0, hello.subarray(0, 50)),
  ]);
  // Equal connection IDs are one connection to it.
  const packets = [
    up(4000, quicInitial()),
    up(4001, quicInitial({ version: 2, target: Buffer.alloc(8, 2) })),
    up(4002, quicInitial({ frames, target: Buffer.alloc(9, 3), token: Buffer.alloc(100, 1) })),
    over(4003, clientHello('tls.example', ['http/1.1', 'h2'])),
  ];
  const { flows } = await reportOf(packets.map((bytes, i) => at(i, bytes)));
  const [name, alpn] = [
    'tls.handshake.extensions_server_name',
    'tls.handshake.extensions_alpn_str',
  ];
  const ran = spawnSync(
    'tshark',
    // The first of several, as we have it.
    ['-n', '-r', path, '-T', 'fields', '-E', 'occurrence=f', '-e', name, '-e', alpn],
    { encoding: 'utf8' },
  );
  t.equal(ran.status, 0, ran.stderr);
  const theirs = ran.stdout.split('\n').filter((line) => line !== '');
  t.equal(theirs.length, 4);
  // 8.8.8.8 is A, the client's port B.
  const ours = flows
    .toSorted((a, b) => (a.portB ?? 0) - (b.portB ?? 0))
    .map((flow) => `${flow.name}\t${flow.alpn}`);
  t.same(ours, theirs);
});

t.test('an address that was asked for by its numbers has no name', async (t) => {
  for (const [host, name] of [
    ['8.8.8.8', undefined],
    ['8.8.8.8:8080', undefined],
    ['a.example', 'a.example'],
    ['8.example', '8.example'],
  ] as const) {
    const request = Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const packet = ethernet(0x0800, ipv4(CLIENT, SERVER, 6, tcp(5000, 80, 1, 1, TCP.ack, request)));
    const { endpoints, flows } = await reportOf([at(0, packet)]);
    t.equal(endpoints.find(({ address }) => address === '8.8.8.8')?.name, name, host);
    t.equal(flows[0]?.name?.startsWith(host.split(':')[0] ?? ''), true, 'the flow tells the host');
  }
});
