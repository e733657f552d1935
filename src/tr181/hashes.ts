/** Passwords of a request are hashed before it is checked: that takes a while, and checks must not wait. */
import type { SystemError } from '../base/errors.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Hashes } from './draft.ts';
import type { Change, Fault } from './model.ts';
import { parsePath } from './paths.ts';
import type { Param, Schema, SchemaNode } from './schema.ts';

/** Makes the text that is stored of a password. */
export type HashPassword = (password: string) => Promise<Result<string, SystemError>>;

/** A request with more is no work of a person's. */
const MAX_PASSWORDS = 8;

/** Hashes of every password among `changes` that is good enough; what else is wrong with them shows later. */
export async function hashAll(
  schema: Schema,
  changes: Iterable<Change>,
  hash: HashPassword,
): Promise<Result<Hashes, readonly Fault[]>> {
  const wanted = new Map<string, string>();
  for (const { path, value } of changes) {
    const hashed = paramOf(schema, path)?.def.hashed;
    if (hashed === undefined || value === '' || hashed.refuse(value) !== undefined) continue;
    wanted.set(value, path);
  }
  if (wanted.size > MAX_PASSWORDS) {
    const message = `${wanted.size} passwords in one request; at most ${MAX_PASSWORDS} are taken`;
    return err([{ kind: 'resources', path: '', message }]);
  }
  const hashes = new Map<string, string>();
  for (const [password, path] of wanted) {
    const done = await hash(password);
    if (!done.ok) {
      return err([{ kind: 'resources', path, message: `${path}: ${done.error.message}` }]);
    }
    hashes.set(password, done.value);
  }
  return ok(hashes);
}

/** By names alone, whatever rows the path chooses. */
function paramOf(schema: Schema, path: string): Param | undefined {
  const parsed = parsePath(path);
  if (!parsed.ok || parsed.value.ends !== 'name') return undefined;
  const names = parsed.value.segments.flatMap((s) => (s.kind === 'name' ? [s.name] : []));
  let node: SchemaNode | undefined = schema.root;
  for (const name of names.slice(1, -1)) node = node?.children.get(name);
  return node?.params.get(names.at(-1) ?? '');
}
