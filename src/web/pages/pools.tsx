/** Pools of addresses: how full they are, their settings, fixed addresses and options. */
import { fillOf, POOLS } from '../lib/devices.ts';
import { duration, ipv4 } from '../lib/format.ts';
import type { Values } from '../lib/patch.ts';
import { href } from '../lib/router.ts';
import { numberOf, objectState, textAt, titleOf } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useLive } from '../ui/hooks.ts';
import { ObjectForm } from '../ui/object-form.tsx';
import { Card, Copy, Fact, Facts, Note, StateWord } from '../ui/parts.tsx';
import { RowsCard, useEnabledColumn } from '../ui/rows-card.tsx';
import { OptionRows } from './dhcp-client.tsx';

const RANGE = ['Interface', 'MinAddress', 'MaxAddress'];
const SETTINGS = [
  'Enable',
  ...RANGE,
  'LeaseTime',
  'ReservedAddresses',
  'IPRouters',
  'DNSServers',
  'DomainName',
  'AllowedDevices',
  'X_GATEHOUSE_FollowInterface',
];
const FIXED = ['Chaddr', 'Yiaddr', 'X_GATEHOUSE_HostName'];
const OPTION = ['Tag', 'Value', 'X_GATEHOUSE_Force', 'X_GATEHOUSE_VendorClassID'];

const rangeOf = (values: Values, row: string): string =>
  textAt(values, `${row}X_GATEHOUSE_Range`).replace('-', ' – ');

/** Words first, then the same as a bar. */
function FillBar({ row, values }: { row: string; values: Values }) {
  const t = useT();
  const { bound, size, nearlyFull } = fillOf(values, row);
  const words = t('pools.fill', { n: bound, all: size });
  return (
    <>
      {nearlyFull ? <StateWord state="degraded" word={words} /> : words}
      {size > 0 && <meter class="lease-bar" max={size} value={bound} aria-label={words} />}
    </>
  );
}

export function Pools({ values }: { values: Values }) {
  const { locale } = useApp();
  const t = useT();
  useLive([`${POOLS}*.`]);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const lent = (row: string): string => {
    const seconds = Number(at(row, 'LeaseTime'));
    return seconds < 0 ? t('lease.forever') : duration(seconds, locale);
  };
  const state = (row: string) => objectState(at(row, 'Status'));
  return (
    <RowsCard
      title={t('devices.pools')}
      intro={t('pools.intro')}
      values={values}
      table={POOLS}
      nameOf={(row) => titleOf(values, row)}
      open={(row) => href('devices', ['pools', numberOf(row)])}
      empty={t('pools.none')}
      addTitle={t('pools.add')}
      add={['Alias', ...RANGE]}
      needed={RANGE}
      columns={[
        { key: 'name', title: t('column.name'), text: (row) => titleOf(values, row) },
        {
          key: 'state',
          title: t('column.state'),
          text: (row) => t(`state.${state(row)}`),
          cell: (row) => (
            <>
              <StateWord state={state(row)} />
              <span class="hint">{at(row, 'X_GATEHOUSE_Reason')}</span>
            </>
          ),
        },
        { key: 'range', title: t('column.addresses'), text: (row) => rangeOf(values, row) || '—' },
        { key: 'lent', title: t('param.LeaseTime'), text: lent },
        {
          key: 'fill',
          title: t('pools.lent'),
          text: (row) => {
            const { bound, size } = fillOf(values, row);
            return t('pools.fill', { n: bound, all: size });
          },
          sort: (row) => fillOf(values, row).bound / fillOf(values, row).size,
          cell: (row) => <FillBar row={row} values={values} />,
        },
      ]}
    />
  );
}

export function PoolPage({ row, values }: { row: string; values: Values }) {
  const t = useT();
  useLive([row]);
  const used = useEnabledColumn(values);
  const at = (path: string, name: string): string => textAt(values, `${path}${name}`);
  const reason = at(row, 'X_GATEHOUSE_Reason');
  return (
    <>
      <Card title={titleOf(values, row)}>
        {reason !== '' && <Note kind="warn">{reason}</Note>}
        <Facts>
          <Fact name={t('overview.state')}>
            <StateWord state={objectState(at(row, 'Status'))} />
          </Fact>
          <Fact name={t('column.addresses')}>{rangeOf(values, row) || '—'}</Fact>
          <Fact name={t('pools.lent')}>
            <FillBar row={row} values={values} />
          </Fact>
        </Facts>
      </Card>
      <Card title={t('settings')} class="form-card">
        <ObjectForm values={values} paths={SETTINGS.map((name) => `${row}${name}`)} />
      </Card>
      <RowsCard
        title={t('pools.fixed')}
        values={values}
        table={`${row}StaticAddress.`}
        nameOf={(entry) => at(entry, 'X_GATEHOUSE_HostName') || at(entry, 'Chaddr')}
        empty={t('pools.fixedNone')}
        edit={['Enable', ...FIXED]}
        addTitle={t('pools.addFixed')}
        add={FIXED}
        needed={['Chaddr', 'Yiaddr']}
        columns={[
          {
            key: 'name',
            title: t('column.name'),
            text: (entry) => at(entry, 'X_GATEHOUSE_HostName') || '—',
          },
          {
            key: 'mac',
            title: t('column.mac'),
            text: (entry) => at(entry, 'Chaddr'),
            cell: (entry) => <Copy text={at(entry, 'Chaddr')} />,
          },
          {
            key: 'address',
            title: t('overview.address'),
            text: (entry) => at(entry, 'Yiaddr'),
            sort: (entry) => ipv4(at(entry, 'Yiaddr')) ?? 0,
            cell: (entry) => <Copy text={at(entry, 'Yiaddr')} />,
          },
          used,
        ]}
      />
      <OptionRows
        values={values}
        table={`${row}Option.`}
        title={t('pools.options')}
        empty={t('pools.optionsNone')}
        value={t('column.valueHex')}
        edit={['Enable', ...OPTION]}
        add={OPTION}
      />
    </>
  );
}
