/** Paths that are watched: how each is, a smoke graph of one, and what is asked how often. */
import { useSignal } from '@preact/signals';
import type { Values } from '../../lib/patch.ts';
import { nameOf, rowsOf } from '../../lib/paths.ts';
import { href } from '../../lib/router.ts';
import { type State, textAt } from '../../lib/status.ts';
import { PartTexts, useApp, useTexts } from '../../state/app.ts';
import { useLive, useModel } from '../../ui/hooks.ts';
import { Part } from '../../ui/part.tsx';
import { Note, Skeleton, StateWord } from '../../ui/parts.tsx';
import { RowsCard } from '../../ui/rows-card.tsx';
import type { Column } from '../../ui/table.tsx';
import { Graph } from './graph.tsx';
import { texts } from './texts.ts';
import './paths.css';

const MONITOR = 'Device.X_GATEHOUSE_Monitor.';
const TARGETS = `${MONITOR}Target.`;
const PATHS = [MONITOR];
const EDIT = [
  ...['Enable', 'Name', 'Host', 'Family', 'Interval', 'Burst', 'Spacing', 'Timeout'],
  ...['PayloadSize', 'BackOff'],
];
const STATES: Readonly<Record<string, State>> = {
  ...{ Up: 'up', Lossy: 'degraded', Down: 'down', Waiting: 'unknown', Disabled: 'off' },
};

const underLoad = () => import('../load/index.tsx');

export default function PathsPage() {
  const app = useApp();
  const { values, ready } = useModel(PATHS);
  const [, shown] = app.route.value.rest;
  const rows = rowsOf(values.keys(), TARGETS);
  const row = rows.find((one) => nameOf(one) === shown);
  return (
    <PartTexts value={texts}>
      {ready ? (
        <div class="grid">
          {row !== undefined && <Graph key={row} row={row} name={titleOf(values, row)} />}
          <Targets values={values} rows={rows} />
          <Part load={underLoad} />
        </div>
      ) : (
        <Skeleton lines={6} />
      )}
    </PartTexts>
  );
}

const titleOf = (values: Values, row: string): string =>
  textAt(values, `${row}Name`) || textAt(values, `${row}Host`) || nameOf(row);

function Targets({ values, rows }: { values: Values; rows: readonly string[] }) {
  const app = useApp();
  const t = useTexts(texts);
  const testing = useSignal<string | undefined>(undefined);
  useLive(rows.map((row) => `${row}Stats.`));
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const stat = (row: string, name: string): number => Number(at(row, `Stats.${name}`));
  const ms = (us: number): string =>
    us === 0
      ? '—'
      : t('paths.ms', {
          n: new Intl.NumberFormat(app.language, { maximumSignificantDigits: 3 }).format(us / 1000),
        });
  const percent = (hundredths: number): string =>
    t('paths.percent', {
      n: new Intl.NumberFormat(app.language, { maximumFractionDigits: 2 }).format(hundredths / 100),
    });
  const time = (key: string, name: string): Column<string> => ({
    key,
    title: t(`paths.${key}` as 'paths.median'),
    numeric: true,
    text: (row) => ms(stat(row, name)),
    sort: (row) => stat(row, name),
  });
  const test = async (row: string): Promise<void> => {
    testing.value = row;
    const answer = await app.api.post<{ output: readonly { name: string; value: string }[] }>(
      '/api/operate',
      { path: `${row}Test()`, args: {} },
    );
    testing.value = undefined;
    if (!answer.ok) return app.failed(answer.error);
    const said = new Map(answer.value.output.map(({ name, value }) => [name, value]));
    const time = ms(Number(said.get('MeanTime') ?? 0));
    const why = said.get('Reason') || said.get('Cause') || '';
    app.say(
      t(why === '' ? 'paths.tested' : 'paths.testedLoss', {
        ...{ name: titleOf(values, row), time, why },
        ...{ received: said.get('Received') ?? '0', sent: said.get('Sent') ?? '0' },
      }),
    );
  };
  const word = (row: string): string => t(`is.${at(row, 'Status') || 'Waiting'}` as 'is.Up');
  const reason = textAt(values, `${MONITOR}Reason`);
  return (
    <>
      {reason !== '' && <Note kind="warn">{reason}</Note>}
      <RowsCard
        title={t('paths.title')}
        intro={t('paths.intro')}
        values={values}
        table={TARGETS}
        rows={rows}
        nameOf={(row) => titleOf(values, row)}
        empty={t('paths.none')}
        addTitle={t('paths.add')}
        add={['Name', 'Host', 'Interval', 'Burst']}
        needed={['Host']}
        edit={EDIT}
        columns={[
          {
            key: 'name',
            title: t('column.name'),
            text: (row) => titleOf(values, row),
            cell: (row) => (
              <>
                <a href={href('monitor', ['paths', nameOf(row)])}>{titleOf(values, row)}</a>
                <span class="hint">{at(row, 'Address') || at(row, 'Host')}</span>
              </>
            ),
          },
          {
            key: 'state',
            title: t('column.state'),
            text: word,
            cell: (row) => (
              <>
                <StateWord state={STATES[at(row, 'Status')] ?? 'unknown'} word={word(row)} />
                {at(row, 'Cause') !== '' && (
                  <span class="hint">
                    {at(row, 'Reason') || t(`cause.${at(row, 'Cause')}` as 'cause.Timeout')}
                  </span>
                )}
              </>
            ),
          },
          time('median', 'MedianTime'),
          time('p95', 'P95Time'),
          time('jitter', 'JitterTime'),
          {
            key: 'loss',
            title: t('paths.loss'),
            numeric: true,
            text: (row) => percent(stat(row, 'Loss')),
            sort: (row) => stat(row, 'Loss'),
            cell: (row) => (
              <>
                {percent(stat(row, 'Loss'))}
                {stat(row, 'Loss') > 0 && (
                  <span class="hint">
                    {t(`pattern.${at(row, 'Stats.LossPattern') || 'Few'}` as 'pattern.Few')}
                  </span>
                )}
              </>
            ),
          },
        ]}
        more={(row) => (
          <button
            type="button"
            class="quiet"
            disabled={testing.value !== undefined}
            onClick={() => void test(row)}
          >
            {t(testing.value === row ? 'paths.testing' : 'paths.test')}
            <span class="sr"> {titleOf(values, row)}</span>
          </button>
        )}
      />
    </>
  );
}
