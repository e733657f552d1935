/** Who may log in, and what they may do there. */
import { useSignal } from '@preact/signals';
import { rowsOf } from '../lib/paths.ts';
import { numberOf, textAt } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useModel, useSchema } from '../ui/hooks.ts';
import { ObjectForm, parametersOf } from '../ui/object-form.tsx';
import { Card, Empty, Skeleton } from '../ui/parts.tsx';
import { AddRow, DeleteRow } from '../ui/rows.tsx';

const USERS = 'Device.Users.User.';
const LEFT_OUT = new Set(['Alias']);

export function UsersPage() {
  const app = useApp();
  const t = useT();
  const { values, ready } = useModel(['Device.Users.']);
  const schema = useSchema();
  const adding = useSignal(false);
  if (!ready || schema.length === 0) return <Skeleton lines={6} />;
  const rows = rowsOf(values.keys(), USERS);
  const names = parametersOf(schema, `${USERS}1.`)
    .filter((row) => row.writable)
    .map((row) => row.path.slice(row.path.lastIndexOf('.') + 1))
    .filter((name) => !LEFT_OUT.has(name));
  return (
    <div class="stack">
      <p class="muted">{t('users.intro')}</p>
      <div class="grid">
        {rows.length === 0 && <Empty title={t('users.none')} />}
        {rows.map((row) => {
          const name = textAt(values, `${row}Username`) || numberOf(row);
          const self = name === app.session.value?.user?.name;
          return (
            <Card
              key={row}
              title={name}
              class="form-card"
              note={
                self ? (
                  <span class="badge">{t('users.you')}</span>
                ) : (
                  <DeleteRow row={row} name={name} values={values} />
                )
              }
            >
              <ObjectForm values={values} paths={names.map((field) => `${row}${field}`)} />
            </Card>
          );
        })}
      </div>
      {app.mayChange && (
        <div class="actions">
          <button type="button" onClick={() => (adding.value = true)}>
            {t('users.add')}
          </button>
        </div>
      )}
      {adding.value && (
        <AddRow
          title={t('users.add')}
          table={USERS}
          names={names}
          needed={['Username', 'Password']}
          values={values}
          extra={{ Enable: 'true' }}
          onClose={() => (adding.value = false)}
        />
      )}
    </div>
  );
}
