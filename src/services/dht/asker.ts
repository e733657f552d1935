/** Our own queries: transactions, time-outs by measured round trips, and a bounded queue while the budget is used up. */
import type { Clock, Timer } from '../../base/clock.ts';
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import {
  encodeKrpc,
  type KrpcMessage,
  type KrpcQuery,
  type KrpcResponse,
} from '../../wire/krpc.ts';
import type { Budget } from './budget.ts';
import type { Family } from './config.ts';
import { RoundTrip, type RoundTripLimits } from './round-trip.ts';

const MAX_PENDING = 1_024;
const MAX_QUEUED = 512;
const QUEUE_MS = 20;
/** A query that found no room for so long is given up: who asked it has long gone on, or waits for nothing. */
const QUEUED_MOST_MS = 5_000;
const TRANSACTION_BYTES = 4;
/** After so long another is asked, too. */
const SLOW: RoundTripLimits = { firstMs: 500, leastMs: 20, mostMs: 1000 };
/** An answer may still come after the asker went on to others; after so long nobody waits any more. */
const GIVE_UP_FACTOR = 4;
const MIN_GIVE_UP_MS = 1000;
const MAX_GIVE_UP_MS = 4000;

export interface Answer {
  readonly id: Uint8Array;
  readonly response: KrpcResponse;
  readonly rttMs: number;
  readonly from: IpPort;
  /** BEP 42: where we are seen. */
  readonly ip: Uint8Array | undefined;
}

/** What became of a query: `slow` may come before one of the others, exactly one of which comes last. */
export interface Outcome {
  answered(answer: Answer): void;
  slow?(): void;
  /** It answered with an error. */
  refused?(code: number, message: Uint8Array): void;
  /** Nothing came; `unsent`: for lack of budget. */
  lost(why: 'timeout' | 'unsent' | 'closed'): void;
}

interface Pending {
  readonly to: IpPort;
  readonly outcome: Outcome;
  readonly sentMs: number;
  timer: Timer;
}

interface Queued {
  readonly untilMs: number;
  readonly to: IpPort;
  readonly query: KrpcQuery;
  readonly outcome: Outcome;
}

export interface AskerDeps {
  readonly clock: Clock;
  readonly random: (count: number) => Uint8Array;
  readonly budget: Budget;
  readonly version: Uint8Array;
  readonly readOnly: boolean;
  readonly idOf: (family: Family) => Uint8Array;
  readonly send: (bytes: Uint8Array, to: IpPort) => boolean;
  /** A node answered, or did not. */
  readonly heard: (answer: Answer) => void;
  readonly silent: (to: IpPort) => void;
}

export class Asker {
  readonly #deps: AskerDeps;
  readonly #pending = new Map<number, Pending>();
  readonly #queue: Queued[] = [];
  readonly #roundTrips = { 4: new RoundTrip(SLOW), 6: new RoundTrip(SLOW) };
  #timer: Timer | undefined;
  #closed = false;
  readonly counters = { sent: 0, answers: 0, timeouts: 0, stray: 0, refused: 0 };

  constructor(deps: AskerDeps) {
    this.#deps = deps;
  }

  /** Waiting for an answer, or for leave to be sent. */
  get pending(): number {
    return this.#pending.size + this.#queue.length;
  }

  roundTrip(family: Family): RoundTrip {
    return this.#roundTrips[family];
  }

