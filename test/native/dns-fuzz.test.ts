/**
 * Mutated queries, responses, compiled lists and cache files for the DNS engine, under ASan and
 * UBSan. More of them: DNS_FUZZ_RUNS=5000000 DNS_FUZZ_SEED=7.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { folderFor } from '../lib/dns-engine.ts';

t.setTimeout(600_000);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What needs sockets or Node is left out. */
const SOURCES = globSync('native/dns/*.cc', { cwd: ROOT }).filter(
  (file) => !/\/(binding|server)/.test(file),
);

t.test('whatever comes, nothing is read or written that is not there', async (t) => {
  const folder = folderFor(t);
  const program = join(folder, 'fuzz');
  const flags = [
    ...['-std=c++20', '-O1', '-g', '-fsanitize=address,undefined', '-D_GNU_SOURCE'],
    ...['-fno-sanitize-recover=undefined', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra'],
  ];
  execFileSync('g++', [...flags, 'test/native/dns-fuzz.cc', ...SOURCES, '-o', program], {
    cwd: ROOT,
  });
  const runs = process.env['DNS_FUZZ_RUNS'] ?? '200000';
  const seed = process.env['DNS_FUZZ_SEED'] ?? '1';
  const { status, stdout, stderr } = spawnSync(program, [runs, seed, folder], { encoding: 'utf8' });
  t.equal(status, 0, { stderr });
  t.comment(stdout);
  const [queries = 0, answers = 0, kept = 0, loaded = 0] = (stdout.match(/\d+/g) ?? []).map(Number);
  t.equal(queries, Number(runs));
  t.ok(answers > queries / 10 && kept > queries / 100 && loaded > 0, 'it came far');
});
