import { crc32 as zlibs } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { crc32 } from '../../src/base/crc32.ts';

t.test('the sum of the check value, and of anything as zlib has it', async (t) => {
  t.equal(crc32(new TextEncoder().encode('123456789')), 0xcbf43926);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array(), (a, b) => {
      t.equal(crc32(b, crc32(a)), zlibs(b, zlibs(a)));
    }),
    { seed: 7 },
  );
});

t.test('a part of the bytes has the sum of a copy of that part', async (t) => {
  const bytes = Uint8Array.from({ length: 40 }, (_, i) => i * 37);
  for (let start = 0; start <= bytes.length; start++) {
    for (let end = start; end <= bytes.length; end++) {
      if (crc32(bytes, 5, start, end) !== zlibs(bytes.slice(start, end), 5))
        t.fail(`${start} ${end}`);
    }
  }
  t.equal(crc32(bytes, 5, 3), zlibs(bytes.slice(3), 5));
});
