import fc from 'fast-check';
import t from 'tap';
import { START, type Step, typed } from '../../../src/edge/console/line-editor.ts';

const RULES = { maxChars: 8, secret: false };

/** Types all keys; gives the last step and all that was echoed. */
function line(keys: string, rules = RULES): { last: Step; echo: string } {
  let last: Step = { kind: 'more', editing: START, echo: '' };
  let echo = '';
  for (const key of keys) {
    if (last.kind !== 'more') break;
    last = typed(last.editing, key, rules);
    if (last.kind === 'more') echo += last.echo;
  }
  return { last, echo };
}

t.test('a line', async (t) => {
  t.same(line('abc\r'), { last: { kind: 'line', text: 'abc' }, echo: 'abc' });
  t.same(line('abc\n').last, { kind: 'line', text: 'abc' });
  t.same(line('ab\u007fc\r'), { last: { kind: 'line', text: 'ac' }, echo: 'ab\b \bc' });
  t.same(line('äb\b\bc\r').last, { kind: 'line', text: 'c' });
  t.same(line('abc\u0015d\r').last, { kind: 'line', text: 'd' });
});

t.test('no more than its bound, and nothing that moves the cursor', async (t) => {
  t.same(line('123456789\r'), {
    last: { kind: 'line', text: '12345678' },
    echo: '12345678\u0007',
  });
  t.same(line('a\u001b[Ab\u001bOPc\u001b[1;5Cd\u001bxe\r').last, { kind: 'line', text: 'abcde' });
  t.same(line('a\tb\u0000c\u202ed\r').last, { kind: 'line', text: 'abcd' });
  t.same(line('\u007f'), {
    last: { kind: 'more', editing: START, echo: '\u0007' },
    echo: '\u0007',
  });
});

t.test('leaving', async (t) => {
  t.same(line('ab\u0003').last, { kind: 'interrupt' });
  t.same(line('\u0004').last, { kind: 'end' });
  t.equal(line('ab\u0004').last.kind, 'more', 'only on an empty line');
});

t.test('a secret is not echoed in any way', async (t) => {
  t.same(line('pä\u007fss\u0015word\r', { maxChars: 8, secret: true }), {
    last: { kind: 'line', text: 'word' },
    echo: '',
  });
});

t.test('whatever is typed', async () => {
  const character = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom('\u001b', '[', 'A', '\b', '\u0015', 'x', '\u0004'),
  );
  fc.assert(
    fc.property(fc.array(character, { maxLength: 60 }), (keys) => {
      const { last, echo } = line(keys.join(''));
      if (last.kind === 'more' && [...last.editing.text].length > 8) return false;
      // But bell and backspace.
      return !/\p{Cc}/u.test(echo.replaceAll('\u0007', '').replaceAll('\b', ''));
    }),
    { seed: 20 },
  );
});
