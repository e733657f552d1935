/**
 * Bundles the daemon and command line: `node scripts/bundle.ts OUT.cjs`. Three files make it start
 * soon: OUT, a few lines that find and run the other two; all modules in one script, in
 * `OUT's folder/bundle/`; and beside it V8's compiled form of that, which spares reading and
 * compiling the text. Their names carry a hash, since V8 itself would take the compiled form of
 * another text of the same length.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** Where lmdb's JavaScript finds its native part: in node_modules, as without a bundle. */
const LMDB_ADDON = `import { createRequire } from 'node:module';
const file = '@lmdb/lmdb-' + process.platform + '-' + process.arch + '/node.napi.glibc.node';
export default () => createRequire(import.meta.url)(file);`;

const packages: Plugin = {
  name: 'packages',
  setup({ onLoad, onResolve }) {
    // Its CommonJS build is one file.
    onResolve({ filter: /^lmdb$/ }, () => ({
      path: join(ROOT, 'node_modules/lmdb/dist/index.cjs'),
    }));
    onLoad({ filter: /node-gyp-build-optional-packages\/index\.js$/ }, () => ({
      contents: LMDB_ADDON,
    }));
    // A native part of msgpackr, which does without; values are stored as bytes anyway.
    onLoad({ filter: /msgpackr-extract\/index\.js$/ }, () => ({ contents: '' }));
  },
};

/** Compiles all functions, since most of them are needed until the daemon serves. */
const COMPILE = `
const { readFileSync, writeFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');
const [filename, out] = process.argv.slice(1);
setFlagsFromString('--no-lazy');
const script = new Script(readFileSync(filename, 'latin1'), { filename });
setFlagsFromString('--lazy');
writeFileSync(out, script.createCachedData());`;

const launcher = (name: string): string => `'use strict';
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const filename = __dirname + '/bundle/${name}.js';
let cachedData;
try {
  cachedData = readFileSync(__dirname + '/bundle/${name}.code');
} catch {
  // It only starts later.
}
const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
script.runInThisContext()(exports, require, module, __filename, __dirname);
`;

async function bundle(out: string): Promise<void> {
  const folder = join(dirname(out), 'bundle');
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/main.ts'],
    outfile: join(folder, 'bundle.js'),
    write: false,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    define: { 'import.meta.url': 'here' },
    banner: {
      js: `(function (exports, require, module, __filename, __dirname) { const here = require('node:url').pathToFileURL(__filename).href;`,
    },
    footer: { js: '})' },
    plugins: [packages],
    // Half of all that would be bundled, and wanted once in two months, when a certificate is made.
    external: ['@peculiar/x509', 'reflect-metadata'],
    // Without comments it is plain ASCII, which takes a byte a character in memory. Names stay.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120,
    legalComments: 'none',
    sourcemap: 'external',
    logLevel: 'warning',
  });
  const text = outputFiles.find(({ path }) => path.endsWith('.js'))?.text ?? '';
  const map = outputFiles.find(({ path }) => path.endsWith('.map'))?.text ?? '';
  const flags = execFileSync(join(ROOT, 'scripts/node-flags'), { encoding: 'utf8' }).trim();
  const sum = createHash('sha256').update(`${process.version} ${process.arch} ${flags} ${text}`);
  const name = sum.digest('hex').slice(0, 16);
  mkdirSync(folder, { recursive: true });
  const script = join(folder, `${name}.js`);
  writeFileSync(script, text, 'latin1');
  writeFileSync(`${script}.map`, map);
  const code = join(folder, `${name}.code`);
  execFileSync(process.execPath, [...flags.split(' '), '-e', COMPILE, script, code]);
  writeFileSync(`${out}.new`, launcher(name));
  renameSync(`${out}.new`, out);
  for (const file of readdirSync(folder)) {
    if (!basename(file).startsWith(name)) rmSync(join(folder, file));
  }
}

const out = process.argv[2];
if (out === undefined) {
  process.stderr.write('usage: node scripts/bundle.ts OUT.cjs\n');
  process.exitCode = 2;
} else {
  await bundle(out);
}
