/** One DHCPv4 client: its lease, its settings, what it sends and what it asks for. */
import { useSignal } from '@preact/signals';
import type { Key } from '../i18n/en.ts';
import { clock, hexText, number } from '../lib/format.ts';
import { optionName } from '../lib/option-names.ts';
import type { Values } from '../lib/patch.ts';
import { rowsOf } from '../lib/paths.ts';
import { clientState, countdownSec, textAt } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useLive } from '../ui/hooks.ts';
import { ObjectForm } from '../ui/object-form.tsx';
import { Card, Copy, Empty, Fact, Facts, Note, StateWord } from '../ui/parts.tsx';
import { AddRow, DeleteRow } from '../ui/rows.tsx';
import { Table } from '../ui/table.tsx';
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
  const app = useApp();
  const t = useT();
  const adding = useSignal(false);
  const editing = useSignal<string | undefined>(undefined);
  const rows = rowsOf(values.keys(), `${row}${kind}.`);
  const at = (option: string, name: string): string => textAt(values, `${option}${name}`);
  const title = t(kind === 'SentOption' ? 'client.sends' : 'client.asks');
  const name = (option: string): string => optionName(Number(at(option, 'Tag')), app.locale);
  return (
    <Card
      title={title}
      wide
      note={
        app.mayChange && (
          <button type="button" class="quiet" onClick={() => (adding.value = true)}>
            {t('client.addOption')}
          </button>
        )
      }
    >
      <Table
        label={title}
        rows={rows}
        keyOf={(option) => option}
        filter={rows.length > 8}
        empty={<Empty title={t(kind === 'SentOption' ? 'client.sendsNone' : 'client.asksNone')} />}
        columns={[
          {
            key: 'tag',
            title: t('column.option'),
            text: name,
            sort: (option) => Number(at(option, 'Tag')),
          },
          {
            key: 'value',
            title: t(kind === 'SentOption' ? 'column.valueHex' : 'column.answer'),
            text: (option) => at(option, 'Value'),
            cell: (option) => <OptionValue hex={at(option, 'Value')} />,
          },
          {
            key: 'enabled',
            title: t('column.used'),
            text: (option) => at(option, 'Enable'),
            cell: (option) => (
              <StateWord
                state={at(option, 'Enable') === 'true' ? 'up' : 'off'}
                word={t(at(option, 'Enable') === 'true' ? 'yes' : 'no')}
              />
            ),
          },
          {
            key: 'do',
            title: t('column.actions'),
            text: () => '',
            cell: (option) =>
              app.mayChange ? (
                <span class="actions">
                  <button
                    type="button"
                    class="quiet"
                    aria-expanded={editing.value === option}
                    onClick={() => (editing.value = editing.value === option ? undefined : option)}
                  >
                    {t('edit')}
                    <span class="sr"> {name(option)}</span>
                  </button>
                  <DeleteRow row={option} name={name(option)} values={values} />
                </span>
              ) : null,
          },
        ]}
      />
      {editing.value !== undefined && values.has(`${editing.value}Tag`) && (
        <section
          class="inline-form"
          aria-label={t('client.editOption', { name: name(editing.value) })}
        >
          <h3>{t('client.editOption', { name: name(editing.value) })}</h3>
          <ObjectForm
            values={values}
            paths={(kind === 'SentOption'
              ? ['Enable', 'Tag', 'Value']
              : ['Enable', 'Order', 'Tag']
            ).map((field) => `${editing.value}${field}`)}
            onSaved={() => (editing.value = undefined)}
          />
        </section>
      )}
      {adding.value && (
        <AddRow
          title={t('client.addOption')}
          table={`${row}${kind}.`}
          names={kind === 'SentOption' ? ['Tag', 'Value'] : ['Tag']}
          needed={['Tag']}
          values={values}
          extra={{ Enable: 'true' }}
          onClose={() => (adding.value = false)}
        />
      )}
    </Card>
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
