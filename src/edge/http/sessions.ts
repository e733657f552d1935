/**
 * Who is logged in: in memory alone, so that a restart ends every session. A session ends after 30
 * minutes without a request, after 12 hours in any case, and when its account changes.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Account } from './faces.ts';

const IDLE_MS = 30 * 60_000;
const LONGEST_MS = 12 * 60 * 60_000;
const MAX_SESSIONS = 128;

export interface Session {
  readonly user: string;
  readonly address: string;
  /** Goes with every change as a header that no other site can send. */
  readonly csrf: string;
  /** Fires when it ends: streams of it end with it. */
  readonly ended: AbortSignal;
}

interface Entry {
  readonly session: Session;
  readonly end: AbortController;
  readonly startedMs: number;
  usedMs: number;
  timer: Timer | undefined;
}

export interface SessionDeps {
  readonly clock: Clock;
  /** 256 random bits as text. */
  token(): string;
}

export class Sessions implements Disposable {
  readonly #deps: SessionDeps;
  /** By id; the oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(deps: SessionDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Gives the id, which is the secret of its cookie. */
  create(account: Account, address: string): { readonly id: string; readonly session: Session } {
    const { clock, token } = this.#deps;
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MAX_SESSIONS && oldest !== undefined) this.end(oldest);
    const id = token();
    const end = new AbortController();
    const session: Session = { user: account.name, address, csrf: token(), ended: end.signal };
    const nowMs = clock.monoMs();
    const entry: Entry = { session, end, startedMs: nowMs, usedMs: nowMs, timer: undefined };
    this.#entries.set(id, entry);
    this.#arm(id, entry);
    return { id, session };
  }

  /** A request came with this id: the session, which starts to be idle anew. */
  use(id: string): Session | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || this.#leftMs(entry) <= 0) return undefined;
    entry.usedMs = this.#deps.clock.monoMs();
    return entry.session;
  }

  end(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.timer?.cancel();
    entry.end.abort();
  }

  /** Ends all that `over` says of. */
  endWhere(over: (session: Session) => boolean): void {
    for (const [id, { session }] of [...this.#entries]) if (over(session)) this.end(id);
  }

  [Symbol.dispose](): void {
    this.endWhere(() => true);
  }

  #leftMs({ startedMs, usedMs }: Entry): number {
    return Math.min(startedMs + LONGEST_MS, usedMs + IDLE_MS) - this.#deps.clock.monoMs();
  }

  #arm(id: string, entry: Entry): void {
    entry.timer = this.#deps.clock.after(this.#leftMs(entry), () => {
      if (this.#leftMs(entry) <= 0) this.end(id);
      else this.#arm(id, entry);
    });
  }
}
