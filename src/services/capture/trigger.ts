/**
 * One trigger: the last seconds of an interface are kept in memory, and are written into a file when a
 * link or a lease is lost, a probe fails or an alert is raised.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import { err } from '../../base/result.ts';
import type { CaptureStore, LiveCapture } from '../../os/ports-capture.ts';
import type { ConfiguredTrigger, TriggerObserved } from './config.ts';
import { tooMany, triggerName } from './files.ts';
import { isGone, Listener, type ListenerDeps, reasonOf, thrownError } from './listener.ts';
import { stepTrigger, type TriggerEvent, type TriggerState } from './trigger-machine.ts';

const RING_BYTES = 4 << 20;
const NO_ROWS = { endpoints: 0, conversations: 0, flows: 0, names: 0 };
/** What flaps must not wear out the disk. */
const PAUSE_MS = 30_000;

export interface TriggerDeps extends ListenerDeps {
  readonly store: CaptureStore;
  readonly clock: Clock;
  /** What is wrong now of all that the event is about, each by a key that stays the same. */
  ills(event: ConfiguredTrigger['event'], ifName: string): ReadonlySet<string>;
  /** A file came: there may be too many. */
  wrote(): void;
}

export class Trigger extends Listener<TriggerState, TriggerEvent> implements AsyncDisposable {
  readonly config: ConfiguredTrigger;
  readonly #deps: TriggerDeps;
  #live: LiveCapture | undefined;
  #ills: ReadonlySet<string> = new Set();
  #fired = 0;
  #skipped = 0;
  #firedMs: number | undefined;
  #notBeforeMs = 0;
  #file = '';
  #after: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(config: ConfiguredTrigger, deps: TriggerDeps) {
    const { id, filter } = config;
    super(deps, { about: { trigger: id }, filter, first: 'off', step: stepTrigger });
    this.config = config;
    this.#deps = deps;
  }

  get observed(): TriggerObserved {
    return {
      ...{ id: this.config.id, state: this.state, reason: this.reason, ifName: this.ifName },
      ...{ fired: this.#fired, skipped: this.#skipped, firedMs: this.#firedMs, file: this.#file },
    };
  }

  arm(): void {
    if (this.wrongFilter !== '') this.to('fail', this.wrongFilter);
    else this.to('arm');
  }

  /** Its link is there. */
  open(ifName: string): void {
    if (this.busy || !this.to('open')) return;
    this.#ills = this.#deps.ills(this.config.event, ifName);
    const { secondsBefore, secondsAfter, keptBytes } = this.config;
    const options = {
      ...{ rows: NO_ROWS, promiscuous: false, ringBytes: RING_BYTES },
      keep: { seconds: secondsBefore + secondsAfter, bytes: keptBytes },
      onStart: (live: LiveCapture): void => {
        this.#live = live;
      },
    };
    this.hear(ifName, options, (heard) => {
      this.#live = undefined;
      this.#after?.cancel();
      if (heard.ok || isGone(heard.error)) this.to('lost', `${ifName} went away`);
      else this.to('fail', reasonOf(heard.error));
    });
  }

  /** Something changed of what triggers are about. */
  look(): void {
    if (this.ifName === undefined || (this.state !== 'armed' && this.state !== 'recording')) return;
    const before = this.#ills;
    this.#ills = this.#deps.ills(this.config.event, this.ifName);
    // One that goes on does not hide the next one.
    if (!this.#ills.isSubsetOf(before)) this.#fire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.to('stop');
    this.#after?.cancel();
    this.ending.abort();
    await this.running;
    await this.#writing;
  }

  #fire(): void {
    const { clock } = this.#deps;
    if (this.state === 'recording' || clock.monoMs() < this.#notBeforeMs) {
      this.#skipped += 1;
      this.#deps.changed();
      return;
    }
    const live = this.#live;
    if (live === undefined || !this.to('fire')) return;
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
        .catch((thrown: unknown) => err(thrownError(thrown)));
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
      if (last) this.to('written', written.ok ? '' : reasonOf(written.error));
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
}
