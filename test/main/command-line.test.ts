import { getEventListeners } from 'node:events';
import t from 'tap';
import { pause } from '#src/main/command-line.ts';

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
