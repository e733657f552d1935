/** What the network makes us say is said once in ten seconds for each kind, with how often it was meant. */
import type { Clock } from '../../base/clock.ts';
import type { Log, LogFields } from '../../base/log.ts';

const REST_MS = 10_000;
const MAX_KINDS = 256;

export class QuietLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, { sinceMs: number; silent: number }>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `fields` are asked for only when it is said. */
  warn(message: string, fields: () => LogFields): void {
    const nowMs = this.#clock.monoMs();
    const kind = this.#kinds.get(message);
    if (kind !== undefined && nowMs - kind.sinceMs < REST_MS) {
      kind.silent++;
      return;
    }
    const silent = kind?.silent ?? 0;
    if (this.#kinds.size >= MAX_KINDS) this.#kinds.clear();
    this.#kinds.set(message, { sinceMs: nowMs, silent: 0 });
    this.#log.warn(silent === 0 ? fields() : { ...fields(), notSaid: silent }, message);
  }
}
