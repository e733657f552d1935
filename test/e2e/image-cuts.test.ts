/**
 * The plug of the emulated box is pulled: while its disk grows at the first start, while settings are
 * changed, in every phase of an update, and while an updated version starts for the first time. QEMU is
 * killed, so what its disk was told and not yet told to keep is gone. It takes many minutes, so it runs by
 * `make test-image` alone.
 *
 * GATEHOUSE_CUTS is how many (20), GATEHOUSE_CUTS_SEED where the moments come from.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { randomFrom } from '../fuzz/run.ts';
import { EmulatedBox, imagesAsked, noImage } from '../lib/emulated-box.ts';
import { home, type Namespaces } from '../lib/netns.ts';
import {
  environment,
  fetched,
  ownSerial,
  ready,
  release,
  shop,
  updateStatus,
  upgraded,
} from '../lib/releases.ts';

const COUNT = Number(process.env['GATEHOUSE_CUTS'] ?? 20);
const SEED = Number(process.env['GATEHOUSE_CUTS_SEED'] ?? 11);
/** For one cut and the start after it; only what hangs gets there. */
const CUT_MS = 300_000;
t.setTimeout((COUNT + 5) * CUT_MS * 2);

const wanted = imagesAsked('long');

/** Phases of the slot writer; while a bundle is received it is idle. */
const WRITER = ['verifying', 'writing', 'checking'] as const;
/** After the first, in this order again and again. */
const KINDS = [
  'settings',
  'writing',
  'settings',
  'checking',
  'settings',
  'verifying',
  'trial',
  'receiving',
];
const LAST = 'Device.DeviceInfo.ProvisioningCode';

/** With a password that the changes of settings are made by. */
const CARD = `config_version = 1
[system]
hostname = "tower"
[user]
name = "pi"
password = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$esEizOTWKaXElM/6vhy7tPBZyqAa8EAxc8ifADYYdY1"
`;

/** Changes of a setting by a machine of the LAN, as long as they run. */
class Traffic implements Disposable {
  /** Numbers of the last change that was sent, and of the last that was acknowledged. */
  sent: number;
  acked: number;
  count = 0;
  refused = '';
  readonly #child: ChildProcess;
  #in = false;
  #heard: () => void = () => {};

