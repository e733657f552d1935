import fc from 'fast-check';
import t from 'tap';
import { fold, pages, widthOf } from '../../../src/edge/console/pages.ts';

t.test('lines that fit stay as they are, colours count nothing', async (t) => {
  const red = `\u001b[31m${'x'.repeat(80)}\u001b[0m`;
  t.equal(widthOf(red), 80);
  t.same(fold(`one\n\n${red}\n`, 80), ['one', '', red]);
});

t.test('longer ones are broken at a blank, or where they must, and set in', async (t) => {
  t.same(fold('aaaa bbbb cccc', 10), ['aaaa bbbb', '  cccc']);
  t.same(fold('a'.repeat(25), 10), ['a'.repeat(10), `  ${'a'.repeat(8)}`, `  ${'a'.repeat(7)}`]);
  t.same(fold(`\u001b[1m${'b'.repeat(12)}\u001b[0m`, 10), ['b'.repeat(10), '  bb']);
});

t.test('no line is wider than the screen, and nothing but blanks is lost', async () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.integer({ min: 8, max: 90 }), (text, columns) => {
      const lines = fold(text, columns);
      const letters = (s: string): string => s.replace(/[\s]/g, '');
      return (
        lines.every((line) => widthOf(line) <= columns) && letters(lines.join('')) === letters(text)
      );
    }),
    { seed: 21 },
  );
});

t.test('pages leave a line for the prompt', async (t) => {
  const lines = Array.from({ length: 50 }, (_, i) => `${i}`);
  const all = pages(lines, 24);
  t.same(
    all.map((page) => page.length),
    [23, 23, 4],
  );
  t.same(all.flat(), lines);
  t.same(pages([], 24), [[]]);
});
