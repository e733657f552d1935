/** IPv6 at the WAN: each client with its lease and settings, where prefixes went, and options. */
import { number } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { IP, objectState, textAt, titleOf } from '../../lib/status.ts';
import { Remaining, Renew } from '../../pages/overview.tsx';
import { useApp, useTexts } from '../../state/app.ts';
import { useLive, useModel } from '../../ui/hooks.ts';
import { ObjectForm } from '../../ui/object-form.tsx';
import { Card, Copy, Empty, Fact, Facts, Note, Skeleton, StateWord } from '../../ui/parts.tsx';
import { RowsCard, useEnabledColumn } from '../../ui/rows-card.tsx';
import { Table } from '../../ui/table.tsx';
import { texts } from './texts.ts';

type Word = keyof typeof texts.en;

const CLIENTS6 = 'Device.DHCPv6.Client.';
const SETTINGS = [
  ...['Enable', 'Interface', 'RequestAddresses', 'RequestPrefixes', 'X_GATEHOUSE_PrefixHints'],
  ...['RapidCommit', 'SuggestedT1', 'SuggestedT2', 'RequestedOptions', 'X_GATEHOUSE_UseDNS'],
  'DSCPMark',
];
const COUNTS = [
  ...['Solicit', 'Advertise', 'Request', 'Confirm', 'Renew', 'Rebind', 'Reply', 'Release'],
  ...['Decline', 'DiscardedPackets', 'MalformedOptions'],
] as const;
/** What is said of an answer where there is something to say. */
const TOLD: readonly (readonly [word: Word, name: string])[] = [
  ['ipv6.time', 'X_GATEHOUSE_NTPServers'],
  ['ipv6.sip', 'X_GATEHOUSE_SIPServers'],
  ['ipv6.aftr', 'X_GATEHOUSE_AFTR'],
  ['ipv6.vendor', 'X_GATEHOUSE_VendorOptions'],
];

export default function Ipv6Page() {
  const t = useTexts(texts);
  const { values, ready } = useModel([CLIENTS6, IP]);
  if (!ready) return <Skeleton lines={8} />;
  const clients = rowsOf(values.keys(), CLIENTS6);
  return (
    <div class="grid">
      {clients.length === 0 && <Empty title={t('ipv6.none')}>{t('ipv6.noneHow')}</Empty>}
      {clients.map((row) => (
        <Client key={row} row={row} values={values} />
      ))}
      <Parts values={values} />
      {clients.map((row) => (
        <Options key={row} row={row} values={values} />
      ))}
    </div>
  );
}

