/** Prints any JSON data for people: objects as names and values, lists of objects as tables. Pure. */
import { escapeControls } from '../../base/text.ts';
import { isList, isObject, type Json, type JsonObject } from './bus.ts';
import { type Column, type Paint, pairs, statusStyle, table } from './table.ts';

const scalar = (value: Json): boolean => !isObject(value) && !isList(value);

const isNamed = (value: Json): value is { readonly name: string } =>
  isObject(value) && typeof value['name'] === 'string';

const shown = (value: Json | undefined): string => {
  if (value === undefined || value === null) return '';
  // A list of named things inside a cell is told by its names.
  if (isList(value) && value.length > 0 && value.every(isNamed))
    return value.map(({ name }) => name).join(', ');
  if (isList(value) && value.every(scalar)) return value.map((item) => shown(item)).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

const isTable = (value: Json): value is readonly JsonObject[] =>
  isList(value) && value.length > 0 && value.every(isObject);

/** Scalars and plain lists come first as pairs, with dotted names; each list of objects follows under its name. */
export function render(data: Json, paint: Paint): string {
  if (isTable(data)) return rowsOf(data, paint);
  if (!isObject(data)) return `${escapeControls(shown(data))}\n`;
  const flat: [string, string][] = [];
  const tables: [string, readonly JsonObject[]][] = [];
  collect(data, '', flat, tables);
  const parts = flat.length > 0 ? [pairs(flat, paint)] : [];
  for (const [name, rows] of tables)
    parts.push(`${paint('bold', `${escapeControls(name)}:`)}\n${rowsOf(rows, paint)}`);
  return parts.join('\n');
}

function collect(
  object: JsonObject,
  prefix: string,
  flat: [string, string][],
  tables: [string, readonly JsonObject[]][],
): void {
  for (const [key, value] of Object.entries(object)) {
    const name = prefix + key;
    if (isTable(value)) tables.push([name, value]);
    else if (isObject(value)) collect(value, `${name}.`, flat, tables);
    else flat.push([name, shown(value)]);
  }
}

function rowsOf(rows: readonly JsonObject[], paint: Paint): string {
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = keys.map(
    (key): Column<JsonObject> => ({
      title: escapeControls(key.toUpperCase()),
      cell: (row) => shown(row[key]),
      style: (row) => statusStyle(shown(row[key])),
    }),
  );
  return table(columns, rows, paint);
}
