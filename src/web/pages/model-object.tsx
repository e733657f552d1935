/** One object of the model: its parameters live, its commands, its rows; and the list of what is watched. */
import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { bytes, duration } from '../lib/format.ts';
import { generic, nameOf, parentOf } from '../lib/paths.ts';
import { href } from '../lib/router.ts';
import type {
  ModelValue,
  SchemaCommand,
  SchemaObject,
  SchemaParameter,
  SchemaRow,
} from '../lib/shapes.ts';
import type { TreeNode } from '../lib/tree.ts';
import { useApp, useT } from '../state/app.ts';
import { useLive, useModel } from '../ui/hooks.ts';
import { Icon } from '../ui/icons.tsx';
import { ObjectForm, parametersOf } from '../ui/object-form.tsx';
import { Card, Copy, Note, Scroll } from '../ui/parts.tsx';
import { AddRow, DeleteRow } from '../ui/rows.tsx';

export function ObjectView({ node, schema }: { node: TreeNode; schema: readonly SchemaRow[] }) {
  const app = useApp();
  const t = useT();
  const { values } = useModel([node.path]);
  useLive(node.table ? [] : [node.path]);
  const adding = useSignal(false);
  const editing = useSignal(false);
  const shape = `${generic(node.path)}${node.table ? '{i}.' : ''}`;
  const spec = schema.find(
    (row): row is SchemaObject =>
      row.kind === 'object' && (row.path === shape || row.path === generic(node.path)),
  );
  const parameters = node.table ? [] : parametersOf(schema, node.path);
  const commands = schema.filter(
    (row): row is SchemaCommand =>
      row.kind === 'command' && parentOf(row.path) === shape && !node.table,
  );
  const parent = schema.find(
    (row): row is SchemaObject => row.kind === 'object' && row.path === generic(node.path),
  );
  const isRow = /\.\d+\.$/.test(node.path);
  const writable = parameters
    .map((row) => `${node.path}${nameOf(row.path)}`)
    .filter((path) => values.get(path)?.writable === true);
  return (
    <Card
      title={node.path}
      wide
      class="object-card"
      note={
        <span class="actions">
          {app.mayChange && writable.length > 0 && (
            <button
              type="button"
              class="quiet"
              aria-pressed={editing.value}
              onClick={() => (editing.value = !editing.value)}
            >
              {t(editing.value ? 'model.done' : 'edit')}
            </button>
          )}
          {app.mayChange && node.table && node.writable && (
            <button type="button" class="quiet" onClick={() => (adding.value = true)}>
              {t('model.add')}
            </button>
          )}
          {isRow && parent?.writable === true && (
            <DeleteRow
              row={node.path}
              name={node.title ?? node.name}
              values={values}
              onDone={() => {
                app.model.rowsChanged.value++;
                location.hash = href('model', [parentOf(node.path)]);
              }}
            />
          )}
        </span>
      }
    >
      {spec !== undefined && spec.about !== '' && (
        <p class="muted" lang="en">
          {spec.about}
        </p>
      )}
      {editing.value && (
        <ObjectForm raw values={values} paths={writable} onSaved={() => (editing.value = false)} />
      )}
      {!editing.value && parameters.length > 0 && (
        <Parameters node={node} parameters={parameters} values={values} />
      )}
      {node.children.length > 0 && (
        <ul class="children">
          {node.children.map((child) => (
            <li key={child.path}>
              <a class="chip" href={href('model', [child.path])}>
                <span class="mono">{child.name}</span>
                {child.title !== undefined && <span class="muted"> {child.title}</span>}
                {child.table && (
                  <span class="muted"> {t('table.rows', { n: child.children.length })}</span>
                )}
              </a>
            </li>
          ))}
        </ul>
      )}
      {node.table && node.children.length === 0 && <p class="muted">{t('model.noRows')}</p>}
      {commands.map((command) => (
        <Command
          key={command.path}
          path={`${node.path}${nameOf(command.path)}`}
          command={command}
        />
      ))}
      {adding.value && (
        <AddRow
          raw
          title={t('model.addTo', { table: node.path })}
          table={node.path}
          values={values}
          onClose={() => (adding.value = false)}
        />
      )}
    </Card>
  );
}

