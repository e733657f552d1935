/** What the single executable starts with (see scripts/build-binary.ts): all else is in it as assets. */
import { createRequire } from 'node:module';
import { getAssetKeys, getRawAsset } from 'node:sea';
import { executableCommand } from '../os/linux/program.ts';
import { runParts } from './parts.ts';

/** The executable, as if it were the script. */
const filename = executableCommand().at(-1) ?? process.execPath;
const builtIn = createRequire(filename);
const assets = new Set(getAssetKeys());
const asset = (name: string): Buffer => Buffer.from(getRawAsset(name));

runParts({
  text: (name) => asset(name).toString('latin1'),
  compiled: (name) => (assets.has(name) ? asset(name) : undefined),
  // A native part lies beside; a package that is not in the bundle is an asset of its own.
  load(name, run) {
    if (name.endsWith('.node')) return builtIn('./lmdb.node');
    return assets.has(`${name}.js`) ? run(`${name}.js`) : builtIn(name);
  },
  filename,
});
