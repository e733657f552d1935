import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ethernet, ipv4, pcapFile, udp } from '../lib/capture-files.ts';

const PROGRAM = fileURLToPath(new URL('../../scripts/gatehouse', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gh-output-'));
t.teardown(() => rmSync(folder, { recursive: true }));

const file = (name: string, packets: number): string => {
  const path = join(folder, name);
  const frames = Array.from({ length: packets }, (_, i) => ({
    us: 1e15 + i,
    bytes: ethernet(
      0x0800,
      ipv4(0x0a000000 + i, 0xc0a80000 + (i % 5000), 17, udp(i % 60_000, 53, new Uint8Array(8))),
    ),
  }));
  writeFileSync(path, pcapFile(frames));
  return path;
};

/** As a shell runs it, with what it says on stderr. */
const ended = (child: ReturnType<typeof spawn>): Promise<{ code: number | null; err: string }> =>
  new Promise((resolve) => {
    let err = '';
    child.stderr?.on('data', (data) => (err += data));
    child.on('close', (code) => resolve({ code, err }));
  });

t.test(
  'a large export comes whole through a slow pipe, within the heap of the daemon',
  async (t) => {
    const child = spawn(PROGRAM, ['export', file('large.pcap', 70_000)]);
    const over = ended(child);
    let newest = Buffer.alloc(0);
    for await (const piece of child.stdout) newest = piece;
    t.match(await over, { code: 0, err: '' });
    t.match(newest.toString(), /sizes,\d+,packets,\d+\r\n$/);
  },
);

t.test(
  'a reader that goes is no failure, a disk that is full is one, without a stack',
  async (t) => {
    const path = file('small.pcap', 20_000);
    for (const args of [
      ['analyze', path, '-v'],
      ['export', path, '--packets'],
      ['export', path],
    ]) {
      const child = spawn(PROGRAM, args);
      child.stdout.once('data', () => child.stdout.destroy());
      t.same(await ended(child), { code: 0, err: '' }, args.join(' '));
    }
    for (const args of [
      ['analyze', path],
      ['chart', path],
      ['export', path],
    ]) {
      const stdio = ['ignore', openSync('/dev/full', 'w'), 'pipe'] as const;
      const { code, err } = await ended(spawn(PROGRAM, args, { stdio: [...stdio] }));
      t.equal(code, 1);
      t.equal(err, 'gatehouse: standard output: no space left on device\n');
    }
  },
);
