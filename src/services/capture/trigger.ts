/**
 * One trigger: the last seconds of an interface are kept in memory, and are written into a file when a
 * link or a lease is lost, a probe fails or an alert is raised.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { errorMessage, SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err } from '../../base/result.ts';
import type { CaptureEngine, CaptureStore, LiveCapture } from '../../os/ports-capture.ts';
import type { ConfiguredTrigger, TriggerObserved } from './config.ts';
import { tooMany, triggerName } from './files.ts';
import { filterText } from './filter.ts';
import { GONE, reasonOf } from './session.ts';
import { stepTrigger, type TriggerEvent, type TriggerState } from './trigger-machine.ts';

const RING_BYTES = 4 << 20;
const NO_ROWS = { endpoints: 0, conversations: 0, flows: 0, names: 0 };
/** What flaps must not wear out the disk. */
const PAUSE_MS = 30_000;

export interface TriggerDeps {
  readonly engine: CaptureEngine;
  readonly store: CaptureStore;
  readonly clock: Clock;
  readonly log: Log;
  /** What is wrong now of all that the event is about, each by a key that stays the same. */
  ills(event: ConfiguredTrigger['event'], ifName: string): ReadonlySet<string>;
  changed(): void;
  /** A file came: there may be too many. */
  wrote(): void;
}

export class Trigger implements AsyncDisposable {
  readonly config: ConfiguredTrigger;
  readonly #deps: TriggerDeps;
  readonly #filter: string;
  readonly #faults: readonly string[];
  #state: TriggerState = 'off';
  #reason = '';
  #ifName: string | undefined;
  #live: LiveCapture | undefined;
  #ills: ReadonlySet<string> = new Set();
  #fired = 0;
  #skipped = 0;
  #firedMs: number | undefined;
  #notBeforeMs = 0;
  #file = '';
  #after: Timer | undefined;
  #end = new AbortController();
  #running: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(config: ConfiguredTrigger, deps: TriggerDeps) {
    this.config = config;
    this.#deps = deps;
    const text = filterText(config.filter);
    this.#filter = text.ok ? text.value : '';
    this.#faults = text.ok ? [] : text.error;
  }

  get observed(): TriggerObserved {
    return {
      ...{ id: this.config.id, state: this.#state, reason: this.#reason, ifName: this.#ifName },
      ...{ fired: this.#fired, skipped: this.#skipped, firedMs: this.#firedMs, file: this.#file },
    };
  }

  get state(): TriggerState {
    return this.#state;
  }

  get busy(): boolean {
    return this.#running !== undefined;
  }

  arm(): void {
    if (this.#faults.length > 0) this.#to('fail', `Filter: ${this.#faults.join('; ')}`);
    else this.#to('arm');
  }

  wait(reason: string): void {
    if (this.#state !== 'waiting' || this.#reason === reason) return;
    this.#reason = reason;
    this.#deps.changed();
  }

  /** Its link is there. */
  open(ifName: string): void {
    if (this.busy || !this.#to('open')) return;
    this.#ifName = ifName;
    this.#end = new AbortController();
    this.#ills = this.#deps.ills(this.config.event, ifName);
    this.#running = this.#listen(ifName).then((error) => {
      this.#running = undefined;
      this.#live = undefined;
      this.#after?.cancel();
      if (error === undefined || GONE.has(error.code)) this.#to('lost', `${ifName} went away`);
      else this.#to('fail', reasonOf(error));
      this.#deps.changed();
    });
  }

  /** Something changed of what triggers are about. */
  look(): void {
    if (this.#ifName === undefined || (this.#state !== 'armed' && this.#state !== 'recording'))
      return;
    const before = this.#ills;
    this.#ills = this.#deps.ills(this.config.event, this.#ifName);
    // One that goes on does not hide the next one.
    if (!this.#ills.isSubsetOf(before)) this.#fire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#to('stop');
    this.#after?.cancel();
    this.#end.abort();
    await this.#running;
    await this.#writing;
  }

  async #listen(ifName: string): Promise<SystemError | undefined> {
    const { secondsBefore, secondsAfter, keptBytes } = this.config;
    const heard = await this.#deps.engine
      .listen(ifName, {
        ...{ rows: NO_ROWS, signal: this.#end.signal, promiscuous: false, ringBytes: RING_BYTES },
        ...(this.#filter === '' ? {} : { filter: this.#filter }),
        keep: { seconds: secondsBefore + secondsAfter, bytes: keptBytes },
        onStart: (live) => {
          this.#live = live;
        },
      })
      .catch((thrown: unknown) => err(new SystemError(errorMessage(thrown), 'EINVAL')));
    return heard.ok ? undefined : heard.error;
  }

  #fire(): void {
    const { clock } = this.#deps;
    if (this.#state === 'recording' || clock.monoMs() < this.#notBeforeMs) {
      this.#skipped += 1;
      this.#deps.changed();
      return;
    }
    const live = this.#live;
    if (live === undefined || !this.#to('fire')) return;
    this.#fired += 1;
    this.#firedMs = clock.wallMs();
    this.#notBeforeMs = clock.monoMs() + PAUSE_MS;
    const name = triggerName(this.config.event, this.config.id, this.#firedMs);
    const { secondsAfter } = this.config;
    // Written at once, since the interface may be about to go; and again with what followed.
    const first = secondsAfter > 0 ? name.replace('.', '-before.') : name;
    this.#write(live, first);
    if (secondsAfter === 0) return;
    this.#after = clock.after(secondsAfter * 1000, () => this.#write(live, name, first));
  }

  /** Into `name`, which takes the place of `instead`. */
  #write(live: LiveCapture, name: string, instead?: string): void {
    this.#writing = this.#writing.then(async () => {
      const written = await live
        .dump(this.#deps.store.path(name))
        .catch((thrown: unknown) => err(new SystemError(errorMessage(thrown), 'EINVAL')));
      const { log } = this.#deps;
      if (written.ok) {
        log.info({ trigger: this.config.id, file: name, packets: written.value }, 'written');
        if (instead !== undefined) this.#deps.store.remove(instead);
        this.#file = name;
        this.#tidy();
        this.#deps.wrote();
      } else {
        log.error({ trigger: this.config.id, code: written.error.code }, written.error.message);
      }
      const last = instead !== undefined || this.config.secondsAfter === 0;
      if (last) this.#to('written', written.ok ? '' : reasonOf(written.error));
      this.#deps.changed();
    });
  }

  /** What is over the limits of this trigger goes. */
  #tidy(): void {
    const files = this.#deps.store.list();
    if (!files.ok) return;
    const start = /^[A-Za-z]+-\d+-/.exec(this.#file)?.[0] ?? '';
    const own = files.value.filter(({ name }) => name.startsWith(start));
    const limits = { files: this.config.maxFiles, bytes: this.config.maxBytes };
    for (const name of tooMany(own, limits)) this.#deps.store.remove(name);
  }

  #to(event: TriggerEvent, reason = ''): boolean {
    const next = stepTrigger(this.#state, event);
    if (next === undefined) return false;
    this.#deps.log.info({ trigger: this.config.id, reason }, `${this.#state} → ${next}`);
    this.#state = next;
    this.#reason = reason;
    this.#deps.changed();
    return true;
  }
}