  ask(to: IpPort, query: KrpcQuery, outcome: Outcome): void {
    if (this.#closed) {
      outcome.lost('closed');
      return;
    }
    if (this.#queue.length === 0 && this.#trySend(to, query, outcome)) return;
    if (this.#queue.length >= MAX_QUEUED) {
      this.counters.refused++;
      outcome.lost('unsent');
      return;
    }
    const untilMs = this.#deps.clock.monoMs() + QUEUED_MOST_MS;
    this.#queue.push({ untilMs, to, query, outcome });
    this.#timer ??= this.#deps.clock.after(QUEUE_MS, () => this.#drain());
  }

  /** An answer or an error that came; false when nobody waits for it. What it says is copied by whoever keeps it. */
  take(message: KrpcMessage & { type: 'response' | 'error' }, from: IpPort): boolean {
    const id = transactionOf(message.transaction);
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (pending === undefined || id === undefined || !sameEndpoint(pending.to, from)) {
      this.counters.stray++;
      return false;
    }
    this.#pending.delete(id);
    pending.timer.cancel();
    this.counters.answers++;
    if (message.type === 'error') {
      if (pending.outcome.refused === undefined) pending.outcome.lost('timeout');
      else pending.outcome.refused(message.code, message.message);
      return true;
    }
    const rttMs = this.#deps.clock.monoMs() - pending.sentMs;
    this.#roundTrips[familyOf(from)].measured(rttMs);
    const { response, ip } = message;
    const answer = { id: message.id, response, rttMs, from, ip };
    this.#deps.heard(answer);
    pending.outcome.answered(answer);
    return true;
  }

  /** Everybody who waits is told; nothing is sent any more. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const { timer, outcome } of waiting) {
      timer.cancel();
      outcome.lost('closed');
    }
    for (const { outcome } of this.#queue.splice(0)) outcome.lost('closed');
  }

  #drain(): void {
    this.#timer = undefined;
    const nowMs = this.#deps.clock.monoMs();
    for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
      if (nowMs >= first.untilMs) {
        this.#queue.shift();
        this.counters.refused++;
        first.outcome.lost('unsent');
        continue;
      }
      if (!this.#trySend(first.to, first.query, first.outcome)) break;
      this.#queue.shift();
    }
    if (this.#queue.length > 0)
      this.#timer ??= this.#deps.clock.after(QUEUE_MS, () => this.#drain());
  }

  /** False while the budget or the table of transactions has no room. */
  #trySend(to: IpPort, query: KrpcQuery, outcome: Outcome): boolean {
    const { clock, budget, idOf, version, readOnly, send } = this.#deps;
    const nowMs = clock.monoMs();
    if (this.#pending.size >= MAX_PENDING) return false;
    const transaction = this.#deps.random(TRANSACTION_BYTES);
    const id = transactionOf(transaction);
    if (id === undefined || this.#pending.has(id)) return false;
    const family = familyOf(to);
    const bytes = encodeKrpc({
      ...{ type: 'query', transaction, version, id: idOf(family), readOnly, query },
    });
    if (!budget.mayReach(formatIpPort(to), nowMs)) return false;
    if (!budget.maySend(to, bytes.length, true, nowMs)) return false;
    const { timeoutMs } = this.#roundTrips[family];
    const timer = clock.after(timeoutMs, () => this.#slow(id));
    this.#pending.set(id, { to, outcome, sentMs: nowMs, timer });
    this.counters.sent++;
    send(bytes, to);
    return true;
  }

  #slow(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    const { timeoutMs: slowMs } = this.#roundTrips[familyOf(pending.to)];
    const giveUpMs = Math.min(MAX_GIVE_UP_MS, Math.max(MIN_GIVE_UP_MS, GIVE_UP_FACTOR * slowMs));
    const left = Math.max(1, giveUpMs - slowMs);
    pending.timer = this.#deps.clock.after(left, () => this.#giveUp(id));
    pending.outcome.slow?.();
  }

  #giveUp(id: number): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.counters.timeouts++;
    this.#deps.silent(pending.to);
    pending.outcome.lost('timeout');
  }
}

export const familyOf = ({ address }: IpPort): Family => (typeof address === 'number' ? 4 : 6);

const sameEndpoint = (a: IpPort, b: IpPort): boolean =>
  a.port === b.port && a.address === b.address;

function transactionOf(bytes: Uint8Array): number | undefined {
  if (bytes.length !== TRANSACTION_BYTES) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
