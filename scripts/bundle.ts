/**
 * Bundles the daemon and command line: `node scripts/bundle.ts OUT.cjs`. What is loaded by
 * `import()` is a part of its own, and so is what several share; each is one script, in
 * `OUT's folder/bundle/HASH/`, and beside it V8's compiled form of that, which spares reading and
 * compiling the text. OUT finds them. The folder's name carries a hash, since V8 itself would take
 * the compiled form of another text of the same length.
 *
 * A script is a function of what a CommonJS module is handed: see src/main/parts.ts.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type BuildOptions, build, type Plugin, transform } from 'esbuild';

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
    onLoad({ filter: /node-gyp-build-optional-packages\/index\.js$/ }, () => ({
      contents: LMDB_ADDON,
    }));
    // lmdb's encoder: values are stored as bytes.
    onLoad({ filter: /\/msgpackr\/.*\.js$/ }, () => ({ contents: 'export class Encoder {}' }));
    // pino's threads and files: it writes from this thread, into a file of our own.
    onLoad({ filter: /\/pino\/lib\/transport\.js$/ }, () => ({ contents: '' }));
    onLoad({ filter: /\/sonic-boom\/index\.js$/ }, () => ({
      contents: 'module.exports = class {};',
    }));
    onResolve({ filter: /^worker_threads$/ }, ({ path }) => ({ path, namespace: 'one thread' }));
    onLoad({ filter: /./, namespace: 'one thread' }, () => ({
      contents: 'export const isMainThread = true;',
    }));
  },
};

/** One script; `name` is what others load it by. */
export interface Part {
  readonly name: string;
  readonly text: string;
  readonly map: string;
}

const COMMON: BuildOptions = {
  absWorkingDir: ROOT,
  outdir: 'out',
  write: false,
  bundle: true,
  platform: 'node',
  plugins: [packages],
  logLevel: 'warning',
};

/** Without comments it is plain ASCII, which takes a byte a character in memory. Names stay. */
const TEXT = {
  target: 'node26',
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 120,
  legalComments: 'none',
} as const;

const WRAPPED = {
  format: 'cjs',
  // A script of `node:vm` has none.
  supported: { 'dynamic-import': false },
  banner: '(function (exports, require, module, __filename, __dirname) {',
  footer: '})',
} as const;

/** One script of a module and all that it imports. */
export async function bundleWhole(entry: string, wrapped = true): Promise<string> {
  const { banner, footer, ...rest } = WRAPPED;
  const { outputFiles = [] } = await build({
    ...COMMON,
    ...TEXT,
    ...rest,
    entryPoints: [entry],
    ...(wrapped ? { banner: { js: banner }, footer: { js: footer } } : {}),
  });
  return outputFiles[0]?.text ?? '';
}

/** The daemon and command line, in parts; it begins with `main.js`. */
export async function bundleMain(): Promise<readonly Part[]> {
  const { outputFiles = [] } = await build({
    ...COMMON,
    entryPoints: ['src/main.ts'],
    // esbuild splits modules alone, hence the second step.
    format: 'esm',
    splitting: true,
    target: TEXT.target,
    external: EXTERNAL,
    define: { 'import.meta.url': 'here' },
    sourcemap: 'inline',
  });
  return Promise.all(
    outputFiles.map(async ({ path, text }) => {
      const here = /\bhere\b/.test(text)
        ? "const here = require('node:url').pathToFileURL(__filename).href;"
        : '';
      const { code, map } = await transform(text, {
        ...TEXT,
        ...WRAPPED,
        banner: `${WRAPPED.banner}${here}`,
        sourcemap: 'external',
        sourcefile: basename(path),
      });
      return { name: basename(path), text: code, map };
    }),
  );
}

/**
 * Compiles all functions, since most of them are needed until the daemon serves; none is thrown away
 * again meanwhile, which would depend on when V8 collects.
 */
const COMPILE = `
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');
const folder = process.argv[1] + '/';
for (const name of readdirSync(folder).filter((name) => name.endsWith('.js')).sort()) {
  setFlagsFromString('--no-lazy');
  setFlagsFromString('--no-flush-bytecode');
  const script = new Script(readFileSync(folder + name, 'latin1'), { filename: name });
  setFlagsFromString('--lazy');
  setFlagsFromString('--flush-bytecode');
  writeFileSync(folder + name.replace(/js$/, 'code'), script.createCachedData());
}`;

/**
 * Writes the parts into a new folder, and beside each V8's compiled form of it, by the Node (`node`: its
 * command line) that will run it.
 */
export function writeParts(
  parts: readonly Part[],
  node: readonly string[],
  folder: string,
  maps = false,
): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, text, map } of parts) {
    writeFileSync(join(folder, name), text, 'latin1');
    if (maps) writeFileSync(join(folder, `${name}.map`), map);
  }
  const [file = '', ...args] = node;
  // Without the seed no two compiled forms are the same. It is none of the flags that have to be.
  const flags = [...nodeFlags(), '--random-seed=1'];
  // Nor with an environment that loads something else first, as that of a test runner may.
  execFileSync(file, [...args, ...flags, '-e', COMPILE, folder], { env: {} });
}

async function bundleForCheckout(out: string): Promise<void> {
  const all = join(dirname(out), 'bundle');
  const parts = await bundleMain();
  const sum = createHash('sha256').update(
    JSON.stringify([process.version, process.arch, nodeFlags(), parts]),
  );
  const name = sum.digest('hex').slice(0, 16);
  writeParts(parts, [process.execPath], join(all, name), true);
  const launcher = await bundleWhole('src/main/checkout.ts', false);
  writeFileSync(`${out}.new`, launcher.replaceAll('BUNDLE_NAME', name));
  renameSync(`${out}.new`, out);
  for (const other of readdirSync(all)) {
    if (other !== name) rmSync(join(all, other), { recursive: true });
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
