/** Metrics for a collector that is told rather than asks: one export at a time, none kept. */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { escapeControls } from '../../base/text.ts';
import type { OtlpWay } from '../../os/ports-otlp.ts';
import { readOtlpAnswer } from '../../wire/otlp.ts';
import type { OtlpConfig, OtlpObserved } from './config.ts';

export interface OtlpDeps {
  readonly way: OtlpWay;
  readonly clock: Clock;
  readonly log: Log;
  /** What is told, as it is now. */
  request(): Promise<string>;
  /** Undefined: nobody is told. */
  report(observed: OtlpObserved | undefined): void;
}

const ANSWER_MS = 10_000;
const RETRY_MAX_MS = 900_000;
const RETRY_AFTER_MAX_MS = 3_600_000;
const REASON_CHARS = 200;
const START: OtlpObserved = { state: 'Connecting', reason: '', sent: 0, failed: 0, rejected: 0 };

export class OtlpService implements Disposable {
  readonly #deps: OtlpDeps;
  #config: OtlpConfig | undefined;
  #observed = START;
  #backoff: Backoff = backoff(0, 0);
  #timer: Timer | undefined;
  #asked: AbortController | undefined;

  constructor(deps: OtlpDeps) {
    this.#deps = deps;
  }

  /** The first export is at once; one that stays as it is goes on. */
  apply(config: OtlpConfig | undefined): void {
    if (JSON.stringify(config) === JSON.stringify(this.#config)) return;
    this.#stop();
    this.#config = config;
    this.#observed = START;
    this.#deps.report(config && START);
    if (config === undefined) return;
    const { intervalMs } = config;
    this.#backoff = backoff(intervalMs, Math.max(intervalMs, RETRY_MAX_MS));
    void this.#export(config);
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#config = undefined;
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#asked?.abort();
  }

  /** What failed is not told again: the next export says all that it said. */
  async #export(config: OtlpConfig): Promise<void> {
    const { clock, way, request } = this.#deps;
    const asked = new AbortController();
    this.#asked = asked;
    const json = await request();
    if (asked.signal.aborted) return;
    const late = clock.after(ANSWER_MS, () => asked.abort());
    const answer = await way.post(config, json, asked.signal);
    late.cancel();
    if (this.#asked !== asked || this.#config !== config) return;
    let waitMs = 0;
    if (!answer.ok) {
      this.#failed(asked.signal.aborted ? 'no answer in time' : answer.error.message);
    } else if (answer.value.status < 200 || answer.value.status > 299) {
      this.#failed(`HTTP ${answer.value.status}`);
      waitMs = Math.min(RETRY_AFTER_MAX_MS, (answer.value.retryAfterSec ?? 0) * 1000);
    } else this.#taken(answer.value.text);
    // Twice the time after each failure; never sooner than the collector asks for.
    waitMs = Math.max(waitMs, config.intervalMs, delayMs(this.#backoff));
    this.#timer = clock.after(waitMs, () => void this.#export(config));
  }

  #taken(text: string): void {
    const { rejected, message } = readOtlpAnswer(text);
    this.#backoff = healthy(this.#backoff);
    const before = this.#observed;
    this.#observed = {
      ...{ state: 'Up', sent: before.sent + 1, failed: before.failed },
      rejected: before.rejected + rejected,
      reason: rejected > 0 ? `${rejected} data points refused: ${plain(message)}` : '',
    };
    if (before.state !== 'Up') this.#deps.log.info({}, 'the collector of metrics is reached');
    this.#deps.report(this.#observed);
  }

  #failed(why: string): void {
    this.#backoff = failed(this.#backoff);
    const before = this.#observed;
    const reason = plain(why);
    this.#observed = { ...before, state: 'Error', reason, failed: before.failed + 1 };
    if (before.state !== 'Error')
      this.#deps.log.warn({ reason }, 'the collector of metrics is not reached');
    this.#deps.report(this.#observed);
  }
}

/** The other side's words are anybody's. */
const plain = (text: string): string => escapeControls(text).slice(0, REASON_CHARS);
