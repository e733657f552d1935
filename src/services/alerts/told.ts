/**
 * What somebody was told is bad and was not told is over, on disk: the next daemon does not tell it again, and tells
 * when it is over.
 */
import type { Clock } from '../../base/clock.ts';
import type { RuleConfig } from './config.ts';
import { Kept, type KeptDeps } from './kept.ts';
import { type ToldRecord, toldCodec } from './record.ts';

/** A subject that was not heard of for so long after the start is gone. */
const CARRY_MS = 86_400_000;
const MAX_TOLD = 4096;
/** A store's keys are bounded. */
const MAX_KEY = 1024;

export class ToldAlerts implements AsyncDisposable {
  readonly #kept: Kept<ToldRecord>;
  readonly #clock: Clock;
  readonly #untilMs: number;

  constructor(deps: KeptDeps) {
    this.#kept = new Kept(deps, 'alerts/told/', toldCodec);
    this.#clock = deps.clock;
    this.#untilMs = deps.clock.monoMs() + CARRY_MS;
  }

  /** Since when (Unix ms) it is told that it is bad; undefined when it is not. */
  sinceMs(key: string): number | undefined {
    return this.#kept.get(key)?.sinceMs;
  }

  put(key: string, rule: RuleConfig, sinceMs: number): void {
    const known = this.#kept.get(key) !== undefined;
    if (key.length > MAX_KEY || (!known && this.#kept.size >= MAX_TOLD)) return;
    this.#kept.set(key, { rule: JSON.stringify(rule), sinceMs });
  }

  delete(key: string): void {
    this.#kept.delete(key);
  }

  /** What was told by other rules, or by these as they were, is of no concern any more. */
  keep(rules: readonly RuleConfig[]): void {
    const texts = new Set(rules.map((rule) => JSON.stringify(rule)));
    this.#kept.remove((_, { rule }) => !texts.has(rule));
  }

  /** `here`: whether there is something that has this key. */
  age(here: (key: string) => boolean): void {
    if (this.#kept.size === 0 || this.#clock.monoMs() < this.#untilMs) return;
    this.#kept.remove((key) => !here(key));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#kept[Symbol.asyncDispose]();
  }
}
