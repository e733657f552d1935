/** The last configurations: who changed what, and the way back. */
import { useSignal } from '@preact/signals';
import { absolute, relative, timeMs } from '../lib/format.ts';
import { ofAccount } from '../lib/paths.ts';
import type { History, HistoryEntry } from '../lib/shapes.ts';
import { useApp, useT } from '../state/app.ts';
import { Confirm } from '../ui/dialog.tsx';
import { useAnswer } from '../ui/hooks.ts';
import { Card, Empty, Note, Skeleton } from '../ui/parts.tsx';

export function HistoryPage() {
  const app = useApp();
  const t = useT();
  const history = useSignal<History | undefined>(undefined);
  const asking = useSignal<HistoryEntry | undefined>(undefined);
  const revision = app.model.revision.value;
  const pending = app.pending.value === null;
  useAnswer(
    () => app.api.get<History>('/api/config/history'),
    [revision, pending],
    (answer) => {
      if (answer.ok) history.value = answer.value;
      else app.failed(answer.error);
    },
  );
  if (history.value === undefined) return <Skeleton lines={8} />;
  const entries = [...history.value.entries].sort((a, b) => b.revision - a.revision);
  return (
    <Card title={t('system.history')} wide>
      <p class="muted">{t('history.intro')}</p>
      {entries.length === 0 && <Empty title={t('history.none')} />}
      <ol class="history">
        {entries.map((entry, index) => (
          <li key={entry.revision} class="entry">
            <details open={index === 0}>
              <summary>
                <strong>{t('history.revision', { revision: entry.revision })}</strong>
                <Moment entry={entry} />
                <span class="muted">
                  {entry.user} · {entry.via}
                </span>
                <span class="muted">{t('history.changes', { n: sizeOf([entry]) })}</span>
                {index === 0 && <span class="badge">{t('history.current')}</span>}
              </summary>
              <Diff entry={entry} />
            </details>
            {index > 0 && app.mayChange && (
              <button type="button" class="quiet" onClick={() => (asking.value = entry)}>
                {t('history.return')}
                <span class="sr"> {entry.revision}</span>
              </button>
            )}
          </li>
        ))}
      </ol>
      {asking.value !== undefined && (
        <Confirm
          title={t('history.returnTitle', { revision: asking.value.revision })}
          text={
            <>
              <Note kind="warn">{t('pending.ask')}</Note>
              <Undone
                entries={entries.filter((entry) => entry.revision > (asking.value?.revision ?? 0))}
              />
            </>
          }
          action={t('history.return')}
          onNo={() => (asking.value = undefined)}
          onYes={() => {
            const target = asking.value?.revision ?? 0;
            asking.value = undefined;
            void app.returnTo(target, true);
          }}
        />
      )}
    </Card>
  );
}

/** Plain text: a summary is a button itself, and holds no other. */
function Moment({ entry }: { entry: HistoryEntry }) {
  const app = useApp();
  app.nowMs.value;
  const ms = timeMs(entry.time);
  if (ms === undefined) return null;
  return (
    <time dateTime={new Date(ms).toISOString()}>
      {absolute(ms, app.locale)}{' '}
      <span class="muted">({relative(ms, Date.now() + app.events.skewMs.value, app.locale)})</span>
    </time>
  );
}

/** What a return takes back. */
function Undone({ entries }: { entries: readonly HistoryEntry[] }) {
  const t = useT();
  const shown = entries.map((entry) => ({ ...entry, ...withoutAccounts(entry) }));
  const left = sizeOf(entries) - sizeOf(shown);
  return (
    <>
      <p>{t('history.returnText', { n: entries.length })}</p>
      {shown.map((entry) => (
        <Diff key={entry.revision} entry={entry} reversed />
      ))}
      {left > 0 && <p>{t('history.accounts')}</p>}
    </>
  );
}

const withoutAccounts = ({ changes, added = [], removed = [] }: HistoryEntry) => ({
  changes: changes.filter(({ path }) => !ofAccount(path)),
  added: added.filter((path) => !ofAccount(path)),
  removed: removed.filter((path) => !ofAccount(path)),
});

/** How many values and rows they touch. */
const sizeOf = (entries: readonly HistoryEntry[]): number =>
  entries.reduce(
    (sum, { changes, added = [], removed = [] }) =>
      sum + changes.length + added.length + removed.length,
    0,
  );

function Diff({ entry, reversed = false }: { entry: HistoryEntry; reversed?: boolean }) {
  const t = useT();
  const { added = [], removed = [] } = entry;
  const rows: readonly (readonly [path: string, came: boolean])[] = [
    ...added.map((path) => [path, !reversed] as const),
    ...removed.map((path) => [path, reversed] as const),
  ];
  return (
    <dl class="diff">
      {rows.map(([path, came]) => (
        <div key={path}>
          <dt class="mono wrap">{path}</dt>
          <dd>{came ? <ins>{t('diff.rowAdded')}</ins> : <del>{t('diff.rowRemoved')}</del>}</dd>
        </div>
      ))}
      {entry.changes.map((change) => {
        const [before, after] = reversed ? [change.new, change.old] : [change.old, change.new];
        return (
          <div key={change.path}>
            <dt class="mono wrap">{change.path}</dt>
            <dd>
              {change.secret === true && <ins>{t('diff.secret')}</ins>}
              {before !== null && before !== undefined && (
                <del class="mono">
                  <span class="sr">{t('diff.before')} </span>
                  {before || '""'}
                </del>
              )}
              {after !== null && after !== undefined && (
                <ins class="mono">
                  <span class="sr">{t('diff.after')} </span>
                  {after || '""'}
                </ins>
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}
