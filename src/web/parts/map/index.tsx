/** MAP-T: the shared IPv4 address, its port sets with their use, its rules. */
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { objectState, textAt, titleOf } from '../../lib/status.ts';
import { useTexts } from '../../state/app.ts';
import { useLive, useModel } from '../../ui/hooks.ts';
import { Card, Copy, Empty, Fact, Facts, Note, Skeleton, StateWord } from '../../ui/parts.tsx';
import { RowsCard, useEnabledColumn } from '../../ui/rows-card.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import './style.css';
import { texts } from './texts.ts';

const MAP = 'Device.MAP.';
const DOMAINS = `${MAP}Domain.`;
const DOMAIN_PARAMS = ['Enable', 'WANInterface', 'IPv6Prefix', 'BRIPv6Prefix', 'DSCPMarkPolicy'];
const RULE_PARAMS = [
  ...['Enable', 'IPv6Prefix', 'IPv4Prefix', 'EABitsLength', 'IsFMR'],
  ...['PSIDOffset', 'PSIDLength', 'PSID', 'IncludeSystemPorts'],
];

export default function MapPage() {
  const t = useTexts(texts);
  const { values, ready } = useModel([MAP, 'Device.IP.']);
  const domains = rowsOf(values.keys(), DOMAINS);
  useLive(domains);
  const enabled = useEnabledColumn(values);
  if (!ready) return <Skeleton lines={6} />;
  const refused = textAt(values, `${MAP}X_GATEHOUSE_RefusedOptions`);
  return (
    <div class="grid">
      {refused !== '0' && refused !== '' && (
        <Note kind="warn">
          {t('map.refused', { count: refused, why: textAt(values, `${MAP}X_GATEHOUSE_Refusal`) })}
        </Note>
      )}
      {domains.length === 0 && <Empty title={t('map.none')} />}
      {domains.map((row) => (
        <Domain key={row} row={row} values={values} />
      ))}
      <RowsCard
        title={t('map.domains')}
        intro={t('map.intro')}
        values={values}
        table={DOMAINS}
        rows={domains.filter((row) => textAt(values, `${row}X_GATEHOUSE_Origin`) !== 'DHCPv6')}
        columns={[
          { key: 'name', title: t('column.name'), text: (row) => titleOf(values, row) },
          enabled,
          {
            key: 'state',
            title: t('column.state'),
            text: (row) => t(`state.${stateOf(values, row)}`),
            cell: (row) => <StateWord state={stateOf(values, row)} />,
          },
        ]}
        empty={t('map.none')}
        nameOf={(row) => titleOf(values, row)}
        edit={DOMAIN_PARAMS}
        addTitle={t('map.addDomain')}
        add={DOMAIN_PARAMS}
        needed={['WANInterface']}
      />
    </div>
  );
}

const stateOf = (values: Values, row: string) => objectState(textAt(values, `${row}Status`));

