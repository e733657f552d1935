/**
 * Rows of a configuration file that its owner goes on editing (OpenWrt's uci). What the file had
 * before is kept in the store; at each start, what it has anew or otherwise is set, and all else stays
 * as the model has it: a change made on the page is not undone by the next start.
 */
import type { SystemError } from '../base/errors.ts';
import { ok, type Result } from '../base/result.ts';
import type { Store } from '../os/ports.ts';
import type { Fault, Model } from '../tr181/model.ts';

const KEY = 'config/followed-rows';

type Values = Readonly<Record<string, string>>;

/** Notes what was laid down at the first start. */
export function noteFollowed(store: Store, rows: Values): Promise<Result<void, SystemError>> {
  return store.commit([{ key: KEY, value: new TextEncoder().encode(JSON.stringify(rows)) }]);
}

/**
 * Sets what the file has changed, in one write, adding rows that its paths name. Gives the paths.
 * Nothing is noted when it was refused: the next start tries again.
 */
export async function followRows(
  { store, model }: { readonly store: Store; readonly model: Pick<Model, 'layDown'> },
  rows: Values,
): Promise<Result<readonly string[], readonly Fault[] | SystemError>> {
  const noted = store.get(KEY);
  const before = new Map<string, unknown>(
    noted === undefined
      ? []
      : Object.entries(JSON.parse(new TextDecoder().decode(noted)) as object),
  );
  const values = Object.entries(rows)
    .filter(([path, value]) => before.get(path) !== value)
    .map(([path, value]) => ({ path, value }));
  if (values.length === 0 && before.size === Object.keys(rows).length) return ok([]);
  if (values.length > 0) {
    const set = await model.layDown({ system: [], values }, { user: 'gatehouse', via: 'config' });
    if (!set.ok) return set;
  }
  const written = await noteFollowed(store, rows);
  return written.ok ? ok(values.map(({ path }) => path)) : written;
}
