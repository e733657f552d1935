import { spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { pause } from '#src/main/command-line.ts';
import { NODE_FLAGS } from '../lib/node-flags.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

t.test('a disk that is full is told in a line', async (t) => {
  const full = spawnSync(process.execPath, [...NODE_FLAGS, MAIN, '--help'], {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    encoding: 'utf8',
  });
  t.equal(full.status, 1);
  t.match(full.stderr, /^gatehouse: the output cannot be written: .*no space.*\n$/);
});

t.test('a pause is over at its signal, and leaves nothing', async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const ending = new AbortController();
  const long = pause(600_000, ending.signal);
  t.equal(timers(), before + 1);
  ending.abort();
  await long;
  t.equal(timers(), before, 'no timer that the process would wait for');
  await pause(600_000, ending.signal);
  t.equal(timers(), before, 'nor one after it');
  const other = new AbortController();
  await pause(1, other.signal);
  t.equal(getEventListeners(other.signal, 'abort').length, 0);
  await pause(0);
});
