import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type AuditChange, verify } from '../../../src/base/audit.ts';
import {
  AUDIT_FILE,
  type AuditOptions,
  AuditTrail,
  auditFiles,
  sha256,
} from '../../../src/os/linux/audit.ts';
import { FakeClock } from '../../lib/clock.ts';
import { noSmallDisk, smallDisk } from '../../lib/disk.ts';
import { MemoryLog } from '../../lib/log.ts';

const change = (path: string, value = '1'): AuditChange => ({
  action: 'set',
  user: 'root',
  uid: 0,
  via: 'ubus',
  path,
  old: '0',
  new: value,
});

const optionsFor = (directory: string): AuditOptions & { log: MemoryLog } => ({
  directory,
  clock: new FakeClock(),
  log: new MemoryLog(),
});

async function opened(options: AuditOptions): Promise<AuditTrail> {
  const trail = await AuditTrail.open(options);
  if (!trail.ok) throw trail.error;
  return trail.value;
}

const verdict = (directory: string): ReturnType<typeof verify> =>
  verify(auditFiles(directory), sha256);

const paths = (directory: string): unknown[] =>
  [...auditFiles(directory)].flatMap(({ lines }) =>
    [...lines].map((line) => JSON.parse(line).path),
  );

t.test('changes are recorded in order, and the chain goes on over a restart', async (t) => {
  const directory = join(t.testdir(), 'log');
  {
    await using trail = await opened(optionsFor(directory));
    t.equal((await trail.record([change('a'), change('b')])).ok, true);
    t.equal((await trail.record([])).ok, true);
    const many = await Promise.all(
      Array.from({ length: 50 }, (_, i) => trail.record([change(`p${i}`)])),
    );
    t.ok(many.every((result) => result.ok));
  }
  await using trail = await opened(optionsFor(directory));
  await trail.record([change('z')]);
  t.match(verdict(directory), { whole: true, records: 54, firstSeq: 1, head: trail.head });
  t.same(paths(directory), [
    undefined,
    'a',
    'b',
    ...Array.from({ length: 50 }, (_, i) => `p${i}`),
    'z',
  ]);
  t.equal(statSync(join(directory, AUDIT_FILE)).mode & 0o777, 0o600);
});

t.test('files rotate, each naming the hash before it', async (t) => {
  const directory = t.testdir();
  const options = { ...optionsFor(directory), rotation: { maxBytes: 2000, maxFiles: 3 } };
  {
    await using trail = await opened(options);
    for (let i = 0; i < 40; i++) await trail.record([change(`p${i}`)]);
    t.match(verdict(directory), { whole: true, head: trail.head });
    const files = [...auditFiles(directory)];
    t.equal(files.length, 3);
    t.ok(files.every(({ lines: [first] }) => first?.includes('"action":"file"')));
  }
  // A crash between the two renames of a rotation leaves no open file.
  rmSync(join(directory, AUDIT_FILE));
  await using trail = await opened(options);
  t.match(verdict(directory), { whole: true, head: trail.head });
});

t.test('a torn last line is cut off and recorded', async (t) => {
  const directory = t.testdir();
  const options = optionsFor(directory);
  {
    await using trail = await opened(options);
    await trail.record([change('a'), change('b')]);
  }
  const path = join(directory, AUDIT_FILE);
  const before = readFileSync(path);
  truncateSync(path, before.length - 20);
  t.match(verdict(directory), { whole: true, records: 2 }, 'an unfinished line is no breach');
  await using trail = await opened(options);
  t.match(options.log.messages('error'), ['the audit trail was damaged']);
  await trail.record([change('c')]);
  t.match(verdict(directory), { whole: true, records: 4 });
  const torn = JSON.parse(readFileSync(path, 'utf8').split('\n')[2] ?? '');
  t.match(torn, { action: 'torn', text: /"path":"b"/ });
});

t.test('every length of a cut is repaired', async (t) => {
  const source = t.testdir();
  {
    await using trail = await opened(optionsFor(source));
    await trail.record([change('a'), change('b')]);
  }
  const bytes = readFileSync(join(source, AUDIT_FILE));
  const directory = t.testdir();
  let whole = 0;
  for (let length = 0; length <= bytes.length; length += 7) {
    writeFileSync(join(directory, AUDIT_FILE), bytes.subarray(0, length));
    await using trail = await opened(optionsFor(directory));
    await trail.record([change('c')]);
    if (verdict(directory).whole) whole++;
  }
  t.equal(whole, Math.floor(bytes.length / 7) + 1);
});

t.test('a forged tail is told at the next start and stays visible', async (t) => {
  const directory = t.testdir();
  const options = optionsFor(directory);
  {
    await using trail = await opened(options);
    await trail.record([change('a', 'old'), change('b')]);
  }
  const path = join(directory, AUDIT_FILE);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"path":"b"', '"path":"c"'));
  t.match(verdict(directory), { whole: false, line: 3 });
  await using trail = await opened(options);
  t.equal(options.log.messages('error').length, 1);
  t.equal((await trail.record([change('d')])).ok, true, 'the daemon goes on');
  t.match(verdict(directory), { whole: false, line: 3 });
});

t.test(
  'a full disk is an error, leaves the trail whole, and passes',
  { skip: noSmallDisk() ?? false },
  async (t) => {
    const directory = smallDisk(t, 16384);
    await using trail = await opened(optionsFor(directory));
    t.equal((await trail.record([change('a')])).ok, true);
    const full = await trail.record([change('big', 'x'.repeat(20_000))]);
    t.match(full, { ok: false, error: { code: 'ENOSPC', remedy: /free some space/ } });
    t.match(verdict(directory), { whole: true, records: 2 });
    t.equal((await trail.record([change('b')])).ok, true);
    t.match(verdict(directory), { whole: true, records: 3 });
  },
);

t.test('a folder that cannot be made is an error', async (t) => {
  const directory = join(t.testdir({ file: '' }), 'file/log');
  t.match(await AuditTrail.open(optionsFor(directory)), { ok: false, error: { code: 'ENOTDIR' } });
});
