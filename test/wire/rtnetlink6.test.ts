import fc from 'fast-check';
import t from 'tap';
import { fromHex } from '#src/base/bytes.ts';
import { formatIpv6, formatPrefix6, ipv6, type PrefixLen6 } from '#src/base/ip6.ts';
import { decodeMessages, NetlinkWriter } from '#src/wire/rtnetlink-frame.ts';
import {
  decodeAddress6,
  decodeRoute6,
  type RtAddress6,
  type RtRoute6,
  writeDeleteRoute6,
  writeReplaceRoute6,
  writeSetAddress6,
} from '#src/wire/rtnetlink6.ts';

const body = (bytes: Uint8Array): Uint8Array => {
  const messages = decodeMessages(bytes);
  const [first] = messages.ok ? messages.value : [];
  if (first === undefined) throw new Error('no message');
  return first.body;
};

// What Linux 6.18 answers after `ip -6 address add fd00::1/64 dev v0 preferred_lft 600 valid_lft 1200 nodad`
// and `ip -6 route add fd00:0:0:100::/60 via fe80::9 dev v0 proto 71`; a link-local address just made.
const ADDRESS =
  '0a4002000300000014000100fd0000000000000000000000000000011400060058020000b00400005bb414005bb414000800080002000000';
const TENTATIVE =
  '0a40c0fd0200000014000100fe80000000000000c497fafffe42203314000600ffffffffffffffff59a4140059a4140008000800c000000005000b0003000000';
const ROUTE =
  '0a3c0000fe4700010000000008000f00fe00000014000100fd000000000001000000000000000000080006000004000014000500fe800000000000000000000000000009080004000300000024000c0000000000000000000000000000000000000000000000000000000000000000000500140000000000';

t.test('golden: what a kernel says', async (t) => {
  const read = <T>(
    decode: (bytes: Uint8Array) => { ok: boolean; value?: T },
    hex: string,
  ): T | undefined => decode(fromHex(hex) ?? new Uint8Array(0)).value;
  const address = read(decodeAddress6, ADDRESS);
  t.equal(address && formatPrefix6(address), 'fd00::1/64');
  t.match(address, { preferredSec: 600, validSec: 1200, dad: 'done', protocol: 0 });
  const tentative = read(decodeAddress6, TENTATIVE);
  t.match(tentative, { preferredSec: Infinity, validSec: Infinity, dad: 'tentative', ifIndex: 2 });
  const route = read(decodeRoute6, ROUTE);
  t.equal(route && formatPrefix6({ ...route, address: route.destination }), 'fd00:0:0:100::/60');
  t.equal(route?.gateway && formatIpv6(route.gateway), 'fe80::9');
  t.match(route, {
    type: 'unicast',
    metric: 1024,
    table: 254,
    protocol: 71,
    ifIndex: address?.ifIndex,
  });
  for (const [decode, hex] of [
    [decodeAddress6, ADDRESS],
    [decodeRoute6, ROUTE],
  ] as const) {
    const bytes = fromHex(hex) ?? new Uint8Array(0);
    // Cut anywhere it does not throw, and inside an attribute it is refused.
    for (let n = 0; n < bytes.length; n++) {
      const cut = decode(bytes.subarray(0, n));
      t.ok(!cut.ok || n % 4 === 0 || n > bytes.length - 4, `${n} bytes`);
    }
  }
});

t.test('there and back', async (t) => {
  const any = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6);
  const u32 = fc.integer({ min: 1, max: 0x7fffffff });
  const seconds = fc.oneof(u32, fc.constant(Infinity));
  const prefixLen = fc.integer({ min: 0, max: 128 }).map((n) => n as PrefixLen6);
  fc.assert(
    fc.property(any, any, prefixLen, u32, seconds, seconds, (address, gateway, len, n, a, b) => {
      const set: RtAddress6 = {
        ...{ ifIndex: n, address, prefixLen: len, preferredSec: a, validSec: b },
        ...{ dad: 'done', protocol: 71 },
      };
      const back = decodeAddress6(body(writeSetAddress6(new NetlinkWriter(), 1, set).bytes()));
      const route: RtRoute6 = {
        ...{ type: 'unicast', destination: len === 0 ? ipv6(0n) : address, prefixLen: len },
        ...{ gateway, ifIndex: n, metric: n, table: 254, protocol: 71 },
      };
      for (const write of [writeReplaceRoute6, writeDeleteRoute6]) {
        const read = decodeRoute6(body(write(new NetlinkWriter(), 1, route).bytes()));
        if (!read.ok || !t.same(read.value, route)) return false;
      }
      return back.ok && t.same(back.value, set);
    }),
    { seed: 41, numRuns: 100 },
  );
});

t.test('other families are not ours', async (t) => {
  for (const decode of [decodeAddress6, decodeRoute6]) {
    t.same(decode(Uint8Array.of(2, 24, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)), {
      ok: true,
      value: undefined,
    });
    t.notOk(decode(new Uint8Array(3)).ok);
    t.notOk(decode(Uint8Array.of(10, 200, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)).ok);
  }
});

const plainOf = ({ prefixRoute: _none, ...address }: RtAddress6): RtAddress6 => address;

t.test('an address without a route of the kernel’s', async (t) => {
  const address: RtAddress6 = {
    ...{ ifIndex: 2, address: ipv6(1n), prefixLen: 64 as PrefixLen6, preferredSec: 1, validSec: 2 },
    ...{ dad: 'done', protocol: 71, prefixRoute: false },
  };
  const bytes = body(writeSetAddress6(new NetlinkWriter(), 1, address).bytes());
  // IFA_FLAGS (8) of IFA_F_NOPREFIXROUTE (0x200, linux/if_addr.h).
  t.ok(Buffer.from(bytes).includes(Buffer.from('0800080000020000', 'hex')));
  const plain = body(writeSetAddress6(new NetlinkWriter(), 1, plainOf(address)).bytes());
  t.notOk(Buffer.from(plain).includes(Buffer.from('0800080000020000', 'hex')));
});
