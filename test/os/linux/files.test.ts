import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bootId } from '#src/os/linux/boot.ts';
import { LinuxDirectories, LinuxFiles, readWhole, writePrivate } from '#src/os/linux/files.ts';

const files = new LinuxFiles();
const directories = new LinuxDirectories();

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-files-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

const code = (expected: string) => ({ ok: false, error: { code: expected } });

t.test('writeAtomic: text and mode; nothing else is left', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'resolv.conf');
  t.ok(files.writeAtomic(path, 'a\n', 0o666).ok);
  t.equal(statSync(path).mode & 0o777, 0o666, 'whatever the umask');
  t.ok(files.writeAtomic(path, 'ö\n', 0o600).ok);
  t.equal(readFileSync(path, 'utf8'), 'ö\n');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.same(readdirSync(dir), ['resolv.conf']);
  t.match(files.writeAtomic(join(dir, 'no', 'x'), '', 0o600), code('ENOENT'));
  mkdirSync(join(dir, 'taken'));
  t.match(files.writeAtomic(join(dir, 'taken'), '', 0o600), code('EISDIR'));
  t.same(readdirSync(dir), ['resolv.conf', 'taken'], 'a failure leaves nothing');
});

t.test('writeAtomic replaces a symbolic link and does not follow it', async (t) => {
  const dir = folder(t);
  const victim = join(dir, 'victim');
  writeFileSync(victim, 'precious');
  const path = join(dir, 'link');
  symlinkSync(victim, path);
  symlinkSync(victim, join(dir, `.link.${process.pid}.new`)); // one laid in the way of the temporary file
  t.ok(files.writeAtomic(path, 'new', 0o600).ok);
  t.equal(readFileSync(victim, 'utf8'), 'precious');
  t.notOk(lstatSync(path).isSymbolicLink());
  t.equal(readFileSync(path, 'utf8'), 'new');
});

t.test('writeExisting: only what is there, never through a link', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'sysctl');
  t.match(files.writeExisting(path, '1'), code('ENOENT'));
  writeFileSync(path, 'longer text');
  t.ok(files.writeExisting(path, '1').ok);
  t.equal(readFileSync(path, 'utf8'), '1');
  symlinkSync(path, join(dir, 'link'));
  t.match(files.writeExisting(join(dir, 'link'), '2'), code('ELOOP'));
  t.equal(readFileSync(path, 'utf8'), '1');
});

t.test('readText: files of any size up to 1 MiB, nothing that could block', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'f');
  for (const size of [0, 1, 16_383, 16_384, 16_385, 100_000, 1024 * 1024]) {
    writeFileSync(path, 'x'.repeat(size));
    const read = files.readText(path);
    t.equal(read.ok && read.value.length, size);
  }
  writeFileSync(path, 'x'.repeat(1024 * 1024 + 1));
  t.match(files.readText(path), code('EFBIG'));
  t.match(files.readText(dir), code('EINVAL'));
  t.match(files.readText(join(dir, 'none')), code('ENOENT'));
  spawnSync('mkfifo', [join(dir, 'fifo')]);
  t.match(files.readText(join(dir, 'fifo')), code('EINVAL'));
  t.match(files.readText('/proc/self/stat'), { ok: true, value: /^\d+ / });
  t.match(bootId(files), { ok: true, value: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ });
});

t.test('directories', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'a', 'b');
  t.ok(directories.make(path, 0o700).ok);
  t.equal(statSync(path).mode & 0o777, 0o700);
  chmodSync(path, 0o777);
  t.ok(directories.make(path, 0o700).ok);
  t.equal(statSync(path).mode & 0o777, 0o700, 'one that was there is given the mode');
  symlinkSync(path, join(dir, 'link'));
  t.match(directories.make(join(dir, 'link'), 0o777), code('ELOOP'));
  t.equal(statSync(path).mode & 0o777, 0o700);
  writeFileSync(join(dir, 'file'), '');
  t.match(directories.make(join(dir, 'file'), 0o700), code('EEXIST'));

  t.same(directories.list(join(dir, 'none')), { ok: true, value: [] });
  for (const name of ['b', 'a', 'B', '10', '9']) writeFileSync(join(path, name), name);
  t.same(directories.list(path), { ok: true, value: ['10', '9', 'B', 'a', 'b'] });
  t.match(directories.list(join(dir, 'file')), code('ENOTDIR'));

  t.same(directories.read(join(path, 'a'), 1), { ok: true, value: Buffer.from('a') });
  writeFileSync(join(path, 'a'), 'aa');
  t.match(directories.read(join(path, 'a'), 1), code('EFBIG'));
  symlinkSync('a', join(path, 'l'));
  t.match(directories.read(join(path, 'l'), 10), code('ELOOP'));
  t.match(directories.read(path, 10), code('EINVAL'));

  t.ok(directories.remove(join(path, 'a')).ok);
  t.ok(directories.remove(join(path, 'a')).ok, 'gone is gone');
  t.match(directories.remove(path), { ok: false });
});

t.test('links are put in place at once', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'hook');
  t.ok(directories.link('/bin/true', path).ok);
  t.equal(readlinkSync(path), '/bin/true');
  t.ok(directories.link('/bin/false', path).ok);
  t.equal(readlinkSync(path), '/bin/false');
  t.same(readdirSync(dir), ['hook']);
  mkdirSync(join(dir, 'd'));
  t.match(directories.link('/bin/true', join(dir, 'd')), { ok: false });
  t.same(readdirSync(dir), ['d', 'hook']);
});

t.test('a private file is nobody else’s, and is not written over unasked', async (t) => {
  const path = join(folder(t), 'backup');
  const text = (result: { ok: boolean }) => result.ok && readFileSync(path, 'utf8');
  t.equal(text(writePrivate(path, Buffer.from('one'), false)), 'one');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.match(writePrivate(path, Buffer.from('two'), false), code('EEXIST'));
  t.equal(readFileSync(path, 'utf8'), 'one');
  t.equal(text(writePrivate(path, Buffer.from('three'), true)), 'three');
  t.equal(statSync(path).mode & 0o777, 0o600);
  symlinkSync('elsewhere', join(path, '../link'));
  t.match(writePrivate(join(path, '../link'), Buffer.from('x'), false), code('EEXIST'));
  t.notOk(existsSync(join(path, '../elsewhere')), 'never through a link');
});

t.test('a file that the user names may be a link to one', async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'file'), 'twelve bytes');
  symlinkSync('file', join(dir, 'link'));
  const read = readWhole(join(dir, 'link'), 12);
  t.equal(read.ok && String(read.value), 'twelve bytes');
  t.match(readWhole(join(dir, 'link'), 11), code('EFBIG'));
  t.match(readWhole(dir, 12), code('EINVAL'));
  t.match(readWhole(join(dir, 'gone'), 12), code('ENOENT'));
});
