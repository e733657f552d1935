/** OpenWrt's configuration files, as libuci reads them. */
import fc from 'fast-check';
import t from 'tap';
import { decodeUci, type UciSection } from '../../src/wire/uci.ts';

const plain = (sections: readonly UciSection[]) =>
  sections.map(({ type, name, values }) => [type, name, Object.fromEntries(values)]);

/** What `uci export` prints, with what people write by hand between. */
const NETWORK = `
package network

config interface 'loopback'
\toption device 'lo'
\toption proto "static"
\tlist ipaddr '127.0.0.1/8'

config globals globals # a comment
  option ula_prefix fd27:70fa:5c1d::/48
config device
\toption name 'br-lan'; option type bridge
\tlist ports 'lan1'
\tlist ports 'lan2'
#\tlist ports 'lan3'

config rule 'a_b'
\toption note 'it'"'"'s "so"'
\toption more "a \\"b\\" \\\\ 'c'"
\toption long 'two
lines'
\toption gone ''
`;

t.test('a file of many kinds of words', async (t) => {
  const decoded = decodeUci(NETWORK);
  if (!decoded.ok) return t.fail(decoded.error.message);
  t.same(plain(decoded.value), [
    ['interface', 'loopback', { device: ['lo'], proto: ['static'], ipaddr: ['127.0.0.1/8'] }],
    ['globals', 'globals', { ula_prefix: ['fd27:70fa:5c1d::/48'] }],
    ['device', undefined, { name: ['br-lan'], type: ['bridge'], ports: ['lan1', 'lan2'] }],
    ['rule', 'a_b', { note: [`it's "so"`], more: [`a "b" \\ 'c'`], long: ['two\nlines'] }],
  ]);
});

t.test('sections of one name are one, and the last option counts', async (t) => {
  const text = `config a x\noption k 1\nlist l 1\nconfig a y\nconfig a x\noption k 2\nlist l 2\noption m 3\noption m ''`;
  const decoded = decodeUci(text);
  t.same(decoded.ok && plain(decoded.value), [
    ['a', 'x', { k: ['2'], l: ['1', '2'] }],
    ['a', 'y', {}],
  ]);
  t.same(decodeUci(''), { ok: true, value: [] });
});

t.test('what is wrong is told, with its place', async (t) => {
  for (const [text, message, offset] of [
    ['option a b', /before any config/, 0],
    ['config a\noption b', /option b has no value/, 9],
    ['config a\noption b c d', /too many words/, 9],
    ['config a\noption b-c d', /letters, digits and _/, 9],
    ['config a b-c', /name of a section/, 0],
    ['config', /wants a type/, 0],
    ['config a!', /wants a type/, 0],
    ["config a\noption b 'c", /' is not closed/, 18],
    ['config a\noption b "c\\"', /" is not closed/, 18],
    ['config a\noption b c\\', /backslash/, 18],
    ['config a\noption b \0', /NUL/, 18],
    ['conf a', /neither config/, 0],
    ['package', /one name/, 0],
    ['package a b', /one name/, 0],
    ['\fconfig\va\rb c', /too many words/, 1],
  ] as const) {
    t.match(decodeUci(text), { ok: false, error: { message, offset } }, JSON.stringify(text));
  }
});

t.test('cut anywhere it is a file or a fault', async (t) => {
  for (let end = 0; end < NETWORK.length; end++) {
    const decoded = decodeUci(NETWORK.slice(0, end));
    if (!decoded.ok && (decoded.error.message === '' || decoded.error.offset > end)) {
      t.fail(`at ${end}`);
    }
  }
});

t.test('any value comes through, quoted as uci does', async (t) => {
  const key = fc.stringMatching(/^[a-z0-9_]{1,8}$/);
  const value = fc.string({ minLength: 1 }).filter((text) => !text.includes('\0'));
  const comesThrough = fc.property(
    fc.dictionary(key, fc.array(value, { minLength: 1 })),
    (values) => {
      const lines = Object.entries(values).flatMap(([name, list]) =>
        list.map((text) => `\tlist ${name} '${text.replaceAll("'", `'\\''`)}'\n`),
      );
      const decoded = decodeUci(`config t 's'\n${lines.join('')}`);
      return (
        decoded.ok &&
        JSON.stringify(Object.fromEntries(decoded.value[0]?.values ?? [])) ===
          JSON.stringify({ ...values })
      );
    },
  );
  t.doesNotThrow(() => fc.assert(comesThrough, { seed: 7 }));
});
