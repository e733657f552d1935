/** The C parsers of the slot writer, under ASan and UBSan, against the daemon's codec and the loaders' own tools. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { toHex } from '#src/base/bytes.ts';
import { BUNDLE_HEAD_BYTES, decodeBundleHead, PART_NAMES } from '#src/wire/bundle.ts';
import { target } from '../fuzz/bundle.ts';
import { mutate, randomFrom } from '../fuzz/run.ts';
import { compile } from '../lib/slots.ts';

const RUNS = 20_000;
const folder = mkdtempSync(join(tmpdir(), 'gh-bundle-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const program = join(folder, 'bundle');
t.setTimeout(120_000);
t.before(() => compile(join(import.meta.dirname, 'bundle.c'), program, { sanitize: true }));

/** What C answers: one piece for each head, two for each environment. */
function feed(kind: 'h' | 'e', inputs: readonly Uint8Array[]): Buffer[] {
  const input = Buffer.concat(
    inputs.flatMap((bytes) => {
      const head = Buffer.alloc(5);
      head.write(kind);
      head.writeUInt32LE(bytes.length, 1);
      return [head, bytes];
    }),
  );
  const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error(`ended with ${status}: ${stderr}`);
  const answers: Buffer[] = [];
  for (let at = 0; at < stdout.length; ) {
    const end = at + 4 + stdout.readUInt32LE(at);
    answers.push(stdout.subarray(at + 4, end));
    at = end;
  }
  return answers;
}

function ours(bytes: Uint8Array): string {
  const decoded = decodeBundleHead(bytes);
  if (!decoded.ok) return '';
  const { product, arch, version, serial, parts } = decoded.value.manifest;
  const rest = PART_NAMES.map((name) => `${parts[name].sizeBytes} ${toHex(parts[name].sha256)}`);
  return [product, arch, version, serial, ...rest].join(' ');
}

t.test('both understand and refuse the same heads', async (t) => {
  const next = randomFrom(3);
  const whole = (bytes: Uint8Array): Uint8Array => {
    const head = new Uint8Array(BUNDLE_HEAD_BYTES);
    head.set(bytes.subarray(0, BUNDLE_HEAD_BYTES));
    return head;
  };
  const seeds = target.seeds().slice(0, 3).map(whole);
  const inputs = Array.from({ length: RUNS }, () => {
    const [seed] = [seeds[next() % seeds.length]];
    if (seed === undefined || next() % 4 === 0) return whole(mutate(seeds, next));
    // A few bytes within the header and the manifest, of what stands there already.
    const bytes = seed.slice();
    for (let i = next() % 3; i >= 0; i--) bytes[next() % 520] = bytes[next() % 520] ?? 0;
    return bytes;
  });
  const answers = feed('h', [...seeds, ...inputs]);
  let accepted = 0;
  for (const [i, input] of [...seeds, ...inputs].entries()) {
    const [theirs, mine] = [answers[i]?.toString('latin1'), ours(input)];
    if (mine !== '') accepted++;
    if (theirs === mine) continue;
    t.fail(`they differ on ${Buffer.from(input).toString('hex')}`, { theirs, mine });
    return;
  }
  t.ok(accepted > 1000 && accepted < RUNS, `${accepted} of ${RUNS} accepted`);
});

t.test('environments of any bytes are read and written within their bounds', async (t) => {
  const next = randomFrom(4);
  const grub = `# GRUB Environment Block\norder=b a\nleft=2\nsaved_entry=x\n`.padEnd(1024, '#');
  // As U-Boot writes it.
  const uboot = 'left=3\norder=a b\n'.padEnd(1024, '#');
  const seeds = [Buffer.from(grub), Buffer.from(uboot)];
  const inputs = Array.from({ length: RUNS }, () => {
    const bytes = mutate(seeds, next);
    const fixed = Buffer.alloc(next() % 8 === 0 ? bytes.length : 1024, '#');
    fixed.set(bytes.subarray(0, fixed.length));
    return fixed;
  });
  const answers = feed('e', inputs);
  t.equal(answers.length, 2 * RUNS);
  const said = answers.filter((_, i) => i % 2 === 0).map(String);
  t.ok(said.every((text) => /^(a|b|a b|b a)\/\d$/.test(text)));
  t.ok(new Set(said).size >= 5, `${new Set(said).size} different ones`);
  // What was written says the same.
  const again = feed(
    'e',
    answers.filter((_, i) => i % 2 === 1),
  );
  t.same(again.filter((_, i) => i % 2 === 0).map(String), said);
});

t.test('GRUB’s tool and the slot writer read each other’s files', async (t) => {
  const file = join(folder, 'env');
  spawnSync('grub-editenv', [file, 'create']);
  spawnSync('grub-editenv', [file, 'set', 'order=b a', 'left=1', 'other=a b\\c']);
  const [said, block] = feed('e', [readFileSync(file)]);
  t.equal(said?.toString(), 'b a/1');
  writeFileSync(file, block ?? '');
  const { stdout } = spawnSync('grub-editenv', [file, 'list'], { encoding: 'utf8' });
  t.equal(stdout, 'order=b a\nleft=1\nother=a b\\c\n');
  const [torn] = feed('e', [readFileSync(file).subarray(0, 30)]);
  t.equal(torn?.toString(), 'a b/9');
});
