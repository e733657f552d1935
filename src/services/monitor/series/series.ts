/**
 * What bursts came to over time: raw for a day, then by the minute, ten minutes and hour. Bursts wait in
 * memory, bounded, and are written together once a minute; what could not be written waits on. Roll-ups are
 * made of the raw samples that stand in the store, so a kill between two writes costs neither.
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../../base/backoff.ts';
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import type { Store, StoreChange } from '../../../os/ports.ts';
import type { SeriesFigures } from '../config.ts';
import type { Burst } from '../types.ts';
import {
  chunkSec,
  keepSec,
  keyOf,
  LEVELS,
  type Level,
  prefixOf,
  rawKeepSec,
  startOf,
} from './levels.ts';
import { appendSamples, RAW_SEC, readSamples } from './raw.ts';
import { chunkOf, merge, putRow, rollUp, rowAt, type Sample, type SeriesRow } from './rows.ts';

export interface SeriesDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** What comes cannot be stored, and why, for people; or, undefined, it can again. */
  troubled(reason: string | undefined): void;
}

const FLUSH_MS = 60_000;
/** Five hours of 100 targets, a burst a minute. */
const MOST_WAITING = 30_000;
/** Written in one transaction; others on the loop get their turn between two. */
const TARGETS_AT_ONCE = 50;
const REMOVED_AT_ONCE = 500;
const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 300_000;
/** As many rows are shown one by one. */
const RAW_ROWS = 1500;

interface Target {
  /** Samples that wait. */
  waiting: Sample[];
  /** Roll-ups that are to be made once their time is over: `letter start`. */
  readonly open: Set<string>;
  known: boolean;
  /** Of the last five minutes that were over. */
  chunkBytes: number;
}

export class Series implements AsyncDisposable {
  readonly #deps: SeriesDeps;
  readonly #targets = new Map<number, Target>();
  #count = 1;
  #waiting = 0;
  #stored = 0;
  #dropped = 0;
  #failedWrites = 0;
  #timer: Timer | undefined;
  #backoff: Backoff = backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  #flushing: Promise<void> | undefined;
  /** All that are kept, as long as others may be in the store. */
  #untidy: ReadonlySet<number> | undefined;
  #closed = false;

  constructor(deps: SeriesDeps) {
    this.#deps = deps;
    this.#arm(FLUSH_MS);
  }

