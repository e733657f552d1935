/**
 * The native engine alone, as the daemon has it, for benchmarks: answers from its cache, which is
 * filled with the names of a file, and from compiled lists; what it does not know gets SERVFAIL.
 *
 *     node engine-child.ts ADDRESS PORT CACHED-NAMES COMPILED-LISTS
 */
import { readFileSync } from 'node:fs';
import { parseIpv4 } from '#src/base/ip.ts';
import { NativeDnsEngines } from '#src/os/linux/dns-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { queryOf } from '#src/wire/dns.ts';
import { canonicalResponse } from '#src/wire/dns-finish.ts';
import { encodeName, parseName } from '#src/wire/dns-name.ts';

const [address = '', port = '', names = '', lists] = process.argv.slice(2);
const at = parseIpv4(address);
if (!at.ok) throw new Error(at.error.message);
const native = loadNative();
const opened = new NativeDnsEngines(native).open(
  { cacheBytes: 16 << 20, queueLength: 1024 },
  {
    queries(batch) {
      for (const { peer, wire } of batch) {
        const answer = wire.slice();
        answer[2] = (answer[2] ?? 0) | 0x80;
        answer[3] = 0x82;
        engine.answer(peer, answer);
      }
      engine.flush();
    },
    log: () => {},
  },
);
if (!opened.ok) throw opened.error;
const engine = opened.value;
engine.setPolicy({
  generation: 1,
  groups: [
    {
      listMask: 1n,
      blockMode: 'zero',
      blockTtlSec: 60,
      slow: false,
      hasPatterns: false,
      hasAllowPatterns: false,
    },
  ],
  clients: [],
  defaultGroup: 0,
  access: [{ address: at.value, prefixLen: 8 }],
  limits: { queriesPerSec: 0, missesPerSec: 0, sameAnswersPerSec: 0 },
});
const before = native.boottimeMs();
const loaded = engine.loadBlocks(lists);
if (!loaded.ok) throw loaded.error;
const loadedMs = native.boottimeMs() - before;
for (const text of readFileSync(names, 'utf8').trimEnd().split('\n')) {
  const name = parseName(text);
  if (!name.ok) throw new Error(name.error.message);
  const question = { name: name.value, type: 1, class: 1 };
  const record = { ...question, ttl: 86_400, rdata: Uint8Array.of(192, 0, 2, 1) };
  const key = { name: encodeName(name.value), type: 1, dnssecOk: false, checkingDisabled: false };
  const wire = canonicalResponse({ ...queryOf(0, question, undefined), answers: [record] });
  const meta = { ttlSec: 86_400, passMask: 1n, generation: 1 };
  if (!engine.cache.put(key, wire, meta, native.boottimeMs())) throw new Error(`not kept: ${text}`);
}
const listener = engine.listen(at.value, Number(port));
if (!listener.ok) throw listener.error;
process.stdout.write(`ready, lists loaded in ${loadedMs} ms\n`);
