/** What is to be told on one channel: in order, one at a time, tried again for a day, bounded. */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Messenger } from '../../os/ports-alerts.ts';
import type { ChannelConfig, ChannelObserved, Notice } from './config.ts';
import { letterOf } from './letter.ts';

export const MAX_QUEUED = 100;
const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;
const TIMEOUT_MS = 30_000;
const KEEP_MS = 86_400_000;

export interface OutboxDeps {
  readonly messenger: Messenger;
  readonly clock: Clock;
  readonly log: Log;
  changed(): void;
}

interface Waiting {
  readonly notice: Notice;
  readonly untilMs: number;
}

export class Outbox implements Disposable {
  readonly #deps: OutboxDeps;
  #config: ChannelConfig;
  #queue: Waiting[] = [];
  #sending: AbortController | undefined;
  #retry: Timer | undefined;
  #backoff: Backoff = backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  #closed = false;
  #reason = '';
  #delivered = 0;
  #failed = 0;
  #dropped = 0;

  constructor(config: ChannelConfig, deps: OutboxDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  get config(): ChannelConfig {
    return this.#config;
  }

  get observed(): ChannelObserved {
    const state = this.#sending !== undefined ? 'sending' : this.#retry ? 'retrying' : 'idle';
    return {
      ...{ id: this.#config.id, state, reason: this.#reason, queued: this.#queue.length },
      ...{ delivered: this.#delivered, failed: this.#failed, dropped: this.#dropped },
    };
  }

  /** What waits is told by the new settings, at once. */
  use(config: ChannelConfig): void {
    this.#config = config;
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#backoff = healthy(this.#backoff);
    this.#next();
  }

  put(notice: Notice): void {
    if (this.#queue.length === MAX_QUEUED) {
      // The first may be on its way.
      this.#queue.splice(this.#sending === undefined ? 0 : 1, 1);
      this.#dropped += 1;
    }
    this.#queue.push({ notice, untilMs: this.#deps.clock.monoMs() + KEEP_MS });
    this.#next();
    this.#deps.changed();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#sending?.abort();
  }

  #next(): void {
    const [first] = this.#queue;
    if (first === undefined || this.#sending !== undefined || this.#retry !== undefined) return;
    void this.#send(first);
  }

  async #send(waiting: Waiting): Promise<void> {
    const { messenger, clock, log } = this.#deps;
    const sending = new AbortController();
    this.#sending = sending;
    const limit = clock.after(TIMEOUT_MS, () => sending.abort());
    const sent = await messenger.send(this.#config, letterOf(waiting.notice), sending.signal);
    limit.cancel();
    this.#sending = undefined;
    if (this.#closed) return;
    const late = clock.monoMs() >= waiting.untilMs;
    if (sent.ok) {
      this.#delivered += 1;
      this.#reason = '';
      this.#backoff = healthy(this.#backoff);
    } else {
      this.#reason = sent.error.message;
      log.warn({ channel: this.#config.id, reason: sent.error.message }, 'an alert was not taken');
      if (!sent.error.forGood && !late) {
        this.#backoff = failed(this.#backoff);
        this.#retry = clock.after(delayMs(this.#backoff), () => {
          this.#retry = undefined;
          this.#next();
        });
        this.#deps.changed();
        return;
      }
      this.#failed += 1;
    }
    this.#queue = this.#queue.filter((one) => one !== waiting);
    this.#next();
    this.#deps.changed();
  }
}
