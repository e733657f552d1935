import fc from 'fast-check';
import t from 'tap';
import { href, PLACES, parseRoute } from '../../src/web/lib/router.ts';

t.test('an address leads to a place, and unknown ones to the overview', async (t) => {
  t.same(parseRoute(''), { place: 'overview', rest: [], query: {} });
  t.same(parseRoute('#/network/dhcp/1'), { place: 'network', rest: ['dhcp', '1'], query: {} });
  t.equal(parseRoute('#/nowhere/1').place, 'overview');
  t.same(parseRoute('#/model/%E0%A4%A').rest, ['%E0%A4%A'], 'a stray % fails nothing');
});

t.test('what is linked is what is found', async () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PLACES),
      fc.array(fc.string({ minLength: 1 })),
      fc.dictionary(
        fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
        fc.string(),
      ),
      (place, rest, query) => {
        const found = parseRoute(href(place, rest, query));
        t.same({ ...found, query: { ...found.query } }, { place, rest, query: { ...query } });
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});
