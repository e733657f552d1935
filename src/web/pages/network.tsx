/** Interfaces, DHCP clients, firewall and NAT: lists, and a page for each row. */

import { bytes, rate } from '../lib/format.ts';
import type { Values } from '../lib/patch.ts';
import { rowsOf } from '../lib/paths.ts';
import { href } from '../lib/router.ts';
import {
  addressesOf,
  CLIENTS,
  clientState,
  ETHERNET,
  IP,
  interfaceState,
  NAT,
  numberOf,
  objectState,
  textAt,
  titleOf,
} from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useLive, useModel } from '../ui/hooks.ts';
import { Part } from '../ui/part.tsx';
import {
  Card,
  Copy,
  Empty,
  Fact,
  Facts,
  PageHead,
  Skeleton,
  StateWord,
  Tabs,
} from '../ui/parts.tsx';
import { Table } from '../ui/table.tsx';
import { ClientPage } from './dhcp-client.tsx';
import { InterfacePage } from './interface.tsx';
import { Remaining, remaining } from './overview.tsx';

const ipv6 = () => import('../parts/ipv6/index.tsx');
const map = () => import('../parts/map/index.tsx');
const dht = () => import('../parts/dht/index.tsx');

const PATHS = [
  'Device.IP.',
  'Device.Ethernet.Interface.',
  'Device.DHCPv4.Client.',
  'Device.NAT.',
  'Device.X_GATEHOUSE_Firewall.',
  'Device.Routing.',
];

export function Network() {
  const app = useApp();
  const t = useT();
  const { rest } = app.route.value;
  const [tab = 'interfaces', number] = rest;
  const { values, ready } = useModel(PATHS);
  const tabs = [
    { id: 'interfaces', title: t('network.interfaces'), href: href('network', ['interfaces']) },
    { id: 'dhcp', title: t('network.dhcp'), href: href('network', ['dhcp']) },
    { id: 'ipv6', title: 'IPv6', href: href('network', ['ipv6']) },
    { id: 'firewall', title: t('network.firewall'), href: href('network', ['firewall']) },
    { id: 'routes', title: t('network.routes'), href: href('network', ['routes']) },
    { id: 'map', title: 'MAP-T', href: href('network', ['map']) },
    { id: 'dht', title: 'DHT', href: href('network', ['dht']) },
  ];
  const row = number === undefined ? undefined : `${tab === 'dhcp' ? CLIENTS : IP}${number}.`;
  return (
    <>
      <PageHead
        title={
          row === undefined
            ? t('place.network')
            : t(tab === 'dhcp' ? 'client.title' : 'interface.title', {
                name: ready ? titleOf(values, row) : '',
              })
        }
      />
      <Tabs label={t('place.network')} tabs={tabs} current={tab} />
      {ready ? <Body tab={tab} row={row} values={values} /> : <Skeleton lines={8} />}
    </>
  );
}

function Body({ tab, row, values }: { tab: string; row: string | undefined; values: Values }) {
  const t = useT();
  if (row !== undefined && !values.has(`${row}Enable`)) return <Empty title={t('network.gone')} />;
  if (tab === 'dhcp')
    return row === undefined ? (
      <Clients values={values} />
    ) : (
      <ClientPage row={row} values={values} />
    );
  if (tab === 'ipv6') return <Part load={ipv6} />;
  if (tab === 'firewall') return <Firewall values={values} />;
  if (tab === 'routes') return <Routes values={values} />;
  if (tab === 'map') return <Part load={map} />;
  if (tab === 'dht') return <Part load={dht} />;
  return row === undefined ? (
    <Interfaces values={values} />
  ) : (
    <InterfacePage row={row} values={values} />
  );
}

