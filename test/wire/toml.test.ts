import fc from 'fast-check';
import t from 'tap';
import { decodeToml } from '../../src/wire/toml.ts';

const plain = (text: string) => {
  const decoded = decodeToml(text);
  if (!decoded.ok) return decoded.error.message;
  return Object.fromEntries(
    [...decoded.value].map(([name, table]) => [name, Object.fromEntries(table)]),
  );
};

t.test('what settings files hold', async (t) => {
  const text = `\ufeff# a comment
config_version = 1
[system] # another
hostname = "gate"\r
"quoted key" = 'C:\\path'

[ssh]
enabled = true
authorized_keys = [ "one", 'two', # the second
  "three",
]
none = []
text = "a\\tb \\"c\\" \\\\ \\u00e4 \\U0001F600"
number = -1_000`;
  t.same(plain(text), {
    '': { config_version: 1 },
    system: { hostname: 'gate', 'quoted key': 'C:\\path' },
    ssh: {
      enabled: true,
      authorized_keys: ['one', 'two', 'three'],
      none: [],
      text: 'a\tb "c" \\ ä 😀',
      number: -1000,
    },
  });
  t.same(plain(''), { '': {} });
  t.same(plain('a = ""'), { '': { a: '' } });
});

t.test('what is refused, and in which line', async (t) => {
  for (const [text, says] of [
    ['a = 1\na = 2', /^line 2: a is there twice/],
    ['[a]\n[b]\n[a]', /^line 3: table a is there twice/],
    ['\n\na', /^line 3: after a an = is wanted/],
    ['a = ', /a value is wanted/],
    ['a = yes', /a string in quotes/],
    ['a = 1.5', /a string in quotes/],
    ['a = 1979-05-27', /a string in quotes/],
    ['a = 99999999999999999999', /a string in quotes/],
    ['a = "x', /the string has no end/],
    ["a = 'x\n'", /the string has no end/],
    ['a = """x"""', /over lines/],
    ['a = "\\q"', /an escape that is none/],
    ['a = "\\ud800"', /an escape that is none/],
    ['a = "\u0007"', /control character/],
    ['a = 1 b = 2', /one setting stands on one line/],
    ['a.b = 1', /dotted keys/],
    ['[a.b]', /tables in tables/],
    ['[[a]]', /lists of tables/],
    ['a = {b = 1}', /tables in values/],
    ['a = [1]', /a list holds strings/],
    ['a = ["x" "y"]', /a list ends/],
    ['a = ["x"', /a list ends/],
    ['[a', /a table ends/],
    ['= 1', /a key is wanted/],
  ] as const) {
    t.match(plain(text), says, text);
  }
});

t.test('strings come back as they were written', async () => {
  const value = fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Cc}/u.test(text));
  const key = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);
  fc.assert(
    fc.property(fc.dictionary(key, value), (table) => {
      const lines = Object.entries(table).map(
        ([name, text]) => `${name} = ${JSON.stringify(text)}`,
      );
      const read = decodeToml(lines.join('\n'));
      return (
        read.ok &&
        JSON.stringify(Object.fromEntries(read.value.get('') ?? [])) === JSON.stringify(table)
      );
    }),
    { seed: 30 },
  );
});

t.test('cut off anywhere it is read or refused, never worse', async () => {
  const text = '[system]\nhostname = "gate"\n[ssh]\nkeys = ["a", \'b\']\nn = 1\n';
  for (let end = 0; end <= text.length; end++) decodeToml(text.slice(0, end));
});
