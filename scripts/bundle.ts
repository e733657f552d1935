/** Bundles the daemon and command line into one file, so that it starts without reading and stripping each module: `node scripts/bundle.ts OUT`. */
import { join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const outfile = process.argv[2];
if (outfile === undefined) {
  process.stderr.write('usage: node scripts/bundle.ts OUT\n');
  process.exit(2);
}
await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node26',
  // Packages stay outside: lmdb has a native part, and the rest is loaded only where it is used.
  packages: 'external',
  legalComments: 'none',
  sourcemap: true,
  logLevel: 'warning',
});
