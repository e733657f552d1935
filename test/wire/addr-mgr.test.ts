import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { formatIpv6, formatPrefix6, ipv6, type PrefixLen6 } from '#src/base/ip6.ts';
import { type AddrMgrIa, decodeAddrMgr } from '#src/wire/addr-mgr.ts';

// What dibbler-client 1.0.1 wrote after a bind with one IA_NA and two IA_PD.
const GOLDEN = readFileSync(new URL('../golden/client-AddrMgr.xml', import.meta.url), 'latin1');

t.test('the database that dibbler writes', async (t) => {
  const read = decodeAddrMgr(GOLDEN);
  if (!read.ok) return t.fail(read.error.message);
  t.same(
    read.value.map(({ kind, iaid, t1Sec, t2Sec, state, leases }) => [
      ...[kind, iaid, t1Sec, t2Sec, state],
      ...leases.map((one) => `${formatPrefix6(one)} ${one.preferredSec} ${one.validSec}`),
    ]),
    [
      ['address', 7, 5, 20, 'CONFIGURED', '2001:db8:f::1000/128 40 60'],
      ['prefix', 9, 5, 20, 'CONFIGURED', '2001:db8:1000::/56 40 60'],
      ['prefix', 10, 5, 20, 'CONFIGURED', '2001:db8:1000:100::/56 40 60'],
    ],
  );
});

t.test('half of it is refused, at every length', async (t) => {
  for (let length = 0; length < GOLDEN.trimEnd().length; length++) {
    const read = decodeAddrMgr(GOLDEN.slice(0, length));
    if (read.ok || read.error.offset > length) return t.fail(`${length} characters`);
  }
});

t.test('what makes no sense is refused with its place', async (t) => {
  for (const [text, field] of [
    ['<AddrIA IAID="x" T1="1" T2="2"></AddrIA></AddrMgr>', 'AddrIA'],
    ['<AddrPD IAID="4294967296" T1="1" T2="2"></AddrPD></AddrMgr>', 'AddrPD'],
    ['<AddrAddr pref="1" valid="2" prefix="128">2001:db8::1</AddrAddr></AddrMgr>', 'AddrAddr'],
    [
      '<AddrIA IAID="1" T1="1" T2="2"><AddrAddr pref="1" prefix="128">::1</AddrAddr></AddrMgr>',
      'AddrAddr',
    ],
    [
      '<AddrPD IAID="1" T1="1" T2="2"><AddrPrefix pref="1" valid="2" length="129">::</AddrPrefix></AddrMgr>',
      'AddrPrefix',
    ],
    [`${'<AddrIA IAID="1" T1="1" T2="2"/>'.repeat(300)}</AddrMgr>`, 'AddrIA'],
    ['x'.repeat(300_000), 'AddrMgr'],
  ] as const) {
    t.match(decodeAddrMgr(text), { ok: false, error: { field } });
  }
});

const seconds = fc.oneof(fc.nat({ max: 2 ** 32 - 2 }), fc.constant(Infinity));
const ia: fc.Arbitrary<AddrMgrIa> = fc
  .tuple(fc.constantFrom('address' as const, 'prefix' as const), fc.nat({ max: 2 ** 32 - 1 }))
  .chain(([kind, iaid]) =>
    fc.record({
      ...{ kind: fc.constant(kind), iaid: fc.constant(iaid), t1Sec: seconds, t2Sec: seconds },
      state: fc.constantFrom('CONFIGURED', 'INPROCESS', ''),
      leases: fc.array(
        fc.record({
          address: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(ipv6),
          prefixLen: fc.nat({ max: 128 }).map((length) => length as PrefixLen6),
          ...{ preferredSec: seconds, validSec: seconds, timestampSec: fc.nat({ max: 2 ** 31 }) },
        }),
        { maxLength: 4 },
      ),
    }),
  );

t.test('what is written as dibbler writes it is read back', async () => {
  const text = (sec: number): string => (sec === Infinity ? '4294967295' : `${sec}`);
  const render = (ias: readonly AddrMgrIa[]): string =>
    `<AddrMgr>\n<AddrClient>\n${ias
      .map(({ kind, iaid, t1Sec, t2Sec, state, leases }) => {
        const [outer, inner, length] =
          kind === 'address'
            ? ['AddrIA', 'AddrAddr', 'prefix']
            : ['AddrPD', 'AddrPrefix', 'length'];
        const body = leases.map(
          (one) =>
            `<${inner} timestamp="${one.timestampSec}" pref="${text(one.preferredSec)}" valid="${text(one.validSec)}" ${length}="${one.prefixLen}">${formatIpv6(one.address)}</${inner}>\n`,
        );
        return `<${outer} unicast="" T1="${text(t1Sec)}" T2="${text(t2Sec)}" IAID="${iaid}" state="${state}">\n${body.join('')}</${outer}>\n`;
      })
      .join('')}</AddrClient>\n</AddrMgr>\n`;
  fc.assert(
    fc.property(fc.array(ia, { maxLength: 5 }), (ias) => {
      const read = decodeAddrMgr(render(ias));
      if (!read.ok) throw new Error(read.error.message);
      const plain = (list: readonly AddrMgrIa[]): string =>
        JSON.stringify(list, (_key, value) =>
          typeof value === 'bigint' ? `${value}` : value === Infinity ? 'never' : value,
        );
      const order = (list: readonly AddrMgrIa[]) =>
        list.map(({ kind, iaid, t1Sec, t2Sec, state, leases }) => ({
          ...{ kind, iaid, t1Sec, t2Sec, state },
          leases: leases.map(({ address, prefixLen, preferredSec, validSec, timestampSec }) => ({
            ...{ address, prefixLen, preferredSec, validSec, timestampSec },
          })),
        }));
      return plain(order(read.value)) === plain(order(ias));
    }),
  );
});
