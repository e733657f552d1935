import { createHash } from 'node:crypto';
import t from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import type { IpPort } from '#src/base/ip-port.ts';
import { AddressPolicy } from '#src/services/dht/address-policy.ts';
import { Answerer } from '#src/services/dht/answerer.ts';
import { bloomCount } from '#src/services/dht/bloom.ts';
import { ItemStore } from '#src/services/dht/item-store.ts';
import { PeerStore } from '#src/services/dht/peer-store.ts';
import { Tokens } from '#src/services/dht/tokens.ts';
import { KrpcReader } from '#src/wire/krpc.ts';

const HASH = new Uint8Array(20).fill(7);
const MINUTE_MS = 60_000;
const random = (count: number): Uint8Array => new Uint8Array(count);

/** A store with 500 peers, and how often anything was hashed. */
function rig() {
  let hashed = 0;
  const sha1 = (bytes: Uint8Array): Uint8Array => {
    hashed++;
    return createHash('sha1').update(bytes).digest();
  };
  const peers = new PeerStore(sha1, random);
  for (let i = 0; i < 500; i++)
    peers.announce(HASH, { address: ipv4(0x2d640001 + i), port: 80 }, i < 200, 0);
  return {
    ...{ peers, sha1 },
    hashed: () => {
      const count = hashed;
      hashed = 0;
      return count;
    },
  };
}

t.test('filters are made once a minute, whoever asks', async (t) => {
  const { peers, hashed } = rig();
  const first = peers.scrape(HASH, 1);
  t.equal(hashed(), 500);
  t.ok(Math.abs(bloomCount(first?.seeds ?? new Uint8Array(256)) - 200) < 30);
  t.equal(peers.scrape(HASH, MINUTE_MS - 1), first);
  t.equal(hashed(), 0);
  peers.announce(HASH, { address: ipv4(0x2d650001), port: 80 }, false, MINUTE_MS);
  t.not(peers.scrape(HASH, MINUTE_MS + 1), first);
  t.equal(hashed(), 500, 'a swarm has so many peers at most');
  peers.tidy(3 * MINUTE_MS);
  t.equal(peers.scrape(new Uint8Array(20), 1), undefined, 'nothing is known of it');
  t.equal(hashed(), 0);
});

t.test('nor are they made for whoever cannot be given them', async (t) => {
  const { peers, sha1, hashed } = rig();
  let verified = false;
  const answerer = new Answerer({
    ...{ tables: {}, peers, tokens: new Tokens(sha1, random, 0), version: random(4) },
    items: new ItemStore({ sha1, verify: () => false }),
    policy: new AddressPolicy([], () => []),
    verified: () => verified,
  });
  const from: IpPort = { address: ipv4(0x2e010101), port: 5000 };
  const query = {
    method: 'get_peers',
    infoHash: HASH,
    want: [],
    scrape: true,
    noSeed: false,
  } as const;
  const filters = (size: number): Uint8Array | undefined => {
    const message = { type: 'query', transaction: HASH.slice(0, 2), id: HASH, query } as const;
    const whole = { ...message, version: undefined, readOnly: false, ip: undefined };
    const bytes = answerer.answer(whole, from, size, 1);
    const read = new KrpcReader().read(bytes ?? new Uint8Array(0));
    if (!read.ok || read.value.type !== 'response') throw new RangeError('no answer');
    return read.value.response.bloomSeeds;
  };
  hashed();
  t.equal(filters(100), undefined, 'a stranger');
  t.ok(hashed() < 10, 'its token is all that is hashed');
  verified = true;
  t.equal(filters(100)?.length, 256, 'one that answered us');
  t.ok(hashed() >= 500);
});
