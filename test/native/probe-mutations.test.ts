/**
 * Mutated ICMP messages through the prober's parsers under ASan and UBSan. `MUTATIONS` says how many:
 * `MUTATIONS=10000000 node test/native/probe-mutations.test.ts`.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

const COUNT = Number(process.env['MUTATIONS'] ?? 500_000);
t.setTimeout(120_000 + COUNT / 10);

t.test('mutated answers are read within their bounds', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-probe-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'mutations');
  const built = spawnSync(
    'g++',
    [
      ...['-std=c++20', '-O1', '-g', '-fsanitize=address,undefined'],
      ...['-fno-sanitize-recover=undefined', '-Wall', '-Wextra', '-Werror'],
      join(import.meta.dirname, 'probe-mutations.cc'),
      join(import.meta.dirname, '../../native/probe/reply.cc'),
      ...['-o', program],
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) return t.fail('not built', { said: built.stderr });
  const { status, stdout, stderr } = spawnSync(program, [String(COUNT), '7'], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
  const [count = 0, told = 0] = (stdout.match(/\d+/g) ?? []).map(Number);
  t.equal(count, COUNT);
  t.ok(told > COUNT / 10, 'it came far');
});