function Interfaces({ values }: { values: Values }) {
  const t = useT();
  const { locale: language } = useApp();
  useLive(
    [...rowsOf(values.keys(), IP), ...rowsOf(values.keys(), ETHERNET)].map((row) => `${row}Stats.`),
  );
  return (
    <div class="grid">
      <Card title={t('interfaces.ip')} wide>
        <p class="muted">{t('interfaces.ipIntro')}</p>
        <Table
          label={t('interfaces.ip')}
          rows={rowsOf(values.keys(), IP)}
          keyOf={(row) => row}
          csvName="interfaces"
          open={(row) => href('network', ['interfaces', numberOf(row)])}
          empty={<Empty title={t('interfaces.none')} />}
          columns={[
            { key: 'name', title: t('column.name'), text: (row) => titleOf(values, row) },
            {
              key: 'state',
              title: t('column.state'),
              text: (row) => t(`state.${interfaceState(values, row)}`),
              cell: (row) => <StateWord state={interfaceState(values, row)} />,
            },
            {
              key: 'zone',
              title: t('column.zone'),
              text: (row) => textAt(values, `${row}X_GATEHOUSE_Zone`) || '—',
            },
            {
              key: 'kernel',
              title: t('column.kernel'),
              text: (row) => textAt(values, `${row}Name`) || '—',
              cell: (row) => <span class="mono">{textAt(values, `${row}Name`) || '—'}</span>,
            },
            {
              key: 'address',
              title: t('column.addresses'),
              text: (row) => addressesOf(values, row).join(' '),
              cell: (row) =>
                (addressesOf(values, row).length === 0 ? [''] : addressesOf(values, row)).map(
                  (address) => <Copy key={address} text={address} />,
                ),
            },
            {
              key: 'in',
              title: t('column.received'),
              numeric: true,
              text: (row) => bytes(Number(textAt(values, `${row}Stats.BytesReceived`)), language),
              sort: (row) => Number(textAt(values, `${row}Stats.BytesReceived`)),
            },
            {
              key: 'out',
              title: t('column.sent'),
              numeric: true,
              text: (row) => bytes(Number(textAt(values, `${row}Stats.BytesSent`)), language),
              sort: (row) => Number(textAt(values, `${row}Stats.BytesSent`)),
            },
          ]}
        />
      </Card>
      <Card title={t('interfaces.ports')} wide>
        <p class="muted">{t('interfaces.portsIntro')}</p>
        <Table
          label={t('interfaces.ports')}
          rows={rowsOf(values.keys(), ETHERNET)}
          keyOf={(row) => row}
          csvName="ports"
          empty={<Empty title={t('interfaces.none')} />}
          columns={[
            {
              key: 'name',
              title: t('column.kernel'),
              text: (row) => textAt(values, `${row}Name`),
              cell: (row) => <span class="mono">{textAt(values, `${row}Name`)}</span>,
            },
            {
              key: 'state',
              title: t('column.state'),
              text: (row) => t(`state.${interfaceState(values, row)}`),
              cell: (row) => <StateWord state={interfaceState(values, row)} />,
            },
            {
              key: 'mac',
              title: t('column.mac'),
              text: (row) => textAt(values, `${row}MACAddress`),
              cell: (row) => <Copy text={textAt(values, `${row}MACAddress`)} />,
            },
            {
              key: 'speed',
              title: t('column.speed'),
              numeric: true,
              text: (row) => speedText(values, row, language),
              sort: (row) => Number(textAt(values, `${row}CurrentBitRate`)),
            },
            {
              key: 'errors',
              title: t('column.errors'),
              numeric: true,
              text: (row) =>
                String(
                  Number(textAt(values, `${row}Stats.ErrorsReceived`)) +
                    Number(textAt(values, `${row}Stats.ErrorsSent`)),
                ),
            },
          ]}
        />
      </Card>
    </div>
  );
}

/** CurrentBitRate is in Mbit/s. */
function speedText(values: Values, row: string, language: string): string {
  const speed = Number(textAt(values, `${row}CurrentBitRate`));
  return speed > 0 ? rate(speed * 125_000, language) : '—';
}

function Clients({ values }: { values: Values }) {
  const app = useApp();
  const t = useT();
  return (
    <Card title={t('network.dhcp')} wide>
      <p class="muted">{t('clients.intro')}</p>
      <Table
        label={t('network.dhcp')}
        rows={rowsOf(values.keys(), CLIENTS)}
        keyOf={(row) => row}
        csvName="dhcp-clients"
        open={(row) => href('network', ['dhcp', numberOf(row)])}
        empty={<Empty title={t('clients.none')}>{t('clients.noneHow')}</Empty>}
        columns={[
          { key: 'name', title: t('column.name'), text: (row) => titleOf(values, row) },
          {
            key: 'state',
            title: t('column.state'),
            text: (row) => t(`state.${clientState(values, row)}`),
            cell: (row) => <StateWord state={clientState(values, row)} />,
          },
          {
            key: 'on',
            title: t('column.interface'),
            text: (row) => titleOf(values, `${textAt(values, `${row}Interface`)}.`),
          },
          {
            key: 'address',
            title: t('overview.address'),
            text: (row) => textAt(values, `${row}IPAddress`),
            cell: (row) => <Copy text={textAt(values, `${row}IPAddress`)} />,
          },
          {
            key: 'lease',
            title: t('overview.lease'),
            text: (row) => remaining(app, values, `${row}LeaseTimeRemaining`),
            sort: (row) => Number(textAt(values, `${row}LeaseTimeRemaining`)),
            cell: (row) => <Remaining values={values} path={`${row}LeaseTimeRemaining`} />,
          },
          {
            key: 'server',
            title: t('column.server'),
            text: (row) => textAt(values, `${row}DHCPServer`),
            cell: (row) => <Copy text={textAt(values, `${row}DHCPServer`)} />,
          },
        ]}
      />
    </Card>
  );
}

