/** Edits parameters of one row: fields from the schema, drafts that survive, one way to save. */
import { useSignal } from '@preact/signals';
import { cutsOff, movesTo } from '../lib/danger.ts';
import type { Values } from '../lib/patch.ts';
import { asReference, generic, nameOf, rowsOf } from '../lib/paths.ts';
import { faultsByPath, fieldOf } from '../lib/schema-form.ts';
import type { Change, SchemaParameter, SchemaRow } from '../lib/shapes.ts';
import { ETHERNET, IP, titleOf } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { Confirm } from './dialog.tsx';
import { type Choice, Field } from './field.tsx';
import { useSchema } from './hooks.ts';
import { Note, Skeleton } from './parts.tsx';

export const parametersOf = (
  schema: readonly SchemaRow[],
  object: string,
): readonly SchemaParameter[] =>
  schema.filter(
    (row): row is SchemaParameter =>
      row.kind === 'parameter' &&
      row.path.startsWith(generic(object)) &&
      !row.path.slice(generic(object).length).includes('.'),
  );

const TABLES: Readonly<Record<string, string>> = {
  Interface: IP,
  LowerLayers: ETHERNET,
  Lists: 'Device.X_GATEHOUSE_DNS.List.',
  Groups: 'Device.X_GATEHOUSE_DNS.Group.',
};

/** Rows that a reference of this name may point to. */
export function choicesFor(values: Values, name: string): readonly Choice[] | undefined {
  const table = TABLES[name];
  if (table === undefined) return undefined;
  return rowsOf(values.keys(), table).map((row) => {
    const kernel = values.get(`${row}Name`)?.value ?? '';
    const title = titleOf(values, row);
    return {
      value: asReference(row),
      text: kernel === '' || kernel === title ? title : `${title} (${kernel})`,
    };
  });
}

export interface ObjectFormProps {
  readonly values: Values;
  /** Full paths of the parameters to edit, in this order. */
  readonly paths: readonly string[];
  readonly raw?: boolean;
  readonly onSaved?: () => void;
}

export function ObjectForm({ values, paths, raw = false, onSaved }: ObjectFormProps) {
  const app = useApp();
  const t = useT();
  const schema = useSchema();
  const faults = useSignal<ReadonlyMap<string, string>>(new Map());
  const asking = useSignal<readonly Change[] | undefined>(undefined);
  const busy = useSignal(false);
  if (schema.length === 0) return <Skeleton lines={paths.length} />;
  const bySchema = new Map(schema.map((row) => [row.path, row]));
  const drafts = app.drafts.value;
  const changes: Change[] = paths.flatMap((path) => {
    const text = drafts.get(path);
    return text === undefined || text === values.get(path)?.value ? [] : [{ path, value: text }];
  });
  const trial = cutsOff(values, changes);
  const save = async (): Promise<void> => {
    asking.value = undefined;
    busy.value = true;
    const target = movesTo(values, changes, location.hostname);
    if (trial) app.movedTo.value = target;
    const answer = await app.set(changes, trial);
    busy.value = false;
    if (answer.ok) {
      faults.value = new Map();
      app.dropDrafts(paths);
      app.say(t(trial ? 'form.savedTrial' : 'form.saved'));
      onSaved?.();
      void app.model.read(changes.map((change) => change.path));
    } else if (answer.error.faults.length > 0) {
      app.movedTo.value = undefined;
      faults.value = faultsByPath(answer.error.faults, paths);
    } else if (!trial || answer.error.status !== 0) {
      app.movedTo.value = undefined;
      app.failed(answer.error);
    }
  };
  const general = faults.value.get('');
  return (
    <form
      class="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (changes.length === 0) return;
        if (trial) asking.value = changes;
        else void save();
      }}
    >
      {general !== undefined && <Note kind="bad">{general}</Note>}
      <div class="fields">
        {paths.map((path) => {
          const row = bySchema.get(generic(path));
          const known = values.get(path);
          if (row?.kind !== 'parameter' || known === undefined) return null;
          return (
            <Field
              key={path}
              spec={fieldOf(row, known)}
              raw={raw}
              value={drafts.get(path) ?? known.value}
              changed={changes.some((change) => change.path === path)}
              fault={faults.value.get(path)}
              readOnly={!known.writable || !app.mayChange}
              {...rowsProp(choicesFor(values, nameOf(path)))}
              onInput={(text) => app.setDraft(path, text === known.value ? undefined : text)}
            />
          );
        })}
      </div>
      {trial && <Note kind="warn">{t('form.trial')}</Note>}
      {app.mayChange ? (
        <div class="actions form-actions">
          <button type="submit" class="primary" disabled={changes.length === 0 || busy.value}>
            {changes.length === 0 ? t('form.nothing') : t('form.save', { n: changes.length })}
          </button>
          {changes.length > 0 && (
            <button
              type="button"
              onClick={() => {
                app.dropDrafts(paths);
                faults.value = new Map();
              }}
            >
              {t('form.discard')}
            </button>
          )}
        </div>
      ) : (
        <p class="muted">{t('form.viewer')}</p>
      )}
      {asking.value !== undefined && (
        <Confirm
          title={t('form.trialTitle')}
          text={
            <p>
              {t('form.trialText', {
                address: movesTo(values, changes, location.hostname) ?? location.hostname,
              })}
            </p>
          }
          action={t('form.trialAction')}
          onYes={() => void save()}
          onNo={() => {
            asking.value = undefined;
          }}
        />
      )}
    </form>
  );
}

const rowsProp = (rows: readonly Choice[] | undefined): { rows?: readonly Choice[] } =>
  rows === undefined ? {} : { rows };
