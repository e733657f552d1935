/** RFC 3397 §2 and §3: the Domain Search Option. */
import t from 'tap';
import { searchDomainsOf } from '../../../src/services/dhcp-client/lease.ts';
import { readDomainSearch } from '../../../src/wire/dhcp4-options.ts';
import { bytes, decoded, judged, raw, text } from '../dhcp4.ts';

// §3, the RFC's own example: eng.apple.com and marketing.apple.com, "split (for this example) into
// three Domain Search Option options. All Domain Search Option options are logically concatenated
// into one block of data before being interpreted by the client."
const EXAMPLE = bytes(`
  7709 03656e67056170706c
  7709 6503636f6d00096d61
  7709 726b6574696e67c004
  ff`);

t.test('names of the example', async (t) => {
  const value = decoded(raw(EXAMPLE)).options.get(119) ?? new Uint8Array(0);
  t.same(readDomainSearch(value, 'search'), {
    ok: true,
    value: ['eng.apple.com', 'marketing.apple.com'],
  });
  t.same(searchDomainsOf(judged([[119, value]]).lease), ['eng.apple.com', 'marketing.apple.com']);
});

// §2: "searchstrings in the searchlist MUST be concatenated and encoded using the technique described in
// section 4.1.4 of" RFC 1035, whose pointers name a prior place; offsets count from the option's start.
t.test('pointers go back, never ahead, never outside', async (t) => {
  for (const bad of ['c000', '0161c004 0162 00', '0161c0ff', '0161c0']) {
    t.notOk(readDomainSearch(bytes(bad), 'search').ok, bad);
  }
});

// §4 warns of servers that are not to be trusted: what is no domain name is not used.
t.test('what is no domain name is left out', async (t) => {
  const names = bytes('03610a62 00 076578616d706c65 00');
  const { lease, remarks } = judged([[119, names]]);
  t.same(lease.searchDomains, ['example']);
  t.match(remarks.join(), /search domain "a\\nb" ignored/);
});

// A server may send the domain (option 15) alone; resolvers then search that one, as they always did.
t.test('the domain itself where there is no list', async (t) => {
  t.same(searchDomainsOf(judged([[15, text('Isp.Example.')]]).lease), ['isp.example']);
});