  constructor(spaces: Namespaces, from: number) {
    this.sent = from;
    this.acked = from;
    const script = join(import.meta.dirname, 'image-traffic.ts');
    const argv = spaces.argv('lan', process.execPath, script, String(from + 1));
    this.#child = spawn('ip', argv, { stdio: ['pipe', 'pipe', 'ignore'] });
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    });
  }

  /** Waits until somebody is logged in; nothing is changed yet. */
  async ready(): Promise<void> {
    await this.#until(() => this.#in, 'log-in');
  }

  /** From now on settings are changed; waits for the first that is acknowledged. */
  async go(): Promise<void> {
    this.#child.stdin?.write('go\n');
    await this.#until(() => this.count > 0, 'change');
  }

  async #until(there: () => boolean, what: string): Promise<void> {
    const late = AbortSignal.timeout(CUT_MS);
    while (!there()) {
      if (late.aborted) throw new Error(`no ${what}: ${this.refused}`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
        late.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  #take(line: string): void {
    const [word, n = ''] = line.split(' ');
    if (word === 'in') this.#in = true;
    if (word === 'sent') this.sent = Number(n);
    if (word === 'acked') {
      this.acked = Number(n);
      this.count++;
    }
    if (word === 'refused') this.refused = line;
    this.#heard();
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}

/** What runs is on trial no more: kept, or not new in the first place. */
const settled = (box: EmulatedBox): Promise<string> =>
  box.eventually(
    '{ said=$(gatehouse upgrade --status 2>/dev/null) && grep -qa left=9 /boot/boot.env && ! echo "$said" | grep -q "on trial"; }',
  );

class Cuts {
  /** Number of the last change that the box holds. */
  last = 0;
  changes = 0;
  readonly #t: Test;
  readonly #box: EmulatedBox;
  readonly #spaces: Namespaces;
  readonly #next = randomFrom(SEED);

  constructor(t: Test, box: EmulatedBox, spaces: Namespaces) {
    this.#t = t;
    this.#box = box;
    this.#spaces = spaces;
  }

  /** At the first start, while partition and file system grow and the card's settings are taken up. */
  async first(): Promise<void> {
    await this.#box.start();
    await this.#box.consoleSays(/the data partition grows/);
    await this.#randomly(8000);
    await this.#cut('first start', new Traffic(this.#spaces, 0));
  }

  async kind(kind: string): Promise<void> {
    using traffic = new Traffic(this.#spaces, this.last);
    await traffic.ready();
    if (kind === 'settings') {
      await traffic.go();
      await this.#randomly(6000);
    } else {
      await this.#update(kind, traffic);
    }
    await this.#cut(kind, traffic);
  }

  /** Comes to a moment of an update, or to the first start after it, while settings are changed, too. */
  async #update(kind: string, traffic: Traffic): Promise<void> {
    const box = this.#box;
    await settled(box);
    const from = box.console.length;
    const yes = kind === 'trial' ? '--yes' : '';
    await box.run(`(gatehouse upgrade /data/new.gup ${yes} </dev/null >/run/upgrade.log 2>&1 &)`);
    if (WRITER.some((phase) => phase === kind)) await this.#reached(kind);
    await traffic.go();
    if (kind === 'trial') await box.consoleSays(/Gatehouse, slot/, from);
    await this.#randomly(kind === 'trial' ? 25_000 : 3000);
  }

  /** Receiving what is installed takes most of a minute. */
  async #reached(phase: string): Promise<void> {
    const box = this.#box;
    try {
      await box.eventually(`grep -q '"${phase}"' /run/gatehouse-update/status`);
    } catch (cause) {
      const said = await box.run('cat /run/upgrade.log /run/gatehouse-update/status');
      throw new Error(`no ${phase}: ${said}`, { cause });
    }
  }

  async #randomly(ms: number): Promise<void> {
    await pause(this.#next() % ms);
  }

  /** The plug is pulled, and the box is looked at when it is up again. */
  async #cut(kind: string, traffic: Traffic): Promise<void> {
    const [t, box] = [this.#t, this.#box];
    await box.kill();
    traffic[Symbol.dispose]();
    const { sent, acked, count, refused } = traffic;
    t.equal(refused, '', 'no change was refused');
    this.changes += count;
    const from = box.console.length;
    const started = performance.now();
    await box.start();
    await ready(box);
    const upSec = ((performance.now() - started) / 1000).toFixed(0);
    const mended = box.console.slice(from).includes('boot partition was in use')
      ? ', boot partition mended'
      : '';
    t.comment(`${kind}: ${count} changes acknowledged, up again after ${upSec} s${mended}`);
    t.match(await box.run('cat /proc/cmdline'), /gatehouse\.slot=[ab]/);
    t.match(await environment(box), /^order=[ab]( [ab])? left=\d$/);
    t.equal(await box.run('hostname'), 'tower', 'the settings of the card');
    this.last = Number((await box.run(`gatehouse get ${LAST}`)).split(/\s+|-/).at(-1)) || 0;
    t.ok(
      this.last === acked || this.last === sent,
      `${this.last} of ${acked} acknowledged, ${sent} sent`,
    );
    t.match(await box.run('gatehouse audit verify --state-dir /data/gatehouse'), /\S/);
    t.match(await box.run('gatehouse config history | wc -l'), /^\d+$/);
    t.match(
      await box.run('dmesg | grep -ciE "ext4-fs error|fat-fs.*error|squashfs error" || true'),
      '0',
    );
  }
}

for (const arch of ['x86_64', 'arm64'] as const) {
  const skip = wanted.includes(arch) ? noImage(arch) : 'runs by make test-image';
  const timeout = (COUNT + 4) * CUT_MS;
  t.test(`${arch}: ${COUNT} power cuts`, { timeout, ...(skip ? { skip } : {}) }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'gh-cuts-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    await release(arch, folder, ['5.0', ownSerial(arch) + 5]);
    using spaces = home(`cut-${arch}`);
    await using box = new EmulatedBox(spaces, arch);
    using _shop = await shop(spaces, folder);
    box.putOnCard('custom.toml', CARD);
    const cuts = new Cuts(t, box, spaces);
    await cuts.first();
    await fetched(box, '5.0');
    await box.run('sync');
    for (let i = 0; i < COUNT - 1; i++) await cuts.kind(KINDS[i % KINDS.length] ?? 'settings');
    await settled(box);
    t.match(await box.try('fsck.fat -n "/dev/$(cat /run/gatehouse-disk)1"'), { code: 0 });
    const { running } = (await updateStatus(box)).said;
    await upgraded(box);
    await ready(box);
    t.not((await updateStatus(box)).said.running, running, 'and it can be updated');
    t.comment(`${arch}: ${COUNT} cuts, ${cuts.changes} acknowledged changes, none lost`);
  });
}
