/** One capture of the daemon: its state, its figures over all stretches, and who waits to see it. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Result } from '../../base/result.ts';
import type {
  CaptureReport,
  CaptureRows,
  CaptureStore,
  CaptureWritten,
  ListenProgress,
  WriteOptions,
} from '../../os/ports-capture.ts';
import type { SessionObserved, SessionSpec } from './config.ts';
import { captureName, FILES_OF_ONE } from './files.ts';
import { isGone, Listener, type ListenerDeps, reasonOf } from './listener.ts';
import { isGoing, type SessionEvent, type SessionState, step } from './machine.ts';

/** Half a second and more of a gigabit, while nobody looks. */
const RING_BYTES = 8 << 20;
/** Those who look at one capture at once. */
const MAX_LOOKERS = 16;
/** Names of files that are told, of a capture whose link comes and goes. */
const MAX_FILES_TOLD = 64;
/** Rows of the lists of a report: an answer on the bus has a limit. */
const ROWS: CaptureRows = { endpoints: 50, conversations: 50, flows: 50, names: 50 };

export interface SessionDeps extends ListenerDeps {
  readonly store: CaptureStore;
  readonly clock: Clock;
  /** Of one file, of those that follow each other. */
  fileBytes(): number;
}

type Figures = Pick<ListenProgress, 'packets' | 'bytes' | 'droppedPackets'>;
const NOTHING: Figures = { packets: 0, bytes: 0, droppedPackets: 0 };

export class Session extends Listener<SessionState, SessionEvent> implements AsyncDisposable {
  readonly id: string;
  readonly configured: boolean;
  readonly spec: SessionSpec;
  readonly #deps: SessionDeps;
  #startedMs: number | undefined;
  #endAtMs = 0;
  /** Of the stretches before this one. */
  #before: Figures = NOTHING;
  #now: Figures = NOTHING;
  #interruptions = 0;
  #report: CaptureReport | undefined;
  /** Of the stretches before, and of the newest. */
  #filesBefore: readonly string[] = [];
  #files: readonly string[] = [];
  #unwrittenBefore = 0;
  #unwritten = 0;
  /** How often it began: an engine that still ends has no say in what came after it. */
  #run = 0;
  #limit: Timer | undefined;
  #lookers: ((report: CaptureReport | undefined) => void)[] = [];

  constructor(id: string, configured: boolean, spec: SessionSpec, deps: SessionDeps) {
    super(deps, { about: { capture: id }, filter: spec.filter, first: 'off', step });
    this.id = id;
    this.configured = configured;
    this.spec = spec;
    this.#deps = deps;
  }

