/**
 * Questions to resolvers: one under way for each question, whoever asks; the quickest first, others
 * when it is slow. Within a budget there is an answer or a reason why not.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { Result } from '../../base/result.ts';
import type { DnsMessage } from '../../wire/dns.ts';
import { EDE, RCODE, rcodeName } from '../../wire/dns-registry.ts';
import { type Asked, type ExchangeDeps, type ExchangeNotes, exchange } from './exchange.ts';
import { isLame } from './scrub.ts';
import type { UpstreamServer, Upstreams } from './upstreams.ts';

export type Outcome =
  | {
      readonly ok: true;
      readonly message: DnsMessage;
      readonly upstream: string;
      readonly encrypted: boolean;
      readonly tookMs: number;
    }
  | {
      readonly ok: false;
      /** Extended error, with words. */
      readonly ede: number;
      readonly reason: string;
      /** No resolver could be reached: an answer that is past its time is better than none. */
      readonly unreachable: boolean;
    };

/** Clients wait for five seconds (dig, glibc, musl); the answer is there before. */
const BUDGET_MS = 3500;
/** Questions under way; more are refused at once. */
const MAX_UNDER_WAY = 1500;
/** One answer of an upstream that is slow is not waited for longer than this before the next is asked. */
const MIN_HEDGE_MS = 150;
const MAX_HEDGE_MS = 700;
/** Packets for one question, at most. */
const MAX_TRIES = 6;

export interface ForwarderDeps extends ExchangeDeps {
  readonly clock: Clock;
  readonly upstreams: Upstreams;
}

export class Forwarder implements Disposable {
  readonly #deps: ForwarderDeps;
  readonly #underWay = new Map<string, Promise<Outcome>>();
  readonly #ending = new AbortController();
  joined = 0;
  overload = 0;

  constructor(deps: ForwarderDeps) {
    this.#deps = deps;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  ask(asked: Asked): Promise<Outcome> {
    const key = `${asked.type} ${asked.dnssecOk ? 1 : 0}${asked.checkingDisabled ? 1 : 0} ${asked.name}`;
    const same = this.#underWay.get(key);
    if (same !== undefined) {
      this.joined++;
      return same;
    }
    if (this.#underWay.size >= MAX_UNDER_WAY) {
      this.overload++;
      const reason = 'too many questions are under way';
      return Promise.resolve({ ok: false, ede: EDE.OTHER, reason, unreachable: true });
    }
    const outcome = this.#race(asked).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, outcome);
    return outcome;
  }

  [Symbol.dispose](): void {
    this.#ending.abort();
  }

  #race(asked: Asked): Promise<Outcome> {
    const { clock, upstreams } = this.#deps;
    const servers = upstreams.for(asked.name);
    if (servers.length === 0) {
      const reason = 'no upstream is configured';
      return Promise.resolve({ ok: false, ede: EDE.NOT_READY, reason, unreachable: true });
    }
    return new Promise((resolve) => {
      const race = new AbortController();
      const stop = (): void => race.abort();
      this.#ending.signal.addEventListener('abort', stop, { once: true });
      const startMs = clock.monoMs();
      const errors: string[] = [];
      let [tries, open, done] = [0, 0, false];
      let hedge: Timer | undefined;
      let useless: DnsMessage | undefined;
      const end = (outcome: Outcome): void => {
        if (done) return;
        done = true;
        hedge?.cancel();
        budget.cancel();
        this.#ending.signal.removeEventListener('abort', stop);
        race.abort();
        resolve(outcome);
      };
      const giveUp = (): void => end(failureOf(useless, errors));
      const budget = clock.after(BUDGET_MS, giveUp);
      const tryNext = (): void => {
        const server = servers[tries % servers.length];
        if (done || server === undefined || tries >= Math.max(MAX_TRIES, servers.length)) return;
        tries++;
        arm(server);
        launch(server);
      };
      const arm = (server: UpstreamServer): void => {
        hedge?.cancel();
        const usual = Math.min(MAX_HEDGE_MS, Math.max(MIN_HEDGE_MS, (server.rttMs ?? 150) * 3));
        // Asked again and again, each time twice as patient.
        const round = Math.floor((tries - 1) / servers.length);
        hedge = clock.after(usual * 2 ** round, tryNext);
      };
      const launch = (server: UpstreamServer): void => {
        open++;
        const leftMs = BUDGET_MS - (clock.monoMs() - startMs);
        void this.#one(server, asked, leftMs, race.signal).then((got) => {
          open--;
          if (done) return;
          if (got.ok && isUseful(got.value.message, asked)) {
            end({
              ...{ ok: true, message: got.value.message, tookMs: clock.monoMs() - startMs },
              ...{ upstream: server.id, encrypted: server.encrypted },
            });
            return;
          }
          if (got.ok) useless = got.value.message;
          else errors.push(got.error.message);
          // Each has said no, or is silent: those that only said so need not be asked again.
          if (tries < servers.length) tryNext();
          else if (open === 0 && (useless !== undefined || tries >= MAX_TRIES)) giveUp();
          else if (open === 0 && refusedByAll(errors, servers.length)) giveUp();
        });
      };
      tryNext();
      // Besides, whoever may be back, or was not measured for long; one at a time.
      const nowMs = clock.monoMs();
      const due = servers.slice(1).find((server) => server.isDue(nowMs));
      if (due !== undefined) launch(due);
    });
  }

  async #one(
    server: UpstreamServer,
    asked: Asked,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Result<{ readonly message: DnsMessage }, SystemError>> {
    const { clock } = this.#deps;
    const startMs = clock.monoMs();
    server.asked(startMs);
    const notes: ExchangeNotes = { mismatches: 0 };
    const got = await exchange(this.#deps, server.endpoint, asked, timeoutMs, signal, notes);
    server.mismatches += notes.mismatches;
    const nowMs = clock.monoMs();
    if (got.ok) {
      server.answered(nowMs - startMs, isUseful(got.value, asked));
      return { ok: true, value: { message: got.value } };
    }
    // Another was quicker: that says something only of one that had its time.
    if (got.error.code !== 'ECANCELED') server.failed(nowMs, got.error.code, got.error.message);
    else if (nowMs - startMs >= SILENT_MS) server.failed(nowMs, 'ETIMEDOUT', 'it does not answer');
    return got;
  }
}

/** Whoever was silent for so long while another answered counts as silent. */
const SILENT_MS = 600;

const isUseful = (message: DnsMessage, asked: Asked): boolean =>
  (message.rcode === RCODE.NOERROR || message.rcode === RCODE.NXDOMAIN) && !isLame(message, asked);

/** All said at once that nobody is there: no need to wait. */
const refusedByAll = (errors: readonly string[], servers: number): boolean =>
  errors.length >= 2 * servers;

function failureOf(useless: DnsMessage | undefined, errors: readonly string[]): Outcome {
  if (useless !== undefined) {
    const reason = `the upstream says ${rcodeName(useless.rcode)}`;
    return { ok: false, ede: EDE.NO_REACHABLE_AUTHORITY, reason, unreachable: false };
  }
  const reason = errors.at(-1) ?? 'no upstream answers';
  return { ok: false, ede: EDE.NETWORK_ERROR, reason, unreachable: true };
}
