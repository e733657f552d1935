import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { publicKeyBytes, writeBundle } from '../../scripts/image/build-bundle.ts';
import { SystemError } from '../../src/base/errors.ts';
import { err, ok, type Result } from '../../src/base/result.ts';
import type { RootHelper } from '../../src/os/ports.ts';
import { decodeUpdateStatus, type Slot, type UpdateStatus } from '../../src/wire/update-status.ts';

const NATIVE = fileURLToPath(new URL('../../native', import.meta.url));
const CHECKED = '-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined';

/** Compiles a C file against native/; throws with what the compiler said. */
export function compile(
  source: string,
  program: string,
  {
    sanitize = false,
    defines = [],
    libraries = [],
  }: {
    readonly sanitize?: boolean;
    readonly defines?: readonly string[];
    readonly libraries?: readonly string[];
  } = {},
): void {
  const optimize = sanitize ? CHECKED : '-O2';
  const flags = `-std=c11 -Wall -Wextra -Werror ${optimize}`.split(' ');
  const built = spawnSync(
    'gcc',
    [
      ...flags,
      ...defines.map((d) => `-D${d}`),
      '-iquote',
      NATIVE,
      source,
      '-o',
      program,
      ...libraries,
    ],
    { encoding: 'utf8' },
  );
  if (built.status !== 0) throw new Error(built.stderr);
}

export const buildSlotWriter = (
  program: string,
  options: { sanitize?: boolean; defines?: string[] } = {},
): void => compile(join(NATIVE, 'slot-writer.c'), program, { ...options, libraries: ['-lsodium'] });

export interface Sizes {
  readonly kernel: number;
  readonly initramfs: number;
  readonly rootfs: number;
}

const SIZES: Sizes = { kernel: 300_000, initramfs: 100_000, rootfs: 2_000_000 };

/** A disk with two slots made of files, slot a running version 1.0 (serial 10), confirmed. */
export class SlotBox implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gh-slots-'));
  readonly key: KeyObject = generateKeyPairSync('ed25519').privateKey;
  readonly #program: string;

  /** `program` is a built slot writer. */
  constructor(program: string) {
    this.#program = program;
    for (const name of ['boot', 'boot/a', 'update', 'run']) mkdirSync(this.at(name));
    for (const slot of ['a', 'b'])
      writeFileSync(this.at(`root-${slot}`), Buffer.alloc(8 << 20, slot));
    writeFileSync(this.at('key'), publicKeyBytes(this.key));
    this.runFrom('a');
    writeFileSync(this.at('config'), this.config());
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  config(): string {
    const lines = {
      arch: 'x86_64',
      key: this.at('key'),
      boot: this.at('boot'),
      disk: this.at('disk'),
      'root-a': this.at('root-a'),
      'root-b': this.at('root-b'),
      bundle: this.at('update/bundle.gup'),
      'command-line': this.at('cmdline'),
      status: this.at('run/update/status'),
      reset: this.at('factory-reset'),
    };
    return Object.entries(lines)
      .map(([name, value]) => `${name} ${value}\n`)
      .join('');
  }

  /** As if the box had been booted from it. */
  runFrom(slot: Slot): void {
    writeFileSync(this.at('cmdline'), `console=ttyS0 gatehouse.slot=${slot} quiet\n`);
  }

  /** Writes a bundle to where the daemon lays it; parts are seeded by version, so that each differs. */
  async bundle(
    version: string,
    serial: number,
    {
      arch = 'x86_64',
      key = this.key,
      sizes = SIZES,
    }: { arch?: string; key?: KeyObject; sizes?: Sizes } = {},
  ): Promise<Buffer> {
    const parts = { kernel: '', initramfs: '', rootfs: '' };
    for (const [name, size] of Object.entries(sizes) as [keyof Sizes, number][]) {
      parts[name] = this.at(`part-${name}`);
      const seed = createHash('sha512').update(`${version} ${name}`).digest();
      writeFileSync(parts[name], Buffer.alloc(Math.min(size, 4 << 20), seed));
      truncateSync(parts[name], size);
    }
    await writeBundle(this.at('update/bundle.gup'), { arch, version, serial, parts }, key);
    return readFileSync(this.at('update/bundle.gup'));
  }

  put(bundle: Uint8Array): void {
    writeFileSync(this.at('update/bundle.gup'), bundle);
  }

  /** Slot a holds what runs, confirmed; gives its files. */
  async settle(): Promise<void> {
    this.runFrom('b');
    await this.bundle('1.0', 10);
    this.run('install');
    this.run('activate');
    this.runFrom('a');
    this.run('confirm');
  }

  run(verb: string): { code: number; fault: string } {
    const ran = spawnSync(this.#program, [verb, this.at('config')], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (ran.stderr.includes('Sanitizer') || ran.stderr.includes('runtime error')) {
      throw new Error(ran.stderr);
    }
    return { code: ran.status ?? -1, fault: ran.stderr.replace('slot-writer: ', '').trim() };
  }

  start(verb: string): ChildProcess {
    return spawn(this.#program, [verb, this.at('config')], { stdio: 'ignore' });
  }

  get status(): UpdateStatus {
    const said = decodeUpdateStatus(readFileSync(this.at('run/update/status'), 'utf8'));
    if (!said.ok) throw new Error(`${said.error.field}: ${said.error.message}`);
    return said.value;
  }

  /** All that a boot of the slot needs, as one hash. */
  slotHash(slot: Slot): string {
    const hash = createHash('sha256');
    for (const name of ['head', 'kernel', 'initramfs']) {
      hash.update(readFileSync(this.at(`boot/${slot}/${name}`)));
    }
    return hash.update(readFileSync(this.at(`root-${slot}`))).digest('hex');
  }

  get environment(): string {
    return this.at('boot/boot.env');
  }

  /** Variables of the boot loader's environment, read by its own tool. */
  variables(): Readonly<Record<string, string>> {
    const ran = spawnSync('grub-editenv', [this.environment, 'list'], { encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`${ran.error ?? ran.stderr}`);
    return Object.fromEntries(
      ran.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs the slot writer as the root helper does. */
export class SlotHelper implements RootHelper {
  missing: string | undefined;
  reboots = 0;
  installing: ChildProcess | undefined;
  #listener: () => void = () => {};
  readonly #box: SlotBox;

  constructor(box: SlotBox) {
    this.#box = box;
  }

  async slots(verb: string): Promise<Result<void, SystemError>> {
    if (this.missing !== undefined) return err(new SystemError(this.missing, 'ENOENT'));
    if (this.installing?.exitCode === null && this.installing.signalCode === null) {
      return err(new SystemError('an update is being installed', 'EBUSY'));
    }
    if (verb === 'install') {
      this.installing = this.#box.start(verb);
      return ok(undefined);
    }
    const { code } = this.#box.run(verb);
    return code === 0 ? ok(undefined) : err(new SystemError(`the root helper: ${code}`, 'EPERM'));
  }

  async reboot(): Promise<Result<void, SystemError>> {
    this.reboots++;
    return ok(undefined);
  }

  powerOff = async () => ok(undefined);
  setHostName = async () => ok(undefined);

  subscribe(listener: () => void): Disposable {
    this.#listener = listener;
    return { [Symbol.dispose]: () => (this.#listener = () => {}) };
  }

  appear(): void {
    this.missing = undefined;
    this.#listener();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
