/**
 * What the single executable starts with (see scripts/build-binary.ts): all else is in it as assets.
 * The program itself comes with V8's compiled form, which spares reading and compiling the text.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { getAssetKeys, getRawAsset } from 'node:sea';
import { Script } from 'node:vm';
import { executableCommand } from '../os/linux/program.ts';

interface Module {
  exports: unknown;
}

type Body = (
  exports: unknown,
  load: (name: string) => unknown,
  module: Module,
  filename: string,
  dirname: string,
) => void;

/** The executable, as if it were the script. */
const filename = executableCommand().at(-1) ?? process.execPath;
const builtIn = createRequire(filename);
const assets = new Set(getAssetKeys());

/** A native part lies beside; a package that is not in the bundle is an asset of its own. */
function load(name: string): unknown {
  if (name.endsWith('.node')) return builtIn('./lmdb.node');
  return assets.has(`${name}.js`) ? run(name) : builtIn(name);
}

function run(name: string): unknown {
  // Each is plain ASCII, or the compiled form would be refused.
  const text = Buffer.from(getRawAsset(`${name}.js`)).toString('latin1');
  const compiled = assets.has(`${name}.code`)
    ? Buffer.from(getRawAsset(`${name}.code`))
    : undefined;
  const script = new Script(text, {
    filename: `${filename}/${name}.js`,
    ...(compiled === undefined ? {} : { cachedData: compiled }),
  });
  const module: Module = { exports: {} };
  const body = script.runInThisContext() as Body;
  body(module.exports, load, module, filename, dirname(filename));
  return module.exports;
}

run('gatehouse');
