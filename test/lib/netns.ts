import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Runs a program to its end and gives stdout; a failure throws with its stderr. */
export const sh = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const quiet = (file: string, ...args: string[]): void => {
  spawnSync(file, args, { stdio: 'ignore' });
};

/** Signals a process that may have ended by itself since it was listed. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ESRCH')) throw cause;
  }
}

/** Why network namespaces cannot be made here, or undefined when they can: hand it to tap as `skip`. */
export function noNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root for network namespaces';
  if (!existsSync('/run/netns') && spawnSync('ip', ['netns', 'list']).status !== 0)
    return 'needs iproute2';
  return undefined;
}

/**
 * Network namespaces of one test, made on demand under names of their own (`gh-t-NAME-PID-…`) and
 * removed, with the veth links in them, on disposal. Loopback is up in each.
 */
export class Namespaces implements Disposable {
  readonly #prefix: string;
  readonly #made: string[] = [];

  constructor(name: string) {
    this.#prefix = `gh-t-${name}-${process.pid}`;
  }

  /** Full name of the namespace `node`, made if it is not there yet. */
  make(node: string): string {
    const name = `${this.#prefix}-${node}`;
    if (!this.#made.includes(name)) {
      sh('ip', 'netns', 'add', name);
      this.#made.push(name);
      sh('ip', '-n', name, 'link', 'set', 'lo', 'up');
    }
    return name;
  }

  /** Joins `a` and `b` by a veth pair, both ends up. */
  link(
    a: readonly [node: string, ifName: string],
    b: readonly [node: string, ifName: string],
  ): void {
    const [nsA, nsB] = [this.make(a[0]), this.make(b[0])];
    sh('ip', '-n', nsA, 'link', 'add', a[1], 'type', 'veth', 'peer', 'name', b[1], 'netns', nsB);
    sh('ip', '-n', nsA, 'link', 'set', a[1], 'up');
    sh('ip', '-n', nsB, 'link', 'set', b[1], 'up');
  }

  /** Runs a program inside `node` to its end and gives stdout. */
  exec(node: string, file: string, ...args: string[]): string {
    return sh('ip', 'netns', 'exec', this.make(node), file, ...args);
  }

  /** Argument list that runs a program inside `node`, for `spawn('ip', …)`. */
  argv(node: string, file: string, ...args: string[]): string[] {
    return ['netns', 'exec', this.make(node), file, ...args];
  }

  /** Processes that run inside `node`. */
  pids(node: string): number[] {
    const listed = sh('ip', 'netns', 'pids', this.make(node)).trim();
    return listed === '' ? [] : listed.split('\n').map(Number);
  }

  [Symbol.dispose](): void {
    for (const name of this.#made.splice(0)) quiet('ip', 'netns', 'del', name);
  }
}

const INSIDE = 'GATEHOUSE_TEST_NETNS';

/**
 * Runs the tests of a file (`import.meta.url`) in a network namespace of their own, and with `mounts` in a mount
 * namespace as well; they end with the process.
 */
export function runAlone(
  t: { test(name: string, options: { skip: string }, run: () => void): unknown },
  name: string,
  url: string,
  tests: () => void,
  { mounts = false }: { readonly mounts?: boolean } = {},
): void {
  const skip = noNamespaces();
  if (skip !== undefined) {
    t.test(name, { skip }, () => {});
  } else if (process.env[INSIDE] !== undefined) {
    tests();
  } else {
    const apart = mounts ? ['-n', '-m', '--propagation', 'private'] : ['-n'];
    const { status } = spawnSync('unshare', [...apart, process.execPath, fileURLToPath(url)], {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: '1' },
    });
    process.exitCode = status ?? 1;
  }
}

/**
 * What most tests of the router stand in: `isp` (isp0, 198.51.100.1/24) — wan0 `r` lan0 — eth0 `lan`.
 * Servers answer by broadcast before a client has an address, so `isp` has a route for that.
 */
export function home(name: string): Namespaces {
  const spaces = new Namespaces(name);
  spaces.link(['isp', 'isp0'], ['r', 'wan0']);
  spaces.link(['r', 'lan0'], ['lan', 'eth0']);
  spaces.exec('isp', 'ip', 'address', 'add', '198.51.100.1/24', 'dev', 'isp0');
  spaces.exec('isp', 'ip', 'route', 'add', '255.255.255.255', 'dev', 'isp0');
  return spaces;
}
