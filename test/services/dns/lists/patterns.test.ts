/** Patterns against JavaScript's own regular expressions, and against what would blow those up. */
import fc from 'fast-check';
import t from 'tap';
import { PatternSet } from '#src/services/dns/lists/patterns.ts';

t.setTimeout(120_000);

const RUNS = { numRuns: 2000, seed: 1 };

function found(kind: 'glob' | 'regex', text: string, name: string): boolean | string {
  const patterns = new PatternSet();
  const added = patterns.add({ kind, text });
  return added.ok ? patterns.search(name).length === 1 : added.error;
}

t.test('globs', async (t) => {
  for (const [text, name, wanted] of [
    ['||ad*.example^', 'ads.example', true],
    ['||ad*.example^', 'x.ads.example', true],
    ['||ad*.example^', 'bad.example', false],
    ['||ad*.example^', 'ads.example.org', false],
    ['||example.org', 'example.org.uk', true],
    ['||example.org', 'myexample.org', false],
    ['|ads.', 'ads.example', true],
    ['|ads.', 'x.ads.example', false],
    ['ads.example^', 'myads.example', true],
    ['ads.example|', 'ads.example.org', false],
    ['banner', 'x-banner-y.example', true],
    ['a*b*c', 'axxbxxc', true],
    ['a*b*c', 'axxcxxb', false],
  ] as const) {
    t.equal(found('glob', text, name), wanted, `${text} in ${name}`);
  }
});

t.test('regular expressions', async (t) => {
  for (const [text, name, wanted] of [
    ['^ad[sx]?\\d{1,3}\\.', 'ads12.example', true],
    ['^ad[sx]?\\d{1,3}\\.', 'ads1234.example', false],
    ['^(?:www\\.)?(foo|ba[rz])\\.example$', 'www.baz.example', true],
    ['^(?:www\\.)?(foo|ba[rz])\\.example$', 'xwww.baz.example', false],
    ['\\bads\\b', 'my-ads.example', true],
    ['\\bads\\b', 'myads.example', false],
    ['\\Bads', 'myads.example', true],
    ['[^a-z.]', 'abc.example', false],
    ['[^a-z.]', 'ab-c.example', true],
    ['[]x]y', 'axy', true],
    ['AB\\.C', 'xab.c', true],
    ['(?<n>a)b', 'ab', true],
    ['a{2}', 'baab', true],
    ['a{3,}$', 'baa', false],
    ['x{', 'x', false],
    ['a.c', 'a.c', true],
    ['\\w\\W\\w', 'a-b', true],
    ['(?=a)', 'a', 'a regular expression: look-around and flags are not known here'],
    ['(?i)a', 'a', 'a regular expression: look-around and flags are not known here'],
    ['(a)\\1', 'aa', 'a regular expression: \\1 is not known here'],
    ['a++', 'aa', 'a regular expression: possessive repetition is not known here'],
    ['a**', 'aa', 'a regular expression: one repetition behind another'],
    ['*a', 'a', 'a regular expression: nothing before the *'],
    ['(a', 'a', 'a regular expression: a ( without its )'],
    ['a)', 'a', 'a ) too many'],
    ['[a', 'a', 'a regular expression: a [ without its ]'],
    ['[z-a]', 'a', 'a regular expression: a range that is none'],
    ['a{9,1}', 'a', 'a regular expression: a repetition from more to less'],
    ['a{999}', 'a', 'a regular expression: more than 300 repetitions'],
    ['((a{50}){50}){50}', 'a', 'a pattern of too many states'],
    [`${'('.repeat(60)}a${')'.repeat(60)}`, 'a', 'a regular expression: too deep'],
    ['a*', 'b', 'a pattern that every name has'],
    ['^', 'b', 'a pattern that every name has'],
    ['(x|$)', 'b', 'a pattern that every name has'],
  ] as const) {
    t.equal(found('regex', text, name), wanted, `${text} in ${name}`);
  }
});

/** Expressions that both know, in which every part takes a character or is repeated. */
const { regex } = fc.letrec<{ regex: string; branch: string; part: string; atom: string }>(
  (tie) => ({
    atom: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('a', 'b', '-', '\\.', '.', '[ab]', '[^a.]', '\\d', '\\w', '\\W', '[a-c0-3]'),
      tie('regex').map((inner) => `(?:${inner})`),
    ),
    part: fc.oneof(
      tie('atom'),
      fc
        .tuple(tie('atom'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '*?'))
        .map(([atom, times]) => atom + times),
      fc.constantFrom('^', '$', '\\b', '\\B'),
    ),
    branch: fc.array(tie('part'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
    regex: fc.array(tie('branch'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('|')),
  }),
);
const name = fc
  .array(fc.constantFrom('a', 'b', 'c', '0', '5', '-', '_', '.'), { maxLength: 12 })
  .map((chars) => chars.join(''));

t.test('the same names match as with JavaScript’s expressions', async () => {
  let compared = 0;
  fc.assert(
    fc.property(regex, fc.array(name, { minLength: 1, maxLength: 8 }), (text, names) => {
      const patterns = new PatternSet();
      if (!patterns.add({ kind: 'regex', text }).ok) return;
      const oracle = new RegExp(text);
      for (const one of names) {
        compared += 1;
        if (oracle.test(one) !== (patterns.search(one).length === 1)) {
          throw new Error(`/${text}/ and ${one}`);
        }
      }
    }),
    RUNS,
  );
  t.ok(compared > 3000, `${compared} comparisons`);
});

t.test('many at once find what each finds alone', async () => {
  fc.assert(
    fc.property(fc.array(regex, { minLength: 2, maxLength: 12 }), name, (texts, one) => {
      const all = new PatternSet();
      const alone: number[] = [];
      for (const text of texts) {
        const number = all.size;
        if (!all.add({ kind: 'regex', text }).ok) continue;
        const single = new PatternSet();
        single.add({ kind: 'regex', text });
        if (single.search(one).length === 1) alone.push(number);
      }
      const together = all.search(one).sort((a, b) => a - b);
      if (together.join() !== alone.join()) throw new Error(`${texts.join(' ')} in ${one}`);
    }),
    RUNS,
  );
});

t.test('what is exponential elsewhere is linear here', async (t) => {
  const patterns = new PatternSet();
  for (const text of ['(a+)+$', '^(a|aa)+$', '(.*a){12}x', '([a-z]+)*0', '(a?){20}a{20}b']) {
    t.ok(patterns.add({ kind: 'regex', text }).ok, text);
  }
  const long = `${'a'.repeat(250)}-`;
  const time = (text: string): number => {
    const before = performance.now();
    for (let i = 0; i < 20; i++) patterns.search(text);
    return performance.now() - before;
  };
  time(long);
  const [half, whole] = [time(long.slice(125)), time(long)];
  t.ok(whole < 10 * half + 50, `twice the length took ${(whole / half).toFixed(1)} times as long`);
});

t.test('all patterns together are bounded', async (t) => {
  const patterns = new PatternSet();
  let refused = '';
  for (let i = 0; i < 2000 && refused === ''; i++) {
    const added = patterns.add({ kind: 'regex', text: 'a{200}b' });
    if (!added.ok) refused = added.error;
  }
  t.equal(refused, 'too many patterns');
});
