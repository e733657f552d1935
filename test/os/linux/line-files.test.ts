import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { newestLines } from '../../../src/os/linux/line-files.ts';
import { BuiltWebFiles } from '../../../src/os/linux/web-files.ts';

const folderFor = (t: { teardown(run: () => void): void }): string => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-lines-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
};

t.test('newest first, over rotations, torn and odd lines left out', async (t) => {
  const folder = folderFor(t);
  const all = { wanted: () => true, limit: 10 };
  t.same(await newestLines(folder, 'x.log', all), []);
  writeFileSync(join(folder, 'x.log.1'), '{"n":1}\n{"n":2}\n');
  writeFileSync(join(folder, 'x.log'), '{"n":3}\nnot json\n5\n\n{"n":"ä 4"}\n{"n":');
  t.same(await newestLines(folder, 'x.log', all), [{ n: 'ä 4' }, { n: 3 }, { n: 2 }, { n: 1 }]);
  t.same(await newestLines(folder, 'x.log', { ...all, limit: 2 }), [{ n: 'ä 4' }, { n: 3 }]);
  const wanted = (_line: object, text: string) => text.includes('2');
  t.same(await newestLines(folder, 'x.log', { wanted, limit: 5 }), [{ n: 2 }]);
});

t.test('lines of any length, at any place of the blocks that are read', async (t) => {
  const folder = folderFor(t);
  const held = fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300_000 })), {
        maxLength: 12,
      }),
      async (lengths) => {
        const lines = lengths.map((length, n) => ({ n, text: 'ä'.repeat(length) }));
        writeFileSync(
          join(folder, 'y.log'),
          lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
        );
        const found = await newestLines(folder, 'y.log', { wanted: () => true, limit: 99 });
        return JSON.stringify(found) === JSON.stringify(lines.reverse());
      },
    ),
    { seed: 7, numRuns: 30 },
  );
  await t.resolves(held);
});

t.test('a search ends after 16 MB', async (t) => {
  const folder = folderFor(t);
  const line = `{"text":"${'x'.repeat(1000)}"}\n`;
  for (const name of ['z.log', 'z.log.1', 'z.log.2'])
    writeFileSync(join(folder, name), line.repeat(9_000));
  let asked = 0;
  await newestLines(folder, 'z.log', {
    wanted: () => {
      asked++;
      return false;
    },
    limit: 1,
  });
  t.ok(asked > 15_000 && asked < 17_000, `${asked} lines`);
});

t.test('the built page: by name, with its precompressed twins, and nothing else', async (t) => {
  const folder = folderFor(t);
  const web = new BuiltWebFiles(join(folder, 'web'));
  t.equal(web.read('index.html'), undefined, 'not built');
  mkdirSync(join(folder, 'web/assets'), { recursive: true });
  writeFileSync(join(folder, 'secret'), 'secret');
  writeFileSync(join(folder, 'web/index.html'), 'page');
  writeFileSync(join(folder, 'web/index.html.br'), 'br');
  writeFileSync(join(folder, 'web/assets/a.js'), 'code');
  symlinkSync(join(folder, 'secret'), join(folder, 'web/link.txt'));
  const index = web.read('index.html');
  t.match(index, { etag: /^"[\w-]{22}"$/, gzip: undefined });
  t.same([index?.bytes, index?.br].map(String), ['page', 'br']);
  t.equal(String(web.read('assets/a.js')?.bytes), 'code');
  for (const path of [
    'index.html.br',
    '../secret',
    'link.txt',
    '',
    'assets',
    './index.html',
    'assets/../index.html',
  ]) {
    t.equal(web.read(path), undefined, path);
  }
});
