/**
 * Runs the program from its parts (see scripts/bundle.ts). A part is a function of what a CommonJS module
 * is handed, and comes with V8's compiled form, which spares reading and compiling the text.
 */
import { dirname } from 'node:path';
import { Script } from 'node:vm';

interface Module {
  exports: unknown;
}

type Load = (name: string) => unknown;

type Body = (
  exports: unknown,
  load: Load,
  module: Module,
  filename: string,
  dirname: string,
) => void;

export interface PartSource {
  /** Of a part, such as `main.js`: plain ASCII, or the compiled form would be refused. */
  readonly text: (name: string) => string;
  /** Such as `main.code`. */
  readonly compiled: (name: string) => Buffer | undefined;
  /** Whatever is no part: Node's own modules, packages, native parts. */
  readonly load: (name: string, run: Load) => unknown;
  /** What parts take for their own file, and for where they lie. */
  readonly filename: string;
}

export function runParts(source: PartSource): void {
  const modules = new Map<string, Module>();
  const run = (name: string): unknown => {
    const there = modules.get(name);
    if (there !== undefined) return there.exports;
    const module: Module = { exports: {} };
    modules.set(name, module);
    try {
      evaluate(name, module);
    } catch (cause) {
      // Or whoever loads it next would get what is half done.
      modules.delete(name);
      throw cause;
    }
    return module.exports;
  };
  const evaluate = (name: string, module: Module): void => {
    const cachedData = source.compiled(name.replace(/js$/, 'code'));
    const script = new Script(source.text(name), {
      filename: `${dirname(source.filename)}/${name}`,
      ...(cachedData === undefined ? {} : { cachedData }),
    });
    const body = script.runInThisContext() as Body;
    body(module.exports, load, module, source.filename, dirname(source.filename));
  };
  const load = (name: string): unknown =>
    name.startsWith('./') ? run(name.slice(2)) : source.load(name, run);
  run('main.js');
}
