/** Who this process is and what it may (capabilities(7)), and the one way down from root. */
import { lchownSync, lstatSync, mkdirSync } from 'node:fs';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Files } from '../ports.ts';
import type { Native } from './native.ts';
import type { Command } from './program.ts';

const NAMES: Readonly<Record<number, string>> = {
  10: 'CAP_NET_BIND_SERVICE',
  12: 'CAP_NET_ADMIN',
  13: 'CAP_NET_RAW',
};

/** All that Gatehouse and its children keep. */
export const KEPT_CAPABILITIES = Object.values(NAMES);

export interface Privileges {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** `CAP_NET_ADMIN` and the like; a capability that Gatehouse never uses is `CAP_<number>`. */
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
  readonly bounding: readonly string[];
  readonly noNewPrivileges: boolean;
}

/** The privileges of process `pid` as /proc tells them (proc_pid_status(5)). */
export function readPrivileges(
  files: Files,
  pid: number | 'self' = 'self',
): Result<Privileges, SystemError> {
  const text = files.readText(`/proc/${pid}/status`);
  return text.ok ? ok(parse(text.value)) : text;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Looks a user up in /etc/passwd (passwd(5)). */
export function findUser(files: Files, name: string): Result<User, SystemError> {
  const text = files.readText('/etc/passwd');
  if (!text.ok) return text;
  for (const line of text.value.split('\n')) {
    const [login, , uid, gid] = line.split(':');
    if (login === name && uid && gid) return ok({ uid: Number(uid), gid: Number(gid) });
  }
  return err(
    new SystemError(`no user ${name}`, 'ENOENT', {
      remedy: `useradd --system --no-create-home --shell /usr/sbin/nologin ${name}`,
    }),
  );
}

/** Makes a folder that is `user`'s own, for when root prepares what an unprivileged daemon will need. */
export function ownedDirectory(path: string, user: User): Result<void, SystemError> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    const stat = lstatSync(path);
    // A link could lead anywhere, and root would give that away.
    if (!stat.isDirectory()) throw new SystemError(`${path} is no folder`, 'ENOTDIR');
    if (stat.uid !== user.uid) lchownSync(path, user.uid, user.gid);
    return ok(undefined);
  } catch (cause) {
    return err(
      new SystemError(`cannot prepare ${path}: ${errorMessage(cause)}`, errorCode(cause), {
        cause,
      }),
    );
  }
}

/**
 * Becomes `user` for good: no groups, just the three capabilities (permitted, effective,
 * inheritable, ambient, bounding), no_new_privs; then runs this same program, which `command` starts,
 * anew with the same arguments and environment. Comes back only with an error, after which the process must end.
 */
export function dropTo(native: Native, user: User, command: Command): SystemError {
  const [file] = command;
  const args = [...command, ...process.argv.slice(2)];
  const environment = Object.entries(process.env).map(([key, value]) => `${key}=${value ?? ''}`);
  try {
    native.lowerAndExecute(user.uid, user.gid, file, args, environment);
  } catch (thrown) {
    const code = errorCode(thrown);
    const remedy = `let user ${user.uid} read ${file} and enter the folders above it`;
    return new SystemError(`cannot drop root: ${errorMessage(thrown)}`, code, {
      cause: thrown,
      ...(code === 'EACCES' ? { remedy } : {}),
    });
  }
}

function parse(text: string): Privileges {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const numbers = (name: string): number[] =>
    (fields.get(name) ?? '').split(/\s+/).filter(Boolean).map(Number);
  const set = (name: string): string[] => capabilities(fields.get(name) ?? '0');
  return {
    uid: numbers('Uid')[1] ?? -1,
    gid: numbers('Gid')[1] ?? -1,
    groups: numbers('Groups'),
    effective: set('CapEff'),
    permitted: set('CapPrm'),
    inheritable: set('CapInh'),
    ambient: set('CapAmb'),
    bounding: set('CapBnd'),
    noNewPrivileges: fields.get('NoNewPrivs') === '1',
  };
}

function capabilities(hex: string): string[] {
  const bits = BigInt(`0x${hex}`);
  const names: string[] = [];
  for (let i = 0; i < 64; i++) {
    if ((bits >> BigInt(i)) & 1n) names.push(NAMES[i] ?? `CAP_${i}`);
  }
  return names;
}
