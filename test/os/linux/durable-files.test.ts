import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { LinuxDurableFiles } from '#src/os/linux/durable-files.ts';
import type { DurableFile } from '#src/os/ports.ts';
import { noSmallDisk, smallDisk } from '../../lib/disk.ts';

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'gh-durable-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

async function opened(path: string, sizeBytes: number): Promise<DurableFile> {
  const file = await new LinuxDurableFiles().open(path, sizeBytes);
  if (!file.ok) throw file.error;
  return file.value;
}

const allocated = (path: string): boolean => {
  const { blocks, size } = statSync(path);
  return blocks * 512 >= size;
};

t.test('made whole, written in place, read again', async (t) => {
  const path = join(folder(t), 'journal');
  const size = 600_001;
  const mask = process.umask(0o277);
  const file = await opened(path, size);
  process.umask(mask);
  t.equal(statSync(path).mode & 0o7777, 0o600);
  t.ok(allocated(path));
  t.equal(file.sizeBytes, size);
  t.same(await file.read(), { ok: true, value: new Uint8Array(size) });
  const bytes = Uint8Array.of(1, 2, 3);
  t.ok((await file.write(size - 3, bytes)).ok);
  t.ok((await file.write(0, bytes)).ok);
  t.same([...readFileSync(path).subarray(-4)], [0, 1, 2, 3]);
  t.throws(() => file.write(size - 2, bytes), { name: 'BugError' });
  t.throws(() => file.write(-1, bytes), { name: 'BugError' });
  await file[Symbol.asyncDispose]();
  await file[Symbol.asyncDispose]();
  t.match(await file.write(0, bytes), { ok: false, error: { code: 'EBADF' } });
  t.match(await file.read(), { ok: false, error: { code: 'EBADF' } });

  await using again = await opened(path, size);
  const read = await again.read();
  t.same(
    read.ok && [...read.value.subarray(0, 4), ...read.value.subarray(-4)],
    [1, 2, 3, 0, 0, 1, 2, 3],
  );
});

t.test('each write is on disk when it is done', async (t) => {
  const path = join(folder(t), 'journal');
  await using _file = await opened(path, 1000);
  const flags = readdirSync('/proc/self/fd')
    .filter((fd) => link(fd) === path)
    .map((fd) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
    .map((text) => Number.parseInt(/flags:\s*(\d+)/.exec(text)?.[1] ?? '', 8));
  t.equal(flags.length, 1, 'one descriptor is open');
  t.ok(((flags[0] ?? 0) & 0o10000) !== 0, 'O_DSYNC');
});

const link = (fd: string): string =>
  execFileSync('readlink', [`/proc/${process.pid}/fd/${fd}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();

t.test('a smaller one grows, none shrinks, holes are filled', async (t) => {
  const path = join(folder(t), 'journal');
  writeFileSync(path, 'kept', { mode: 0o644 });
  await (await opened(path, 5000))[Symbol.asyncDispose]();
  t.equal(statSync(path).mode & 0o7777, 0o600);
  t.equal(readFileSync(path, 'utf8'), `kept${'\0'.repeat(4996)}`);
  await using same = await opened(path, 100);
  t.equal(same.sizeBytes, 5000);
  truncateSync(path, 1_000_000);
  t.notOk(allocated(path));
  await using filled = await opened(path, 2000);
  t.equal(filled.sizeBytes, 1_000_000);
  t.ok(allocated(path));
  t.equal(readFileSync(path, 'utf8').slice(0, 6), 'kept\0\0');
  truncateSync(path, 10);
  t.match(await filled.read(), { ok: false, error: { code: 'EIO' } });
});

t.test('never through a link, never something else', async (t) => {
  const dir = folder(t);
  const files = new LinuxDurableFiles();
  writeFileSync(join(dir, 'target'), 'precious');
  symlinkSync(join(dir, 'target'), join(dir, 'link'));
  t.match(await files.open(join(dir, 'link'), 100), { ok: false, error: { code: 'ELOOP' } });
  t.equal(readFileSync(join(dir, 'target'), 'utf8'), 'precious');
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  t.match(await files.open(join(dir, 'fifo'), 100), { ok: false, error: { code: 'EINVAL' } });
  t.match(await files.open(dir, 100), { ok: false, error: { code: 'EISDIR' } });
  t.match(await files.open(join(dir, 'no/such'), 100), { ok: false, error: { code: 'ENOENT' } });
});

t.test('a full disk', { skip: noSmallDisk() ?? false }, async (t) => {
  const disk = smallDisk(t, 1024 * 1024);
  const files = new LinuxDurableFiles();
  const path = join(disk, 'journal');
  t.match(await files.open(path, 2 * 1024 * 1024), { ok: false, error: { code: 'ENOSPC' } });
  t.notOk(existsSync(path), 'nothing is left of the attempt');
  await using file = await opened(path, 512 * 1024);
  t.match(await files.open(path, 2 * 1024 * 1024), { ok: false, error: { code: 'ENOSPC' } });
  t.equal(statSync(path).size, 512 * 1024);
  try {
    writeFileSync(join(disk, 'other'), new Uint8Array(1024 * 1024));
  } catch {
    // As full as it gets.
  }
  t.ok((await file.write(100_000, Uint8Array.of(1, 2, 3))).ok, 'its own blocks can be written');
});
