/** One DHCPv4 client: its lease, its settings, what it sends and what it asks for. */
import type { Key } from '../i18n/en.ts';
import { clock, hexText, number } from '../lib/format.ts';
import { optionName } from '../lib/option-names.ts';
import type { Values } from '../lib/patch.ts';
import { clientState, countdownSec, textAt } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useLive } from '../ui/hooks.ts';
import { ObjectForm } from '../ui/object-form.tsx';
import { Card, Copy, Fact, Facts, Note, StateWord } from '../ui/parts.tsx';
import { RowsCard, useEnabledColumn } from '../ui/rows-card.tsx';
import { Remaining, Renew } from './overview.tsx';

const SETTINGS = [
  'Enable',
  'Interface',
  'X_GATEHOUSE_UseDNS',
  'X_GATEHOUSE_RouteMetric',
  'DSCPMark',
];
const WAITS = ['DiscoverInitialTimeout', 'DiscoverMaxTimeout'];
const COUNTS = [
  'Discover',
  'Offer',
  'Request',
  'ACK',
  'NACK',
  'Decline',
  'Release',
  'ForceRenew',
  'DiscardedPackets',
];

export function ClientPage({ row, values }: { row: string; values: Values }) {
  const app = useApp();
  const t = useT();
  const at = (name: string): string => textAt(values, `${row}${name}`);
  useLive([`${row}Stats.`]);
  return (
    <div class="grid">
      <Card title={t('client.lease')}>
        {at('X_GATEHOUSE_Reason') !== '' && <Note kind="warn">{at('X_GATEHOUSE_Reason')}</Note>}
        <Facts>
          <Fact name={t('overview.state')}>
            <StateWord
              state={clientState(values, row)}
              word={t(`dhcp.${at('Enable') === 'true' ? at('DHCPStatus') : 'Off'}` as Key)}
            />
          </Fact>
          <Fact name={t('overview.address')}>
            <Copy text={at('IPAddress')} />
          </Fact>
          <Fact name={t('param.SubnetMask')}>
            <Copy text={at('SubnetMask')} />
          </Fact>
          <Fact name={t('overview.lease')}>
            <Remaining values={values} path={`${row}LeaseTimeRemaining`} />
            <LeaseBar row={row} values={values} />
          </Fact>
          <Fact name={t('overview.gateway')}>
            <Copy text={at('IPRouters')} />
          </Fact>
          <Fact name={t('overview.resolvers')}>
            <Copy text={at('DNSServers').replaceAll(',', ', ')} />
          </Fact>
          <Fact name={t('column.server')}>
            <Copy text={at('DHCPServer')} />
          </Fact>
          {at('X_GATEHOUSE_DomainName') !== '' && (
            <Fact name={t('client.domain')}>{at('X_GATEHOUSE_DomainName')}</Fact>
          )}
        </Facts>
        {app.mayChange && at('Enable') === 'true' && <Renew client={row} />}
      </Card>
      <Card title={t('settings')} class="form-card">
        <ObjectForm
          values={values}
          paths={[
            ...SETTINGS.map((name) => `${row}${name}`),
            ...WAITS.map((name) => `${row}Retransmission.${name}`),
          ]}
        />
      </Card>
      <Options row={row} values={values} kind="SentOption" />
      <Options row={row} values={values} kind="ReqOption" />
      <Card title={t('client.messages')} wide>
        <p class="muted">{t('client.messagesIntro')}</p>
        <dl class="counts">
          {COUNTS.map((name) => (
            <div key={name}>
              <dt>{t(`count.${name}` as Key)}</dt>
              <dd class="tabular">{number(Number(at(`Stats.${name}`)), app.locale)}</dd>
            </div>
          ))}
        </dl>
      </Card>
    </div>
  );
}

/** How much of the lease is left, where the server said how long it is (option 51). */
function LeaseBar({ row, values }: { row: string; values: Values }) {
  const app = useApp();
  const t = useT();
  const total = Number.parseInt(
    /(?:^|,)51=([0-9A-F]{8})/.exec(textAt(values, `${row}X_GATEHOUSE_LeaseOptions`))?.[1] ?? '',
    16,
  );
  const left = countdownSec(values, `${row}LeaseTimeRemaining`, app.nowMs.value);
  if (Number.isNaN(total) || total === 0 || total === 0xffffffff || left === undefined) return null;
  return (
    <meter
      class="lease-bar"
      min={0}
      max={total}
      value={left}
      aria-label={t('lease.bar', { left: clock(left), total: clock(total) })}
    />
  );
}

function Options({
  row,
  values,
  kind,
}: {
  row: string;
  values: Values;
  kind: 'SentOption' | 'ReqOption';
}) {
  const t = useT();
  const isSent = kind === 'SentOption';
  return (
    <OptionRows
      values={values}
      table={`${row}${kind}.`}
      title={t(isSent ? 'client.sends' : 'client.asks')}
      empty={t(isSent ? 'client.sendsNone' : 'client.asksNone')}
      value={t(isSent ? 'column.valueHex' : 'column.answer')}
      edit={isSent ? ['Enable', 'Tag', 'Value'] : ['Enable', 'Order', 'Tag']}
      add={isSent ? ['Tag', 'Value'] : ['Tag']}
    />
  );
}

/** DHCP options by number: what a client sends and asks for, what a pool hands out. */
export function OptionRows(props: {
  values: Values;
  table: string;
  title: string;
  empty: string;
  /** Title of the column of values. */
  value: string;
  edit: readonly string[];
  add: readonly string[];
}) {
  const app = useApp();
  const t = useT();
  const { values } = props;
  const used = useEnabledColumn(values);
  const at = (option: string, name: string): string => textAt(values, `${option}${name}`);
  const name = (option: string): string => optionName(Number(at(option, 'Tag')), app.locale);
  return (
    <RowsCard
      {...props}
      addTitle={t('client.addOption')}
      needed={['Tag']}
      nameOf={name}
      columns={[
        {
          key: 'tag',
          title: t('column.option'),
          text: name,
          sort: (option) => Number(at(option, 'Tag')),
        },
        {
          key: 'value',
          title: props.value,
          text: (option) => at(option, 'Value'),
          cell: (option) => <OptionValue hex={at(option, 'Value')} />,
        },
        used,
      ]}
    />
  );
}

/** Hex as it is, and as text where it is text. */
function OptionValue({ hex }: { hex: string }) {
  const text = hexText(hex);
  return (
    <span class="option-value">
      <Copy text={hex} />
      {text !== undefined && <span class="muted">“{text}”</span>}
    </span>
  );
}
