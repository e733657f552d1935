import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { isIfName } from '../../src/base/if-name.ts';
import { noNamespaces } from '../lib/netns.ts';

t.test('names that people use, and nothing that a rule or a path could read as more', async (t) => {
  for (const name of [
    'eth0',
    'br-lan',
    'eth0.100',
    'wlan0_1',
    'pppoe@wan',
    'a+b',
    'x'.repeat(15),
  ]) {
    t.equal(isIfName(name), true, name);
  }
  const bad = ['', '.', '..', 'x'.repeat(16), 'a/b', 'eth0:1', 'a b', 'a"b', 'a\n', '{', 'ä', 7];
  for (const name of bad) t.equal(isIfName(name), false, JSON.stringify(name));
});

t.test('what passes, the kernel takes', { skip: noNamespaces() ?? false }, async (t) => {
  const alphabet = [...'abcXYZ019_.@+-:/ "%'];
  const name = fc.array(fc.constantFrom(...alphabet), { minLength: 1, maxLength: 16 });
  const names = fc
    .sample(
      name.map((letters) => letters.join('')),
      { numRuns: 400, seed: 7 },
    )
    .filter(isIfName);
  t.ok(names.length > 20, `${names.length} names to try`);
  const script = `ip link add gh-first type bridge
for name; do ip link set dev gh-first name "$name" && ip link set dev "$name" name gh-first || exit 1; done`;
  execFileSync('unshare', ['--net', 'sh', '-c', script, 'sh', ...names]);
});
