import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { followLines } from '../../../src/os/linux/follow.ts';
import { shift } from '../../../src/os/linux/rotate.ts';

const line = (n: number): string => JSON.stringify({ n });

function started(t: Test, path: string, newest: number) {
  const ending = new AbortController();
  const heard: string[] = [];
  let changed: () => void = () => {};
  const ended = followLines(
    path,
    newest,
    (text) => {
      heard.push(text);
      changed();
    },
    ending.signal,
  );
  t.teardown(() => ending.abort());
  const until = async (text: string): Promise<void> => {
    while (!heard.includes(text)) {
      await new Promise<void>((resolve, reject) => {
        const bound = setTimeout(() => reject(new Error(`no ${text} among ${heard}`)), 60_000);
        changed = () => {
          clearTimeout(bound);
          resolve();
        };
      });
    }
  };
  return { heard, until, ending, ended };
}

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'gh-follow-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

t.test('the newest lines, then each as it comes, over a rotation', async (t) => {
  const path = join(folder(t), 'a.log');
  writeFileSync(path, [1, 2, 3].map((n) => `${line(n)}\n`).join(''));
  const { heard, until, ending, ended } = started(t, path, 2);
  await until(line(3));
  t.same(heard, [line(2), line(3)]);
  appendFileSync(path, `${line(4)}\n${line(5).slice(0, 3)}`);
  await until(line(4));
  appendFileSync(path, `${line(5).slice(3)}\n`);
  await until(line(5));
  appendFileSync(path, `${line(6)}\n`);
  shift(path, 5);
  writeFileSync(path, `${line(7)}\n`);
  await until(line(7));
  t.same(heard.slice(2), [4, 5, 6, 7].map(line));
  ending.abort();
  t.same(await ended, { ok: true, value: undefined });
});

t.test('a file that comes later', async (t) => {
  const path = join(folder(t), 'a.log');
  const { until, ending, ended } = started(t, path, 2);
  appendFileSync(join(path, '..', 'other'), 'x');
  // It hears of the file itself, or it is there when it first looks.
  writeFileSync(path, `${line(1)}\n`);
  await until(line(1));
  ending.abort();
  t.equal((await ended).ok, true);
});

t.test('a folder that is not there', async (t) => {
  const { ended } = started(t, '/nowhere/a.log', 2);
  t.match(await ended, { ok: false, error: { code: 'ENOENT', message: /\/nowhere/ } });
});
