/**
 * Access rules of ubus, from files of the format of /usr/share/acl.d: one user or group each, and
 * what it may call, publish, subscribe to, listen to and send. Default deny; any entry that allows
 * is enough. Names match whole, or by prefix when the pattern ends in `*`. `inherit` and `tags` are
 * read by nobody, here as in ubusd.
 *
 * Unlike ubusd, a file for a group that does not exist matches nobody (there: gid 0).
 */
import type { BlobmsgTable, BlobmsgValue } from '../../wire/blobmsg.ts';
import { pick } from '../../wire/blobmsg.ts';
import { parseJson } from '../../wire/blobmsg-json.ts';
import type { Accounts } from './accounts.ts';

/** Whose rights are asked. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

export type AclVerb = 'publish' | 'subscribe' | 'listen' | 'send';

interface Pattern {
  /** Without the final `*`. */
  readonly key: string;
  readonly prefix: boolean;
}

interface Who {
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

interface Access {
  readonly who: Who;
  readonly pattern: Pattern;
  readonly methods: readonly string[];
  /** The `acl` table, for `query`. */
  readonly acl: BlobmsgTable | undefined;
}

interface Grant {
  readonly who: Who;
  readonly pattern: Pattern;
}

export interface AclProblem {
  readonly file: string;
  readonly message: string;
}

export class AclSet {
  readonly #access: readonly Access[];
  readonly #grants: Readonly<Record<AclVerb, readonly Grant[]>>;

  constructor(
    access: readonly Access[] = [],
    grants: Readonly<Record<AclVerb, readonly Grant[]>> = {
      publish: [],
      subscribe: [],
      listen: [],
      send: [],
    },
  ) {
    this.#access = access;
    this.#grants = grants;
  }

  allows(caller: Caller, verb: AclVerb, name: string): boolean {
    return this.#grants[verb].some((g) => matches(g.pattern, name) && isFor(g.who, caller));
  }

  allowsCall(caller: Caller, object: string, method: string): boolean {
    return this.#access.some(
      (a) =>
        matches(a.pattern, object) &&
        isFor(a.who, caller) &&
        (a.methods.includes(method) || a.methods.includes('*')),
    );
  }

  /** `acl` members for `object`, in order of their patterns: the answer to `query`. */
  ofObject(object: string): readonly { readonly who: Who; readonly acl: BlobmsgTable }[] {
    const found: { who: Who; acl: BlobmsgTable }[] = [];
    for (const { pattern, who, acl } of this.#access)
      if (acl !== undefined && matches(pattern, object)) found.push({ who, acl });
    return found;
  }
}

const matches = (pattern: Pattern, name: string): boolean =>
  name === pattern.key || (pattern.prefix && name.startsWith(pattern.key));

const isFor = (who: Who, caller: Caller): boolean =>
  (who.uid !== undefined && who.uid === caller.uid) ||
  (who.gid !== undefined && (who.gid === caller.gid || caller.groups.includes(who.gid)));

/** Reads the texts of ACL files; a broken one is left out and named. */
export function parseAcl(
  files: readonly { readonly name: string; readonly text: string }[],
  accounts: Accounts,
): { readonly acl: AclSet; readonly problems: readonly AclProblem[] } {
  const access: Access[] = [];
  const grants: Record<AclVerb, Grant[]> = { publish: [], subscribe: [], listen: [], send: [] };
  const problems: AclProblem[] = [];
  for (const { name, text } of files) {
    const json = parseJson(text);
    if (!json.ok) {
      problems.push({ file: name, message: `${json.error.message} at ${json.error.offset}` });
      continue;
    }
    const who = whoOf(json.value, accounts);
    if (who === undefined) {
      problems.push({ file: name, message: 'neither "user" nor "group" is named' });
      continue;
    }
    if (who.uid === undefined && who.gid === undefined) {
      problems.push({
        file: name,
        message: `no such ${who.user === undefined ? 'group' : 'user'}`,
      });
    }
    access.push(...accessOf(who, pick(json.value, 'access', 'table') ?? []));
    for (const verb of ['publish', 'subscribe', 'listen', 'send'] as const) {
      for (const text of strings(pick(json.value, verb, 'array') ?? [])) {
        if (text !== '') grants[verb].push({ who, pattern: patternOf(text) });
      }
    }
  }
  access.sort((a, b) =>
    a.pattern.key < b.pattern.key ? -1 : a.pattern.key > b.pattern.key ? 1 : 0,
  );
  return { acl: new AclSet(access, grants), problems };
}

function whoOf(file: BlobmsgTable, accounts: Accounts): Who | undefined {
  const user = pick(file, 'user', 'string');
  if (user !== undefined) {
    return { user, group: undefined, uid: accounts.uidOf(user), gid: undefined };
  }
  const group = pick(file, 'group', 'string');
  if (group === undefined) return undefined;
  return { user: undefined, group, uid: undefined, gid: accounts.gidOf(group) };
}

function accessOf(who: Who, objects: BlobmsgTable): Access[] {
  const access: Access[] = [];
  for (const { name, value } of objects) {
    if (value.type !== 'table' || name === '') continue;
    access.push({
      who,
      pattern: patternOf(name),
      methods: strings(pick(value.value, 'methods', 'array') ?? []),
      acl: pick(value.value, 'acl', 'table'),
    });
  }
  return access;
}

const patternOf = (text: string): Pattern =>
  text.endsWith('*') ? { key: text.slice(0, -1), prefix: true } : { key: text, prefix: false };

const strings = (values: readonly BlobmsgValue[]): string[] =>
  values.flatMap((value) => (value.type === 'string' ? [value.value] : []));

// ---- which files may be trusted ------------------------------------------------------------

/** One entry of the ACL directory, as lstat(2) and the reader saw it. */
interface AclFile {
  readonly name: string;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly regular: boolean;
  readonly text: string;
}

export interface AclDirectory {
  readonly uid: number;
  readonly mode: number;
  readonly files: readonly AclFile[];
}

const WRITABLE_BY_OTHERS = 0o022;

/**
 * Rules from a directory. It and each file must belong to root or to `ownUid` and be writable by
 * nobody else: whoever writes a rule grants rights. Only `*.json` counts, in order of names.
 */
export function loadAcl(
  directory: AclDirectory,
  ownUid: number,
  accounts: Accounts,
): { readonly acl: AclSet; readonly problems: readonly AclProblem[] } {
  const untrusted = (of: { readonly uid: number; readonly mode: number }): string | undefined => {
    if (of.uid !== 0 && of.uid !== ownUid) return `belongs to uid ${of.uid}`;
    return (of.mode & WRITABLE_BY_OTHERS) === 0 ? undefined : 'is writable by others';
  };
  const refused = untrusted(directory);
  if (refused !== undefined) {
    return { acl: new AclSet(), problems: [{ file: '.', message: refused }] };
  }
  const problems: AclProblem[] = [];
  const trusted: AclFile[] = [];
  for (const file of directory.files) {
    if (!file.name.endsWith('.json')) continue;
    const why = file.regular ? untrusted(file) : 'is no regular file';
    if (why === undefined) trusted.push(file);
    else problems.push({ file: file.name, message: why });
  }
  trusted.sort((a, b) => (a.name < b.name ? -1 : 1));
  const parsed = parseAcl(trusted, accounts);
  return { acl: parsed.acl, problems: [...problems, ...parsed.problems] };
}
