/** Who asks most, for what, and what is blocked most; by hour. */
import { nameAt } from '../../lib/devices.ts';
import { localTime, number, timeMs } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { Card, Empty, Note, Skeleton } from '../../ui/parts.tsx';
import { Table } from '../../ui/table.tsx';
import { useAsked } from './asked.ts';
import type { StatsAnswer } from './data.ts';
import { texts } from './texts.ts';

const FIELDS = ['topNames', 'topBlocked', 'topClients'] as const;
/** Asked again so often while it is looked at; the page's clock ticks once a second. */
const AGAIN_SEC = 10;

export function Stats({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const again = Math.floor(app.nowMs.value / 1000 / AGAIN_SEC);
  const asked = useAsked<StatsAnswer>('stats', {}, app.mayChange ? again : undefined);
  const answer = asked.value;
  if (!app.mayChange || answer?.ok === false) {
    const why = app.mayChange && answer?.ok === false ? app.words(answer.error) : t('log.viewer');
    return (
      <Card title={t('tab.stats')} wide>
        <Note>{why}</Note>
      </Card>
    );
  }
  if (answer === undefined) return <Skeleton lines={6} />;
  const { value } = answer;
  const most = Math.max(1, ...value.hours.map(({ queries }) => queries));
  return (
    <>
      <Card title={t('stats.hours')} wide>
        <Table
          label={t('stats.hours')}
          rows={value.hours.filter(({ queries }) => queries > 0)}
          keyOf={({ from }) => from}
          empty={<Empty title={t('stats.none')} />}
          columns={[
            {
              key: 'from',
              title: t('column.when'),
              text: ({ from }) => localTime(timeMs(from) ?? 0).replace('T', ' '),
              cell: ({ from }) => (
                <span class="tabular">{localTime(timeMs(from) ?? 0).slice(-5)}</span>
              ),
            },
            {
              key: 'queries',
              title: t('stats.queries'),
              numeric: true,
              text: ({ queries }) => number(queries, app.language),
              sort: ({ queries }) => queries,
            },
            {
              key: 'blocked',
              title: t('by.block'),
              numeric: true,
              text: ({ blocked }) => number(blocked, app.language),
              sort: ({ blocked }) => blocked,
            },
            {
              key: 'bar',
              title: t('stats.share'),
              text: ({ queries }) => String(queries),
              cell: ({ queries, from }) => (
                <meter aria-label={`${t('stats.share')} ${from}`} max={most} value={queries} />
              ),
            },
          ]}
        />
      </Card>
      {FIELDS.map((field) => (
        <Card key={field} title={t(`stats.${field}`)}>
          {value[field].length === 0 ? (
            <p class="muted">{t('stats.none')}</p>
          ) : (
            <ol class="dns-list">
              {value[field].slice(0, 10).map(({ key, count }) => (
                <li key={key}>
                  <span class="dns-name">
                    {field === 'topClients' ? (nameAt(values, key) ?? key) : key}
                  </span>
                  <span class="tabular">{number(count, app.language)}</span>
                </li>
              ))}
            </ol>
          )}
        </Card>
      ))}
    </>
  );
}
