/**
 * Builds the page into build/web: vite, then each file again as `.br` and `.gz`, then the scales.
 * The build fails when all that a browser would load is more than 80 KB by Brotli.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

const LIMIT_BYTES = 80_000;
const OUT = fileURLToPath(new URL('../build/web/', import.meta.url));

await build({
  configFile: fileURLToPath(new URL('vite.config.ts', import.meta.url)),
  logLevel: 'warn',
});

let total = 0;
for (const name of globSync('**/*.{html,js,css,svg}', { cwd: OUT }).sort()) {
  const plain = readFileSync(join(OUT, name));
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_SIZE_HINT]: plain.length };
  const brotli = brotliCompressSync(plain, { params });
  writeFileSync(join(OUT, `${name}.br`), brotli);
  writeFileSync(join(OUT, `${name}.gz`), gzipSync(plain, { level: 9 }));
  total += brotli.length;
  process.stdout.write(
    `${String(plain.length).padStart(8)} ${String(brotli.length).padStart(7)}  ${name}\n`,
  );
}
process.stdout.write(`page: ${total} bytes compressed of at most ${LIMIT_BYTES}\n`);
if (total > LIMIT_BYTES) {
  process.stderr.write('page: too large; a build must fit\n');
  process.exitCode = 1;
}
