import { readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { LinuxDirectories } from '../../../src/os/linux/files.ts';

const directories = new LinuxDirectories();

t.test('make, list, read, link, remove', async (t) => {
  const root = t.testdir();
  const dir = `${root}/a/b`;
  t.same(directories.list(dir), { ok: true, value: [] }, 'one that is not there is empty');
  t.ok(directories.make(dir, 0o700).ok);
  t.ok(directories.make(dir, 0o750).ok, 'again, with another mode');
  t.equal(statSync(dir).mode & 0o777, 0o750);
  writeFileSync(`${dir}/two`, 'two');
  writeFileSync(`${dir}/one`, 'one');
  t.same(directories.list(dir), { ok: true, value: ['one', 'two'] });
  const read = directories.read(`${dir}/one`, 3);
  t.equal(read.ok && Buffer.from(read.value).toString(), 'one');
  t.match(directories.read(`${dir}/one`, 2), { ok: false, error: { code: 'EFBIG' } });
  symlinkSync('one', `${dir}/sly`);
  t.match(directories.read(`${dir}/sly`, 10), { ok: false, error: { code: 'ELOOP' } });
  t.match(directories.read(dir, 10), { ok: false, error: { code: 'EINVAL' } });
  t.ok(directories.link('/bin/true', `${dir}/sly`).ok, 'takes the place of another link');
  t.equal(readlinkSync(`${dir}/sly`), '/bin/true');
  t.ok(directories.remove(`${dir}/one`).ok);
  t.ok(directories.remove(`${dir}/one`).ok, 'gone is gone');
  t.match(directories.read(`${dir}/one`, 10), { ok: false, error: { code: 'ENOENT' } });
});
