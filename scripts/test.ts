/**
 * Runs the tests by tap in groups, the quick ones first, prints tap's report compactly, and ends
 * with the plain line `N passed, N failed`. The whole report goes to build/test.log.
 *
 * Two files of the first group run at once. Those under test/interop and test/e2e, and any file
 * whose first line says `// needs root: why`, need root for their namespaces and run one by one; those
 * of the bootable images come last.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, globSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const FILE_TIMEOUT_SEC = 600;
/** An emulated machine takes its time to boot, and some boot often. */
const IMAGE_TIMEOUT_SEC = 1500;

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Group {
  readonly name: string;
  readonly files: readonly string[];
  readonly jobs: number;
  readonly timeoutSec: number;
  readonly needsRoot: boolean;
}

/** Sorts test files into the groups in which they run; `firstLine` reads the head of a file. */
export function groupsOf(files: readonly string[], firstLine: (path: string) => string): Group[] {
  const needsRoot = (path: string): boolean =>
    /^test\/(interop|e2e)\//.test(path) || firstLine(path).startsWith('// needs root');
  const [quick, rooted, images]: [string[], string[], string[]] = [[], [], []];
  for (const path of files) {
    if (path.startsWith('test/e2e/image')) images.push(path);
    else (needsRoot(path) ? rooted : quick).push(path);
  }
  const timeoutSec = FILE_TIMEOUT_SEC;
  const groups = [
    { name: 'unit', files: quick, jobs: 2, timeoutSec, needsRoot: false },
    { name: 'interop', files: rooted, jobs: 1, timeoutSec, needsRoot: true },
    { name: 'images', files: images, jobs: 1, timeoutSec: IMAGE_TIMEOUT_SEC, needsRoot: true },
  ];
  return groups.filter((group) => group.files.length > 0);
}

/** Counts of a whole report, from the summary that tap closes it with; undefined when there is none. */
export function countsOf(summary: string): Counts | undefined {
  const body = /^# \{ total: \d+(.*) \}$/.exec(summary)?.[1];
  if (body === undefined) return undefined;
  const count = (name: string): number =>
    Number(new RegExp(`\\b${name}: (\\d+)`).exec(body)?.[1] ?? 0);
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') };
}

/**
 * Reads tap's report line by line and says what a person wants to see of it: one line a file, and
 * below a file that failed each failing assertion with its diagnostics.
 */
export class Digest {
  #counts: Counts | undefined;
  #file: string[] = [];

  get counts(): Counts | undefined {
    return this.#counts;
  }

  /** The lines to show for one line of the report. */
  line(line: string): string[] {
    const counts = countsOf(line);
    if (counts !== undefined) {
      this.#counts = counts;
      return [];
    }
    const point = /^(not ok|ok) \d+ - (\S+)(?: # (.*))?$/.exec(line);
    if (point === null) {
      this.#file.push(line);
      return [];
    }
    const [, verdict, name = '', remark = ''] = point;
    const took = /^time=([\d.]+)ms/.exec(remark)?.[1];
    const head = `${verdict === 'ok' ? 'ok     ' : 'NOT OK '}${name}`;
    const tail = took === undefined ? (remark === '' ? '' : `  # ${remark}`) : `  ${seconds(took)}`;
    const shown = [head + tail];
    if (verdict !== 'ok') shown.push(...failuresOf(this.#file));
    this.#file = [];
    return shown;
  }
}

const seconds = (ms: string): string => `${(Number(ms) / 1000).toFixed(2)} s`;

/** The failing points of one file's subtest, each with the YAML that follows it, and stray output. */
function failuresOf(lines: readonly string[]): string[] {
  const shown: string[] = [];
  let inFailure = false;
  for (const line of lines) {
    if (/^ *not ok /.test(line)) {
      inFailure = true;
      shown.push(line);
    } else if (inFailure && /^ *(ok |# Subtest|1\.\.\d)/.test(line)) {
      inFailure = false;
    } else if (inFailure) {
      shown.push(line);
    }
  }
  return shown.length === 0 ? lines.filter((line) => line.trim() !== '') : shown;
}

type Sink = (text: string) => void;

/** Runs one group and adds its report to the log; undefined when tap itself failed to report. */
async function run(group: Group, command: readonly string[], log: Sink): Promise<Counts> {
  const [file = '', ...args] = command;
  const child = spawn(
    file,
    [
      ...args,
      join(ROOT, 'node_modules/.bin/tap'),
      'run',
      '--disable-coverage',
      '--reporter=tap',
      `--jobs=${group.jobs}`,
      `--timeout=${group.timeoutSec}`,
      ...group.files,
    ],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const digest = new Digest();
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    log(chunk);
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) for (const shown of digest.line(line)) print(shown);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log(chunk);
    process.stderr.write(chunk);
  });
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', (status) => resolve(status ?? 128));
  });
  const { counts } = digest;
  if (counts === undefined) {
    print(`NOT OK ${group.name}: tap ended with ${code} and no summary`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  // A file that dies after its last assertion fails no assertion, but tap says so by its exit code.
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

const print: Sink = (text) => void process.stdout.write(`${text}\n`);

/** How to start Node as root, or why that cannot be. */
function asRoot(): { readonly command: readonly string[] } | { readonly reason: string } {
  if (process.getuid?.() === 0) return { command: [process.execPath] };
  if (spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0)
    return { command: ['sudo', '-n', '--', process.execPath] };
  return { reason: 'they need root for network namespaces, and sudo does not let us in unasked' };
}

async function main(asked: readonly string[]): Promise<void> {
  const files = globSync(asked.length > 0 ? [...asked] : 'test/**/*.test.ts', { cwd: ROOT }).sort();
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const log = createWriteStream(join(ROOT, 'build/test.log'));
  const write: Sink = (text) => void log.write(text);
  const firstLine = (path: string): string =>
    readFileSync(join(ROOT, path), 'utf8').split('\n', 1)[0] ?? '';
  let [passed, failed, skipped] = [0, 0, 0];
  for (const group of groupsOf(files, firstLine)) {
    const how = group.needsRoot ? asRoot() : { command: [process.execPath] };
    if ('reason' in how) {
      print(`skipped ${group.files.length} files of ${group.name}: ${how.reason}`);
      skipped += group.files.length;
      continue;
    }
    const counts = await run(group, how.command, write);
    passed += counts.passed;
    failed += counts.failed;
    skipped += counts.skipped;
  }
  const closing = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  write(`${closing}\n`);
  log.end();
  print(closing);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

if (import.meta.main) await main(process.argv.slice(2));
