import t from 'tap';
import { parseIpv4 } from '#src/base/ip.ts';
import { parseIpv6 } from '#src/base/ip6.ts';
import { type AsTable, parseAsTable } from '#src/wire/as-table.ts';

const table = (text: string): AsTable => {
  const parsed = parseAsTable(text);
  if (!parsed.ok) throw new TypeError(parsed.error.message);
  return parsed.value;
};
const asOf = (of: AsTable, text: string) => {
  const address = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  if (!address.ok) throw new TypeError(address.error.message);
  return of.asOf(address.value);
};

t.test('ranges as iptoasn.com has them', async (t) => {
  const ranges = table(
    [
      '1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUD FLARE',
      '1.0.1.0\t1.0.3.255\t0\tNone\tNot routed',
      '2001:200::\t2001:200:ffff:ffff:ffff:ffff:ffff:ffff\t2500\tJP\tWIDE-BB',
      '',
    ].join('\n'),
  );
  t.same(asOf(ranges, '1.0.0.255'), { number: 13335, name: 'CLOUD FLARE' });
  t.equal(asOf(ranges, '1.0.1.0'), undefined, 'what is not routed is of nobody');
  t.equal(asOf(ranges, '0.255.255.255'), undefined);
  t.same(asOf(ranges, '2001:200::1'), { number: 2500, name: 'WIDE-BB' });
  t.equal(asOf(ranges, '2001:201::'), undefined);
});

t.test('prefixes: the narrowest that holds the address', async (t) => {
  const prefixes = table(
    '# a table\n10.1.0.0/16 AS64502\n10.0.0.0/8 64501 Ten\n10.1.2.128/25 64503\n10.1.2.0/25 64504\n2001:db8::/32 64505\n',
  );
  t.same(asOf(prefixes, '10.200.0.1'), { number: 64501, name: 'Ten' });
  t.equal(asOf(prefixes, '10.1.200.1')?.number, 64502, 'past narrower ones that do not hold it');
  t.equal(asOf(prefixes, '10.1.2.127')?.number, 64504);
  t.equal(asOf(prefixes, '10.1.2.128')?.number, 64503);
  t.equal(asOf(prefixes, '11.0.0.0'), undefined);
  t.equal(asOf(prefixes, '2001:db8:ffff::')?.number, 64505);
});

t.test('what is no table is refused, with the line', async (t) => {
  for (const line of [
    ...['hello', '1.0.0.0', '1.0.0.0 1.0.0.255', '1.0.0.0/33 5', '1.0.0.0/ 5', '1.0.0.0/8 x'],
    ...['1.0.0.9 1.0.0.0 5', '1.0.0.0 2001:: 5', '2001::/129 5', '1.0.0.0/8 4294967296'],
  ]) {
    t.match(parseAsTable(`10.0.0.0/8 1\n${line}`), {
      ok: false,
      error: { message: 'line 2 is no range with a number', offset: 13 },
    });
  }
});
