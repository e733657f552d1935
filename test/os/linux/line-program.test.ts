import t from 'tap';
import { firstProgram, runLines } from '../../../src/os/linux/line-program.ts';

const run = async (args: readonly string[], signal = new AbortController().signal) => {
  const said: string[] = [];
  const done = await runLines('/bin/sh', args, (line) => void said.push(line), signal);
  return { said: said.sort(), done };
};

t.test('lines of both streams, with an empty environment', async (t) => {
  const { said, done } = await run([
    '-c',
    'echo out; echo err >&2; tr -cd = </proc/self/environ | wc -c; exit 3',
  ]);
  t.same(said, ['0', 'err', 'out']);
  t.equal(done.ok, true);
});

t.test('the signal ends it', async (t) => {
  const ending = new AbortController();
  const done = runLines(
    '/bin/sh',
    ['-c', 'echo here; exec sleep 60'],
    () => ending.abort(),
    ending.signal,
  );
  t.equal((await done).ok, true);
});

t.test('what cannot be started', async (t) => {
  const { signal } = new AbortController();
  const done = await runLines('/nowhere/ping', [], () => {}, signal);
  t.match(done, { ok: false, error: { code: 'ENOENT', message: /\/nowhere\/ping/ } });
});

t.test('the first that is there', async (t) => {
  t.equal(firstProgram(['/nowhere/ping', '/bin/sh', '/bin/cat']), '/bin/sh');
  t.equal(firstProgram(['/nowhere/ping', '/etc/passwd']), undefined);
});
