import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How one zone is signed. */
export interface ZoneSpec {
  /** Without the final dot; '' is the root. */
  readonly name: string;
  readonly records: string;
  /** Undefined: not signed, and its parent has no DS for it. */
  readonly algorithm?: string;
  /** Arguments of dnssec-signzone besides: `-3 aabb -H 5`, `-s -P`, … */
  readonly sign?: readonly string[];
  /** Changes the signed text: for zones that lie. */
  readonly spoil?: (text: string) => string;
  /** DS that its parent has instead of the right ones. */
  readonly ds?: string;
}

const NAMED_TOOLS = '/usr/bin';

/**
 * Zones signed by BIND's tools, children before parents, so that the chain of trust holds from the
 * root on. `knotd` serves them all.
 */
export class SignedZones implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gh-zones-'));
  /** DS of the root's key signing key, as an anchor is configured. */
  rootAnchor = '';
  readonly #names: string[] = [];

  constructor(specs: readonly ZoneSpec[]) {
    const dsOf = new Map<string, string>();
    for (const spec of [...specs].sort((a, b) => depth(b.name) - depth(a.name))) {
      const children = specs.filter(
        ({ name }) => parentIn(specs, name) === spec.name && name !== spec.name,
      );
      const own = children.flatMap(({ name }) => dsOf.get(name) ?? []).join('\n');
      dsOf.set(spec.name, this.#make(spec, own));
    }
    const root = dsOf.get('') ?? '';
    this.rootAnchor =
      root
        .split('\n')[0]
        ?.replace(/^.*\sDS\s+/, '')
        .replace(/\s+/g, ' ') ?? '';
    this.rootAnchor = this.rootAnchor.replace(
      /^(\d+ \d+ \d+ )(.*)$/,
      (_, head, hex) => head + hex.replaceAll(' ', ''),
    );
  }

  /** The configuration of a knotd that serves them. */
  knotConfig(address: string, port: number): string {
    const run = join(this.folder, `run-${address}-${port}`);
    mkdirSync(run);
    const path = join(run, 'knot.conf');
    const zones = this.#names.map(
      (name) => `  - domain: ${name || '.'}\n    file: ${join(this.folder, fileOf(name))}\n`,
    );
    writeFileSync(
      path,
      `server:\n  rundir: ${run}\n  listen: ${address}@${port}\n  udp-max-payload: 1232\ndatabase:\n  storage: ${run}/db\nlog:\n  - target: stderr\n    any: warning\ntemplate:\n  - id: default\n    storage: ${this.folder}\n    zonefile-sync: -1\n    zonefile-load: whole\n    journal-content: none\n    semantic-checks: off\nzone:\n${zones.join('')}`,
    );
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #make(spec: ZoneSpec, ds: string): string {
    const { name, records, algorithm, sign = [], spoil } = spec;
    const zone = name || '.';
    const soa = `$TTL 300\n$ORIGIN ${name === '' ? '.' : `${name}.`}\n@ SOA ns.lab. hostmaster.lab. 1 7200 900 1209600 60\n@ NS ns.lab.\n`;
    const path = join(this.folder, fileOf(name));
    this.#names.push(name);
    const text = `${soa}${records}\n${ds}\n`;
    if (algorithm === undefined) {
      writeFileSync(path, text);
      return '';
    }
    const plain = `${path}.plain`;
    writeFileSync(plain, text);
    const run = (file: string, ...args: string[]): string =>
      execFileSync(join(NAMED_TOOLS, file), args, {
        cwd: this.folder,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    const bits = algorithm.startsWith('RSA') ? ['-b', '2048'] : [];
    run('dnssec-keygen', '-q', '-a', algorithm, ...bits, '-f', 'KSK', zone);
    run('dnssec-keygen', '-q', '-a', algorithm, ...bits, zone);
    run('dnssec-signzone', '-q', '-S', '-o', zone, '-f', path, ...sign, plain);
    if (spoil !== undefined) writeFileSync(path, spoil(readFileSync(path, 'utf8')));
    const file = name === '' ? 'dsset-.' : `dsset-${name}.`;
    return spec.ds ?? readFileSync(join(this.folder, file), 'utf8').trim();
  }
}

const fileOf = (name: string): string => `${name || 'root'}.zone`;
const depth = (name: string): number => (name === '' ? 0 : name.split('.').length);

function parentIn(specs: readonly ZoneSpec[], name: string): string {
  const above = specs
    .map((spec) => spec.name)
    .filter((other) => other !== name && (other === '' || name.endsWith(`.${other}`)));
  return above.sort((a, b) => depth(b) - depth(a))[0] ?? '';
}

/** A server program until disposal; what it says is kept for a failing test. */
export class Serving implements AsyncDisposable {
  readonly #child;
  said = '';

  constructor(file: string, ...args: string[]) {
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: unknown): void => {
      this.said = `${this.said}${String(chunk)}`.slice(-8192);
    };
    this.#child.stdout.on('data', keep);
    this.#child.stderr.on('data', keep);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await gone;
  }
}
