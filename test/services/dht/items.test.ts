import t from 'tap';
import { fromHex, toHex } from '#src/base/bytes.ts';
import { parseIpv4 } from '#src/base/ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from '#src/base/ip6.ts';
import { Bloom, bloomCount } from '#src/services/dht/bloom.ts';
import { ItemStore, itemHolds, itemTarget, signedBytes } from '#src/services/dht/item-store.ts';
import { Tokens } from '#src/services/dht/tokens.ts';
import { crypto, randomOf, Swarm } from '../../lib/swarm.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0);
const bytes = (text: string): Uint8Array => Buffer.from(text);
const yes = (): boolean => true;

// BEP 44, "test vectors".
const KEY = hex('77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548');
const VALUE = bytes('Hello World!');

t.test('the vectors of BEP 44', async (t) => {
  t.equal(Buffer.from(signedBytes(VALUE, 1, undefined)).toString(), '3:seqi1e1:v12:Hello World!');
  const plain = {
    ...{ key: KEY, seq: 1, salt: undefined },
    signature: hex(
      '305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01',
    ),
  };
  const target = itemTarget({ value: VALUE, signed: plain }, crypto.sha1);
  t.equal(toHex(target), '4a533d47ec9c7d95b1ad75f576cffc641853b750');
  t.ok(itemHolds({ value: VALUE, signed: plain }, target, crypto));
  const salted = {
    ...{ key: KEY, seq: 1, salt: bytes('foobar') },
    signature: hex(
      '6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17ddf9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08',
    ),
  };
  const saltedTarget = itemTarget({ value: VALUE, signed: salted }, crypto.sha1);
  t.equal(toHex(saltedTarget), '411eba73b6f087ca51a3795d9c8c938d365e32c1');
  t.ok(itemHolds({ value: VALUE, signed: salted }, saltedTarget, crypto));
  t.notOk(itemHolds({ value: bytes('Hello World?'), signed: salted }, saltedTarget, crypto));
  const immutable = itemTarget({ value: VALUE, signed: undefined }, crypto.sha1);
  t.equal(toHex(immutable), 'e5f96f6f38320f0f33959cb4d3d656452117aadb');
});

t.test('a mutable item: seq never goes back, cas names the one it replaces', async (t) => {
  const store = new ItemStore(crypto);
  const seed = randomOf(9)(32);
  const put = (seq: number, text: string, cas?: number): number | undefined => {
    const { key, signature } = crypto.sign(seed, signedBytes(bytes(text), seq, undefined));
    const signed = { key, signature, seq, salt: undefined, cas };
    const done = store.put(bytes(text), signed, 0, yes);
    return done.ok ? undefined : done.error.code;
  };
  t.equal(put(5, 'five'), undefined);
  t.equal(put(4, 'four'), 302);
  t.equal(put(5, 'other'), 302, 'another value under the same number');
  t.equal(put(5, 'five'), undefined, 'the same again, which keeps it alive');
  t.equal(put(6, 'six', 4), 301);
  t.equal(put(6, 'six', 5), undefined);
  const wrong = {
    key: KEY,
    signature: new Uint8Array(64),
    seq: 1,
    salt: undefined,
    cas: undefined,
  };
  const forged = store.put(VALUE, wrong, 0, yes);
  t.equal(forged.ok ? 0 : forged.error.code, 206);
  const busy = store.put(VALUE, wrong, 0, () => false);
  t.equal(busy.ok ? 0 : busy.error.code, 202, 'signatures are verified so often and no more');
});

t.test('the vector of BEP 33', async (t) => {
  const bloom = new Bloom(crypto.sha1);
  const at = (text: string): IpAddress => {
    const parsed = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
    if (!parsed.ok) throw new RangeError(parsed.error.message);
    return parsed.value;
  };
  for (let i = 0; i < 256; i++) bloom.add(at(`192.0.2.${i}`));
  for (let i = 0; i < 0x3e8; i++) bloom.add(at(`2001:db8::${i.toString(16)}`));
  t.ok(
    toHex(bloom.bytes)
      .toUpperCase()
      .startsWith('F6C3F5EAA07FFD91BDE89F777F26FB2BFF37BDB8FB2BBAA2FD3DDDE7BACFFF75EE7CCBAE'),
  );
  t.ok(Math.abs(bloomCount(bloom.bytes) - 1224.9308) < 0.001, `${bloomCount(bloom.bytes)}`);
  t.equal(bloomCount(new Uint8Array(256)), 0);
});

t.test('a token is of an address and a target, and lives five to ten minutes', async (t) => {
  const tokens = new Tokens(crypto.sha1, randomOf(3), 0);
  const [here, there] = [0x2d000001, 0x2d000101] as unknown as [IpAddress, IpAddress];
  const [one, two] = [randomOf(4)(20), randomOf(5)(20)];
  const token = tokens.make(here, one, 0).slice();
  t.ok(tokens.valid(token, here, one, 299_000));
  t.ok(tokens.valid(token, here, one, 599_000), 'by the secret before');
  t.notOk(tokens.valid(token, here, one, 600_000), `${formatIp(here)} asks too late`);
  const fresh = tokens.make(here, one, 600_000).slice();
  t.notOk(tokens.valid(fresh, there, one, 600_000));
  t.notOk(tokens.valid(fresh, here, two, 600_000));
  t.notOk(tokens.valid(fresh.subarray(1), here, one, 600_000));
  t.notOk(tokens.valid(tokens.make(here, one, 600_000), here, one, 9e6), 'long after');
});

t.test('items put and got across a swarm, and a forged newer one is not believed', async (t) => {
  const swarm = new Swarm({ seed: 8 });
  t.teardown(() => swarm.close());
  for (let i = 0; i < 30; i++) swarm.add();
  await swarm.start();
  await swarm.clock.advance(20_000);
  const [a, b] = [swarm.members[2], swarm.members[20]];
  if (a === undefined || b === undefined) throw new RangeError('no members');
  const put = await swarm.clock.until(a.dht.put({ value: VALUE, signed: undefined }), 20_000);
  t.ok(put.ok && put.value.stored === 8);
  const target = put.ok ? put.value.target : new Uint8Array(20);
  t.same((await swarm.clock.until(b.dht.getImmutable(target), 20_000))?.value, VALUE);
  const seed = randomOf(77)(32);
  const first = a.dht.sign(seed, bytes('s'), new Map([['v', bytes('1')]]), 1);
  const key = first.signed?.key ?? new Uint8Array(32);
  t.ok((await swarm.clock.until(a.dht.put(first), 20_000)).ok);
  t.equal((await swarm.clock.until(b.dht.getMutable(key, bytes('s')), 20_000))?.signed?.seq, 1);
  const second = b.dht.sign(seed, bytes('s'), bytes('two'), 2);
  await swarm.clock.until(b.dht.put(second, { cas: 1 }), 20_000);
  t.equal((await swarm.clock.until(a.dht.getMutable(key, bytes('s')), 20_000))?.signed?.seq, 2);
  const stale = await swarm.clock.until(b.dht.put(first), 20_000);
  t.ok(stale.ok && stale.value.stored === 0 && stale.value.refusals[0]?.startsWith('302'));
});
