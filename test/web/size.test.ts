/** All that a browser loads, as it comes over the line: the page, and what it loads later. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import t from 'tap';
import { budgets } from '../../scripts/web-sizes.ts';

const BUILT = fileURLToPath(new URL('../../build/web/', import.meta.url));

const skip = existsSync(join(BUILT, 'index.html')) ? false : 'needs the built page: make build';

t.test('the page is small, and so is each part of it', { skip }, async (t) => {
  const files = globSync('**/*', { cwd: BUILT }).filter(
    (name) => statSync(join(BUILT, name)).isFile() && !/\.(br|gz)$/.test(name),
  );
  const sizes: Record<string, number> = {};
  for (const name of files) {
    const packed = readFileSync(join(BUILT, `${name}.br`));
    t.ok(brotliDecompressSync(packed).equals(readFileSync(join(BUILT, name))), name);
    sizes[name] = packed.length;
  }
  t.ok(files.length >= 4);
  const all = budgets(sizes);
  t.ok(Object.hasOwn(all, 'firmware'), 'parts are told from the page');
  for (const [name, { bytes, limit }] of Object.entries(all)) {
    t.ok(bytes <= limit, `${name}: ${bytes} bytes of at most ${limit}`);
  }
});

t.test('what a part is, is in the name', async (t) => {
  const sizes = {
    'index.html': 1,
    'assets/index-A.js': 2,
    'assets/part-dns-B.js': 3,
    'assets/part-dns-C.css': 4,
  };
  t.match(budgets(sizes), { page: { bytes: 3, limit: 80_000 }, dns: { bytes: 7, limit: 12_000 } });
});
