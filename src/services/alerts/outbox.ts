/**
 * What is to be told on one channel: in order, one at a time, tried again for a day, bounded. What waits lies on the
 * shelf until it is taken or given up, so that the next daemon goes on with it. While the channel is silenced nothing
 * leaves, and of each thing only what it comes to waits: what came and went meanwhile is not told at all.
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Messenger } from '../../os/ports-alerts.ts';
import type { ChannelConfig, ChannelObserved, Notice } from './config.ts';
import { letterOf } from './letter.ts';
import type { Shelf } from './shelf.ts';

export const MAX_QUEUED = 100;
const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;
/** Nobody waits longer for an answer. */
export const TIMEOUT_MS = 30_000;
const KEEP_MS = 86_400_000;
/** The wall clock, by which a silence ends, may be set meanwhile. */
const LOOK_AGAIN_MS = 60_000;
/** A clock that says less was not set yet, as after the start of a box without a battery. */
const SET_SINCE_MS = Date.UTC(2026, 0, 1);

export interface OutboxDeps {
  readonly messenger: Messenger;
  readonly clock: Clock;
  readonly log: Log;
  readonly shelf: Shelf;
  changed(): void;
}

interface Queued {
  /** On the shelf. */
  readonly key: string;
  notice: Notice;
  /** What happened is still being looked into. */
  unfinished: boolean;
  /** Unix time, ms, and monotonic. */
  putMs: number;
  untilMs: number;
}

export class Outbox implements Disposable {
  readonly #deps: OutboxDeps;
  #config: ChannelConfig;
  #queue: Queued[] = [];
  #sending: AbortController | undefined;
  #retry: Timer | undefined;
  /** When to look again while it is silenced. */
  #silence: Timer | undefined;
  #backoff: Backoff = backoff(FIRST_RETRY_MS, MAX_RETRY_MS);
  #closed = false;
  #reason = '';
  #delivered = 0;
  #failed = 0;
  #dropped = 0;
  #muted = 0;

  constructor(config: ChannelConfig, deps: OutboxDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#restore();
    this.#next();
  }

  get config(): ChannelConfig {
    return this.#config;
  }

