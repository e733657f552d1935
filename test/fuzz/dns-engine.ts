import { BugError } from '../../src/base/errors.ts';
import { ipv4 } from '../../src/base/ip.ts';
import { NativeDnsEngines } from '../../src/os/linux/dns-engine.ts';
import { loadNative } from '../../src/os/linux/native.ts';
import type { DnsEngine } from '../../src/os/ports-dns.ts';
import { decodeMessage } from '../../src/wire/dns.ts';
import { TYPE } from '../../src/wire/dns-registry.ts';
import { EDNS, keyOf, POLICY, query, record, response } from '../lib/dns-engine.ts';

let made: DnsEngine | undefined;

function engine(): DnsEngine {
  if (made !== undefined) return made;
  const opened = new NativeDnsEngines(loadNative()).open(
    { cacheBytes: 1 << 20, queueLength: 16 },
    { queries: () => {}, log: () => {} },
  );
  if (!opened.ok) throw opened.error;
  made = opened.value;
  made.setPolicy(POLICY);
  for (const host of ['a.example', 'b.example']) {
    const wire = response(host, TYPE.A, { answers: [record(host, TYPE.A, 300, [192, 0, 2, 1])] });
    const meta = { ttlSec: 300, passMask: 1n, generation: 1 };
    made.cache.put(keyOf(host, TYPE.A), wire, meta, 0);
  }
  return made;
}

/** What the engine answers is a response to that query, which the codec reads, too. */
export const target = {
  name: 'dns-engine',
  run(bytes: Uint8Array): void {
    if (bytes.length > 65_535) return;
    const said = engine().ask(bytes, ipv4(0xc0a80101), 512, 0);
    if (said.kind !== 'answer') return;
    const asked = decodeMessage(bytes);
    const answer = decodeMessage(said.wire);
    if (!asked.ok) throw new BugError(`answered what the codec refuses: ${asked.error.message}`);
    if (!answer.ok) throw new BugError(`answered with ${answer.error.message}`);
    if (answer.value.id !== asked.value.id || !answer.value.response) throw new BugError('id');
    const [question] = asked.value.questions;
    if (answer.value.questions[0]?.name !== question?.name) throw new BugError('question');
    if (said.wire.length > 512) throw new BugError('too long');
  },
  seeds: (): Uint8Array[] => [
    query('a.example', TYPE.A),
    query('B.example', TYPE.A, { edns: EDNS }),
    query('a.example', TYPE.A, {
      edns: { ...EDNS, options: [{ code: 10, value: new Uint8Array(8) }] },
    }),
    query('unknown.example', TYPE.AAAA),
  ],
};
