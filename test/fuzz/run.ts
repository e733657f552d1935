/**
 * Feeds every fuzz target with seeded random and mutated inputs. A target is a module of this folder
 * that exports `target`; it fails by throwing. The failing input is shrunk and printed as hex with
 * the seed that leads back to it.
 *
 *     node test/fuzz/run.ts [--runs N] [--seed N] [TARGET…]
 */
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

export interface FuzzTarget {
  readonly name: string;
  /** Takes any bytes; throwing is a finding. */
  run(bytes: Uint8Array): void;
  /** Valid inputs to start mutating from. */
  seeds?(): Uint8Array[];
  /** Gives back what it holds; called when it is done with. */
  close?(): Promise<void>;
}

export interface Finding {
  readonly input: Uint8Array;
  readonly error: unknown;
  readonly run: number;
}

/** sfc32: small, quick, and the same on every machine. */
export function randomFrom(seed: number): () => number {
  let [a, b, c, d] = [seed >>> 0, 0x9e3779b9, 0x243f6a88, 1];
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return next;
}

const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 129, 254, 255];
const MAX_BYTES = 1 << 16;

/** One input: mostly a mutated seed, now and then bytes from nowhere. */
export function mutate(seeds: readonly Uint8Array[], next: () => number): Uint8Array {
  const below = (n: number): number => next() % n;
  const noise = (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256));
  const pick = seeds[below(Math.max(1, seeds.length))];
  if (pick === undefined || below(8) === 0) return noise(below(below(8) === 0 ? 1024 : 64));
  let bytes: Uint8Array = pick.slice();
  for (let step = below(6); step >= 0; step--) {
    const at = below(bytes.length + 1);
    const length = Math.min(below(16) + 1, bytes.length - at);
    const splice = (drop: number, insert: Uint8Array): Uint8Array => {
      const out = new Uint8Array(bytes.length - drop + insert.length);
      out.set(bytes.subarray(0, at));
      out.set(insert, at);
      out.set(bytes.subarray(at + drop), at + insert.length);
      return out;
    };
    switch (below(8)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1:
        bytes = splice(length, new Uint8Array(0));
        break;
      case 2:
        bytes = splice(0, noise(below(16) + 1));
        break;
      case 3:
        bytes = splice(0, bytes.slice(at, at + length));
        break;
      case 4:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
        break;
      case 5:
        if (at < bytes.length) bytes[at] = EDGES[below(EDGES.length)] ?? 0;
        break;
      case 6:
        if (at < bytes.length) bytes[at] = below(256);
        break;
      default: {
        const other = seeds[below(seeds.length)] ?? pick;
        bytes = splice(bytes.length - at, other.subarray(below(other.length + 1)));
      }
    }
    if (bytes.length > MAX_BYTES) bytes = bytes.slice(0, MAX_BYTES);
  }
  return bytes;
}

const failure = (target: FuzzTarget, input: Uint8Array): unknown => {
  try {
    // The target gets a copy, so that it cannot change what is reported.
    target.run(input.slice());
    return undefined;
  } catch (error) {
    return error ?? 'threw undefined';
  }
};

/** A shorter input that fails still: halves, quarters, … and single bytes are left out while it does. */
export function shrink(target: FuzzTarget, input: Uint8Array): Uint8Array {
  let best = input;
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= best.length; ) {
      const shorter = new Uint8Array(best.length - size);
      shorter.set(best.subarray(0, at));
      shorter.set(best.subarray(at + size), at);
      if (failure(target, shorter) !== undefined) best = shorter;
      else at += size;
    }
  }
  return best;
}

/** Runs `target` on its seeds and then on `runs` inputs made from them; the first finding ends it. */
export function fuzz(target: FuzzTarget, runs: number, seed: number): Finding | undefined {
  const seeds = target.seeds?.() ?? [];
  const next = randomFrom(seed);
  for (let run = -seeds.length; run < runs; run++) {
    const input = run < 0 ? seeds[run + seeds.length] : mutate(seeds, next);
    if (input === undefined) continue;
    if (failure(target, input) === undefined) continue;
    const short = shrink(target, input);
    return { input: short, error: failure(target, short), run };
  }
  return undefined;
}

export const describe = (
  target: FuzzTarget,
  seed: number,
  { input, error, run }: Finding,
): string =>
  `${target.name}: failed on input ${run} of seed ${seed}\n  hex ${Buffer.from(input).toString('hex')}\n  ${
    error instanceof Error ? error.stack : String(error)
  }`;

/** All targets of this folder, by file name. */
export async function targets(names: readonly string[] = []): Promise<FuzzTarget[]> {
  const found: FuzzTarget[] = [];
  for (const file of globSync('*.ts', { cwd: import.meta.dirname }).sort()) {
    if (file === 'run.ts' || file.endsWith('.test.ts')) continue;
    const module: { target?: FuzzTarget } = await import(join(import.meta.dirname, file));
    if (module.target === undefined) throw new Error(`test/fuzz/${file} exports no target`);
    if (
      names.length === 0 ||
      names.includes(module.target.name) ||
      names.includes(basename(file, '.ts'))
    )
      found.push(module.target);
  }
  return found;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [runs, seed] = [Number(values.runs), Number(values.seed)];
  const all = await targets(positionals);
  if (all.length === 0) {
    process.stderr.write(`no fuzz target ${positionals.join(', ')}\n`);
    process.exitCode = 2;
  }
  for (const target of all) {
    const before = performance.now();
    const finding = fuzz(target, runs, seed);
    const sec = (performance.now() - before) / 1000;
    if (finding === undefined) {
      process.stdout.write(
        `${target.name}: ${runs} inputs of seed ${seed}, no failure, ${sec.toFixed(1)} s\n`,
      );
    } else {
      process.stdout.write(`${describe(target, seed, finding)}\n`);
      process.exitCode = 1;
    }
    await target.close?.();
  }
}
