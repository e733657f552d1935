import fc from 'fast-check';
import t from 'tap';
import { type Mac, macOf } from '#src/base/ip.ts';
import { assignNames, type Claim, labelOf } from '#src/services/neighbors/names.ts';

const claim = (mac: number, wanted: string | undefined, over: Partial<Claim> = {}): Claim => ({
  mac: macOf(mac),
  fixed: undefined,
  wanted,
  sinceMs: mac,
  live: true,
  held: undefined,
  ...over,
});
const assign = (claims: readonly Claim[], own: readonly string[] = []) =>
  Object.fromEntries([...assignNames(claims, own)].map(([mac, name]) => [mac.slice(-2), name]));

t.test('labels', async (t) => {
  t.equal(labelOf('Printer'), 'printer');
  t.equal(labelOf('printer.example'), 'printer');
  for (const bad of ['', '-a', 'a-', 'a_b', 'ä', 'a b', '.a', 'x'.repeat(64), 'a\n']) {
    t.equal(labelOf(bad), undefined, JSON.stringify(bad));
  }
});

t.test('who wanted it first has it, the others are numbered', async (t) => {
  t.same(assign([claim(3, 'pc'), claim(1, 'PC'), claim(2, 'pc.lan')]), {
    '01': 'pc',
    '02': 'pc-2',
    '03': 'pc-3',
  });
});

t.test('what the owner fixed stands above all', async (t) => {
  const first = claim(1, 'nas', { held: 'nas' });
  t.same(assign([first, claim(2, 'x', { fixed: 'nas' })]), { '01': 'nas-2', '02': 'nas' });
  const both = [claim(1, undefined, { fixed: 'nas' }), claim(2, undefined, { fixed: 'nas' })];
  t.same(assign(both), { '01': 'nas', '02': 'nas-2' });
});

t.test('whoever has it keeps it, also from one that looks older', async (t) => {
  const holder = claim(5, 'pc', { held: 'pc', sinceMs: 5_000 });
  t.same(assign([holder, claim(1, 'pc', { sinceMs: 0 })]), { '05': 'pc', '01': 'pc-2' });
});

t.test('a number is kept while others come and go; a free name goes to the first', async (t) => {
  const third = claim(3, 'pc', { held: 'pc-3' });
  const fourth = claim(4, 'pc');
  t.same(assign([claim(1, 'pc', { held: 'pc' }), third, fourth]), {
    '01': 'pc',
    '03': 'pc-3',
    '04': 'pc-2',
  });
  t.same(assign([third, { ...fourth, held: 'pc-2' }]), { '03': 'pc', '04': 'pc-2' });
});

t.test('one that is away keeps its name until somebody else wants it', async (t) => {
  const away = claim(1, 'pc', { held: 'pc', live: false });
  t.same(assign([away]), { '01': 'pc' });
  t.same(assign([away, claim(2, 'pc')]), { '01': 'pc-2', '02': 'pc' });
});

t.test('a numbered name is not taken by one that is called so', async (t) => {
  const numbered = claim(2, 'pc', { held: 'pc-2' });
  t.same(assign([claim(1, 'pc', { held: 'pc' }), numbered, claim(3, 'pc-2')]), {
    '01': 'pc',
    '02': 'pc-2',
    '03': 'pc-2-2',
  });
});

t.test('some names are nobody’s', async (t) => {
  const names = ['localhost', 'wpad', 'isatap', 'gatehouse', 'ok'];
  const claims = names.map((name, i) => claim(i, name));
  t.same(assign(claims, ['Gatehouse.lan']), { '04': 'ok' });
  t.same(assign([claim(1, 'a', { fixed: 'wpad' })]), {}, 'also when the owner says so');
});

const anyClaims = fc
  .uniqueArray(
    fc.record({
      mac: fc.nat(20).map(macOf),
      fixed: fc.option(fc.constantFrom('pc', 'nas', 'pc-2'), { nil: undefined, freq: 6 }),
      wanted: fc.option(
        fc.oneof(
          fc.constantFrom(
            'pc',
            'pc-2',
            'pc-2-2',
            'pc-3',
            'wpad',
            'x'.repeat(63),
            `${'x'.repeat(61)}-2`,
          ),
          fc.string({ maxLength: 5 }),
        ),
        { nil: undefined },
      ),
      sinceMs: fc.nat(5),
      live: fc.boolean(),
      held: fc.option(fc.constantFrom('pc', 'pc-2', 'pc-3', 'pc-2-2', 'other'), { nil: undefined }),
    }),
    { selector: ({ mac }) => mac, maxLength: 12 },
  )
  .map((claims): Claim[] => claims);

t.test('names are labels, nobody’s twice, and the same when given out again', async () => {
  fc.assert(
    fc.property(anyClaims, (claims) => {
      const names = assignNames(claims, ['box']);
      const all = [...names.values()];
      if (new Set(all).size !== all.length) return false;
      if (!all.every((name) => labelOf(name) === name)) return false;
      const again = claims.map((c) => ({ ...c, held: names.get(c.mac) }));
      const second = assignNames(again, ['box']);
      return second.size === names.size && [...names].every(([mac, n]) => second.get(mac) === n);
    }),
    { seed: 4, numRuns: 5000 },
  );
});

t.test('who comes later takes no name from those who have one', async () => {
  fc.assert(
    fc.property(anyClaims, fc.constantFrom('pc', 'pc-2', 'nas', 'y'), (claims, wanted) => {
      const before = assignNames(claims, []);
      const now = claims.map((c) => ({ ...c, held: before.get(c.mac) }));
      const after = assignNames([...now, claim(99, wanted)], []);
      return now.every(({ mac, live, fixed }) => {
        return (!live && fixed === undefined) || before.get(mac) === after.get(mac as Mac);
      });
    }),
    { seed: 4, numRuns: 5000 },
  );
});
