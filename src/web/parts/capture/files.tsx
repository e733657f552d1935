/** What was written: files to fetch or to remove, and the triggers that write by themselves. */
import { useSignal } from '@preact/signals';
import { bytes } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { textAt, titleOf } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { useAnswer, useLive } from '../../ui/hooks.ts';
import { Card, Empty, StateWord, When } from '../../ui/parts.tsx';
import { RowsCard, useEnabledColumn } from '../../ui/rows-card.tsx';
import { Table } from '../../ui/table.tsx';
import { ask, CAPTURES, fileAddress, type StoredFile, stateOf, TRIGGERS } from './data.ts';
import { texts } from './texts.ts';

export function Files({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const files = useSignal<readonly StoredFile[]>([]);
  const removed = useSignal(0);
  const written = [
    ...rowsOf(values.keys(), CAPTURES).flatMap((row) => [
      textAt(values, `${row}Files`),
      textAt(values, `${row}Status`),
    ]),
    ...rowsOf(values.keys(), TRIGGERS).map((row) => textAt(values, `${row}LastFile`)),
  ].join();
  useAnswer(
    () => ask<{ files: readonly StoredFile[] }>(app, 'files'),
    [written, removed.value],
    (answer) => {
      if (answer.ok) files.value = [...answer.value.files].reverse();
    },
  );
  const remove = async (name: string): Promise<void> => {
    const answer = await ask(app, 'remove_file', { name });
    if (!answer.ok) return app.failed(answer.error);
    removed.value += 1;
    app.say(t('capture.did.remove'));
  };
  return (
    <Card title={t('capture.files')} wide>
      <Table
        label={t('capture.files')}
        rows={files.value}
        keyOf={({ name }) => name}
        empty={<Empty title={t('capture.noFiles')} />}
        columns={[
          {
            key: 'name',
            title: t('column.name'),
            text: ({ name }) => name,
            cell: ({ name }) => (
              <a class="capture-file" href={fileAddress(name)} download={name}>
                {name}
              </a>
            ),
          },
          {
            ...{ key: 'bytes', title: t('capture.bytes'), numeric: true },
            text: (file) => bytes(file.bytes, app.language),
            sort: (file) => file.bytes,
          },
          {
            key: 'when',
            title: t('column.when'),
            text: ({ changed }) => changed,
            cell: ({ changed }) => <When ms={Date.parse(changed)} />,
          },
          {
            key: 'do',
            title: t('column.actions'),
            text: () => '',
            cell: ({ name }) => (
              <button type="button" class="quiet" onClick={() => void remove(name)}>
                {t('capture.delete')}
                <span class="sr"> {name}</span>
              </button>
            ),
          },
        ]}
      />
    </Card>
  );
}

const EDITED = [
  ...['Event', 'Interface', 'Protocol', 'Port', 'Host', 'Filter', 'SecondsBefore'],
  ...['SecondsAfter', 'KeptBytes', 'MaximumFiles', 'MaximumBytes'],
];

export function Triggers({ values }: { values: Values }) {
  const t = useTexts(texts);
  const rows = rowsOf(values.keys(), TRIGGERS);
  const enabled = useEnabledColumn(values);
  useLive(rows);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  return (
    <RowsCard
      title={t('capture.triggers')}
      intro={t('capture.triggersText')}
      values={values}
      table={TRIGGERS}
      columns={[
        { key: 'name', title: t('column.name'), text: (row) => titleOf(values, row) },
        enabled,
        {
          key: 'event',
          title: t('capture.event'),
          text: (row) => `${at(row, 'Event')}: ${at(row, 'InterfaceName') || at(row, 'Interface')}`,
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
        { key: 'fired', title: t('capture.fired'), numeric: true, text: (row) => at(row, 'Fired') },
      ]}
      empty={t('capture.noTriggers')}
      nameOf={(row) => titleOf(values, row)}
      edit={['Enable', ...EDITED]}
      addTitle={t('capture.addTrigger')}
      add={EDITED}
      needed={['Interface']}
    />
  );
}
