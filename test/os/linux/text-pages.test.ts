/** Pages of the program that only its start needed are given back, and come again when they are used. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { loadNative } from '../../../src/os/linux/native.ts';
import { releaseTextSoon } from '../../../src/os/linux/text-pages.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

const residentKb = (): number =>
  Number(/^Rss: +(\d+) kB/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]);
const anonymousKb = (): number =>
  Number(/^Anonymous: +(\d+) kB/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]);

t.test('once the daemon has settled, and nothing that was written is lost', async (t) => {
  const clock = new FakeClock();
  const kept = Array.from({ length: 100_000 }, (_, i) => ({ i, text: `number ${i}` }));
  const [resident, anonymous] = [residentKb(), anonymousKb()];
  releaseTextSoon(loadNative(), clock, new MemoryLog());
  clock.advance(4999);
  t.ok(residentKb() > resident - 1000, 'not before');
  clock.advance(1);
  t.ok(residentKb() < resident - 5000, `${resident} → ${residentKb()} kB`);
  t.ok(anonymousKb() > anonymous - 1000, 'what was written stays');
  t.ok(kept.every(({ i, text }) => text === `number ${i}`));
  // Functions that were not compiled yet, and code of Node that was not used yet, work as before.
  t.equal(new Function('a', 'return a.normalize("NFKD").toUpperCase()')('ﬁ'), 'FI');
  t.equal(new Intl.NumberFormat('de').format(1234.5), '1.234,5');
});

t.test('a daemon that ends sooner does not wait for it', async (t) => {
  const clock = new FakeClock();
  const log = new MemoryLog();
  releaseTextSoon(loadNative(), clock, log)[Symbol.dispose]();
  clock.advance(10_000);
  t.same(log.lines, []);
});
