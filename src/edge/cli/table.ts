/** Pure printing: everything that comes from the network or the store is escaped here, at the last step before the terminal. */
import { escapeControls } from '../../base/text.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const CODES: Readonly<Record<Style, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  cyan: 36,
};

/** Colours text, or leaves it alone where colour is not wanted. */
export type Paint = (style: Style, text: string) => string;

export const plain: Paint = (_style, text) => text;
export const ansi: Paint = (style, text) => `\u001b[${CODES[style]}m${text}\u001b[0m`;

/** https://no-color.org: any value but the empty one turns colour off; without a terminal there is none. */
export const paintFor = (isTerminal: boolean, noColor: string | undefined): Paint =>
  isTerminal && (noColor === undefined || noColor === '') ? ansi : plain;

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly style?: (row: Row) => Style | undefined;
}

const widthOf = (text: string): number => [...text].length;

/** Rows under bold titles, columns two blanks apart; the last one is not padded. Nothing for no rows. */
export function table<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  paint: Paint,
): string {
  if (rows.length === 0) return '';
  const cells = rows.map((row) => columns.map((column) => escapeControls(column.cell(row))));
  const widths = columns.map((column, i) =>
    Math.max(widthOf(column.title), ...cells.map((line) => widthOf(line[i] ?? ''))),
  );
  const line = (texts: readonly string[], styles: readonly (Style | undefined)[]): string =>
    texts
      .map((text, i) => {
        const style = styles[i];
        const shown = style === undefined ? text : paint(style, text);
        const last = i === texts.length - 1;
        return last ? shown : shown + ' '.repeat((widths[i] ?? 0) - widthOf(text));
      })
      .join('  ')
      .trimEnd();
  const head = line(
    columns.map(({ title }) => title),
    columns.map(() => 'bold'),
  );
  const body = rows.map((row, i) =>
    line(
      cells[i] ?? [],
      columns.map(({ style }) => style?.(row)),
    ),
  );
  return `${[head, ...body].join('\n')}\n`;
}

/** Two columns without a title: name and value. */
export function pairs(
  list: readonly (readonly [name: string, value: string])[],
  paint: Paint,
): string {
  const escaped = list.map(
    ([name, value]) => [escapeControls(name), escapeControls(value)] as const,
  );
  const width = Math.max(0, ...escaped.map(([name]) => widthOf(name)));
  return escaped
    .map(
      ([name, value]) => `${paint('bold', name)}${' '.repeat(width - widthOf(name))}  ${value}\n`,
    )
    .join('');
}

/** Status words of TR-181 that are good, bad, or neither. */
export function statusStyle(value: string): Style | undefined {
  if (/^(Up|Enabled|Bound|Complete|success|running|true)$/.test(value)) return 'green';
  if (/^(Error.*|Down|LowerLayerDown|false|error|failed)$/.test(value)) return 'red';
  if (/^(Init|Selecting|Requesting|Rebinding|Renewing|Dormant)$/.test(value)) return 'yellow';
  return undefined;
}
