/**
 * The monitor's store on a really small disk that fills up, with kills in between: nothing that was acknowledged is
 * lost, what cannot be written waits, bounded, probing goes on, and all is written once there is room.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { openStore } from '../../src/os/linux/store.ts';
import { startOf } from '../../src/services/monitor/series/levels.ts';
import { readSamples } from '../../src/services/monitor/series/raw.ts';
import { runAlone } from '../lib/netns.ts';
import { until } from '../lib/until.ts';
import type { Line } from './monitor-disk-child.ts';

t.setTimeout(290_000);

const TARGETS = 20;
const MOST_WAITING = 30_000;

/** A folder on a disk of its own, which ends with the mount namespace. */
const DISKS: Readonly<Record<string, (folder: string, image: string) => void>> = {
  tmpfs: (folder) => void execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]),
  ext4: (folder, image) => {
    execFileSync('truncate', ['-s', '8M', image]);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', image]);
    execFileSync('mount', ['-o', 'loop', image, folder]);
  },
};

/** The monitor, alive until it is killed. */
class Monitor {
  readonly #child;
  #last: Line | undefined;
  readonly acknowledged: string[] = [];

  constructor(folder: string) {
    const script = join(import.meta.dirname, 'monitor-disk-child.ts');
    this.#child = spawn(process.execPath, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as Line;
      this.#last = line;
      for (const one of line.acknowledged) this.acknowledged.push(one);
    });
  }

  /** Waits for a line that fits. */
  line(what: string, fits: (line: Line) => boolean): Promise<Line> {
    return until(what, () => {
      if (this.#child.exitCode !== null)
        throw new Error(`the monitor ended, waiting until ${what}`);
      return this.#last !== undefined && fits(this.#last) ? this.#last : undefined;
    });
  }

  flood(count: number): void {
    this.#child.stdin.write(`${count}\n`);
  }

  async kill(): Promise<void> {
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

/** All samples in the store, and how many there are of the flood. */
async function stored(folder: string): Promise<{ samples: Set<string>; flooded: number }> {
  const opened = await openStore(folder);
  if (!opened.ok) throw opened.error;
  await using store = opened.value;
  const samples = new Set<string>();
  let flooded = 0;
  for (const [key, value] of store.entries('r/')) {
    const [, number] = key.split('/');
    const found = readSamples(value, startOf(key) ?? 0);
    if (number === '99') flooded += found.length;
    else
      for (const { atSec, rttsUs } of found)
        samples.add(`Device.X_GATEHOUSE_Monitor.Target.${number} ${atSec} ${rttsUs}`);
  }
  if (store.corrupt > 0) throw new Error(`${store.corrupt} values are corrupt`);
  return { samples, flooded };
}

/** Takes all the room that there is; gives what it is in. */
function fill(folder: string): string {
  const path = join(folder, 'filler');
  const file = openSync(path, 'w');
  for (const size of [1 << 16, 1 << 12]) {
    try {
      for (;;) writeSync(file, Buffer.alloc(size));
    } catch (thrown) {
      if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOSPC')) throw thrown;
    }
  }
  closeSync(file);
  return path;
}

const missing = (wanted: readonly string[], { samples }: { samples: Set<string> }) =>
  wanted.filter((one) => !samples.has(one));

runAlone(
  t,
  'a small disk that fills up',
  import.meta.url,
  () => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    for (const [name, mount] of Object.entries(DISKS)) {
      const skip = name === 'ext4' && !existsSync('/dev/loop-control') ? 'no loop devices' : false;
      t.test(name, { skip }, async (t) => {
        const place = mkdtempSync(join(tmpdir(), 'gh-monitor-disk-'));
        const disk = join(place, 'disk');
        mkdirSync(disk);
        mount(disk, join(place, 'image'));
        t.teardown(() => {
          execFileSync('umount', ['-l', disk]);
          rmSync(place, { recursive: true });
        });
        const folder = join(disk, 'monitor');

        // Full before there is a store.
        let filler = fill(disk);
        let monitor = new Monitor(folder);
        const none = await monitor.line(
          'it probes, and nothing is stored',
          (line) =>
            line.bursts >= 3 * TARGETS && line.figures.failedWrites >= 2 && line.up === TARGETS,
        );
        t.match(none.figures, { stored: 0, dropped: 0 });
        t.ok(none.figures.waiting >= 2 * TARGETS);
        rmSync(filler);
        await monitor.line(
          'all that waited is stored',
          ({ figures }) => figures.stored >= none.bursts,
        );
        await monitor.kill();
        let found = await stored(folder);
        t.same(
          missing(monitor.acknowledged, found),
          [],
          `${monitor.acknowledged.length} of a killed one`,
        );
        const before = [...monitor.acknowledged];

        // It fills up under it, and it is killed while it is full.
        monitor = new Monitor(folder);
        await monitor.line('it stores', ({ figures }) => figures.stored > 2 * TARGETS);
        filler = fill(disk);
        const full = await monitor.line('writes fail', ({ figures }) => figures.failedWrites >= 3);
        const later = await monitor.line(
          'it goes on probing',
          (line) => line.bursts >= full.bursts + 5 * TARGETS,
        );
        t.equal(later.up, TARGETS);
        t.match(later.reason, /no space left on the disk/);
        t.equal(later.figures.stored, full.figures.stored, 'nothing is stored');
        t.ok(later.figures.waiting >= full.figures.waiting + 4 * TARGETS, 'what comes waits');
        await monitor.kill();
        found = await stored(folder);
        before.push(...monitor.acknowledged);
        t.same(missing(before, found), [], 'what was acknowledged is there, on the full disk');

        // It begins on the full disk: bounded, and all is written once there is room.
        monitor = new Monitor(folder);
        await monitor.line(
          'it holds what it has',
          ({ figures, up }) => figures.failedWrites > 0 && up === TARGETS,
        );
        monitor.flood(MOST_WAITING + 1000);
        const flooded = await monitor.line(
          'too much waits',
          ({ figures }) => figures.dropped >= 1000,
        );
        t.equal(flooded.figures.waiting, MOST_WAITING);
        t.equal(flooded.figures.stored, 0);
        rmSync(filler);
        const all = await monitor.line(
          'all is written',
          ({ figures }) => figures.waiting < TARGETS * 5 && figures.stored >= MOST_WAITING,
        );
        await monitor.line('and what comes', ({ figures }) => figures.stored > all.figures.stored);
        t.equal(all.reason, '', 'and nobody is told any more that it is not');
        t.equal(all.up, TARGETS);
        await monitor.kill();
        found = await stored(folder);
        t.same(
          missing([...before, ...monitor.acknowledged], found),
          [],
          'all that was acknowledged',
        );
        t.ok(found.flooded > MOST_WAITING - 1000, `${found.flooded} that waited`);
        t.comment(`${before.length + monitor.acknowledged.length} acknowledged in 3 lives`);
      });
    }
  },
  { mounts: true },
);
