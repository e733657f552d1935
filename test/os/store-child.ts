/** Commits numbered pairs forever and prints each number once its commit was acknowledged. */
import { openStore } from '../../src/os/linux/store.ts';

const [directory = '', from = '0'] = process.argv.slice(2);
const opened = await openStore(directory);
if (!opened.ok) throw opened.error;
for (let n = Number(from); ; n++) {
  const text = new TextEncoder().encode(String(n));
  const done = await opened.value.commit([
    { key: `a/${n % 97}`, value: text },
    { key: `b/${n % 97}`, value: text },
    { key: 'last', value: text },
  ]);
  if (!done.ok) throw done.error;
  process.stdout.write(`${n}\n`);
}
