/** Lists of names with their updates and faults, the owner's own names, and groups of devices. */
import { useSignal } from '@preact/signals';
import { number, timeMs } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { type State, textAt, titleOf } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { Card, StateWord, When } from '../../ui/parts.tsx';
import { RowsCard } from '../../ui/rows-card.tsx';
import { say } from './asked.ts';
import { DNS, GROUPS, LISTS } from './data.ts';
import { NameForm } from './name-form.tsx';
import { texts } from './texts.ts';

const STATES: Readonly<Record<string, State>> = {
  ...{ Current: 'up', Failed: 'down', Fetching: 'degraded', Waiting: 'degraded', Disabled: 'off' },
};

export function Lists({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const nameOf = (row: string): string => at(row, 'Name') || titleOf(values, row);
  const rows = rowsOf(values.keys(), LISTS);
  const own = (alias: string) => rows.find((row) => at(row, 'Alias') === alias);
  const update = async (row: string): Promise<void> => {
    const answer = await app.api.post('/api/operate', { path: `${row}Update()`, args: {} });
    if (answer.ok) app.say(t('lists.updated', { name: nameOf(row) }));
    else app.failed(answer.error);
  };
  const status = (row: string): string =>
    t(`list.${at(row, 'Status') || 'Waiting'}` as 'list.Current');
  return (
    <>
      <RowsCard
        title={t('tab.lists')}
        intro={t('lists.intro')}
        values={values}
        table={LISTS}
        rows={rows.filter((row) => at(row, 'URL') !== '')}
        nameOf={nameOf}
        empty={t('lists.none')}
        addTitle={t('lists.add')}
        add={['Name', 'URL', 'Effect']}
        needed={['Name', 'URL']}
        extra={{ Enable: 'true', AllGroups: 'true' }}
        edit={['Enable', 'Name', 'URL', 'Effect', 'Format', 'AllGroups', 'MayRewrite', 'Interval']}
        columns={[
          {
            key: 'name',
            title: t('column.name'),
            text: nameOf,
            cell: (row) => (
              <>
                <strong>{nameOf(row)}</strong>
                <span class="hint dns-name">{at(row, 'URL')}</span>
              </>
            ),
          },
          {
            key: 'state',
            title: t('column.state'),
            text: status,
            cell: (row) => (
              <>
                <StateWord state={STATES[at(row, 'Status')] ?? 'unknown'} word={status(row)} />
                {at(row, 'Reason') !== '' && <span class="hint">{at(row, 'Reason')}</span>}
              </>
            ),
          },
          {
            key: 'rules',
            title: t('lists.rules'),
            numeric: true,
            text: (row) => number(Number(at(row, 'Rules')), app.language),
            sort: (row) => Number(at(row, 'Rules')),
            cell: (row) => (
              <>
                {number(Number(at(row, 'Rules')), app.language)}
                {at(row, 'Rejected') !== '0' && (
                  <details class="dns-lines">
                    <summary>{t('lists.rejected', { n: Number(at(row, 'Rejected')) })}</summary>
                    <ul>
                      {at(row, 'RejectedLines')
                        .split('\n')
                        .map((line) => (
                          <li key={line}>{line}</li>
                        ))}
                    </ul>
                  </details>
                )}
              </>
            ),
          },
          {
            key: 'updated',
            title: t('lists.last'),
            text: (row) => at(row, 'LastUpdate'),
            cell: (row) => {
              const ms = timeMs(at(row, 'LastUpdate'));
              return ms === undefined ? '—' : <When ms={ms} />;
            },
          },
        ]}
        more={(row) => (
          <button type="button" class="quiet" onClick={() => void update(row)}>
            {t('lists.update')}
            <span class="sr"> {nameOf(row)}</span>
          </button>
        )}
      />
      <OwnNames word="block" text={textAt(values, `${own('blocked')}Text`)} />
      <OwnNames word="allow" text={textAt(values, `${own('allowed')}Text`)} />
    </>
  );
}

/** Names that are blocked or allowed one by one, for everybody. */
function OwnNames({ word, text }: { word: 'block' | 'allow'; text: string }) {
  const app = useApp();
  const t = useTexts(texts);
  const name = useSignal('');
  const names = text.split('\n').filter((line) => line.trim() !== '');
  const add = async (): Promise<void> => {
    const args = { name: name.value.trim() };
    if (await say(app, word, args, t(`said.${word}`, args))) name.value = '';
  };
  const forget = (gone: string): void =>
    void say(app, 'forget', { name: gone }, t('said.forget', { name: gone }), () => {
      void say(app, word, { name: gone }, t(`said.${word}`, { name: gone }));
    });
  return (
    <Card title={t(`own.${word}`)}>
      <p class="muted">{t(`own.${word}Text`)}</p>
      <ul class="dns-list">
        {names.map((one) => (
          <li key={one}>
            <span class="dns-name">{one}</span>
            {app.mayChange && !/[#!\s]/.test(one) && (
              <button type="button" class="quiet" onClick={() => forget(one)}>
                {t('delete')}
                <span class="sr"> {one}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      {app.mayChange && <NameForm name={name} word={t(`do.${word}`)} onSubmit={add} />}
    </Card>
  );
}

export function Groups({ values }: { values: Values }) {
  const t = useTexts(texts);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const isDefault = (row: string): boolean => `${textAt(values, `${DNS}DefaultGroup`)}.` === row;
  const nameOf = (row: string): string => at(row, 'Name') || titleOf(values, row);
  const whom = (row: string): string =>
    isDefault(row) ? t('groups.rest') : at(row, 'Clients').replaceAll(',', ', ') || '—';
  const lists = (row: string): string =>
    at(row, 'Lists')
      .split(',')
      .filter((path) => path !== '')
      .map((path) => at(`${path}.`, 'Name') || titleOf(values, `${path}.`))
      .join(', ');
  const names = ['Name', 'Clients', 'Lists', 'FilterDuring', 'OfflineDuring', 'SafeSearch'];
  return (
    <RowsCard
      title={t('tab.groups')}
      intro={t('groups.intro')}
      values={values}
      table={GROUPS}
      nameOf={nameOf}
      empty={t('groups.none')}
      addTitle={t('groups.add')}
      add={names}
      needed={['Name', 'Clients']}
      extra={{}}
      edit={[...names, 'BlockMode']}
      columns={[
        { key: 'name', title: t('column.name'), text: nameOf },
        { key: 'whom', title: t('groups.whom'), text: whom },
        { key: 'lists', title: t('tab.lists'), text: (row) => lists(row) || t('groups.all') },
        {
          key: 'offline',
          title: t('param.OfflineDuring'),
          text: (row) => at(row, 'OfflineDuring') || '—',
        },
      ]}
    />
  );
}
