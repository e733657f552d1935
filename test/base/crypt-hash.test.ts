import t from 'tap';
import { cryptFault } from '../../src/base/crypt-hash.ts';

const SHA256 = '$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6';
const SHA512 = `$6$rounds=10000$saltsaltsaltsalt$${'x'.repeat(86)}`;
const YESCRYPT = '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$esEizOTWKaXElM/6vhy7tPBZyqAa8EAxc8ifADYYdY1';

t.test('hashes of crypt(5)', async (t) => {
  for (const good of [SHA256, SHA512, YESCRYPT]) t.equal(cryptFault(good), undefined, good);
});

t.test('what is none, or costs too much', async (t) => {
  for (const [bad, says] of [
    ['', /not hashed/],
    ['three words here', /not hashed/],
    ['$1$abcdefgh$Z7nyb/jh94SyZijx.oYpp0', /not hashed/],
    ['$2b$05$abcdefghijklmnopqrstuufsBtnObZRSyWu2aOdN/V14oZj18XSyC', /not hashed/],
    ['!', /not hashed/],
    [`${SHA256}\n`, /not hashed/],
    [SHA256.slice(0, -1), /another length/],
    [SHA256.replace('$5$', '$6$'), /another length/],
    [SHA512.replace('10000', '500001'), /costs too much/],
    [YESCRYPT.replace('$j9T$', '$jFT$'), /costs too much/],
    [YESCRYPT.replace('$j9T$', '$j9TX$'), /not hashed/],
  ] as const) {
    t.match(cryptFault(bad), says, bad);
  }
});
