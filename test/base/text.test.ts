import t from 'tap';
import { escapeControls, isHostLabel } from '../../src/base/text.ts';

t.test('nothing that steers a terminal survives', async (t) => {
  t.equal(escapeControls('a\u001b[31mb'), 'a\\x1b[31mb');
  t.equal(escapeControls('one\ntwo\tthree\r'), 'one\\ntwo\\tthree\\x0d');
  t.equal(escapeControls('\u009b2J\u007f'), '\\x9b2J\\x7f');
  t.equal(escapeControls('abc\u202egpj.exe\u2028x'), 'abc\\u{202e}gpj.exe\\u{2028}x');
});

t.test('ordinary text of any script is left alone', async (t) => {
  for (const text of ['', 'Küche', '東京', '🛜 wan0', 'a b']) t.equal(escapeControls(text), text);
});

t.test('RFC 1123 §2.1: letters, digits, and hyphens inside', async (t) => {
  for (const good of ['a', '7', 'gate-house', '3com', 'A--b', 'x'.repeat(63)]) {
    t.ok(isHostLabel(good), good);
  }
  for (const bad of ['', '-a', 'a-', 'a.b', 'a_b', 'a b', 'ä', 'a\n', 'x'.repeat(64)]) {
    t.notOk(isHostLabel(bad), JSON.stringify(bad));
  }
});