function Client({ row, values }: { row: string; values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const at = (name: string): string => textAt(values, `${row}${name}`);
  const on = at('Enable') === 'true';
  const state = at('X_GATEHOUSE_State');
  const bound = ['Bound', 'Renewing', 'Rebinding'].includes(state);
  const shape = on && at('Status') === 'Enabled' && !bound ? 'unknown' : objectState(at('Status'));
  return (
    <>
      <Card title={t('ipv6.client', { name: titleOf(values, row) })}>
        {at('X_GATEHOUSE_Reason') !== '' && <Note kind="warn">{at('X_GATEHOUSE_Reason')}</Note>}
        <Facts>
          <Fact name={t('overview.state')}>
            <StateWord state={shape} word={t(on ? (`ipv6.${state}` as Word) : 'ipv6.off')} />
          </Fact>
          <Listed name={t('ipv6.addresses')} text={at('X_GATEHOUSE_Addresses')} />
          <Listed name={t('ipv6.prefixes')} text={at('X_GATEHOUSE_Prefixes')} />
          <Fact name={t('overview.lease')}>
            <Remaining values={values} path={`${row}X_GATEHOUSE_LeaseTimeRemaining`} />
          </Fact>
          <Listed name={t('overview.gateway')} text={at('X_GATEHOUSE_IPRouters')} />
          <Listed name={t('overview.resolvers')} text={at('X_GATEHOUSE_DNSServers')} />
          <Listed name={t('column.server')} text={at('Server.1.SourceAddress')} />
          {TOLD.map(
            ([word, name]) =>
              at(name) !== '' && <Listed key={name} name={t(word)} text={at(name)} />,
          )}
          <Fact name={t('ipv6.program')}>{at('X_GATEHOUSE_Program') || '—'}</Fact>
        </Facts>
        {at('X_GATEHOUSE_ProgramLimits') !== '' && (
          <details>
            <summary>{t('ipv6.limits')}</summary>
            <p class="muted">{at('X_GATEHOUSE_ProgramLimits')}</p>
          </details>
        )}
        {app.mayChange && on && <Renew client={row} />}
      </Card>
      <Card title={t('settings')} class="form-card">
        <ObjectForm values={values} paths={SETTINGS.map((name) => `${row}${name}`)} />
      </Card>
    </>
  );
}

/** One text to copy for each item of a list. */
function Listed({ name, text }: { name: string; text: string }) {
  const items = text.split(',');
  return (
    <Fact name={name}>
      {items.map((item) => (
        <Copy key={item} text={item} />
      ))}
    </Fact>
  );
}

function Parts({ values }: { values: Values }) {
  const t = useTexts(texts);
  const rows = rowsOf(values.keys(), IP).flatMap((row) =>
    rowsOf(values.keys(), `${row}IPv6Prefix.`).filter(
      (prefix) => textAt(values, `${prefix}ParentPrefix`) !== '',
    ),
  );
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const on = (row: string): string => titleOf(values, row.replace(/IPv6Prefix\.\d+\.$/, ''));
  const state = (row: string): string => {
    const word = `ipv6.${at(row, 'PrefixStatus')}`;
    return word === 'ipv6.Preferred' || word === 'ipv6.Deprecated'
      ? t(word)
      : at(row, 'PrefixStatus');
  };
  return (
    <Card title={t('ipv6.parts')} wide>
      <p class="muted">{t('ipv6.partsIntro')}</p>
      <Table
        label={t('ipv6.parts')}
        rows={rows}
        keyOf={(row) => row}
        csvName="prefixes"
        empty={<Empty title={t('ipv6.noParts')} />}
        columns={[
          {
            key: 'prefix',
            title: t('ipv6.part'),
            text: (row) => at(row, 'Prefix'),
            cell: (row) => <Copy text={at(row, 'Prefix')} />,
          },
          { key: 'on', title: t('column.interface'), text: on },
          {
            key: 'from',
            title: t('ipv6.from'),
            text: (row) => textAt(values, `${at(row, 'ParentPrefix')}.Prefix`),
          },
          {
            key: 'state',
            title: t('column.state'),
            text: state,
            cell: (row) => (
              <StateWord
                state={at(row, 'PrefixStatus') === 'Preferred' ? 'up' : 'unknown'}
                word={state(row)}
              />
            ),
          },
          { key: 'until', title: t('ipv6.until'), text: (row) => at(row, 'ValidLifetime') },
        ]}
      />
    </Card>
  );
}

function Options({ row, values }: { row: string; values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const used = useEnabledColumn(values);
  useLive([`${row}X_GATEHOUSE_Stats.`]);
  const at = (option: string, name: string): string => textAt(values, `${option}${name}`);
  const nameOf = (option: string): string => {
    const word = `ipv6.o${at(option, 'Tag')}`;
    const known = Object.hasOwn(texts.en, word) ? (word as Word) : 'ipv6.other';
    return `${at(option, 'Tag')} ${t(known)}`;
  };
  const columns = [
    {
      key: 'tag',
      title: t('column.option'),
      text: nameOf,
      sort: (option: string) => Number(at(option, 'Tag')),
    },
    {
      key: 'value',
      title: t('column.valueHex'),
      text: (option: string) => at(option, 'Value'),
      cell: (option: string) => <Copy text={at(option, 'Value')} />,
    },
  ];
  return (
    <>
      <Card title={t('ipv6.received')} wide>
        <Table
          label={t('ipv6.received')}
          rows={rowsOf(values.keys(), `${row}ReceivedOption.`)}
          keyOf={(option) => option}
          csvName="options"
          empty={<Empty title={t('ipv6.noReceived')} />}
          columns={[
            ...columns,
            {
              key: 'length',
              title: t('ipv6.length'),
              numeric: true,
              text: (option) => String(at(option, 'Value').length / 2),
            },
          ]}
        />
      </Card>
      <RowsCard
        title={t('ipv6.sent')}
        values={values}
        table={`${row}SentOption.`}
        empty={t('ipv6.noSent')}
        nameOf={nameOf}
        edit={['Enable', 'Tag', 'Value']}
        addTitle={t('client.addOption')}
        add={['Tag', 'Value']}
        needed={['Tag']}
        columns={[...columns, used]}
      />
      <Card title={t('ipv6.messages', { name: titleOf(values, row) })} wide>
        <dl class="counts">
          {COUNTS.map((name) => (
            <div key={name}>
              <dt>{t(`ipv6.${name}`)}</dt>
              <dd class="tabular">
                {number(Number(at(row, `X_GATEHOUSE_Stats.${name}`)), app.locale)}
              </dd>
            </div>
          ))}
        </dl>
      </Card>
    </>
  );
}
