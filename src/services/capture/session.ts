/** One capture of the daemon: its state, its figures over all stretches, and who waits to see it. */
import type { Clock, Timer } from '../../base/clock.ts';
import { errorMessage, SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, type Result } from '../../base/result.ts';
import type {
  CaptureEngine,
  CaptureReport,
  CaptureRows,
  CaptureStore,
  CaptureWritten,
  ListenProgress,
  WriteOptions,
} from '../../os/ports-capture.ts';
import type { SessionObserved, SessionSpec } from './config.ts';
import { captureName, FILES_OF_ONE } from './files.ts';
import { filterText } from './filter.ts';
import { isGoing, type SessionEvent, type SessionState, step } from './machine.ts';

/** Half a second and more of a gigabit, while nobody looks. */
const RING_BYTES = 8 << 20;
/** Those who look at one capture at once. */
const MAX_LOOKERS = 16;
/** Rows of the lists of a report: an answer on the bus has a limit. */
const ROWS: CaptureRows = { endpoints: 50, conversations: 50, flows: 50, names: 50 };
/** How the engine says that a link is not there, or not up. */
export const GONE: ReadonlySet<string> = new Set(['ENETDOWN', 'ENODEV', 'ENXIO']);

export interface SessionDeps {
  readonly engine: CaptureEngine;
  readonly store: CaptureStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Of one file, of those that follow each other. */
  fileBytes(): number;
  /** Something of it changed; a turn may have become free. */
  changed(): void;
}

type Figures = Pick<ListenProgress, 'packets' | 'bytes' | 'droppedPackets'>;
const NOTHING: Figures = { packets: 0, bytes: 0, droppedPackets: 0 };

/** For people. */
export const reasonOf = ({ message, remedy }: SystemError): string =>
  remedy === undefined ? message : `${message}; ${remedy}`;

export class Session implements AsyncDisposable {
  readonly id: string;
  readonly configured: boolean;
  readonly spec: SessionSpec;
  readonly #deps: SessionDeps;
  readonly #filter: string;
  readonly #faults: readonly string[];
  #state: SessionState = 'off';
  #reason = '';
  #ifName: string | undefined;
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
  #end = new AbortController();
  /** How often it began: an engine that still ends has no say in what came after it. */
  #run = 0;
  #limit: Timer | undefined;
  #running: Promise<void> | undefined;
  #lookers: ((report: CaptureReport | undefined) => void)[] = [];

  constructor(id: string, configured: boolean, spec: SessionSpec, deps: SessionDeps) {
    this.id = id;
    this.configured = configured;
    this.spec = spec;
    this.#deps = deps;
    const text = filterText(spec.filter);
    this.#filter = text.ok ? text.value : '';
    this.#faults = text.ok ? [] : text.error;
  }

  get observed(): SessionObserved {
    return {
      ...{ id: this.id, configured: this.configured, spec: this.spec, ifName: this.#ifName },
      ...{ state: this.#state, reason: this.#reason, filter: this.#filter },
      startedMs: this.#startedMs,
      packets: this.#before.packets + this.#now.packets,
      bytes: this.#before.bytes + this.#now.bytes,
      droppedPackets: this.#before.droppedPackets + this.#now.droppedPackets,
      interruptions: this.#interruptions,
      files: [...this.#filesBefore, ...this.#files],
      unwrittenPackets: this.#unwrittenBefore + this.#unwritten,
    };
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Its engine works, or has not yet let go. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Begins anew; ends by itself after `maxSec` at the latest. False when it goes already. */
  start(maxSec: number): boolean {
    if (isGoing(this.#state)) return false;
    if (this.#faults.length > 0) return this.#to('fail', `Filter: ${this.#faults.join('; ')}`);
    // All of it before the state changes: its link may be there, and then it runs at once.
    const { clock } = this.#deps;
    const { forSec } = this.spec;
    const ms = Math.min(forSec === 0 ? maxSec : forSec, maxSec) * 1000;
    this.#startedMs = clock.wallMs();
    this.#endAtMs = clock.monoMs() + ms;
    this.#limit?.cancel();
    this.#limit = clock.after(ms, () => this.#finish('limit'));
    this.#run += 1;
    [this.#before, this.#now, this.#interruptions] = [NOTHING, NOTHING, 0];
    [this.#report, this.#filesBefore, this.#files] = [undefined, [], []];
    [this.#unwrittenBefore, this.#unwritten] = [0, 0];
    return this.#to('start');
  }

  stop(): boolean {
    return this.#finish('stop');
  }

  /** Why it waits. */
  wait(reason: string): void {
    if (this.#state !== 'waiting' || this.#reason === reason) return;
    this.#reason = reason;
    this.#deps.changed();
  }

  /** Its link is there, and it is its turn. */
  open(ifName: string): void {
    if (this.busy || !this.#to('open')) return;
    this.#ifName = ifName;
    this.#end = new AbortController();
    const run = this.#run;
    this.#running = this.#listen(ifName, this.#end.signal, run)
      .catch((thrown: unknown) => err(new SystemError(errorMessage(thrown), 'EINVAL')))
      .then((heard) => {
        if (run === this.#run) this.#ended(heard);
        // Those who look at a run that is over get what there is.
        this.#show();
        this.#running = undefined;
        this.#deps.changed();
      });
  }

  /**
   * The statistics of the newest stretch: of one that runs when its next second is over, and only then
   * are they made. Undefined before there are any, and when too many look.
   */
  look(): Promise<CaptureReport | undefined> {
    if (this.#state !== 'running') return Promise.resolve(this.#report);
    if (this.#lookers.length >= MAX_LOOKERS) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#lookers.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish('stop');
    this.#limit?.cancel();
    await this.#running;
  }

  async #listen(
    ifName: string,
    signal: AbortSignal,
    run: number,
  ): Promise<Result<CaptureReport, SystemError>> {
    return await this.#deps.engine.listen(ifName, {
      ...{ rows: ROWS, signal, promiscuous: this.spec.promiscuous, ringBytes: RING_BYTES },
      forMs: Math.max(1, this.#endAtMs - this.#deps.clock.monoMs()),
      ...(this.#filter === '' ? {} : { filter: this.#filter }),
      ...(this.spec.write ? { write: this.#write() } : {}),
      onProgress: (now, report) => {
        if (run === this.#run) this.#progress(now, report);
      },
    });
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
    if (written.error !== undefined) this.#reason = written.error;
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
    } else if (GONE.has(heard.error.code)) {
      const { packets, bytes, droppedPackets, files, unwrittenPackets } = this.observed;
      this.#before = { packets, bytes, droppedPackets };
      this.#now = NOTHING;
      [this.#filesBefore, this.#files] = [files, []];
      [this.#unwrittenBefore, this.#unwritten] = [unwrittenPackets, 0];
      this.#interruptions += 1;
      this.#to('lost', `${this.#ifName} went away`);
    } else {
      this.#finish('fail', reasonOf(heard.error));
    }
  }

  #finish(event: 'limit' | 'stop' | 'fail', reason = ''): boolean {
    if (!isGoing(this.#state)) return false;
    this.#limit?.cancel();
    this.#end.abort();
    return this.#to(event, reason);
  }

  #show(): void {
    const lookers = this.#lookers;
    this.#lookers = [];
    for (const show of lookers) show(this.#report);
  }

  #to(event: SessionEvent, reason = ''): boolean {
    const next = step(this.#state, event);
    if (next === undefined) return false;
    this.#deps.log.info({ capture: this.id, reason }, `${this.#state} → ${next}`);
    this.#state = next;
    this.#reason = reason;
    this.#deps.changed();
    return true;
  }
}
