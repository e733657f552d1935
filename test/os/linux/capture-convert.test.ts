/** Capture files into pcapng: what is written is read back as it was, by us and by tshark. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import type { AnalyzeOptions, CaptureReport } from '#src/os/ports-capture.ts';
import { randomFrom } from '../../fuzz/run.ts';
import {
  block,
  capturePackets,
  enhancedPacket,
  interfaceBlock,
  type Packet,
  pcapFile,
  section,
  Traffic,
} from '../../lib/capture-files.ts';
import { sh } from '../../lib/netns.ts';
import { noTshark } from '../../lib/tshark.ts';

const GIVEN = join(import.meta.dirname, '../../../../shared/data/captures');
const ALL = { endpoints: 1e5, conversations: 1e5, flows: 1e5, names: 1e5 };
const engine = new LinuxCaptureEngine(loadNative());
const folder = mkdtempSync(join(tmpdir(), 'gh-convert-'));
t.teardown(() => rmSync(folder, { recursive: true }));
t.setTimeout(120_000);
let files = 0;
const fresh = (): string => join(folder, `${files++}.pcapng`);

async function analyze(
  path: string,
  options: Partial<AnalyzeOptions> = {},
): Promise<CaptureReport> {
  const found = await engine.analyze(path, { rows: ALL, ...options });
  if (!found.ok) throw found.error;
  return found.value;
}

/** Without what a file of another format says differently of the same packets. */
const told = ({ format, interfaces, errorOffset, error, truncated, ...rest }: CaptureReport) =>
  rest;

async function convert(bytes: Uint8Array): Promise<{ path: string; before: CaptureReport }> {
  const [from, path] = [fresh(), fresh()];
  writeFileSync(from, bytes);
  const before = await analyze(from, { write: { path } });
  return { path, before };
}

/** The blocks of a file: type and body. */
function blocksOf(bytes: Buffer): [type: number, body: Buffer][] {
  const blocks: [number, Buffer][] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 4);
    if (bytes.readUInt32LE(at + length - 4) !== length) throw new Error(`lengths at ${at}`);
    blocks.push([bytes.readUInt32LE(at), bytes.subarray(at + 8, at + length - 4)]);
    at += length;
  }
  return blocks;
}

t.test('byte for byte', async (t) => {
  const { path } = await convert(
    pcapFile([
      { us: 1_700_000_000_000_001, bytes: Buffer.from('0102030405', 'hex'), length: 60 },
      { us: 1_700_000_000_000_002, bytes: Buffer.alloc(0), length: 60 },
      { us: 1_700_000_000_000_003, bytes: Buffer.from('01020304', 'hex') },
    ]),
  );
  const [head, about, ...packets] = blocksOf(readFileSync(path));
  t.equal(head?.[0], 0x0a0d0d0a);
  t.match(head?.[1].toString('hex'), /^4d3c2b1a01000000ffffffffffffffff/);
  t.match(head?.[1].toString('latin1'), /Linux.*Gatehouse/);
  t.equal(about?.[0], 1);
  t.match(about?.[1].toString('hex'), /^0100000000000000090001000900000\x300c00/);
  // 1700000000000001000 ns is 17979cfe_362a03e8.
  const time = (ns: string) => `fe9c9717${ns}2a36`;
  t.same(
    packets.map(([type, body]) => [type, body.toString('hex')]),
    [
      [6, `00000000${time('e803')}050000003c0000000102030405000000`],
      [6, `00000000${time('d007')}000000003c000000`],
      [6, `00000000${time('b80b')}040000000400000001020304`],
    ],
  );
});

t.test('every kind of packet, link and time', async (t) => {
  const bodies = Object.values(capturePackets());
  const file = Buffer.concat([
    section(),
    ...[1, 101, 127, 113, 9, 0].map((type) => interfaceBlock(type)),
    block(4, Buffer.alloc(4)),
    ...bodies.flatMap((body, i) =>
      [0, 1, 2, 3, 4, 5].map((id) => enhancedPacket(id, i * 1e6, body)),
    ),
  ]);
  const { path, before } = await convert(file);
  t.equal(before.packets, bodies.length * 6);
  t.same(told(await analyze(path)), told(before));
  const again = fresh();
  await analyze(path, { write: { path: again } });
  t.same(readFileSync(again), readFileSync(path), 'the same once more');
});

