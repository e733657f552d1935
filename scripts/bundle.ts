/**
 * Bundles the daemon and command line: `node scripts/bundle.ts OUT.cjs`. Three files make it start
 * soon: OUT, a few lines that find and run the other two; all modules in one script, in
 * `OUT's folder/bundle/`; and beside it V8's compiled form of that, which spares reading and
 * compiling the text. Their names carry a hash, since V8 itself would take the compiled form of
 * another text of the same length.
 *
 * The script is a function of what a CommonJS module is handed. Whoever runs it decides by `require`
 * where lmdb's native part and the packages come from that are not in it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/** Half of all that would be bundled, and wanted once in two months, when a certificate is made. */
export const EXTERNAL = ['@peculiar/x509', 'reflect-metadata'];

/** Of Node, each as one argument: see scripts/node-flags. */
export const nodeFlags = (): readonly string[] =>
  execFileSync(join(ROOT, 'scripts/node-flags'), { encoding: 'utf8' }).trim().split(' ');

const LMDB_ADDON = `module.exports = () =>
  require('@lmdb/lmdb-' + process.platform + '-' + process.arch + '/node.napi.glibc.node');`;

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

export interface Bundled {
  readonly text: string;
  readonly map: string;
}

/** One script of a module and all that it imports. */
export async function bundle(entry: string, options: BuildOptions = {}): Promise<Bundled> {
  const { outputFiles = [] } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: 'bundle.js',
    write: false,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    // A script of `node:vm` has none.
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'here' },
    banner: {
      js: `(function (exports, require, module, __filename, __dirname) { const here = require('node:url').pathToFileURL(__filename).href;`,
    },
    footer: { js: '})' },
    plugins: [packages],
    // Without comments it is plain ASCII, which takes a byte a character in memory. Names stay.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120,
    legalComments: 'none',
    sourcemap: 'external',
    logLevel: 'warning',
    ...options,
  });
  const file = (end: string): string =>
    outputFiles.find(({ path }) => path.endsWith(end))?.text ?? '';
  return { text: file('.js'), map: file('.map') };
}

/** The daemon and command line. */
export const bundleMain = (): Promise<Bundled> => bundle('src/main.ts', { external: EXTERNAL });

/**
 * Compiles all functions, since most of them are needed until the daemon serves; none is thrown away
 * again meanwhile, which would depend on when V8 collects.
 */
const COMPILE = `
const { readFileSync, writeFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');
const [path, out] = process.argv.slice(1);
setFlagsFromString('--no-lazy');
setFlagsFromString('--no-flush-bytecode');
const script = new Script(readFileSync(path, 'latin1'), { filename: 'bundle.js' });
setFlagsFromString('--lazy');
setFlagsFromString('--flush-bytecode');
writeFileSync(out, script.createCachedData());`;

/** Writes V8's compiled form of a script, by the Node (`node`: its command line) that will run it. */
export function compile(node: readonly string[], script: string, out: string): void {
  const [file = '', ...args] = node;
  // Without the seed no two compiled forms are the same. It is none of the flags that have to be.
  const flags = [...nodeFlags(), '--random-seed=1'];
  // Nor with an environment that loads something else first, as that of a test runner may.
  execFileSync(file, [...args, ...flags, '-e', COMPILE, script, out], { env: {} });
}

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

async function bundleForCheckout(out: string): Promise<void> {
  const folder = join(dirname(out), 'bundle');
  const { text, map } = await bundleMain();
  const flags = nodeFlags().join(' ');
  const sum = createHash('sha256').update(`${process.version} ${process.arch} ${flags} ${text}`);
  const name = sum.digest('hex').slice(0, 16);
  mkdirSync(folder, { recursive: true });
  const script = join(folder, `${name}.js`);
  writeFileSync(script, text, 'latin1');
  writeFileSync(`${script}.map`, map);
  compile([process.execPath], script, join(folder, `${name}.code`));
  writeFileSync(`${out}.new`, launcher(name));
  renameSync(`${out}.new`, out);
  for (const file of readdirSync(folder)) {
    if (!basename(file).startsWith(name)) rmSync(join(folder, file));
  }
}

if (import.meta.main) {
  const out = process.argv[2];
  if (out === undefined) {
    process.stderr.write('usage: node scripts/bundle.ts OUT.cjs\n');
    process.exitCode = 2;
  } else {
    await bundleForCheckout(out);
  }
}
