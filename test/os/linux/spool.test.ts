import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { LinuxSpools } from '#src/os/linux/spool.ts';

const folder = mkdtempSync(join(tmpdir(), 'gh-spool-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const spools = new LinuxSpools();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

t.test('grows piece by piece, for its owner alone', async (t) => {
  const path = join(folder, 'update/bundle');
  const made = await spools.create(path, 6);
  if (!made.ok) throw made.error;
  t.match(await made.value.append(bytes('abc')), { ok: true });
  t.match(await made.value.append(bytes('def')), { ok: true });
  t.match(await made.value.finish(), { ok: true });
  t.match(await made.value.finish(), { ok: true }, 'twice is once');
  t.match(await made.value.append(bytes('x')), { ok: false, error: { code: 'EBADF' } });
  t.equal(readFileSync(path, 'utf8'), 'abcdef');
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(join(folder, 'update')).mode & 0o777, 0o700);
  const again = await spools.create(path, 1);
  if (!again.ok) throw again.error;
  await again.value.finish();
  t.equal(statSync(path).size, 0, 'made anew');
  await spools.remove(path);
  t.notOk(existsSync(path));
  await spools.remove(path);
});

t.test('more than there is room for', async (t) => {
  const made = await spools.create(join(folder, 'big'), 2 ** 50);
  t.match(made, { ok: false, error: { code: 'ENOSPC', message: /lacks \d+ MB of room/ } });
  t.notOk(existsSync(join(folder, 'big')));
});

t.test('a link in its place is replaced, not followed', async (t) => {
  const target = join(folder, 'target');
  writeFileSync(target, 'kept');
  symlinkSync(target, join(folder, 'link'));
  const made = await spools.create(join(folder, 'link'), 1);
  if (!made.ok) throw made.error;
  await made.value.append(bytes('x'));
  await made.value.finish();
  t.equal(readFileSync(target, 'utf8'), 'kept');
});
