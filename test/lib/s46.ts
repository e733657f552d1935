/** Any value of the softwire options: for properties. */
import fc from 'fast-check';
import { ipv4, networkOf, type PrefixLen } from '../../src/base/ip.ts';
import { ipv6, networkOf6, type PrefixLen6 } from '../../src/base/ip6.ts';
import type { S46Container } from '../../src/wire/s46.ts';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const address6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6);
const prefix6 = fc
  .record({ address: address6, prefixLen: fc.integer({ min: 0, max: 128 }) })
  .map(({ address, prefixLen }) => {
    const prefix = { address, prefixLen: prefixLen as PrefixLen6 };
    return { ...prefix, address: networkOf6(prefix) };
  });
const prefix4 = fc
  .record({ address: u32, prefixLen: fc.integer({ min: 0, max: 32 }) })
  .map(({ address, prefixLen }) => {
    const prefix = { address: ipv4(address), prefixLen: prefixLen as PrefixLen };
    return { ...prefix, address: networkOf(prefix) };
  });
const portParams = fc
  .record({
    offset: fc.integer({ min: 0, max: 15 }),
    psidLen: fc.integer({ min: 0, max: 16 }),
    psid: fc.integer({ min: 0, max: 65535 }),
  })
  .map(({ psid, ...rest }) => ({ ...rest, psid: psid % 2 ** rest.psidLen }));
const others = fc.array(
  fc.record({
    code: fc.integer({ min: 97, max: 65535 }),
    value: fc.uint8Array({ maxLength: 12 }),
  }),
  { maxLength: 2 },
);
const tail = { portParams: fc.option(portParams, { nil: undefined }), others };

export const anyContainer: fc.Arbitrary<S46Container> = fc.record({
  rules: fc.array(
    fc.record({
      ...{ fmr: fc.boolean(), eaLen: fc.integer({ min: 0, max: 48 }), prefix4, prefix6 },
      ...tail,
    }),
    { maxLength: 5 },
  ),
  relays: fc.array(address6, { maxLength: 3 }),
  dmr: fc.option(prefix6, { nil: undefined }),
  bind: fc.option(fc.record({ address4: u32.map(ipv4), prefix6, ...tail }), { nil: undefined }),
  others,
});
