import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { open as openLmdb } from 'lmdb';
import t from 'tap';
import { type OpenedStore, openStore } from '../../src/os/linux/store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

async function opened(directory: string): Promise<OpenedStore> {
  const store = await openStore(directory);
  if (!store.ok) throw store.error;
  return store.value;
}

function directory(test: { teardown(run: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'gh-store-'));
  test.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

t.test('what was committed is there after reopening, in byte order', async (t) => {
  const path = directory(t);
  const store = await opened(path);
  const keys = ['row/10', 'row/9', 'row', 'rox', 'row/ä', 'other'];
  t.same(await store.commit(keys.map((key) => ({ key, value: bytes(`=${key}`) }))), {
    ok: true,
    value: undefined,
  });
  await store.commit([
    { key: 'other', value: undefined },
    { key: 'never there', value: undefined },
    { key: 'empty', value: bytes('') },
  ]);
  await store[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  for (const file of ['gatehouse.mdb', 'gatehouse.mdb-lock']) {
    t.equal(statSync(join(path, file)).mode & 0o777, 0o600, `${file} is for its owner alone`);
  }
  const again = await opened(path);
  t.same(
    [...again.entries('row/')].map(([key, value]) => [key, text(value)]),
    [
      ['row/10', '=row/10'],
      ['row/9', '=row/9'],
      ['row/ä', '=row/ä'],
    ],
  );
  t.same([...again.keys('row/')], ['row/10', 'row/9', 'row/ä']);
  t.equal([...again.keys('')].length, 6);
  t.equal(text(again.get('other')), undefined);
  t.equal(text(again.get('empty')), '');
  t.equal([...again.entries('')].length, 6, 'everything but what was deleted');
  t.equal(again.corrupt, 0);
  t.equal(again.setAside, undefined);
  await again[Symbol.asyncDispose]();
  const late = await again.commit([{ key: 'x', value: bytes('x') }]);
  t.notOk(late.ok, 'a closed store takes nothing');
});

t.test('many callers at once share transactions and all get their answer', async (t) => {
  const store = await opened(directory(t));
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, i) =>
      store.commit([{ key: `k/${i}`, value: bytes(String(i)) }]),
    ),
  );
  t.ok(answers.every((answer) => answer.ok));
  t.equal([...store.entries('k/')].length, 500);
  const big = Array.from({ length: 3000 }, (_, i) => ({ key: `big/${i}`, value: bytes('x') }));
  t.ok((await store.commit(big)).ok, 'one transaction of 3,000 changes');
  t.equal([...store.entries('big/')].length, 3000);
  for (let i = 0; i < 40; i++) {
    const wide = await store.commit([{ key: `wide/${i}`, value: new Uint8Array(500_000) }]);
    if (!wide.ok) throw wide.error;
  }
  t.equal([...store.entries('wide/')].length, 40, '20 MB: the map grows with the file');
  await store[Symbol.asyncDispose]();
});

t.test('keys that LMDB cannot hold are refused, and their neighbours not written', async (t) => {
  const store = await opened(directory(t));
  for (const key of ['', 'x'.repeat(1979)]) {
    const answer = await store.commit([
      { key: 'neighbour', value: bytes('1') },
      { key, value: bytes('1') },
    ]);
    t.equal(answer.ok ? '' : answer.error.code, 'EINVAL');
  }
  t.equal(store.get('neighbour'), undefined);
  t.ok((await store.commit([{ key: 'y'.repeat(1978), value: bytes('1') }])).ok);
  await store[Symbol.asyncDispose]();
});

t.test('a corrupt value is left out and counted', async (t) => {
  const path = directory(t);
  const store = await opened(path);
  await store.commit(['a', 'b', 'c', 'd'].map((key) => ({ key, value: bytes(`value ${key}`) })));
  await store[Symbol.asyncDispose]();
  const raw = openLmdb<Uint8Array, Uint8Array>(join(path, 'gatehouse.mdb'), {
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
  const good = raw.get(Buffer.from('b'));
  if (good === undefined) throw new Error('b is not in the file');
  const flipped = Buffer.from(good);
  flipped[6] = (flipped[6] ?? 0) ^ 1;
  await raw.put(Buffer.from('b'), flipped);
  await raw.put(Buffer.from('c'), Buffer.of(1, 2));
  // A whole value, but of another key.
  await raw.put(Buffer.from('d'), Buffer.from(raw.get(Buffer.from('a')) ?? []));
  await raw.close();
  const again = await opened(path);
  t.same([...again.keys('')], ['a', 'b', 'c', 'd'], 'no value is looked at for keys');
  t.equal(again.corrupt, 0);
  t.same(
    [...again.entries('')].map(([key]) => key),
    ['a'],
  );
  t.equal(again.corrupt, 3);
  t.equal(again.get('b'), undefined);
  t.equal(again.corrupt, 4);
  t.ok((await again.commit([{ key: 'b', value: bytes('new') }])).ok, 'it can be written anew');
  t.equal(text(again.get('b')), 'new');
  await again[Symbol.asyncDispose]();
});

t.test('a file that is no store is put aside, and the router comes up', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'gatehouse.mdb'), Buffer.alloc(65536, 0x5a));
  const store = await opened(path);
  t.match(store.setAside, /gatehouse\.mdb\.unreadable-1$/);
  t.ok((await store.commit([{ key: 'a', value: bytes('1') }])).ok);
  await store[Symbol.asyncDispose]();
});