function Parameters({
  node,
  parameters,
  values,
}: {
  node: TreeNode;
  parameters: readonly SchemaParameter[];
  values: ReadonlyMap<string, ModelValue>;
}) {
  const t = useT();
  return (
    <Scroll label={t('model.parameters')}>
      <table class="parameters">
        <thead>
          <tr>
            <th scope="col">{t('column.parameter')}</th>
            <th scope="col">{t('column.value')}</th>
            <th scope="col">{t('column.type')}</th>
            <th scope="col">
              <span class="sr">{t('model.watch')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {parameters.map((row) => {
            const path = `${node.path}${nameOf(row.path)}`;
            return <Parameter key={path} path={path} row={row} known={values.get(path)} />;
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function Parameter({
  path,
  row,
  known,
}: {
  path: string;
  row: SchemaParameter;
  known: ModelValue | undefined;
}) {
  const t = useT();
  return (
    <tr>
      <th scope="row">
        <span class="mono">{nameOf(path)}</span>
        <span class="hint" lang="en">
          {row.about}
        </span>
      </th>
      <td>
        <Value row={row} known={known} />
      </td>
      <td class="type">
        {row.dataType ?? row.type}
        {row.list === true && ` ${t('model.list')}`}
        <span class="hint">
          {t(known?.writable === true ? 'model.writable' : 'model.readOnly')}
        </span>
      </td>
      <td>
        <WatchButton path={path} />
      </td>
    </tr>
  );
}

/** The canonical text, and beside it what a person would say. */
function Value({ row, known }: { row: SchemaParameter; known: ModelValue | undefined }) {
  const { locale: language } = useApp();
  const t = useT();
  if (known === undefined) return <span class="muted">—</span>;
  if (known.secret === true) return <span class="muted">{t('model.secret')}</span>;
  const { value } = known;
  if (known.reference === true && value !== '') {
    return (
      <span class="refs">
        {value.split(',').map((target) => (
          <a key={target} class="mono" href={href('model', [`${target}.`])}>
            {target}
          </a>
        ))}
      </span>
    );
  }
  const number = Number(value);
  const said =
    row.units === 'bytes' && number >= 1000
      ? bytes(number, language)
      : row.units === 'seconds' && number >= 60
        ? duration(number, language, 'short')
        : (row.units ?? '');
  return (
    <>
      {value === '' ? <span class="muted">{t('model.empty')}</span> : <Copy text={value} />}
      {said !== '' && value !== '' && <span class="hint">{said}</span>}
    </>
  );
}

function WatchButton({ path }: { path: string }) {
  const { preferences } = useApp();
  const t = useT();
  const { watched } = preferences;
  const on = watched.value.includes(path);
  return (
    <button
      type="button"
      class="icon-button pin"
      aria-pressed={on}
      aria-label={t('model.watchOne', { name: nameOf(path) })}
      onClick={() => {
        watched.value = on
          ? watched.value.filter((other) => other !== path)
          : [...watched.value, path];
      }}
    >
      <Icon name="pin" />
    </button>
  );
}

/** Parameters that the reader keeps in sight, wherever in the tree they stand. */
export function Watched() {
  const { preferences } = useApp();
  const t = useT();
  const paths = preferences.watched.value;
  const { values } = useModel(paths);
  useLive([...new Set(paths.map(parentOf))]);
  if (paths.length === 0) return null;
  return (
    <Card title={t('model.watched')} wide>
      <ul class="watched" aria-live="polite">
        {paths.map((path) => (
          <li key={path}>
            <a class="mono wrap" href={href('model', [parentOf(path)])}>
              {path}
            </a>
            <span class="mono watched-value" key={values.get(path)?.value}>
              {values.get(path)?.value ?? '—'}
            </span>
            <WatchButton path={path} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Command({ path, command }: { path: string; command: SchemaCommand }) {
  const app = useApp();
  const t = useT();
  const id = useId();
  const args = useSignal<Readonly<Record<string, string>>>({});
  const result = useSignal<{ ok: boolean; text: string } | undefined>(undefined);
  const busy = useSignal(false);
  const run = async (): Promise<void> => {
    busy.value = true;
    const answer = await app.api.post<{ output?: readonly { name: string; value: string }[] }>(
      '/api/operate',
      { path, args: args.value },
    );
    busy.value = false;
    result.value = answer.ok
      ? {
          ok: true,
          text:
            (answer.value.output ?? []).map(({ name, value }) => `${name} = ${value}`).join('\n') ||
            t('command.done'),
        }
      : { ok: false, text: app.words(answer.error) };
    void app.model.read([parentOf(path)]);
  };
  return (
    <form
      class="command"
      aria-label={nameOf(path)}
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
    >
      <div class="command-head">
        <span class="mono">{nameOf(path)}</span>
        <span class="hint" lang="en">
          {command.about}
        </span>
      </div>
      {command.input.map((input) => (
        <div class="field" key={input.name}>
          <label for={`${id}-${input.name}`}>
            {input.name} <span class="muted">{input.type}</span>
          </label>
          <input
            id={`${id}-${input.name}`}
            class="mono"
            required={input.mandatory === true}
            onInput={(event) =>
              (args.value = { ...args.value, [input.name]: event.currentTarget.value })
            }
          />
        </div>
      ))}
      <button type="submit" disabled={busy.value || !app.mayChange}>
        {t('command.run')}
        <span class="sr"> {nameOf(path)}</span>
      </button>
      {result.value !== undefined && (
        <Note kind={result.value.ok ? 'info' : 'bad'}>{result.value.text}</Note>
      )}
    </form>
  );
}
