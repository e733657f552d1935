/** What the box says of itself: its log and its audit trail, followed live. */
import { useSignal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import type { Key } from '../i18n/en.ts';
import { absolute } from '../lib/format.ts';
import {
  atLeast,
  auditRow,
  detailsOf,
  holds,
  LEVELS,
  type Level,
  levelOf,
  messageOf,
  momentOf,
  sourceOf,
  unread,
} from '../lib/log-lines.ts';
import { href } from '../lib/router.ts';
import type { LogLine } from '../lib/shapes.ts';
import { useApp, useT } from '../state/app.ts';
import { useAnswer } from '../ui/hooks.ts';
import { Part } from '../ui/part.tsx';
import { Empty, PageHead, Scroll, Skeleton, Tabs } from '../ui/parts.tsx';
import { Table } from '../ui/table.tsx';

const paths = () => import('../parts/paths/index.tsx');
const alerts = () => import('../parts/alerts/index.tsx');

export function Monitor() {
  const app = useApp();
  const t = useT();
  const [tab = 'logs'] = app.route.value.rest;
  return (
    <>
      <PageHead title={t('place.monitor')} intro={t('monitor.intro')} />
      <Tabs
        label={t('place.monitor')}
        current={tab}
        tabs={[
          { id: 'logs', title: t('monitor.logs'), href: href('monitor', ['logs']) },
          { id: 'paths', title: t('monitor.paths'), href: href('monitor', ['paths']) },
          { id: 'alerts', title: t('monitor.alerts'), href: href('monitor', ['alerts']) },
          { id: 'audit', title: t('monitor.audit'), href: href('monitor', ['audit']) },
        ]}
      />
      {tab === 'paths' ? (
        <Part key="paths" load={paths} />
      ) : tab === 'alerts' ? (
        <Part key="alerts" load={alerts} />
      ) : tab === 'audit' ? (
        <Audit />
      ) : (
        <Logs />
      )}
    </>
  );
}

/** Lines from the box, newest first; undefined until they are there. */
function useLines(address: string): readonly LogLine[] | undefined {
  const app = useApp();
  const lines = useSignal<readonly LogLine[] | undefined>(undefined);
  useAnswer(
    () => app.api.get<{ entries: readonly LogLine[] }>(address),
    [address, app.returns.value],
    (answer) => {
      if (answer.ok) lines.value = answer.value.entries;
      else app.failed(answer.error);
    },
  );
  return lines.value;
}

function Logs() {
  const app = useApp();
  const t = useT();
  const id = useId();
  const level = useSignal<Level>('info');
  const words = useSignal('');
  const follow = useSignal(true);
  /** Scrolled away from the newest line: what is read must not move. */
  const away = useSignal(false);
  const list = useRef<HTMLOListElement>(null);
  const held = useSignal<readonly LogLine[]>([]);
  const stored = useLines(`/api/logs?level=${level.value}&limit=300`);
  const live = follow.value && !away.value ? app.liveLog.value : held.value;
  const key = (line: LogLine): string => JSON.stringify(line);
  const known = new Set((stored ?? []).map(key));
  const newest = Math.max(0, ...(stored ?? []).map((line) => momentOf(line) ?? 0));
  const fits = (line: LogLine): boolean => holds(line, words.value);
  const lines = [
    ...live.filter(
      (line) =>
        (momentOf(line) ?? 0) >= newest && atLeast(line, level.value) && !known.has(key(line)),
    ),
    ...(stored ?? []),
  ].filter(fits);
  const all = app.liveLog.value;
  const at = live[0] === undefined ? all.length : all.indexOf(live[0]);
  const newer = all
    .slice(0, at < 0 ? all.length : at)
    .filter((line) => atLeast(line, level.value) && fits(line)).length;
  const hold = (): void => {
    if (follow.value && !away.value) held.value = app.liveLog.peek();
  };
  return (
    <section class="card wide" aria-label={t('monitor.logs')}>
      <div class="table-tools">
        <div class="filter">
          <label class="sr" for={`${id}-w`}>
            {t('table.filter')}
          </label>
          <input
            id={`${id}-w`}
            type="search"
            placeholder={t('table.filter')}
            value={words.value}
            onInput={(event) => (words.value = event.currentTarget.value)}
          />
        </div>
        <label class="sr" for={`${id}-l`}>
          {t('logs.level')}
        </label>
        <select
          id={`${id}-l`}
          value={level.value}
          onChange={(event) =>
            (level.value = LEVELS.find((name) => name === event.currentTarget.value) ?? 'info')
          }
        >
          {LEVELS.map((name) => (
            <option key={name} value={name}>
              {t(`level.${name}` as Key)}
            </option>
          ))}
        </select>
        <label class="check">
          <input
            type="checkbox"
            checked={follow.value}
            onChange={(event) => {
              hold();
              follow.value = event.currentTarget.checked;
            }}
          />
          {t('logs.follow')}
        </label>
        <span class="muted" role="status">
          {t('logs.count', { n: lines.length })}
        </span>
        {follow.value && away.value && (
          <button
            type="button"
            class="quiet"
            onClick={() => list.current?.parentElement?.scrollTo(0, 0)}
          >
            {t('logs.newer', { n: newer })}
          </button>
        )}
      </div>
      {stored === undefined ? (
        <Skeleton lines={10} />
      ) : lines.length === 0 ? (
        <Empty title={t('logs.none')} />
      ) : (
        <Scroll
          label={t('monitor.logs')}
          class="tall"
          onScroll={(top) => {
            if (top > 0) hold();
            away.value = top > 0;
          }}
        >
          <ol class="log" ref={list}>
            {lines.slice(0, 300).map((line, index) => {
              const ms = momentOf(line);
              return (
                <li key={lines.length - index} class={`level-${levelOf(line)}`}>
                  <time>{ms === undefined ? '' : absolute(ms, app.locale)}</time>
                  <span class="level">{t(`level.${levelOf(line)}` as Key)}</span>
                  <span class="log-text">
                    {sourceOf(line) !== '' && <span class="muted">{sourceOf(line)} </span>}
                    {messageOf(line)}
                    <span class="muted mono log-details"> {detailsOf(line)}</span>
                  </span>
                </li>
              );
            })}
          </ol>
        </Scroll>
      )}
    </section>
  );
}

function Audit() {
  const app = useApp();
  const t = useT();
  const stored = useLines('/api/audit?limit=300');
  if (stored === undefined) return <Skeleton lines={8} />;
  const read = stored.map(auditRow);
  const rows = [...unread(app.liveAudit.value.map(auditRow), read), ...read];
  const time = (ms: number | undefined): string =>
    ms === undefined ? '' : absolute(ms, app.locale);
  return (
    <section class="card wide" aria-label={t('monitor.audit')}>
      <p class="muted">{t('audit.intro')}</p>
      <Table
        label={t('monitor.audit')}
        rows={rows.map((row, index) => ({ ...row, index }))}
        keyOf={({ index }) => String(rows.length - index)}
        filter
        tall
        csvName="audit"
        empty={<Empty title={t('audit.none')} />}
        columns={[
          {
            key: 'time',
            title: t('column.when'),
            text: (row) => time(row.atMs),
            sort: (row) => row.atMs ?? 0,
            cell: (row) => <span class="nowrap">{time(row.atMs)}</span>,
          },
          {
            key: 'who',
            title: t('column.who'),
            text: (row) => `${row.who} ${row.from}`,
            cell: (row) => (
              <>
                {row.who} <span class="muted">{row.from}</span>
              </>
            ),
          },
          { key: 'action', title: t('column.action'), text: (row) => row.action },
          {
            key: 'path',
            title: t('column.path'),
            text: (row) => row.path,
            cell: (row) => <span class="mono wrap">{row.path}</span>,
          },
          {
            key: 'old',
            title: t('column.before'),
            text: (row) => row.old,
            cell: (row) => <span class="mono wrap">{row.old || '—'}</span>,
          },
          {
            key: 'new',
            title: t('column.after'),
            text: (row) => row.now,
            cell: (row) => <span class="mono wrap">{row.now || '—'}</span>,
          },
        ]}
      />
    </section>
  );
}
