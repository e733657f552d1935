/**
 * Sessions of `/ubus`, as rpcd keeps them: 128-bit ids, an idle time-out that the caller may choose,
 * a bag of values, and what the account may call. Nobody logged in is the session of 32 zeros.
 */
import type { Clock } from '../../base/clock.ts';
import type { Account, Accounts, Role } from './faces.ts';

export const NOBODY = '0'.repeat(32);
const DEFAULT_TIMEOUT_SEC = 300;
const MAX_TIMEOUT_SEC = 12 * 60 * 60;
const MAX_SESSIONS = 128;
const MAX_VALUES = 64;

/** Object pattern → functions; `*` and `?` as in fnmatch(3). */
type Access = Readonly<Record<string, readonly string[]>>;

/** What rpcd's own unauthenticated.json gives. */
const UNAUTHENTICATED: Access = { session: ['access', 'login'] };
const SESSION: Access = { session: ['access', 'destroy', 'get', 'list', 'login', 'set', 'unset'] };

/** The two roles on the bus: a viewer reads the model and how the services are. */
const ROLES: Readonly<Record<Role, Access>> = {
  Administrator: { '*': ['*'] },
  Viewer: {
    ...SESSION,
    bbfdm: ['get', 'instances', 'schema', 'services', ':subscribe'],
    gatehouse: ['services', 'status', ':subscribe'],
    'gatehouse.*': ['diff', 'history', 'status', ':subscribe'],
  },
};

export interface UbusSession {
  readonly id: string;
  readonly user: string;
  readonly timeoutSec: number;
  readonly values: Map<string, unknown>;
}

interface Entry extends UbusSession {
  expiresMs: number;
}

export interface UbusSessionDeps {
  readonly clock: Clock;
  readonly accounts: Pick<Accounts, 'find'>;
  /** 256 random bits or more as lower-case hex. */
  token(): string;
}

export class UbusSessions {
  readonly #deps: UbusSessionDeps;
  readonly #entries = new Map<string, Entry>();

  constructor(deps: UbusSessionDeps) {
    this.#deps = deps;
  }

  create(account: Account, timeoutSec = DEFAULT_TIMEOUT_SEC): UbusSession {
    const { clock, token } = this.#deps;
    for (const [id, entry] of this.#entries) if (this.#over(entry)) this.#entries.delete(id);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= MAX_SESSIONS && oldest !== undefined) this.#entries.delete(oldest);
    // rpcd takes 0 for never.
    const bounded = timeoutSec <= 0 ? MAX_TIMEOUT_SEC : Math.min(MAX_TIMEOUT_SEC, timeoutSec);
    const entry: Entry = {
      id: token().slice(0, 32),
      user: account.name,
      timeoutSec: bounded,
      values: new Map([['username', account.name]]),
      expiresMs: clock.monoMs() + bounded * 1000,
    };
    this.#entries.set(entry.id, entry);
    return entry;
  }

  /** The session, which starts to be idle anew; undefined when there is none of that id, or its account is gone. */
  use(id: string): UbusSession | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (this.#over(entry) || this.#deps.accounts.find(entry.user) === undefined) {
      this.#entries.delete(id);
      return undefined;
    }
    entry.expiresMs = this.#deps.clock.monoMs() + entry.timeoutSec * 1000;
    return entry;
  }

  expiresSec({ id }: UbusSession): number {
    const entry = this.#entries.get(id);
    const leftMs = entry === undefined ? 0 : entry.expiresMs - this.#deps.clock.monoMs();
    return Math.max(0, Math.ceil(leftMs / 1000));
  }

  end(id: string): void {
    this.#entries.delete(id);
  }

  endUser(user: string): void {
    for (const [id, entry] of this.#entries) if (entry.user === user) this.#entries.delete(id);
  }

  /** False when the bag is full. */
  keep(session: UbusSession, values: Readonly<Record<string, unknown>>): boolean {
    for (const [name, value] of Object.entries(values)) {
      if (session.values.size >= MAX_VALUES && !session.values.has(name)) return false;
      session.values.set(name, value);
    }
    return true;
  }

  /** Takes values out of the bag: all of them without names. */
  drop(session: UbusSession, names: readonly string[] | undefined): void {
    for (const name of names ?? [...session.values.keys()]) session.values.delete(name);
  }

  /** What whoever has this id may call. */
  access(id: string): Access {
    const session = id === NOBODY ? undefined : this.use(id);
    const account = session && this.#deps.accounts.find(session.user);
    return account === undefined ? (id === NOBODY ? UNAUTHENTICATED : {}) : ROLES[account.role];
  }

  allows(id: string, object: string, name: string): boolean {
    return Object.entries(this.access(id)).some(
      ([pattern, names]) => fits(pattern, object) && names.some((n) => fits(n, name)),
    );
  }

  /** Whether a call only looks: it is of those that viewers may make. */
  looks(object: string, name: string): boolean {
    return Object.entries(ROLES.Viewer).some(
      ([pattern, names]) => fits(pattern, object) && names.some((n) => fits(n, name)),
    );
  }

  /** Who is logged in by this id, without using it. */
  userOf(id: string): string {
    return this.#entries.get(id)?.user ?? '';
  }

  #over({ expiresMs }: Entry): boolean {
    return expiresMs <= this.#deps.clock.monoMs();
  }
}

function fits(pattern: string, text: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === text;
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}