  get figures(): SeriesFigures {
    return {
      ...{ waiting: this.#waiting, stored: this.#stored, dropped: this.#dropped },
      failedWrites: this.#failedWrites,
    };
  }

  add({ target, atSec, rttsUs }: Burst): void {
    const number = numberOf(target);
    if (number === undefined || this.#closed) return;
    const one = this.#target(number);
    if (this.#waiting >= MOST_WAITING) {
      // The oldest of the same target make room: the newest tell most.
      this.#dropped += 1;
      if (one.waiting.shift() === undefined) return;
      this.#waiting -= 1;
    }
    one.waiting.push({ atSec: Math.max(0, atSec), rttsUs });
    this.#waiting += 1;
  }

  /**
   * Forgets the series of targets that are not among these, now or, where the disk takes nothing, with what is
   * written next. How much is kept depends on how many there are.
   */
  async keep(ids: readonly string[]): Promise<void> {
    if (this.#closed) return;
    const numbers = new Set(ids.flatMap((id) => numberOf(id) ?? []));
    this.#count = Math.max(1, numbers.size);
    this.#untidy = numbers;
    // What is being written may be of one that is gone: it is looked for when that is on disk.
    await this.#flushing;
    await this.flush();
  }

  /** Writes what waits; resolves when that is on disk or failed. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /**
   * Rows from `fromSec` to before `toSec`, ascending, at most `most` of them: single bursts where they are few, else
   * the finest roll-up that is kept for so long.
   */
  read(target: string, fromSec: number, toSec: number, most: number): readonly SeriesRow[] {
    const number = numberOf(target);
    if (number === undefined || toSec <= fromSec) return [];
    const nowSec = Math.floor(this.#deps.clock.wallMs() / 1000);
    if (toSec - fromSec <= 2 * 3600) {
      const samples = this.#samples(number, fromSec, toSec);
      if (samples.length <= Math.min(most, RAW_ROWS)) {
        return samples.flatMap((sample) => rollUp([sample], sample.atSec, 1) ?? []);
      }
    }
    const age = nowSec - fromSec;
    const level =
      LEVELS.find(
        (one) =>
          keepSec(one, this.#count) >= age &&
          (toSec - fromSec) / one.spanSec <= Math.max(2000, most),
      ) ?? LEVELS.at(-1);
    return level === undefined
      ? []
      : merge(this.#rows(number, level, fromSec, toSec, nowSec), most);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    await this.#flushing;
    await this.#flush();
  }

  #target(number: number): Target {
    const known = this.#targets.get(number);
    if (known !== undefined) return known;
    const made: Target = { waiting: [], open: new Set(), known: false, chunkBytes: 0 };
    this.#targets.set(number, made);
    return made;
  }

  #arm(ms: number): void {
    this.#timer = this.#deps.clock.after(ms, () => {
      void this.flush().then(() => {
        if (!this.#closed)
          this.#arm(this.#backoff.failures > 0 ? delayMs(this.#backoff) : FLUSH_MS);
      });
    });
  }

  async #flush(): Promise<void> {
    if (this.#untidy !== undefined && !(await this.#tidy(this.#untidy))) return;
    const due = [...this.#targets].filter(([, one]) => one.waiting.length + one.open.size > 0);
    for (let i = 0; i < due.length; i += TARGETS_AT_ONCE) {
      if (!(await this.#write(due.slice(i, i + TARGETS_AT_ONCE)))) return;
    }
  }

  /** False when not all could be removed; then it is tried again. */
  async #tidy(kept: ReadonlySet<number>): Promise<boolean> {
    for (const [number, { waiting }] of this.#targets) {
      if (kept.has(number)) continue;
      this.#waiting -= waiting.length;
      this.#targets.delete(number);
    }
    const gone: StoreChange[] = [];
    for (const { letter } of [{ letter: 'r' }, ...LEVELS]) {
      for (const key of this.#deps.store.keys(`${letter}/`)) {
        if (!kept.has(Number(key.split('/')[1]))) gone.push({ key, value: undefined });
      }
    }
    // Asked for nothing, too: a store that is not open yet has no keys, and says so.
    for (let i = 0; i === 0 || i < gone.length; i += REMOVED_AT_ONCE) {
      if (!(await this.#commit(gone.slice(i, i + REMOVED_AT_ONCE)))) return false;
    }
    if (this.#untidy === kept) this.#untidy = undefined;
    return true;
  }

  async #commit(changes: readonly StoreChange[]): Promise<boolean> {
    const done = await this.#deps.store.commit(changes);
    if (done.ok) {
      if (this.#backoff.failures > 0) this.#deps.troubled(undefined);
      this.#backoff = healthy(this.#backoff);
      return true;
    }
    if (this.#backoff.failures === 0) this.#deps.troubled(done.error.message);
    this.#failedWrites += 1;
    this.#backoff = failed(this.#backoff);
    this.#deps.log.error({ code: done.error.code, waiting: this.#waiting }, done.error.message);
    return false;
  }

  /** One transaction; false when it failed, and then everything waits as before. */
  async #write(some: readonly (readonly [number, Target])[]): Promise<boolean> {
    const { store, clock } = this.#deps;
    const nowSec = Math.floor(clock.wallMs() / 1000);
    const parts = some.map(([number, one]) => {
      const pen = new Pen(store, number);
      // A copy: more may come while these are written.
      const samples = [...one.waiting];
      const opened = this.#wake(number, one, samples);
      pen.append(samples);
      const over = [...one.open, ...opened].filter((key) => isOver(key, nowSec));
      for (const key of over) pen.rollUp(key);
      const expired = this.#expired(number, one, nowSec, pen.newChunk);
      return { one, samples, opened, over, pen, changes: [...expired, ...pen.changes] };
    });
    if (!(await this.#commit(parts.flatMap(({ changes }) => changes)))) return false;
    for (const { one, samples, opened, over, pen } of parts) {
      // Some may have come, or gone, while it was written.
      const written = new Set(samples);
      const left = one.waiting.filter((sample) => !written.has(sample));
      this.#waiting -= one.waiting.length - left.length;
      this.#stored += written.size;
      one.waiting = left;
      one.known = true;
      one.chunkBytes = Math.max(pen.chunkBytes, one.chunkBytes / 2);
      for (const key of opened) one.open.add(key);
      for (const key of over) one.open.delete(key);
    }
    return true;
  }

  /** Roll-ups that these samples will be part of; at first, those that an earlier daemon left, too. */
  #wake(number: number, one: Target, samples: readonly Sample[]): readonly string[] {
    const times = samples.map(({ atSec }) => atSec);
    if (!one.known) {
      let last: number | undefined;
      for (const key of this.#deps.store.keys(prefixOf('r', number))) last = startOf(key) ?? last;
      if (last !== undefined) times.push(last);
    }
    const keys = new Set<string>();
    for (const { letter, spanSec } of LEVELS.slice(1)) {
      for (const atSec of times) keys.add(`${letter} ${Math.floor(atSec / spanSec) * spanSec}`);
    }
    return [...keys];
  }

  #expired(number: number, one: Target, nowSec: number, fresh: boolean): readonly StoreChange[] {
    // Looked for when something new begins: then there is something old.
    if (!fresh && one.known) return [];
    const limits: [string, number, number][] = [
      ['r', rawKeepSec(this.#count, one.chunkBytes), RAW_SEC],
      ...LEVELS.map((level): [string, number, number] => [
        ...([level.letter, keepSec(level, this.#count), chunkSec(level)] as const),
      ]),
    ];
    return limits.flatMap(([letter, keep, span]) => {
      const gone: StoreChange[] = [];
      for (const key of this.#deps.store.keys(prefixOf(letter, number))) {
        const startSec = startOf(key);
        if (startSec !== undefined && startSec + span > nowSec - keep) break;
        gone.push({ key, value: undefined });
        if (gone.length >= 100) break;
      }
      return gone;
    });
  }

  #samples(number: number, fromSec: number, toSec: number): readonly Sample[] {
    const found: Sample[] = [];
    for (let start = floor(fromSec, RAW_SEC); start < toSec; start += RAW_SEC) {
      found.push(...readSamples(this.#deps.store.get(keyOf('r', number, start)), start));
    }
    found.push(...(this.#targets.get(number)?.waiting ?? []));
    return found
      .filter(({ atSec }) => atSec >= fromSec && atSec < toSec)
      .sort((a, b) => a.atSec - b.atSec);
  }

  #rows(
    number: number,
    level: Level,
    fromSec: number,
    toSec: number,
    nowSec: number,
  ): readonly SeriesRow[] {
    const { spanSec, letter } = level;
    // What is not over yet, or waits to be written, is told from the samples.
    const freshSec = floor(Math.min(toSec, nowSec) - FLUSH_MS / 500, spanSec);
    const rows: SeriesRow[] = [];
    for (let start = floor(fromSec, chunkSec(level)); start < Math.min(toSec, freshSec); ) {
      const stored = this.#deps.store.get(keyOf(letter, number, start));
      for (let place = 0; stored !== undefined && place * spanSec < chunkSec(level); place++) {
        const atSec = start + place * spanSec;
        if (atSec + spanSec <= fromSec || atSec >= Math.min(toSec, freshSec)) continue;
        const row = rowAt(stored, place, atSec, spanSec);
        if (row !== undefined) rows.push(row);
      }
      start += chunkSec(level);
    }
    const fresh = Map.groupBy(
      this.#samples(number, Math.max(fromSec, freshSec), Math.min(toSec, nowSec + RAW_SEC)),
      ({ atSec }) => floor(atSec, spanSec),
    );
    for (const [atSec, samples] of fresh) {
      const row = rollUp(samples, atSec, spanSec);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }
}

const floor = (atSec: number, span: number): number => Math.floor(atSec / span) * span;

/** The instance number at the end of a target's path. */
function numberOf(id: string): number | undefined {
  const [, digits = ''] = /\.(\d{1,9})\.?$/.exec(id) ?? [];
  return digits === '' ? undefined : Number(digits);
}

function isOver(key: string, nowSec: number): boolean {
  const [letter = '', start = ''] = key.split(' ');
  const level = LEVELS.find((one) => one.letter === letter);
  return level === undefined || Number(start) + level.spanSec <= nowSec;
}

/** What one target's flush changes: reads through what it has written already. */
class Pen {
  readonly #store: Store;
  readonly #number: number;
  readonly #values = new Map<string, Uint8Array>();
  newChunk = false;
  chunkBytes = 0;

  constructor(store: Store, number: number) {
    this.#store = store;
    this.#number = number;
  }

  get changes(): readonly StoreChange[] {
    return [...this.#values].map(([key, value]) => ({ key, value }));
  }

  append(samples: readonly Sample[]): void {
    for (const [start, some] of Map.groupBy(samples, ({ atSec }) => floor(atSec, RAW_SEC))) {
      const key = keyOf('r', this.#number, start);
      const before = this.#get(key);
      this.newChunk ||= before === undefined;
      const value = appendSamples(before, start, some);
      this.chunkBytes = Math.max(this.chunkBytes, value.byteLength);
      this.#values.set(key, value);
      const [minute] = LEVELS;
      if (minute === undefined) continue;
      for (const atSec of new Set(some.map((sample) => floor(sample.atSec, minute.spanSec)))) {
        this.#put(minute, atSec);
      }
    }
  }

  /** `letter start`. */
  rollUp(key: string): void {
    const [letter = '', start = ''] = key.split(' ');
    const level = LEVELS.find((one) => one.letter === letter);
    if (level !== undefined) this.#put(level, Number(start));
  }

  #put(level: Level, atSec: number): void {
    const samples: Sample[] = [];
    for (let start = floor(atSec, RAW_SEC); start < atSec + level.spanSec; start += RAW_SEC) {
      samples.push(...readSamples(this.#get(keyOf('r', this.#number, start)), start));
    }
    const own = samples.filter((one) => one.atSec >= atSec && one.atSec < atSec + level.spanSec);
    const row = rollUp(own, atSec, level.spanSec);
    if (row === undefined) return;
    const start = floor(atSec, chunkSec(level));
    const key = keyOf(level.letter, this.#number, start);
    const chunk = chunkOf(this.#get(key));
    putRow(chunk, (atSec - start) / level.spanSec, row);
    this.#values.set(key, chunk);
  }

  #get(key: string): Uint8Array | undefined {
    return this.#values.get(key) ?? this.#store.get(key);
  }
}