  get observed(): ChannelObserved {
    return {
      ...{ id: this.#config.id, state: this.#state, reason: this.#reason },
      ...{ queued: this.#queue.length, delivered: this.#delivered, failed: this.#failed },
      ...{ dropped: this.#dropped, muted: this.#muted },
      silencedUntilMs: this.#isSilenced ? this.#config.silencedUntilMs : 0,
    };
  }

  get #state(): ChannelObserved['state'] {
    if (this.#sending !== undefined) return 'sending';
    if (this.#isSilenced) return 'silenced';
    return this.#retry === undefined ? 'idle' : 'retrying';
  }

  /** What waits is told by the new settings, at once. */
  use(config: ChannelConfig): void {
    this.#config = config;
    this.#retry?.cancel();
    this.#retry = undefined;
    this.#backoff = healthy(this.#backoff);
    this.#next();
  }

  /** `unfinished`: it is sent when it was `found` what happened. */
  put(notice: Notice, unfinished: boolean): void {
    this.#keepSilence();
    if (!this.#isSilenced || !this.#mute(notice)) this.#queueUp(notice, unfinished);
    this.#next();
    this.#deps.changed();
  }

  #queueUp(notice: Notice, unfinished: boolean): void {
    const { shelf, clock } = this.#deps;
    if (this.#queue.length === MAX_QUEUED) {
      // The first may be on its way.
      const gone = this.#queue.splice(this.#sending === undefined ? 0 : 1, 1);
      for (const { key } of gone) shelf.remove(key);
      this.#dropped += 1;
    }
    const putMs = clock.wallMs();
    const key = shelf.add(this.#config.id, { notice, putMs });
    this.#queue.push({ key, notice, unfinished, putMs, untilMs: clock.monoMs() + KEEP_MS });
  }

  /** What was put unfinished is known whole now. */
  found(notice: Notice): void {
    const queued = this.#queue.find((one) => one.notice.id === notice.id);
    if (queued === undefined) return;
    queued.notice = notice;
    queued.unfinished = false;
    this.#deps.shelf.replace(queued.key, { notice, putMs: queued.putMs });
    this.#next();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#silence?.cancel();
    this.#sending?.abort();
  }

  get #isSilenced(): boolean {
    return this.#silence !== undefined;
  }

  /** Begins, continues or ends the silence as the wall clock has it now, and says so when it begins or ends. */
  #keepSilence(): void {
    const { clock, log, changed } = this.#deps;
    const { id: channel, silencedUntilMs } = this.#config;
    const was = this.#isSilenced;
    this.#silence?.cancel();
    this.#silence = undefined;
    const leftMs = silencedUntilMs - clock.wallMs();
    if (leftMs > 0) {
      this.#silence = clock.after(Math.min(LOOK_AGAIN_MS, leftMs), () => {
        this.#next();
        changed();
      });
      const until = new Date(silencedUntilMs).toISOString();
      if (!was) log.info({ channel, until }, 'a channel is silenced');
    } else if (was) {
      log.info({ channel, waiting: this.#queue.length }, 'a channel is not silenced any more');
      this.#renew();
    }
  }

  /** What waits is as old as if it came now. */
  #renew(): void {
    const { clock, shelf } = this.#deps;
    const putMs = clock.wallMs();
    for (const queued of this.#queue) {
      queued.putMs = putMs;
      queued.untilMs = clock.monoMs() + KEEP_MS;
      shelf.replace(queued.key, { notice: queued.notice, putMs });
    }
  }

  /**
   * While the channel is silenced: what waits of the same thing gives way. Whether `notice` goes with it: it is over
   * before anybody was told, or as bad as was told, or it is nothing that lasts.
   */
  #mute(notice: Notice): boolean {
    const { kind, rule, watch, subject } = notice;
    const first = this.#sending === undefined ? 0 : 1;
    const at = this.#queue.findLastIndex(
      (one, i) =>
        i >= first &&
        one.notice.rule === rule &&
        one.notice.watch === watch &&
        one.notice.subject === subject,
    );
    const [before] = kind === 'event' || at < 0 ? [] : this.#queue.splice(at, 1);
    if (before !== undefined) {
      this.#deps.shelf.remove(before.key);
      this.#muted += 1;
    }
    const pair = [before?.notice.kind, kind].join();
    const gone = kind === 'event' || pair === 'raised,cleared' || pair === 'cleared,raised';
    if (gone) this.#muted += 1;
    return gone;
  }

  /** What an earlier daemon left. */
  #restore(): void {
    const { clock, shelf } = this.#deps;
    const left = shelf.of(this.#config.id);
    const nowMs = clock.wallMs();
    for (const [i, [key, { notice, putMs }]] of left.entries()) {
      // A silence does not count, and the wall clock may have been set back meanwhile, or for the first time.
      const sinceMs = Math.max(putMs, Math.min(nowMs, this.#config.silencedUntilMs));
      const waitedMs = putMs < SET_SINCE_MS ? 0 : Math.max(0, nowMs - sinceMs);
      const untilMs = clock.monoMs() + KEEP_MS - waitedMs;
      if (i >= left.length - MAX_QUEUED && waitedMs < KEEP_MS) {
        this.#queue.push({ key, notice, unfinished: false, putMs, untilMs });
        continue;
      }
      shelf.remove(key);
      if (waitedMs < KEEP_MS) this.#dropped += 1;
      else this.#failed += 1;
    }
  }

  #next(): void {
    this.#keepSilence();
    if (this.#isSilenced) return;
    const [first] = this.#queue;
    if (first === undefined || this.#sending !== undefined || this.#retry !== undefined) return;
    if (!first.unfinished) void this.#send(first);
  }

  async #send(waiting: Queued): Promise<void> {
    const { messenger, clock, log, shelf } = this.#deps;
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
    shelf.remove(waiting.key);
    this.#queue = this.#queue.filter((one) => one !== waiting);
    this.#next();
    this.#deps.changed();
  }
}
