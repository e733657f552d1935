import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { type Mac, macOf, parseMac } from '#src/base/ip.ts';
import { OuiTable } from '#src/wire/oui.ts';
import { packOui } from '../../scripts/build-oui.ts';

function tableOf(entries: readonly (readonly [string, string])[]): OuiTable {
  const table = OuiTable.decode(packOui(entries));
  if (!table.ok) throw new Error(table.error.message);
  return table.value;
}

const mac = (text: string): Mac => {
  const parsed = parseMac(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};

t.test('the longest prefix counts; what belongs to nobody has no vendor', async (t) => {
  const table = tableOf([
    ['001122', 'Wide\nSome Street 1\nSome Town'],
    ['0011223', 'Middle'],
    ['001122345', 'Narrow'],
    ['AABBCC', 'IEEE Registration Authority'],
    ['AABBCC0', 'Bürg-Wächter  KG\u0007'],
    ['FFFFFF', 'Private'],
  ]);
  t.equal(table.vendorOf(mac('00:11:22:34:5f:ff')), 'Narrow');
  t.equal(table.vendorOf(mac('00:11:22:34:60:00')), 'Middle');
  t.equal(table.vendorOf(mac('00:11:22:40:00:00')), 'Wide');
  t.equal(table.vendorOf(mac('00:11:23:00:00:00')), undefined);
  t.equal(table.vendorOf(mac('aa:bb:cc:00:00:01')), 'Bürg-Wächter KG');
  t.equal(table.vendorOf(mac('aa:bb:cc:f0:00:01')), undefined);
  t.equal(table.vendorOf(mac('ff:ff:ff:00:00:00')), undefined);
  t.throws(() => packOui([['00112', 'twenty bits']]));
});

t.test('what is packed is found', async () => {
  const hex = (digits: number) =>
    fc.nat(16 ** digits - 1).map((n) => n.toString(16).toUpperCase().padStart(digits, '0'));
  const clean = (text: string) => text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  const prefix = fc.constantFrom(6, 7, 9).chain(hex);
  const name = fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' });
  fc.assert(
    fc.property(fc.dictionary(prefix, name, { maxKeys: 60 }), fc.nat(2 ** 48 - 1), (all, any) => {
      const entries = Object.entries(all);
      const table = tableOf(entries);
      const values = entries.map(([text]) => Number.parseInt(text.padEnd(12, '0'), 16));
      for (const value of [...values, any]) {
        const digits = value.toString(16).padStart(12, '0').toUpperCase();
        const names = [9, 7, 6].map((n) => clean(all[digits.slice(0, n)] ?? ''));
        const name = names.find((text) => text !== '');
        const found = table.vendorOf(macOf(value));
        if ((found === undefined) !== (name === undefined)) return false;
        if (found === undefined || name === undefined) continue;
        if (!name.startsWith(found) || Buffer.byteLength(found) > 64) return false;
      }
      return true;
    }),
    { seed: 9, numRuns: 200 },
  );
});

t.test('a table that is cut or changed is refused or answers, and never throws', async (t) => {
  const whole = packOui([
    ['001122', 'Wide'],
    ['0011223', 'Middle'],
    ['001122345', 'Narrow'],
  ]);
  let refused = 0;
  const asked = mac('00:11:22:34:5f:ff');
  for (let length = 0; length < whole.length; length++) {
    const cut = OuiTable.decode(whole.subarray(0, length));
    if (cut.ok) cut.value.vendorOf(asked);
    else refused++;
  }
  t.ok(refused >= 20 + 6 + 7 + 8, `${refused} cuts refused`);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Uint8Array.from(whole);
      bytes[at] = byte;
      const table = OuiTable.decode(bytes);
      if (table.ok) table.value.vendorOf(asked);
    }),
    { seed: 9, numRuns: 500 },
  );
});

const built = new URL('../../build/oui.bin', import.meta.url);
t.test('the table as it is built', { skip: !existsSync(built) && 'not built' }, async (t) => {
  const bytes = readFileSync(built);
  t.ok(bytes.length < 1_200_000, `${bytes.length} bytes`);
  const table = OuiTable.decode(bytes);
  if (!table.ok) throw new Error(table.error.message);
  t.match(table.value.vendorOf(mac('dc:a6:32:00:00:01')), /^Raspberry Pi/);
  t.match(table.value.vendorOf(mac('00:00:0c:00:00:01')), /^Cisco/i);
});