  get observed(): SessionObserved {
    return {
      ...{ id: this.id, configured: this.configured, spec: this.spec, ifName: this.ifName },
      ...{ state: this.state, reason: this.reason, filter: this.filter },
      startedMs: this.#startedMs,
      packets: this.#before.packets + this.#now.packets,
      bytes: this.#before.bytes + this.#now.bytes,
      droppedPackets: this.#before.droppedPackets + this.#now.droppedPackets,
      interruptions: this.#interruptions,
      files: [...this.#filesBefore, ...this.#files],
      unwrittenPackets: this.#unwrittenBefore + this.#unwritten,
    };
  }

  /** Begins anew; ends by itself after `maxSec` at the latest. False when it goes already. */
  start(maxSec: number): boolean {
    if (isGoing(this.state)) return false;
    if (this.wrongFilter !== '') return this.to('fail', this.wrongFilter);
    // All of it before the state changes: its link may be there, and then it runs at once.
    const { clock } = this.#deps;
    const { forSec } = this.spec;
    const ms = Math.min(forSec === 0 ? maxSec : forSec, maxSec) * 1000;
    this.#startedMs = clock.wallMs();
    this.#endAtMs = clock.monoMs() + ms;
    this.#limit?.cancel();
    this.#limit = clock.after(ms, () => {
      const waited = this.state === 'waiting' && this.reason !== '';
      this.#finish('limit', waited ? `its time was over while it waited: ${this.reason}` : '');
    });
    this.#run += 1;
    [this.#before, this.#now, this.#interruptions] = [NOTHING, NOTHING, 0];
    [this.#report, this.#filesBefore, this.#files] = [undefined, [], []];
    [this.#unwrittenBefore, this.#unwritten] = [0, 0];
    return this.to('start');
  }

  stop(): boolean {
    return this.#finish('stop');
  }

  /** Its link is there, and it is its turn. */
  open(ifName: string): void {
    if (this.busy || !this.to('open')) return;
    const run = this.#run;
    const options = {
      ...{ rows: ROWS, promiscuous: this.spec.promiscuous, ringBytes: RING_BYTES },
      forMs: Math.max(1, this.#endAtMs - this.#deps.clock.monoMs()),
      ...(this.spec.write ? { write: this.#write() } : {}),
      onProgress: (now: ListenProgress, report: (rows: CaptureRows) => CaptureReport): void => {
        if (run === this.#run) this.#progress(now, report);
      },
    };
    this.hear(ifName, options, (heard) => {
      if (run === this.#run) this.#ended(heard);
      // Those who look at a run that is over get what there is.
      this.#show();
    });
  }

  /**
   * The statistics of the newest stretch: of one that runs when its next second is over, and only then
   * are they made. Undefined before there are any, and when too many look.
   */
  look(): Promise<CaptureReport | undefined> {
    if (this.state !== 'running') return Promise.resolve(this.#report);
    if (this.#lookers.length >= MAX_LOOKERS) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#lookers.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish('stop');
    this.#limit?.cancel();
    await this.running;
  }

  #write(): WriteOptions {
    const { store, fileBytes } = this.#deps;
    const path = store.path(captureName(this.id));
    return { path, maxFileBytes: fileBytes(), files: FILES_OF_ONE };
  }

  #wrote(written: CaptureWritten | undefined): void {
    if (written === undefined) return;
    this.#files = written.files.map((path) => path.slice(path.lastIndexOf('/') + 1));
    this.#unwritten = written.queueDroppedPackets + written.failedPackets;
    if (written.error !== undefined) this.reason = written.error;
  }

  #progress(now: ListenProgress, report: (rows: CaptureRows) => CaptureReport): void {
    const before = this.#now;
    this.#now = now;
    this.#wrote(now.written);
    if (this.#lookers.length > 0) {
      this.#report = report(ROWS);
      this.#show();
    }
    const { packets, bytes } = this.observed;
    const { maxPackets, maxBytes } = this.spec;
    const full = (maxPackets > 0 && packets >= maxPackets) || (maxBytes > 0 && bytes >= maxBytes);
    if (full) this.#finish('limit');
    else if (before.packets !== now.packets || before.droppedPackets !== now.droppedPackets)
      this.#deps.changed();
  }

  #ended(heard: Result<CaptureReport, SystemError>): void {
    if (heard.ok) {
      this.#report = heard.value;
      const { packets, bytes, live, written } = heard.value;
      this.#wrote(written);
      this.#now = { packets, bytes, droppedPackets: live?.droppedPackets ?? 0 };
      this.#finish('limit', written?.error);
    } else if (isGone(heard.error)) {
      const { packets, bytes, droppedPackets, files, unwrittenPackets } = this.observed;
      this.#before = { packets, bytes, droppedPackets };
      this.#now = NOTHING;
      [this.#filesBefore, this.#files] = [files.slice(-MAX_FILES_TOLD), []];
      [this.#unwrittenBefore, this.#unwritten] = [unwrittenPackets, 0];
      this.#interruptions += 1;
      this.to('lost', `${this.ifName} went away`);
    } else {
      this.#finish('fail', reasonOf(heard.error));
    }
  }

  #finish(event: 'limit' | 'stop' | 'fail', reason = ''): boolean {
    if (!isGoing(this.state)) return false;
    this.#limit?.cancel();
    this.ending.abort();
    return this.to(event, reason);
  }

  #show(): void {
    const lookers = this.#lookers;
    this.#lookers = [];
    for (const show of lookers) show(this.#report);
  }
}