function Domain({ row, values }: { row: string; values: Values }) {
  const t = useTexts(texts);
  const at = (name: string): string => textAt(values, `${row}X_GATEHOUSE_${name}`);
  const sets = at('PortSets')
    .split(',')
    .filter((text) => text !== '');
  const used = at('PortSetUse').split(',').map(Number);
  const all = sets.reduce((sum, set) => sum + sizeOf(set), 0);
  return (
    <>
      <Card title={t('map.domain')} note={<StateWord state={stateOf(values, row)} />}>
        {at('Reason') !== '' && <Note kind="bad">{at('Reason')}</Note>}
        <Facts>
          <Fact name={t('map.address')}>
            <Copy text={at('IPv4Address')} />
          </Fact>
          <Fact name={t('map.psid')}>
            {at('Shared') === 'true'
              ? t('map.bits', { psid: at('PSID'), bits: at('PSIDLength') })
              : t('map.whole')}
          </Fact>
          <Fact name={t('map.inUse')}>{t('map.of', { used: at('PortsInUse'), all })}</Fact>
          <Fact name={t('map.flows')}>
            {t('map.flowsOf', {
              ...{ tcp: at('TCPFlows'), udp: at('UDPFlows'), icmp: at('ICMPFlows') },
            })}
          </Fact>
          <Fact name={t('map.delegated')}>
            <Copy text={at('Delegated')} />
          </Fact>
          <Fact name={t('map.address6')}>
            <Copy text={at('IPv6Address')} />
          </Fact>
          <Fact name={t('map.relay')}>
            <Copy text={at('BorderRelay')} />
          </Fact>
          <Fact name={t('map.mtu')}>{t('map.bytes', { bytes: at('MTU') })}</Fact>
          <Fact name={t('map.engine')}>{at('Engine') || '—'}</Fact>
        </Facts>
      </Card>
      <Rules row={row} values={values} />
      {at('Shared') === 'true' && (
        <Card title={t('map.sets')} wide>
          <p class="muted">{t('map.setsText')}</p>
          <ul class="port-sets">
            {sets.map((set, i) => (
              <li key={set} class={used[i] === sizeOf(set) ? 'full' : ''}>
                <span class="mono">{set}</span>{' '}
                {t('map.of', { used: used[i] ?? 0, all: sizeOf(set) })}
              </li>
            ))}
          </ul>
        </Card>
      )}
    </>
  );
}

function Rules({ row, values }: { row: string; values: Values }) {
  const t = useTexts(texts);
  const at = (rule: string, name: string): string => textAt(values, `${rule}${name}`);
  const columns: readonly Column<string>[] = [
    {
      key: 'prefix6',
      title: t('map.rule'),
      text: (rule) => at(rule, 'IPv6Prefix'),
      cell: (rule) => <span class="mono">{at(rule, 'IPv6Prefix')}</span>,
    },
    {
      key: 'prefix4',
      title: t('map.prefix4'),
      text: (rule) => at(rule, 'IPv4Prefix'),
      cell: (rule) => <span class="mono">{at(rule, 'IPv4Prefix')}</span>,
    },
    { key: 'ea', title: t('map.ea'), numeric: true, text: (rule) => at(rule, 'EABitsLength') },
    {
      key: 'basic',
      title: t('map.basic'),
      text: (rule) => t(at(rule, 'X_GATEHOUSE_Basic') === 'true' ? 'yes' : 'no'),
    },
    { key: 'origin', title: t('map.origin'), text: (rule) => at(rule, 'Origin') },
    {
      key: 'state',
      title: t('column.state'),
      text: (rule) => t(`state.${objectState(at(rule, 'Status'))}`),
      cell: (rule) => <StateWord state={objectState(at(rule, 'Status'))} />,
    },
    { key: 'reason', title: t('map.reason'), text: (rule) => at(rule, 'X_GATEHOUSE_Reason') },
  ];
  const table = `${row}Rule.`;
  if (textAt(values, `${row}X_GATEHOUSE_Origin`) === 'DHCPv6') {
    return (
      <Card title={t('map.rules')} wide>
        <p class="muted">{t('map.rulesText')}</p>
        <Table
          label={t('map.rules')}
          rows={rowsOf(values.keys(), table)}
          keyOf={(rule) => rule}
          empty={<Empty title={t('map.noRules')} />}
          columns={columns}
        />
      </Card>
    );
  }
  return (
    <RowsCard
      title={t('map.rules')}
      intro={t('map.rulesText')}
      values={values}
      table={table}
      columns={columns}
      empty={t('map.noRules')}
      nameOf={(rule) => at(rule, 'IPv6Prefix')}
      edit={RULE_PARAMS}
      addTitle={t('map.addRule')}
      add={RULE_PARAMS}
      needed={['IPv6Prefix', 'IPv4Prefix']}
    />
  );
}

/** Of `first-last`; port 0 is none. */
function sizeOf(set: string): number {
  const [first = 0, last = 0] = set.split('-').map(Number);
  return last - Math.max(1, first) + 1;
}
