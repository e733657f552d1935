/** Rows as people name them: by number, path, or what stands in one of their parameters. */
import type { Session } from './session.ts';

export interface NamedRows {
  /** Such as `Device.X_GATEHOUSE_Monitor.Target.`. */
  readonly table: string;
  /** What one row is, such as `target`. */
  readonly kind: string;
  /** Parameters that a row is called by. */
  readonly names: readonly string[];
}

/** The path of the row, with a dot at its end; undefined after it said why not. A number or path is taken as it is. */
export async function rowPath(
  session: Session,
  { table, kind, names }: NamedRows,
  wanted: string,
): Promise<string | undefined> {
  if (/^\d{1,9}$/.test(wanted)) return `${table}${wanted}.`;
  if (wanted.startsWith(table)) return wanted.endsWith('.') ? wanted : `${wanted}.`;
  const found: string[] = [];
  await session.withRouter(async (router) => {
    const rows = session.rows(await router.get(names.map((name) => `${table}*.${name}`)));
    for (const { path, value } of rows ?? []) {
      const row = path.slice(0, path.lastIndexOf('.') + 1);
      if (value === wanted && !found.includes(row)) found.push(row);
    }
    if (found.length === 0 && rows !== undefined) session.fail(`there is no ${kind} ${wanted}`);
    if (found.length > 1) {
      session.fail(`${found.length} ${kind}s are ${wanted}: name one by its number`);
    }
  });
  return found.length === 1 ? found[0] : undefined;
}
