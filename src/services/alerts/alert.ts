/** One thing that a rule watches: its state, its timer, its damping. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { AlertObserved, Notice, RuleConfig, Signal } from './config.ts';
import {
  type AlertEvent,
  type AlertState,
  type Damping,
  raisedAgain,
  step,
  suppressedForMs,
  UNDAMPED,
} from './machine.ts';

export interface AlertDeps {
  readonly clock: Clock;
  /** What the rule lies behind is in trouble. */
  behindTrouble(rule: RuleConfig): boolean;
  tell(kind: Notice['kind'], alert: Alert): void;
  /** Somebody was told that it is bad, or that it is not any more. */
  told(alert: Alert, bad: boolean): void;
  changed(): void;
}

export class Alert implements Disposable {
  readonly key: string;
  readonly rule: RuleConfig;
  readonly #deps: AlertDeps;
  #signal: Signal;
  #state: AlertState = 'quiet';
  #sinceMs: number;
  #timer: Timer | undefined;
  #damping: Damping = UNDAMPED;
  #reuse: Timer | undefined;
  /** Somebody was told that it is bad. */
  #told = false;
  #silenced = false;
  #wasGood = false;

  /** `toldMs`: since when (Unix ms) it is bad, where an earlier daemon has told that. */
  constructor(
    [key, rule]: readonly [key: string, rule: RuleConfig],
    signal: Signal,
    deps: AlertDeps,
    toldMs: number | undefined,
  ) {
    this.key = key;
    this.rule = rule;
    this.#signal = signal;
    this.#deps = deps;
    this.#sinceMs = toldMs ?? deps.clock.wallMs();
    if (toldMs === undefined) return;
    this.#state = 'raised';
    this.#told = true;
  }

  get signal(): Signal {
    return this.#signal;
  }

  /** Unix time, ms. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Bad, or not yet good for long. */
  get troubled(): boolean {
    return this.#state !== 'quiet';
  }

  get observed(): AlertObserved | undefined {
    if (this.#state === 'quiet') return undefined;
    const { watch, name, reason } = this.#signal;
    return {
      ...{ key: this.key, rule: this.rule.id, watch, name, state: this.#state, reason },
      ...{ severity: this.rule.severity, sinceMs: this.#sinceMs },
      ...{ silenced: this.#silenced, flapping: this.#damping.suppressed },
    };
  }

  see(signal: Signal): void {
    const reasonOnly = signal.reason !== this.#signal.reason && this.troubled;
    this.#signal = signal;
    if (!signal.bad) this.#wasGood = true;
    else if (signal.usedOnly === true && !this.#wasGood) return;
    if (!this.#happen(signal.bad ? 'bad' : 'good') && reasonOnly) this.#deps.changed();
  }

  /** What it lies behind is well again: what is still bad by itself is told after its time. */
  wakeFromSilence(): void {
    if (!this.#silenced) return;
    this.#silenced = false;
    if (this.#state === 'raised') this.#wait(this.rule.raiseAfterMs, () => this.#raise());
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#reuse?.cancel();
  }

  #happen(event: AlertEvent): boolean {
    const next = step(this.#state, event);
    if (next === undefined) return false;
    const [state, tells] = next;
    const was = this.#state;
    this.#state = state;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (was === 'quiet') this.#sinceMs = this.#deps.clock.wallMs();
    if (tells === 'raise') this.#raise();
    if (tells === 'clear') this.#clear();
    if (state === 'pending') this.#wait(this.rule.raiseAfterMs, () => this.#happen('due'));
    if (state === 'clearing') this.#wait(this.rule.clearAfterMs, () => this.#happen('due'));
    // It was good for too short a time to be told, while it was not yet told that it is bad.
    if (was === 'clearing' && state === 'raised' && !this.#told && !this.#silenced) this.#raise();
    this.#deps.changed();
    return true;
  }

  #raise(): void {
    const { clock, behindTrouble, tell } = this.#deps;
    if (behindTrouble(this.rule)) {
      this.#silenced = true;
      return;
    }
    const before = this.#damping.suppressed;
    this.#damping = raisedAgain(this.#damping, clock.monoMs());
    if (!this.#damping.suppressed) {
      this.#toldBad(true);
      tell('raised', this);
    } else if (!before) {
      this.#toldBad(true);
      tell('flapping', this);
    }
    if (this.#damping.suppressed) this.#watchDamping();
  }

  #toldBad(bad: boolean): void {
    if (this.#told === bad) return;
    this.#told = bad;
    this.#deps.told(this, bad);
  }

  #clear(): void {
    this.#silenced = false;
    // Of one that comes and goes it is told when it stays.
    if (!this.#told || this.#damping.suppressed) return;
    this.#toldBad(false);
    this.#deps.tell('cleared', this);
  }

  #watchDamping(): void {
    this.#reuse?.cancel();
    const { clock } = this.#deps;
    this.#reuse = clock.after(suppressedForMs(this.#damping, clock.monoMs()), () => {
      this.#reuse = undefined;
      this.#damping = UNDAMPED;
      const bad = this.#state === 'raised' || this.#state === 'clearing';
      if (this.#told) this.#deps.tell(bad ? 'steady' : 'cleared', this);
      this.#toldBad(bad);
      this.#deps.changed();
    });
  }

  #wait(ms: number, run: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(ms, () => {
      this.#timer = undefined;
      run();
    });
  }
}
