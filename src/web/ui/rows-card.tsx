/** A table of the model as a card: its rows, and the ways to add, edit and delete one. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { Values } from '../lib/patch.ts';
import { rowsOf } from '../lib/paths.ts';
import { textAt } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { ObjectForm } from './object-form.tsx';
import { Card, Empty, StateWord } from './parts.tsx';
import { AddRow, DeleteRow } from './rows.tsx';
import { type Column, Table } from './table.tsx';

export interface RowsCardProps {
  readonly title: string;
  readonly intro?: string;
  readonly values: Values;
  /** Table with its final dot. */
  readonly table: string;
  /** Its rows in the order to show; as the model has them when absent. */
  readonly rows?: readonly string[];
  readonly columns: readonly Column<string>[];
  readonly empty: string;
  readonly nameOf: (row: string) => string;
  /** Parameters to edit; a row that leads somewhere is edited there. */
  readonly edit?: readonly string[];
  readonly open?: (row: string) => string;
  readonly addTitle: string;
  readonly add: readonly string[];
  readonly needed: readonly string[];
  /** What a new row has besides; it is switched on when absent. */
  readonly extra?: Readonly<Record<string, string>>;
  /** Further buttons of a row. */
  readonly more?: (row: string) => ComponentChildren;
}

export function RowsCard(props: RowsCardProps) {
  const app = useApp();
  const t = useT();
  const adding = useSignal(false);
  const editing = useSignal<string | undefined>(undefined);
  const { title, values, table, nameOf, edit, open } = props;
  const rows = props.rows ?? rowsOf(values.keys(), table);
  /** Rows that the system makes can be looked at alone. */
  const isOwn = (row: string): boolean =>
    edit?.some((name) => values.get(`${row}${name}`)?.writable === true) ?? true;
  const actions: Column<string> = {
    key: 'do',
    title: t('column.actions'),
    text: () => '',
    cell: (row) => (
      <span class="actions">
        {props.more?.(row)}
        {edit !== undefined && isOwn(row) && (
          <button
            type="button"
            class="quiet"
            aria-expanded={editing.value === row}
            onClick={() => (editing.value = editing.value === row ? undefined : row)}
          >
            {t('edit')}
            <span class="sr"> {nameOf(row)}</span>
          </button>
        )}
        {isOwn(row) && <DeleteRow row={row} name={nameOf(row)} values={values} />}
      </span>
    ),
  };
  const chosen = editing.value;
  return (
    <Card
      title={title}
      wide
      note={
        app.mayChange && (
          <button type="button" class="quiet" onClick={() => (adding.value = true)}>
            {props.addTitle}
          </button>
        )
      }
    >
      {props.intro !== undefined && <p class="muted">{props.intro}</p>}
      <Table
        label={title}
        rows={rows}
        keyOf={(row) => row}
        filter={rows.length > 8}
        empty={<Empty title={props.empty} />}
        columns={app.mayChange ? [...props.columns, actions] : props.columns}
        {...(open === undefined ? {} : { open })}
      />
      {chosen !== undefined && edit !== undefined && rows.includes(chosen) && (
        <section class="inline-form" aria-label={nameOf(chosen)}>
          <h3>{nameOf(chosen)}</h3>
          <ObjectForm
            values={values}
            paths={edit.map((name) => `${chosen}${name}`)}
            onSaved={() => (editing.value = undefined)}
          />
        </section>
      )}
      {adding.value && (
        <AddRow
          title={props.addTitle}
          table={table}
          names={props.add}
          needed={props.needed}
          values={values}
          extra={props.extra ?? { Enable: 'true' }}
          onClose={() => (adding.value = false)}
        />
      )}
    </Card>
  );
}

/** Whether a row is switched on. */
export function useEnabledColumn(values: Values): Column<string> {
  const t = useT();
  const isOn = (row: string): boolean => textAt(values, `${row}Enable`) === 'true';
  const word = (row: string): string => t(isOn(row) ? 'yes' : 'no');
  return {
    key: 'enabled',
    title: t('column.used'),
    text: word,
    cell: (row) => <StateWord state={isOn(row) ? 'up' : 'off'} word={word(row)} />,
  };
}
