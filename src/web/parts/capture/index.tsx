/** Captures: who talks how much with what, live; started by a form that knows what can be asked for. */
import { HOSTS } from '../../lib/devices.ts';
import { bytes, number } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { nameOf, rowsOf } from '../../lib/paths.ts';
import { href } from '../../lib/router.ts';
import { IP, textAt } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { useLive, useModel } from '../../ui/hooks.ts';
import { Card, Empty, Note, PageHead, Skeleton, StateWord } from '../../ui/parts.tsx';
import { Table } from '../../ui/table.tsx';
import { Actions } from './actions.tsx';
import { CAPTURE, CAPTURES, stateOf } from './data.ts';
import { Detail } from './detail.tsx';
import { Files, Triggers } from './files.tsx';
import { StartForm } from './form.tsx';
import { texts } from './texts.ts';
import './capture.css';

const PATHS = [CAPTURE, IP, HOSTS];

export default function CapturePage() {
  const app = useApp();
  const t = useTexts(texts);
  const [shown] = app.route.value.rest;
  const { values, ready } = useModel(PATHS);
  const rows = rowsOf(values.keys(), CAPTURES);
  const row = rows.find((one) => nameOf(one) === shown);
  const body = () => {
    if (!app.mayChange) return <Note>{t('capture.viewer')}</Note>;
    if (shown === undefined) {
      return (
        <>
          <StartForm values={values} />
          <List values={values} rows={rows} />
          <Files values={values} />
          <Triggers values={values} />
        </>
      );
    }
    return row === undefined ? (
      <Empty title={t('capture.gone')} />
    ) : (
      <Detail key={row} values={values} row={row} />
    );
  };
  return (
    <>
      <PageHead title={t('place.capture')} intro={t('capture.intro')}>
        {shown !== undefined && <a href={href('capture')}>{t('capture.back')}</a>}
      </PageHead>
      {ready ? <div class="grid">{body()}</div> : <Skeleton lines={8} />}
    </>
  );
}

function List({ values, rows }: { values: Values; rows: readonly string[] }) {
  const app = useApp();
  const t = useTexts(texts);
  useLive(rows);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const count = (row: string, name: string): number => Number(at(row, name));
  return (
    <Card title={t('capture.list')} wide>
      <Table
        label={t('capture.list')}
        rows={rows}
        keyOf={(row) => row}
        open={(row) => href('capture', [nameOf(row)])}
        empty={<Empty title={t('capture.none')} />}
        columns={[
          {
            key: 'interface',
            title: t('column.interface'),
            text: (row) => at(row, 'InterfaceName') || at(row, 'Interface'),
          },
          {
            key: 'state',
            title: t('column.state'),
            text: (row) => t(`is.${at(row, 'Status')}` as 'is.Running'),
            cell: (row) => (
              <>
                <StateWord
                  state={stateOf(values, row)}
                  word={t(`is.${at(row, 'Status')}` as 'is.Running')}
                />
                {at(row, 'Reason') !== '' && <span class="hint">{at(row, 'Reason')}</span>}
              </>
            ),
          },
          {
            key: 'filter',
            title: t('capture.filter'),
            text: (row) => at(row, 'FilterText'),
            cell: (row) => <code>{at(row, 'FilterText') || t('capture.everything')}</code>,
          },
          {
            ...{ key: 'bytes', title: t('capture.bytes'), numeric: true },
            text: (row) => bytes(count(row, 'Bytes'), app.language),
            sort: (row) => count(row, 'Bytes'),
          },
          {
            ...{ key: 'packets', title: t('capture.packets'), numeric: true },
            text: (row) => number(count(row, 'Packets'), app.language),
            sort: (row) => count(row, 'Packets'),
          },
          {
            key: 'do',
            title: t('column.actions'),
            text: () => '',
            cell: (row) => <Actions values={values} row={row} />,
          },
        ]}
      />
    </Card>
  );
}