t.test('a directory that cannot be made is an error, not an exception', async (t) => {
  const path = directory(t);
  writeFileSync(join(path, 'file'), '');
  const store = await openStore(join(path, 'file', 'below'));
  t.equal(store.ok ? '' : store.error.code, 'ENOTDIR');
});

t.test('a full disk: clear error, old state whole, works again with space', async (t) => {
  const path = directory(t);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', path]);
  if (mounted.status !== 0) {
    t.comment(`skipped: a tmpfs cannot be mounted here (${String(mounted.stderr).trim()})`);
    return;
  }
  t.teardown(() => spawnSync('umount', ['-l', path]));
  const store = await opened(join(path, 'db'));
  t.ok((await store.commit([{ key: 'a', value: bytes('old') }])).ok);
  const { bavail, bsize } = statfsSync(path);
  writeFileSync(join(path, 'fill'), Buffer.alloc(bavail * bsize));
  let failures = 0;
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all([
      store.commit([
        { key: 'a', value: bytes('new') },
        { key: `big/${round}`, value: new Uint8Array(40_000) },
      ]),
      store.commit([{ key: 'b', value: new Uint8Array(20_000) }]),
    ]);
    for (const answer of answers) {
      if (answer.ok) continue;
      failures += 1;
      t.equal(answer.error.code, 'ENOSPC');
      t.match(answer.error.message, /no space left on the disk/);
      t.match(answer.error.remedy, /free some disk space/);
    }
    t.equal(text(store.get('a')), 'old', 'the old value stays');
    t.equal(store.get(`big/${round}`), undefined, 'all or nothing');
  }
  t.equal(failures, 10);
  rmSync(join(path, 'fill'));
  t.ok((await store.commit([{ key: 'a', value: bytes('new') }])).ok, 'space is back');
  t.equal(text(store.get('a')), 'new');
  await store[Symbol.asyncDispose]();
  const again = await opened(join(path, 'db'));
  t.equal(text(again.get('a')), 'new');
  t.equal(again.corrupt, 0);
  await again[Symbol.asyncDispose]();
});

t.test('a first start on a full disk is an error, not a crash', async (t) => {
  const path = directory(t);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', path]);
  if (mounted.status !== 0) {
    t.comment(`skipped: a tmpfs cannot be mounted here (${String(mounted.stderr).trim()})`);
    return;
  }
  t.teardown(() => spawnSync('umount', ['-l', path]));
  const store = await openStore(join(path, 'db'));
  t.equal(store.ok ? '' : store.error.code, 'ENOSPC');
});

t.test('kill -9 at any moment: every acknowledged commit is there, whole', async (t) => {
  const path = directory(t);
  let seed = 20260101;
  let next = 0;
  let acknowledged = -1;
  for (let round = 0; round < 24; round++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    // The kill comes with the n-th acknowledgement, plus a random part of a commit's time.
    const killAt = next + 1 + ((seed >>> 8) % 40);
    const spin = (seed >>> 16) % 2000;
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'store-child.ts'), path, String(next)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const exited = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (acknowledged === killAt) {
        for (let i = 0; i < spin * 100; i++) seed ^= i;
        child.kill('SIGKILL');
      }
    }
    await exited;
    const store = await opened(path);
    const last = Number(text(store.get('last')));
    if (last < acknowledged) t.fail(`round ${round}: ${acknowledged} acknowledged, ${last} found`);
    for (let n = Math.max(0, last - 96); n <= last; n++) {
      const a = text(store.get(`a/${n % 97}`));
      if (a !== String(n) || text(store.get(`b/${n % 97}`)) !== a) {
        t.fail(`round ${round}: value ${n} is not whole (${a})`);
      }
    }
    t.equal(
      store.corrupt,
      0,
      `round ${round}: ${acknowledged + 1} acknowledged, ${last + 1} found`,
    );
    await store[Symbol.asyncDispose]();
    next = last + 1;
  }
});
