import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOverlay, qemuCommand } from '../../scripts/image/emulator.ts';
import { type Arch, BUILD, FIRST_BYTES, PARTITIONS, ROOT } from '../../scripts/image/layout.ts';
import { type Namespaces, noNamespaces } from './netns.ts';

export const imageOf = (arch: Arch): string => join(BUILD, `gatehouse-${arch}.img`);

/**
 * Whose images are to be tried, by GATEHOUSE_IMAGES: what takes minutes only on the first of them, what
 * takes a quarter of an hour only when GATEHOUSE_IMAGES_LONG is set, too (`make test-image` sets both).
 */
export function imagesAsked(takes?: 'minutes' | 'long'): readonly Arch[] {
  const asked = (process.env['GATEHOUSE_IMAGES'] ?? '').split(' ').filter(Boolean) as Arch[];
  const long = process.env['GATEHOUSE_IMAGES_LONG'] !== undefined;
  if (takes === undefined || long) return asked;
  return takes === 'minutes' ? asked.slice(0, 1) : [];
}

/** Why no image can be booted here, or undefined when it can. */
export const noImage = (arch: Arch): string | undefined =>
  noNamespaces() ?? (existsSync(imageOf(arch)) ? undefined : `no image: make image ARCH=${arch}`);

/** A disk that is none of ours: raw, with a shell for the test on hvc0, and how QEMU starts it. */
export interface OtherDisk {
  readonly disk: string;
  readonly options: readonly string[];
}

/** Longer than anything here takes on a slow machine: only what hangs gets there. */
const BOUND_MS = 300_000;

/**
 * The image in QEMU, in the namespace `r` of `home`: its two cards are bridged to wan0 and lan0. A
 * shell for the test is on a port of its own, laid into the overlay of /etc beforehand; the serial
 * console is as it is delivered. `more` are further options of QEMU.
 */
