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