function Firewall({ values }: { values: Values }) {
  const t = useT();
  const status = textAt(values, 'Device.X_GATEHOUSE_Firewall.Status');
  const reason = textAt(values, 'Device.X_GATEHOUSE_Firewall.Reason');
  return (
    <div class="grid">
      <Card title={t('network.firewallCard')}>
        <Facts>
          <Fact name={t('overview.state')}>
            <StateWord
              state={objectState(status)}
              word={t(status === 'Enabled' ? 'firewall.on' : 'firewall.off')}
            />
          </Fact>
          {reason !== '' && <Fact name={t('firewall.reason')}>{reason}</Fact>}
          <Fact name={t('firewall.restored')}>
            {t('times', { n: Number(textAt(values, 'Device.X_GATEHOUSE_Firewall.Restored')) })}
          </Fact>
        </Facts>
      </Card>
      <Card title={t('firewall.zones')}>
        <ul class="plain">
          <li>{t('firewall.ruleWan')}</li>
          <li>{t('firewall.ruleLan')}</li>
          <li>{t('firewall.ruleNone')}</li>
        </ul>
      </Card>
      <Card title={t('firewall.nat')} wide>
        <p class="muted">{t('firewall.natIntro')}</p>
        <Table
          label={t('firewall.nat')}
          rows={rowsOf(values.keys(), NAT)}
          keyOf={(row) => row}
          empty={<Empty title={t('firewall.noNat')} />}
          columns={[
            { key: 'name', title: t('column.name'), text: (row) => titleOf(values, row) },
            {
              key: 'interface',
              title: t('column.interface'),
              text: (row) => titleOf(values, `${textAt(values, `${row}Interface`)}.`),
            },
            {
              key: 'state',
              title: t('column.state'),
              text: (row) => t(`state.${objectState(textAt(values, `${row}Status`))}`),
              cell: (row) => <StateWord state={objectState(textAt(values, `${row}Status`))} />,
            },
          ]}
        />
      </Card>
    </div>
  );
}

function Routes({ values }: { values: Values }) {
  const t = useT();
  const rows = rowsOf(values.keys(), 'Device.Routing.Router.').flatMap((router) =>
    rowsOf(values.keys(), `${router}IPv4Forwarding.`),
  );
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  /** Empty for the default route. */
  const targetOf = (row: string): string => {
    const [address, mask] = [at(row, 'DestIPAddress'), at(row, 'DestSubnetMask')];
    if (address === '' || address === '0.0.0.0') return '';
    return mask === '' ? address : `${address} / ${mask}`;
  };
  return (
    <Card title={t('network.routes')} wide>
      <p class="muted">{t('routes.intro')}</p>
      <Table
        label={t('network.routes')}
        rows={rows}
        keyOf={(row) => row}
        csvName="routes"
        empty={<Empty title={t('routes.none')} />}
        columns={[
          {
            key: 'to',
            title: t('column.destination'),
            text: (row) => targetOf(row) || t('routes.default'),
            cell: (row) => {
              const target = targetOf(row);
              return target === '' ? t('routes.default') : <span class="mono">{target}</span>;
            },
          },
          {
            key: 'via',
            title: t('column.gateway'),
            text: (row) => at(row, 'GatewayIPAddress') || '—',
            cell: (row) => <Copy text={at(row, 'GatewayIPAddress')} />,
          },
          {
            key: 'if',
            title: t('column.interface'),
            text: (row) => titleOf(values, `${at(row, 'Interface')}.`).replace(/^\.$/, '—') || '—',
          },
          { key: 'origin', title: t('column.origin'), text: (row) => at(row, 'Origin') },
          {
            key: 'metric',
            title: t('column.metric'),
            numeric: true,
            text: (row) => at(row, 'ForwardingMetric'),
          },
          {
            key: 'state',
            title: t('column.state'),
            text: (row) => t(`state.${objectState(at(row, 'Status'))}`),
            cell: (row) => <StateWord state={objectState(at(row, 'Status'))} />,
          },
        ]}
      />
    </Card>
  );
}