export class EmulatedBox implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gh-image-'));
  /** What came over the serial line so far. */
  console = '';
  readonly #arch: Arch;
  readonly #spaces: Namespaces;
  readonly #shells: Server;
  readonly #options: readonly string[];
  #qemu: ChildProcess | undefined;
  #shell: Socket | undefined;
  #said = '';
  #count = 0;
  #heard: (() => void)[] = [];

  constructor(spaces: Namespaces, arch: Arch, other?: OtherDisk, more: readonly string[] = []) {
    this.#spaces = spaces;
    this.#arch = arch;
    this.#options = [...(other?.options ?? []), ...more];
    for (const side of ['wan', 'lan']) {
      spaces.exec('r', 'ip', 'link', 'add', `br-${side}`, 'type', 'bridge');
      spaces.exec('r', 'ip', 'tuntap', 'add', `tap-${side}`, 'mode', 'tap');
      for (const port of [`tap-${side}`, `${side}0`]) {
        spaces.exec('r', 'ip', 'link', 'set', port, 'master', `br-${side}`, 'up');
      }
      spaces.exec('r', 'ip', 'link', 'set', `br-${side}`, 'up');
    }
    if (other === undefined) layShell(imageOf(arch), this.#base, this.folder);
    createOverlay(other?.disk ?? this.#base, this.disk);
    this.#shells = createServer((socket) => this.#connected(socket));
  }

  get #base(): string {
    return join(this.folder, 'base.img');
  }

  /** A qcow2 file of 2 GB, over the image as it was built. */
  get disk(): string {
    return join(this.folder, 'disk.qcow2');
  }

  /** Puts a file on its boot partition, as on a card in another machine; before the first start. */
  putOnCard(name: string, text: string): void {
    const file = join(this.folder, name);
    writeFileSync(file, text);
    execFileSync('mcopy', ['-o', '-i', `${this.#base}@@${FIRST_BYTES}`, file, `::${name}`]);
  }

  /** Switches it on. */
  async start(): Promise<void> {
    const path = join(this.folder, 'shell.sock');
    if (!this.#shells.listening) await once(this.#shells.listen(path), 'listening');
    const [program = '', ...args] = qemuCommand(this.#arch, {
      disk: this.disk,
      networks: [
        'tap,id=wan,ifname=tap-wan,script=no,downscript=no',
        'tap,id=lan,ifname=tap-lan,script=no,downscript=no',
      ],
    });
    const qemu = spawn(
      'nice',
      [
        ...['-n', '10', 'ip', ...this.#spaces.argv('r', program, ...args)],
        ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio'],
        ...['-chardev', `socket,id=shell,path=${path}`, '-device', 'virtio-serial-pci'],
        ...['-device', 'virtconsole,chardev=shell'],
        ...this.#options,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.#qemu = qemu;
    qemu.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.console += text;
      this.#wake();
    });
    qemu.once('exit', () => this.#wake());
  }

  /** Processor time that the emulator took so far, in seconds. */
  get cpuSec(): number {
    // proc(5): after the name in brackets, utime and stime are the 12th and 13th, in 100ths of a second.
    const [, rest = ''] = readFileSync(`/proc/${this.#qemu?.pid}/stat`, 'utf8').split(') ');
    const [user, system] = rest.split(' ').slice(11, 13).map(Number);
    return ((user ?? 0) + (system ?? 0)) / 100;
  }

  /** Types on the serial console. */
  type(text: string): void {
    this.#qemu?.stdin?.write(text);
  }

  /** Waits until the serial console has said it, from character `from` on. */
  async consoleSays(pattern: RegExp, from = 0): Promise<void> {
    await this.#until(() => pattern.test(this.console.slice(from)), `${pattern} on the console`);
  }

  /** Runs a command in the test's own shell and gives what it prints; a failing one throws. */
  async run(command: string): Promise<string> {
    const { output, code } = await this.try(command);
    if (code !== 0) throw new Error(`${command} on the box: ${code}\n${output}`);
    return output;
  }

  /** As `run`, with the exit code. The shell is there as soon as init has started the rest. */
  async try(command: string): Promise<{ readonly output: string; readonly code: number }> {
    await this.#until(() => this.#said.includes('SHELL\n'), 'a shell of the box');
    const end = `END${++this.#count}`;
    const from = this.#said.length;
    this.#shell?.write(`{ ${command}\n} 2>&1; echo "$? E""ND${this.#count}"\n`);
    await this.#until(() => this.#said.includes(`${end}\n`, from), `the end of ${command}`);
    const [, output = '', code] =
      new RegExp(`^([^]*?)(\\d+) ${end}\\n`).exec(this.#said.slice(from)) ?? [];
    return { output: output.trim(), code: Number(code) };
  }

  /** Runs a command again and again until it succeeds. */
  async eventually(command: string): Promise<string> {
    return this.run(
      `(n=0; until ${command}; do n=$((n + 1)); [ $n -lt 240 ] || exit 9; sleep 0.5; done)`,
    );
  }

  /** From now on the shell of the next start is waited for. */
  forgetShell(): void {
    this.#said = '';
  }

  /** Pulls the plug. */
  async kill(): Promise<void> {
    const qemu = this.#qemu;
    this.#qemu = undefined;
    this.forgetShell();
    if (qemu === undefined || qemu.exitCode !== null || qemu.signalCode !== null) return;
    const gone = once(qemu, 'exit');
    qemu.kill('SIGKILL');
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    this.#shell?.destroy();
    this.#shells.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #connected(socket: Socket): void {
    this.#shell = socket;
    socket.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text.replaceAll('\r', '');
      this.#wake();
    });
    socket.on('error', () => {});
  }

  #wake(): void {
    for (const wake of this.#heard.splice(0)) wake();
  }

  async #until(there: () => boolean, what: string): Promise<void> {
    const late = AbortSignal.timeout(BOUND_MS);
    late.addEventListener('abort', () => this.#wake(), { once: true });
    while (!there()) {
      const ended = this.#qemu === undefined || this.#qemu.exitCode !== null;
      if (ended || late.aborted) {
        throw new Error(
          `${ended ? 'QEMU ended' : 'too late'}: no ${what}\n${this.console.slice(-3000)}\n${this.#said.slice(-2000)}`,
        );
      }
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }
}

/** A copy of the image whose init also starts a shell on QEMU's virtual console. */
function layShell(image: string, copy: string, folder: string): void {
  execFileSync('cp', ['--sparse=always', image, copy]);
  const inittab = join(folder, 'inittab');
  const shell = join(folder, 'shell');
  const lines = readFileSync(join(ROOT, 'rootfs/etc/inittab'), 'utf8');
  writeFileSync(inittab, `${lines}hvc0::respawn:/bin/sh /etc/test-shell\n`);
  writeFileSync(shell, 'stty -echo -onlcr\necho SHELL\nPS1= PS2= exec sh -s\n');
  const at = PARTITIONS.slice(0, 3).reduce((sum, { sizeBytes }) => sum + sizeBytes, FIRST_BYTES);
  const commands = [
    ...['mkdir overlay', 'mkdir overlay/etc', 'mkdir overlay/etc/upper'],
    `write ${inittab} overlay/etc/upper/inittab`,
    `write ${shell} overlay/etc/upper/test-shell`,
  ];
  execFileSync('debugfs', ['-w', '-f', '-', `${copy}?offset=${at}`], {
    input: commands.join('\n'),
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}