t.test('any packets: what is read back is what was written', async (t) => {
  const next = randomFrom(11);
  for (let round = 0; round < 60; round++) {
    const packets = Array.from({ length: 1 + (next() % 40) }, (): Packet => {
      const bytes = Buffer.alloc(next() % 8 === 0 ? 0 : next() % (next() % 8 === 0 ? 70_000 : 200));
      for (let i = 0; i < bytes.length; i++) bytes[i] = next();
      const us = (next() % 4_000_000_000) * 1e6 + (next() % 1e6);
      return { us, bytes, length: bytes.length + (next() % 3 === 0 ? next() % 9000 : 0) };
    });
    const linkType = [1, 101, 276, 147][next() % 4] ?? 1;
    const { path, before } = await convert(pcapFile(packets, { linkType }));
    t.same(told(await analyze(path)), told(before));
    const read = blocksOf(readFileSync(path)).slice(2);
    const same = packets.every(({ us, bytes, length = bytes.length }, i) => {
      const [type, body = Buffer.alloc(20)] = read[i] ?? [];
      const ns = BigInt(us) * 1000n;
      return (
        type === 6 &&
        ((BigInt(body.readUInt32LE(4)) << 32n) | BigInt(body.readUInt32LE(8))) === ns &&
        body.readUInt32LE(12) === bytes.length &&
        body.readUInt32LE(16) === length &&
        body.subarray(20, 20 + bytes.length).equals(bytes) &&
        body.subarray(20 + bytes.length).every((byte) => byte === 0)
      );
    });
    t.ok(same && read.length === packets.length, `${round}`);
  }
});

t.test('tshark reads the same', { skip: noTshark() ?? false }, async (t) => {
  const traffic = new Traffic(5);
  const packets = Array.from({ length: 3000 }, () => traffic.packet());
  const from = fresh();
  const to = fresh();
  writeFileSync(from, pcapFile(packets));
  await analyze(from, { write: { path: to } });
  const fields = ['frame.time_epoch', 'frame.len', 'frame.cap_len', 'eth.src', 'ip.id', 'tcp.seq'];
  const read = (path: string): string =>
    sh('tshark', '-n', '-r', path, '-T', 'fields', ...fields.flatMap((name) => ['-e', name]));
  const plain = (text: string): string => text.replace(/^(\d+\.\d{6})000/gm, '$1');
  t.equal(plain(read(to)), plain(read(from)));
});

t.test('what others captured stays what it is', async (t) => {
  if (!existsSync(GIVEN)) return t.pass('none are here');
  const names = readdirSync(GIVEN).filter((name) => name !== 'COUNTS.tsv');
  const wrong: string[] = [];
  for (const name of names.slice(0, 40)) {
    const path = fresh();
    const before = await analyze(join(GIVEN, name), { write: { path } });
    const after = await analyze(path);
    if (JSON.stringify(told(after)) !== JSON.stringify(told(before))) wrong.push(name);
    rmSync(path);
  }
  t.same(wrong, []);
});

t.test('what passes a filter, so many bytes of it; and files that cannot be written', async (t) => {
  const traffic = new Traffic(6);
  const [from, to] = [fresh(), fresh()];
  writeFileSync(from, pcapFile(Array.from({ length: 500 }, () => traffic.packet())));
  const filtered = engine.compileFilter('udp').ok ? { filter: 'udp' } : {};
  const before = await analyze(from, { ...filtered, write: { path: to, snapLen: 42 } });
  const after = await analyze(to);
  t.match(after, { packets: before.packets, bytes: before.bytes, error: null });
  t.ok(after.cutPackets > 0);
  for (const [path, code] of [
    [to, 'EEXIST'],
    [join(folder, 'none/x'), 'ENOENT'],
    ['/dev/full', 'EEXIST'],
  ] as const)
    t.match(await engine.analyze(from, { rows: ALL, write: { path } }), {
      ok: false,
      error: { code },
    });
});

t.test('of a broken file, what was readable', async (t) => {
  const traffic = new Traffic(7);
  const bytes = pcapFile(Array.from({ length: 50 }, () => traffic.packet()));
  const { path, before } = await convert(bytes.subarray(0, bytes.length - 1));
  t.match(before, { packets: 49, truncated: true });
  t.match(await analyze(path), { packets: 49, error: null });
});
