/**
 * Builds the page into build/web: vite, then each file again as `.br` and `.gz`, then the scales.
 * The build fails when the page, or a part of it that is loaded later, is larger than it may be.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';
import { budgets } from './web-sizes.ts';

const OUT = fileURLToPath(new URL('../build/web/', import.meta.url));

await build({
  configFile: fileURLToPath(new URL('vite.config.ts', import.meta.url)),
  logLevel: 'warn',
});

const sizes: Record<string, number> = {};
for (const name of globSync('**/*.{html,js,css,svg}', { cwd: OUT }).sort()) {
  const plain = readFileSync(join(OUT, name));
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = { [BROTLI_PARAM_QUALITY]: 11, [BROTLI_PARAM_SIZE_HINT]: plain.length };
  const brotli = brotliCompressSync(plain, { params });
  writeFileSync(join(OUT, `${name}.br`), brotli);
  writeFileSync(join(OUT, `${name}.gz`), gzipSync(plain, { level: 9 }));
  sizes[name] = brotli.length;
  process.stdout.write(
    `${String(plain.length).padStart(8)} ${String(brotli.length).padStart(7)}  ${name}\n`,
  );
}
for (const [name, { bytes, limit }] of Object.entries(budgets(sizes))) {
  process.stdout.write(`${name}: ${bytes} bytes compressed of at most ${limit}\n`);
  if (bytes <= limit) continue;
  process.stderr.write(`${name}: too large; a build must fit\n`);
  process.exitCode = 1;
}
