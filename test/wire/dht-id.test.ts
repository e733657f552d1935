import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { ipv4, parseIpv4 } from '../../src/base/ip.ts';
import { ipv6 } from '../../src/base/ip6.ts';
import { compactEndpoint, isSecureId, readEndpoint, secureId } from '../../src/wire/dht-id.ts';

/** The test vectors of BEP 42. */
const VECTORS = [
  ['124.31.75.21', '5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401'],
  ['21.75.31.124', '5a3ce9c14e7a08645677bbd1cfe7d8f956d53256'],
  ['65.23.51.170', 'a5d43220bc8f112a3d426c84764f8c2a1150e616'],
  ['84.124.73.14', '1b0321dd1bb1fe518101ceef99462b947a01ff41'],
  ['43.213.53.83', 'e56f6cbf5b7c4be0237986d5243b87aa6d51305a'],
] as const;

t.test('the vectors of BEP 42', async (t) => {
  for (const [text, hex] of VECTORS) {
    const address = parseIpv4(text);
    const id = fromHex(hex) ?? new Uint8Array(0);
    if (!address.ok) return t.fail(text);
    t.ok(isSecureId(id, address.value), text);
    t.equal(toHex(secureId(address.value, id)), hex, 'made again from its own random part');
    for (let bit = 0; bit < 21; bit++) {
      const other = id.slice();
      other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
      t.notOk(isSecureId(other, address.value), `bit ${bit}`);
    }
    t.notOk(isSecureId(id.subarray(1), address.value));
  }
});

t.test('an id made for an address is of it; of IPv6 the first half counts', async () => {
  const random = fc.uint8Array({ minLength: 20, maxLength: 20 });
  const v4 = fc.nat(0xffffffff).map(ipv4);
  const v6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6);
  fc.assert(
    fc.property(random, fc.oneof(v4, v6), (bytes, address) => {
      const id = secureId(address, bytes);
      return isSecureId(id, address) && id[19] === bytes[19];
    }),
    { seed: 1 },
  );
  fc.assert(
    fc.property(random, v6, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (bytes, a, host) =>
      isSecureId(secureId(a, bytes), ipv6(((a >> 64n) << 64n) | host)),
    ),
    { seed: 2 },
  );
});

t.test('endpoints go there and back; other lengths are none', async (t) => {
  const four = { address: ipv4(0xc0000201), port: 6881 };
  t.equal(toHex(compactEndpoint(four)), 'c00002011ae1');
  t.same(readEndpoint(compactEndpoint(four)), four);
  const six = { address: ipv6((0x20010db8n << 96n) | 1n), port: 65_535 };
  t.equal(toHex(compactEndpoint(six)), '20010db8000000000000000000000001ffff');
  t.same(readEndpoint(compactEndpoint(six)), six);
  for (const length of [0, 5, 7, 17, 19]) t.equal(readEndpoint(new Uint8Array(length)), undefined);
});
