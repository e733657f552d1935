/** All that a browser loads, in all, as it comes over the line. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import t from 'tap';

const BUILT = fileURLToPath(new URL('../../build/web/', import.meta.url));
const LIMIT_BYTES = 80_000;

const skip = existsSync(join(BUILT, 'index.html')) ? false : 'needs the built page: make build';

t.test('the page is small', { skip }, async (t) => {
  const files = globSync('**/*', { cwd: BUILT }).filter(
    (name) => statSync(join(BUILT, name)).isFile() && !/\.(br|gz)$/.test(name),
  );
  let total = 0;
  for (const name of files) {
    const packed = readFileSync(join(BUILT, `${name}.br`));
    t.ok(brotliDecompressSync(packed).equals(readFileSync(join(BUILT, name))), name);
    total += packed.length;
  }
  t.ok(files.length >= 4);
  t.ok(total <= LIMIT_BYTES, `${total} bytes of at most ${LIMIT_BYTES}`);
});
