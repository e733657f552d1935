/** Who may log in: the rows of `Device.Users.User.`, and the hashing of their passwords. */
import { cryptFault } from '../base/crypt-hash.ts';
import type { SystemError } from '../base/errors.ts';
import { formatPhc, parsePhc } from '../base/phc.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Argon2Cost, Secrets } from '../os/ports.ts';
import type { RowsView } from '../state/candidate.ts';
import type { Fault, Model, Origin } from '../tr181/model.ts';

export type Role = 'Administrator' | 'Viewer';

export interface Account {
  readonly name: string;
  readonly role: Role;
}

/** The face for edges that log people in. */
export interface Accounts {
  /** False until the set-up made the first account. */
  any(): boolean;
  /** As it is now: undefined when it was deleted or disabled meanwhile. Sessions ask at each request. */
  find(name: string): Account | undefined;
  /**
   * Undefined for a wrong password, an unknown name and a disabled account alike, each after the
   * same work.
   */
  verify(name: string, password: string): Promise<Account | undefined>;
  /** Of an account that exists; the faults of a password that is too weak are the model's. */
  changePassword(
    name: string,
    password: string,
    origin: Origin,
  ): Promise<Result<void, readonly Fault[]>>;
}

/**
 * OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane. The four cores and the gigabyte of a
 * Raspberry Pi would bear more, but a router that is logged in to must go on routing: one at a time
 * this is a fraction of a second of one core and a fiftieth of the memory.
 */
export const PASSWORD_COST: Argon2Cost = { memoryKib: 19_456, passes: 2, lanes: 1 };

const SALT_BYTES = 16;
const HASH_BYTES = 32;
const USERS = 'Device.Users.User.';

/** Of nobody: unknown names cost what known ones do. */
const NOBODY = formatPhc({
  ...PASSWORD_COST,
  salt: new Uint8Array(SALT_BYTES),
  hash: new Uint8Array(HASH_BYTES),
});

/** The same text typed on any keyboard: composed, as RFC 8265 §4.2 has it. */
const bytesOf = (password: string): Uint8Array =>
  new TextEncoder().encode(password.normalize('NFC'));

/** A password as the PHC string that is kept of it. */
export async function hashPassword(
  secrets: Secrets,
  password: string,
): Promise<Result<string, SystemError>> {
  const salt = secrets.randomBytes(SALT_BYTES);
  const hash = await secrets.argon2id(bytesOf(password), salt, PASSWORD_COST, HASH_BYTES);
  return hash.ok ? ok(formatPhc({ ...PASSWORD_COST, salt, hash: hash.value })) : hash;
}

async function matches(secrets: Secrets, password: string, phc: string): Promise<boolean> {
  if (cryptFault(phc) === undefined) {
    const same = await secrets.cryptMatches(password.normalize('NFC'), phc);
    return same.ok && same.value;
  }
  const known = parsePhc(phc);
  if (!known.ok) return false;
  const { salt, hash, ...cost } = known.value;
  const derived = await secrets.argon2id(bytesOf(password), salt, cost, hash.byteLength);
  return derived.ok && secrets.equal(derived.value, hash);
}

interface UserRow extends Account {
  readonly path: string;
  readonly enabled: boolean;
  readonly phc: string;
}

export class RowAccounts implements Accounts {
  readonly #rows: RowsView;
  readonly #model: Pick<Model, 'set' | 'layDown'>;
  readonly #secrets: Secrets;

  constructor(parts: {
    rows: RowsView;
    model: Pick<Model, 'set' | 'layDown'>;
    secrets: Secrets;
  }) {
    this.#rows = parts.rows;
    this.#model = parts.model;
    this.#secrets = parts.secrets;
  }

  any(): boolean {
    return this.#rows.instances(USERS).length > 0;
  }

  find(name: string): Account | undefined {
    const row = this.#row(name);
    return row?.enabled === true ? { name: row.name, role: row.role } : undefined;
  }

  async verify(name: string, password: string): Promise<Account | undefined> {
    const row = this.#row(name);
    const right = await matches(this.#secrets, password, row?.phc || NOBODY);
    // Asked again: it may have been disabled, or given another password, while we were at it.
    const stands = (): boolean => row !== undefined && this.#row(name)?.phc === row.phc;
    if (!right || row === undefined || !stands()) return undefined;
    const account = this.find(name);
    if (account !== undefined && cryptFault(row.phc) === undefined) {
      const hash = await hashPassword(this.#secrets, password);
      if (hash.ok && stands()) await this.#rehash(row.path, hash.value, name);
    }
    return account;
  }

  /** Puts our own hash in the place of another tool's; where that cannot be now, the next log-in does. */
  async #rehash(path: string, phc: string, user: string): Promise<void> {
    const stored = [{ path: `${path}Password`, value: phc }];
    await this.#model.layDown({ system: [], values: [], stored }, { user, via: 'log-in' });
  }

  async changePassword(
    name: string,
    password: string,
    origin: Origin,
  ): Promise<Result<void, readonly Fault[]>> {
    const row = this.#row(name);
    if (row === undefined) {
      return err([{ kind: 'unknownPath', path: USERS, message: `there is no account ${name}` }]);
    }
    const done = await this.#model.set([{ path: `${row.path}Password`, value: password }], origin);
    return done.ok ? ok(undefined) : done;
  }

  /** The enabled one before others of that name: only among enabled rows is a name unique. */
  #row(name: string): UserRow | undefined {
    const named = this.#rows
      .instances(USERS)
      .map((instance) => this.#read(`${USERS}${instance}.`))
      .filter((row) => row.name === name && name !== '');
    return named.find((row) => row.enabled) ?? named[0];
  }

  #read(path: string): UserRow {
    const values = this.#rows.values(path);
    const role = values?.get('X_GATEHOUSE_Role');
    return {
      path,
      name: values?.get('Username') ?? '',
      role: role === 'Administrator' ? role : 'Viewer',
      enabled: values?.get('Enable') === 'true',
      phc: values?.get('Password') ?? '',
    };
  }
}
