/** A table that sorts, filters, is walked by keyboard, and gives what is seen as CSV. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { csv } from '../lib/format.ts';
import { useT } from '../state/app.ts';
import { Scroll } from './parts.tsx';
import { save } from './save.ts';

export interface Column<T> {
  readonly key: string;
  readonly title: string;
  /** What is sorted, filtered and written to CSV. */
  readonly text: (row: T) => string;
  readonly sort?: (row: T) => number | string;
  readonly cell?: (row: T) => ComponentChildren;
  readonly numeric?: boolean;
  /** Shown in the cell of another: here to be filtered and written to CSV alone. */
  readonly aside?: boolean;
}

export interface TableProps<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string;
  readonly empty: ComponentChildren;
  /** Enter or a click on the first cell goes there. */
  readonly open?: (row: T) => string;
  readonly filter?: boolean;
  readonly csvName?: string;
  readonly tall?: boolean;
}

export function Table<T>(props: TableProps<T>) {
  const t = useT();
  const id = useId();
  const order = useSignal<{ key: string; down: boolean } | undefined>(undefined);
  const words = useSignal('');
  const { columns } = props;
  const shown = columns.filter((column) => column.aside !== true);
  const wanted = words.value.toLowerCase();
  let rows = props.rows.filter(
    (row) =>
      wanted === '' || columns.some((column) => column.text(row).toLowerCase().includes(wanted)),
  );
  const by = columns.find((column) => column.key === order.value?.key);
  if (by !== undefined) {
    const value = by.sort ?? by.text;
    const sign = order.value?.down === true ? -1 : 1;
    rows = [...rows].sort((a, b) => sign * compare(value(a), value(b)));
  }
  const download = (): void => {
    const text = csv([
      columns.map((column) => column.title),
      // The dash stands for nothing.
      ...rows.map((row) => columns.map((column) => column.text(row).replace(/^—$/, ''))),
    ]);
    save(new Blob([text], { type: 'text/csv' }), `${props.csvName ?? 'table'}.csv`);
  };
  if (props.rows.length === 0) return <>{props.empty}</>;
  return (
    <>
      {(props.filter || props.csvName !== undefined) && (
        <div class="table-tools">
          {props.filter && (
            <div class="filter">
              <label class="sr" for={id}>
                {t('table.filter')}
              </label>
              <input
                id={id}
                type="search"
                placeholder={t('table.filter')}
                value={words.value}
                onInput={(event) => (words.value = event.currentTarget.value)}
              />
            </div>
          )}
          <span class="muted" role="status">
            {wanted === ''
              ? t('table.rows', { n: rows.length })
              : t('table.of', { n: rows.length, all: props.rows.length })}
          </span>
          {props.csvName !== undefined && (
            <button type="button" class="quiet" onClick={download}>
              {t('table.csv')}
            </button>
          )}
        </div>
      )}
      <Scroll label={props.label} class={props.tall ? 'tall' : ''}>
        <table>
          <thead>
            <tr>
              {shown.map((column) => {
                const down = order.value?.key === column.key ? order.value.down : undefined;
                return (
                  <th
                    key={column.key}
                    scope="col"
                    class={column.numeric ? 'numeric' : ''}
                    aria-sort={down === undefined ? undefined : down ? 'descending' : 'ascending'}
                  >
                    <button
                      type="button"
                      class="sort"
                      onClick={() => (order.value = { key: column.key, down: down === false })}
                    >
                      {column.title}
                      <span aria-hidden="true" class="arrow">
                        {down === undefined ? '' : down ? '↓' : '↑'}
                      </span>
                    </button>
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody onKeyDown={walk}>
            {rows.map((row) => (
              <tr key={props.keyOf(row)}>
                {shown.map((column, at) => {
                  const content = column.cell === undefined ? column.text(row) : column.cell(row);
                  return (
                    <td
                      key={column.key}
                      class={column.numeric ? 'numeric' : ''}
                      data-title={column.title}
                    >
                      {at === 0 && props.open !== undefined ? (
                        <a class="row-link" href={props.open(row)}>
                          {content}
                        </a>
                      ) : (
                        content
                      )}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {rows.length === 0 && <p class="muted">{t('table.none')}</p>}
    </>
  );
}

const compare = (a: number | string, b: number | string): number =>
  typeof a === 'number' && typeof b === 'number'
    ? a - b
    : String(a).localeCompare(String(b), undefined, { numeric: true });

/** Arrow keys go to the same control of the row above or below. */
function walk(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const at = document.activeElement;
  if (at instanceof HTMLInputElement || at instanceof HTMLSelectElement) return;
  const row = at?.closest('tr');
  const controls = 'a, button';
  const index =
    row === null || row === undefined
      ? -1
      : [...row.querySelectorAll(controls)].indexOf(at as Element);
  const next = event.key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling;
  const target = next?.querySelectorAll<HTMLElement>(controls)[Math.max(0, index)];
  if (target === undefined) return;
  event.preventDefault();
  target.focus();
}
