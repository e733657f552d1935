/**
 * Logging in: bounded per address and per user, one password checked after another and few waiting,
 * every failure counted and logged, and every log-in and every password that was checked in vain in
 * the audit trail.
 */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type AttemptLimits, Attempts, LOGIN_LIMITS } from './attempts.ts';
import type { Account, Accounts, LoginRecord } from './faces.ts';

const MAX_WAITING = 8;
/** Places that are kept for those who once logged in from where they are: no crowd takes them. */
const KEPT_PLACES = 2;
const MAX_NAME = 64;
/** The model takes 128 characters; a longer one need not be hashed. */
const MAX_PASSWORD = 512;
const BUSY_MS = 2_000;
/** Pairs of user and address that once logged in. */
const MAX_FAMILIAR = 256;

export interface LoginDeps {
  readonly accounts: Pick<Accounts, 'verify'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Resolves when it is on disk. */
  audit(record: LoginRecord): Promise<void>;
  readonly limits?: AttemptLimits;
}

export type LoginRefusal =
  | { readonly kind: 'wrong' }
  /** Too many attempts, or too many at once. */
  | { readonly kind: 'wait'; readonly retryAfterSec: number };

export interface LoginCounters {
  readonly succeeded: number;
  readonly failed: number;
  /** Not even checked. */
  readonly refused: number;
}

export class Logins {
  readonly #deps: LoginDeps;
  readonly #attempts: Attempts;
  readonly #familiar = new Set<string>();
  #checking = false;
  #waiting: (() => void)[] = [];
  #counters = { succeeded: 0, failed: 0, refused: 0 };

  constructor(deps: LoginDeps) {
    this.#deps = deps;
    this.#attempts = new Attempts(deps.limits ?? LOGIN_LIMITS);
  }

  get counters(): LoginCounters {
    return { ...this.#counters };
  }

  /** `path` is where it was tried, for the trail. */
  async attempt(
    name: string,
    password: string,
    address: string,
    path: string,
  ): Promise<Result<Account, LoginRefusal>> {
    const { clock, accounts, log, audit } = this.#deps;
    const user = name.slice(0, MAX_NAME);
    const familiar = this.#familiar.has(`${user} ${address}`);
    // Whoever fails on purpose must not keep the owner out of the place that he logs in from.
    const keys = [`address ${address}`, ...(familiar ? [] : [`user ${user}`])];
    const nowMs = clock.monoMs();
    const waitMs = Math.max(...keys.map((key) => this.#attempts.waitMs(key, nowMs)));
    if (waitMs > 0) return this.#refuse(user, address, waitMs);
    const places = familiar ? MAX_WAITING : MAX_WAITING - KEPT_PLACES;
    if (this.#checking && this.#waiting.length >= places) {
      return this.#refuse(user, address, BUSY_MS);
    }
    for (const key of keys) this.#attempts.begin(key, nowMs);
    const fits = name.length <= MAX_NAME && password.length <= MAX_PASSWORD;
    const account = await this.#inTurn(() =>
      fits ? accounts.verify(user, password) : accounts.verify('', ''),
    );
    if (account === undefined) {
      this.#counters.failed++;
      for (const key of keys) this.#attempts.failed(key, clock.monoMs());
      log.warn({ user, address, failed: this.#counters.failed }, 'a log-in failed');
      await audit({ user, address, path, outcome: 'failed' });
      return err({ kind: 'wrong' });
    }
    this.#counters.succeeded++;
    for (const key of keys) this.#attempts.succeeded(key);
    this.#remember(`${user} ${address}`);
    log.info({ user, address }, 'logged in');
    await audit({ user, address, path, outcome: 'done' });
    return ok(account);
  }

  #remember(pair: string): void {
    this.#familiar.delete(pair);
    this.#familiar.add(pair);
    const [oldest] = this.#familiar;
    if (this.#familiar.size > MAX_FAMILIAR && oldest !== undefined) this.#familiar.delete(oldest);
  }

  #refuse(user: string, address: string, waitMs: number): Result<never, LoginRefusal> {
    this.#counters.refused++;
    const { refused } = this.#counters;
    // A storm must not fill the log: every power of two is told.
    if ((refused & (refused - 1)) === 0) {
      this.#deps.log.warn({ user, address, refused }, 'too many log-ins');
    }
    return err({ kind: 'wait', retryAfterSec: Math.max(1, Math.ceil(waitMs / 1000)) });
  }

  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (this.#checking) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#checking = true;
    try {
      return await run();
    } finally {
      // The place is handed on, so nobody can slip in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#checking = false;
      else next();
    }
  }
}
