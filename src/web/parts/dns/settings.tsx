/** Whom the router asks, what it knows itself, and how it serves. */
import { number } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { objectState, textAt, titleOf } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { useLive } from '../../ui/hooks.ts';
import { ObjectForm } from '../../ui/object-form.tsx';
import { Card, StateWord } from '../../ui/parts.tsx';
import { RowsCard, useEnabledColumn } from '../../ui/rows-card.tsx';
import { DNS, FORWARDING, LOG, RELAY } from './data.ts';
import { texts } from './texts.ts';

const X = 'X_GATEHOUSE_';

export function Upstreams({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const rows = rowsOf(values.keys(), FORWARDING);
  useLive(rows);
  const nameOf = (row: string): string =>
    at(row, 'DNSServer') || at(row, `${X}Name`) || titleOf(values, row);
  const state = (row: string): string => t(`up.${at(row, 'Status') || 'Disabled'}` as 'up.Enabled');
  const took = (row: string): number => Number(at(row, `${X}ResponseTime`)) / 1000;
  const names = ['DNSServer', `${X}Protocol`, `${X}Name`, `${X}Domains`];
  return (
    <RowsCard
      title={t('tab.upstreams')}
      intro={t('up.intro')}
      values={values}
      table={FORWARDING}
      nameOf={nameOf}
      empty={t('up.none')}
      addTitle={t('up.add')}
      add={names}
      needed={[]}
      edit={['Enable', ...names, `${X}Port`]}
      columns={[
        {
          key: 'name',
          title: t('up.server'),
          text: nameOf,
          cell: (row) => (
            <>
              <strong>{nameOf(row)}</strong>
              <span class="hint">
                {at(row, 'Type') === 'Static' ? at(row, `${X}Name`) : t('up.lease')}
              </span>
            </>
          ),
        },
        { key: 'by', title: t(`param.${X}Protocol`), text: (row) => at(row, `${X}Protocol`) },
        {
          key: 'state',
          title: t('column.state'),
          text: state,
          cell: (row) => (
            <>
              <StateWord state={objectState(at(row, 'Status'))} word={state(row)} />
              {at(row, 'Status') === 'Error' && (
                <span class="hint">{at(row, `${X}LastError`)}</span>
              )}
            </>
          ),
        },
        {
          key: 'took',
          title: t('up.took'),
          numeric: true,
          text: (row) =>
            took(row) === 0 ? '—' : `${number(Math.round(took(row) * 10) / 10, app.language)} ms`,
          sort: took,
        },
        {
          key: 'asked',
          title: t('up.asked'),
          numeric: true,
          text: (row) => number(Number(at(row, `${X}Queries`)), app.language),
          sort: (row) => Number(at(row, `${X}Queries`)),
        },
      ]}
    />
  );
}

export function Names({ values }: { values: Values }) {
  const t = useTexts(texts);
  const used = useEnabledColumn(values);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const nameOf = (row: string): string => at(row, 'Name') || titleOf(values, row);
  const columns = [
    { key: 'name', title: t('column.name'), text: nameOf },
    { key: 'type', title: t('log.type'), text: (row: string) => at(row, 'Type') },
    { key: 'value', title: t('param.Value'), text: (row: string) => at(row, 'Value') || '—' },
    used,
  ];
  const common = { values, nameOf, columns, needed: ['Name'] };
  return (
    <>
      <RowsCard
        {...common}
        title={t('names.records')}
        intro={t('names.recordsText', { domain: textAt(values, `${DNS}Domain`) })}
        table={`${DNS}Record.`}
        empty={t('names.none')}
        addTitle={t('names.add')}
        add={['Name', 'Type', 'Value']}
        edit={['Enable', 'Name', 'Type', 'Value', 'TTL']}
      />
      <RowsCard
        {...common}
        title={t('names.rewrites')}
        intro={t('names.rewritesText')}
        table={`${DNS}Rewrite.`}
        empty={t('names.noRewrites')}
        addTitle={t('names.addRewrite')}
        add={['Name', 'Type', 'Value', 'Groups']}
        edit={['Enable', 'Name', 'Type', 'Value', 'Groups', 'TTL']}
      />
    </>
  );
}

export function Settings({ values }: { values: Values }) {
  const t = useTexts(texts);
  return (
    <>
      <Card title={t('settings.serve')}>
        <ObjectForm
          values={values}
          paths={[
            `${RELAY}Enable`,
            ...['UseLeaseResolvers', 'RebindProtection', 'MDNS', 'Domain'].map(
              (name) => `${DNS}${name}`,
            ),
          ]}
        />
      </Card>
      <Card title={t('settings.log')}>
        <p class="muted">{t('settings.logText')}</p>
        <ObjectForm values={values} paths={[`${LOG}Privacy`, `${LOG}Entries`]} />
      </Card>
      <Card title="DNSSEC">
        <p class="muted">{t('settings.dnssec')}</p>
        <ObjectForm values={values} paths={[`${DNS}DNSSEC.Enable`]} />
      </Card>
    </>
  );
}
