/** Where the program lies, what was built with it, and how it is started again. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';

/** A file, and the arguments before those that the program takes for its own. */
export type Command = readonly [file: string, ...args: string[]];

export interface Program {
  readonly version: string;
  /** Of the source, by git; only a built executable knows it. */
  readonly commit: string | undefined;
  readonly command: Command;
  readonly nativePath: string;
  readonly pluginPath: string;
  /** Makers of network cards. */
  readonly vendorsPath: string;
  readonly webPath: string;
}

/** The asset of the executable that says what it is. */
interface About {
  readonly version: string;
  readonly commit?: string;
}

/** `url` is that of `main.ts`, of the bundle, or of the executable. */
export function thisProgram(url: string): Program {
  if (isSea()) {
    const about = JSON.parse(getAsset('about.json', 'utf8')) as About;
    const beside = (name: string): string => fileURLToPath(new URL(name, url));
    return {
      version: about.version,
      commit: about.commit,
      command: executableCommand(),
      nativePath: beside('gatehouse.node'),
      pluginPath: beside('lease-plugin'),
      vendorsPath: beside('oui.bin'),
      webPath: beside('web'),
    };
  }
  // In the checkout the root is one folder up, from the sources as from the bundle.
  const below = (path: string): string => fileURLToPath(new URL(`../${path}`, url));
  return {
    version: (JSON.parse(readFileSync(below('package.json'), 'utf8')) as About).version,
    commit: undefined,
    command: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
    nativePath: below('build/native/gatehouse.node'),
    pluginPath: below('build/native/lease-plugin'),
    vendorsPath: below('build/oui.bin'),
    webPath: below('build/web'),
  };
}

/** How the running executable is started again; its last word is the executable itself. */
export function executableCommand(): Command {
  const words = readFileSync('/proc/self/cmdline', 'utf8').split('\0');
  return commandOf(process.execPath, process.argv0, words, process.cwd());
}

/**
 * The executable may be started by a loader that the system does not have in its place
 * (`ld-linux-aarch64.so.1 --library-path DIR gatehouse …`). Then the loader is what the kernel runs,
 * and Node takes it for itself. The kernel keeps the whole command line; the program is handed it from
 * its own name on.
 */
export function commandOf(
  execPath: string,
  argv0: string,
  words: readonly string[],
  cwd: string,
): Command {
  const at = words.indexOf(argv0);
  return at <= 0 ? [execPath] : [execPath, ...words.slice(1, at), resolve(cwd, argv0)];
}
