/**
 * Mutated packets and files through the capture engine under ASan and UBSan. `MUTATIONS` says how many
 * packets: `MUTATIONS=10000000 node test/native/capture-mutations.test.ts`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { capturePackets } from '../lib/capture-files.ts';

const COUNT = Number(process.env['MUTATIONS'] ?? 200_000);
t.setTimeout(120_000 + COUNT / 10);

t.test('mutated packets are read within their bounds', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-mutations-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'mutations');
  // What reads untrusted bytes; the rest of the engine is not of it.
  const engine = [
    'apps',
    'cipher',
    'filter',
    'lines',
    'link',
    'network',
    'pcapng',
    'quic',
    'reader',
    'report',
  ];
  const built = spawnSync(
    'g++',
    [
      ...['-std=c++20', '-O1', '-g', '-fsanitize=address,undefined'],
      ...['-fno-sanitize-recover=undefined', '-Wall', '-Wextra', '-Werror'],
      join(import.meta.dirname, 'capture-mutations.cc'),
      ...engine.map((name) => join(import.meta.dirname, `../../native/capture/${name}.cc`)),
      ...['-o', program],
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) return t.fail('not built', { said: built.stderr });
  const seeds = Object.entries(capturePackets()).map(([name, bytes]) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  });
  const child = spawn(program, [String(COUNT), '7', ...seeds], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, complained, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  t.equal(code, 0, complained);
  t.equal(said, `${COUNT} packets, ${Math.floor(COUNT / 100)} files, QUIC opened\n`);
});
