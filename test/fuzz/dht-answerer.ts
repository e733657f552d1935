import { isDeepStrictEqual } from 'node:util';
import { BugError } from '../../src/base/errors.ts';
import { ipv4 } from '../../src/base/ip.ts';
import { encodeBencode } from '../../src/wire/bencode-writer.ts';
import { DhtPair } from '../lib/dht-pair.ts';
import { randomOf } from '../lib/swarm.ts';

const id = new Uint8Array(20).fill(1);
const query = (q: string, a: object, rest: object = {}): Uint8Array =>
  encodeBencode({ ...{ a: { id, ...a }, q, t: 'aa', y: 'q' }, ...rest });

/** One for all inputs: it has no budget that would end. */
let made: DhtPair | undefined;

function pair(): DhtPair {
  if (made !== undefined) return made;
  made = new DhtPair({
    budget: {
      packetsInPerSec: 1e15,
      bytesInPerSec: 1e18,
      packetsOutPerSec: 1e15,
      bytesOutPerSec: 1e18,
    },
  });
  const chance = randomOf(1);
  for (let i = 0; i < 40; i++) {
    const [member, at] = [chance(20), { address: ipv4(0x2e000001 + i * 256), port: 1 + i }];
    made.both(({ tables }) => tables[4]?.answered(member, at, 20, 1));
  }
  return made;
}

/** What native code does with a datagram is what JavaScript does with it. */
export const target = {
  name: 'dht-answerer',
  run(bytes: Uint8Array): void {
    if (bytes.length === 0 || bytes.length > 2_000) return;
    const { plain, native } = pair().feed(bytes, { address: ipv4(0x08080808), port: 53 });
    if (!isDeepStrictEqual(native, plain)) throw new BugError('they differ');
  },
  seeds: (): Uint8Array[] => [
    query('ping', {}),
    query('find_node', { target: id }, { v: 'LT12' }),
    query('find_node', { target: id, want: ['n4', 'n6'] }, { ro: 1 }),
    query('get_peers', { info_hash: id }),
  ],
  async close(): Promise<void> {
    await made?.[Symbol.asyncDispose]();
    made = undefined;
  },
};
