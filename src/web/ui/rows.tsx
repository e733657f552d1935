/** Rows come and go: a dialog that adds one, a button that deletes one and can take it back. */
import { useSignal } from '@preact/signals';
import type { Key } from '../i18n/en.ts';
import { deletesOwnAddress } from '../lib/danger.ts';
import type { Values } from '../lib/patch.ts';
import { generic, ofAccount } from '../lib/paths.ts';
import { faultsByPath, fieldOf } from '../lib/schema-form.ts';
import type { SetDone } from '../lib/shapes.ts';
import { useApp, useT } from '../state/app.ts';
import { Confirm, Dialog } from './dialog.tsx';
import { Field } from './field.tsx';
import { useSchema } from './hooks.ts';
import { choicesFor, parametersOf } from './object-form.tsx';
import { Note } from './parts.tsx';

export function AddRow(props: {
  title: string;
  /** Table with its final dot. */
  table: string;
  /** Parameters to ask for; all that can be written when absent. */
  names?: readonly string[];
  /** Those of them without which the row would be of no use. */
  needed?: readonly string[];
  values: Values;
  extra?: Readonly<Record<string, string>>;
  raw?: boolean;
  onClose: () => void;
}) {
  const app = useApp();
  const t = useT();
  const schema = useSchema();
  const texts = useSignal<Readonly<Record<string, string>>>({});
  const faults = useSignal<ReadonlyMap<string, string>>(new Map());
  const all = parametersOf(schema, `${generic(`${props.table}1.`)}`).filter((row) => row.writable);
  const fields = all
    .map((row) => fieldOf(row))
    .filter((field) => props.names?.includes(field.name) ?? true);
  const save = async (): Promise<void> => {
    const values: Readonly<Record<string, string>> = { ...props.extra, ...texts.value };
    const empty = (props.needed ?? []).filter((name) => (values[name] ?? '').trim() === '');
    faults.value = new Map(empty.map((name) => [name, t('wizard.needed')]));
    if (empty.length > 0) return;
    const answer = await app.api.post<{ revision: number; path: string }>('/api/add', {
      path: props.table,
      values,
    });
    if (answer.ok) {
      app.say(t('row.added'));
      await app.model.read([answer.value.path]);
      app.model.rowsChanged.value++;
      props.onClose();
      return;
    }
    const names = fields.map((field) => field.name);
    const local = answer.error.faults.map((fault) => ({
      ...fault,
      path: fault.path.slice(fault.path.lastIndexOf('.') + 1) || fault.path,
      message: fault.message.replace(`${fault.path}: `, ''),
    }));
    if (local.length > 0) faults.value = faultsByPath(local, names);
    else app.failed(answer.error);
  };
  const general = faults.value.get('');
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {general !== undefined && <Note kind="bad">{general}</Note>}
        {fields.map((spec) => {
          const rows = choicesFor(props.values, spec.name);
          return (
            <Field
              key={spec.name}
              spec={spec}
              raw={props.raw ?? false}
              value={
                texts.value[spec.name] ??
                props.extra?.[spec.name] ??
                (spec.control === 'choice' ? spec.default : undefined) ??
                ''
              }
              fault={faults.value.get(spec.name)}
              {...(rows === undefined ? {} : { rows })}
              onInput={(text) => (texts.value = { ...texts.value, [spec.name]: text })}
            />
          );
        })}
        <div class="actions end">
          <button type="button" onClick={props.onClose}>
            {t('cancel')}
          </button>
          <button type="submit" class="primary">
            {t('add')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Deletes at once and offers to undo; what the reader hangs on, and what nothing brings back, asks for its name first. */
export function DeleteRow({
  row,
  name,
  values,
  onDone,
}: {
  row: string;
  name: string;
  values: Values;
  onDone?: () => void;
}) {
  const app = useApp();
  const t = useT();
  const asking = useSignal(false);
  const dangerous = deletesOwnAddress(values, row, location.hostname);
  const remove = async (): Promise<void> => {
    asking.value = false;
    const paths = [row];
    const answer = await (dangerous
      ? app.tried((confirmSec) => app.api.post<SetDone>('/api/del', { paths, confirmSec }))
      : app.api.post<SetDone>('/api/del', { paths }));
    if (!answer.ok) return app.failed(answer.error);
    app.model.patch({ revision: answer.value.revision, values: [], added: [], removed: [row] });
    const { revision } = answer.value;
    const undo = ofAccount(row) ? undefined : () => void app.takeBack(revision);
    // What is on trial is undone where it is confirmed.
    if (dangerous) app.say(t('form.savedTrial'));
    else app.say(t('row.deleted', { name }), undo);
    onDone?.();
  };
  if (!app.mayChange) return null;
  const warning: Key | undefined = dangerous
    ? 'row.deleteDanger'
    : ofAccount(row)
      ? 'row.deleteAccount'
      : undefined;
  return (
    <>
      <button
        type="button"
        class="quiet danger-text"
        onClick={() => {
          if (warning === undefined) void remove();
          else asking.value = true;
        }}
      >
        {t('delete')}
        <span class="sr"> {name}</span>
      </button>
      {asking.value && warning !== undefined && (
        <Confirm
          title={t('row.deleteTitle', { name })}
          text={<p>{t(warning)}</p>}
          action={t('delete')}
          typed={name}
          danger
          onYes={() => void remove()}
          onNo={() => (asking.value = false)}
        />
      )}
    </>
  );
}
