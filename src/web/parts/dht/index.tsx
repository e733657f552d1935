/** The node of the DHT: how it stands, what it did, its tables, its budget, and the updates that it heard of. */
import { bytes } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { objectState, textAt } from '../../lib/status.ts';
import { PartTexts, useApp, useTexts } from '../../state/app.ts';
import { useLive, useModel } from '../../ui/hooks.ts';
import { ObjectForm } from '../../ui/object-form.tsx';
import { Card, Copy, Fact, Facts, Note, Skeleton, StateWord } from '../../ui/parts.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { LanTorrents } from './lan.tsx';
import { texts } from './texts.ts';

const DHT = 'Device.X_GATEHOUSE_DHT.';
const BUDGET = `${DHT}Budget.`;
const STATS = `${DHT}Stats.`;
const ANNOUNCEMENT = `${DHT}Announcement.`;
const TABLES = `${DHT}Table.`;
const VERSION = 'Device.DeviceInfo.SoftwareVersion';
const SETTINGS = ['Enable', 'Port', 'BootstrapNodes', 'PrivateNetworks', 'ReadOnly'];
const BUDGETS = [
  ...['PacketsReceived', 'PacketsSent', 'BytesReceived', 'BytesSent'],
  ...['QueriesPerSource', 'Flows'],
];

export default function DhtPage() {
  const t = useTexts(texts);
  const { values, ready } = useModel([DHT, VERSION]);
  const tables = rowsOf(values.keys(), TABLES);
  useLive([DHT, STATS, ANNOUNCEMENT, ...tables]);
  if (!ready) return <Skeleton lines={6} />;
  const at = (name: string): string => textAt(values, `${DHT}${name}`);
  const nodes = tables.reduce((sum, row) => sum + Number(textAt(values, `${row}Nodes`)), 0);
  return (
    <div class="grid">
      <Card
        title={t('dht.node')}
        note={
          at('Status') === 'Starting' ? (
            <StateWord state="unknown" word={t('dht.starting')} />
          ) : (
            <StateWord state={objectState(at('Status'))} />
          )
        }
      >
        <p class="muted">{t('dht.intro')}</p>
        {at('Reason') !== '' && <Note kind="bad">{at('Reason')}</Note>}
        <Facts>
          <Fact name={t('dht.nodes')}>{String(nodes)}</Fact>
          <Fact name={t('dht.peers')}>{at('Peers')}</Fact>
          <Fact name={t('dht.items')}>{at('Items')}</Fact>
          <Fact name={t('dht.flows')}>{at('Flows')}</Fact>
        </Facts>
      </Card>
      <Announced values={values} />
      <Traffic values={values} />
      <Tables values={values} rows={tables} />
      <LanTorrents />
      <PartTexts value={texts}>
        <Card title={t('dht.settings')}>
          <ObjectForm values={values} paths={SETTINGS.map((name) => `${DHT}${name}`)} />
        </Card>
        <Card title={t('dht.budget')}>
          <ObjectForm values={values} paths={BUDGETS.map((name) => `${BUDGET}${name}`)} />
        </Card>
      </PartTexts>
    </div>
  );
}

/** Of a version that this box does not run. */
function Announced({ values }: { values: Values }) {
  const t = useTexts(texts);
  const at = (name: string): string => textAt(values, `${ANNOUNCEMENT}${name}`);
  const version = at('Version');
  if (at('PublicKey') === '') {
    return (
      <Card title={t('dht.announced')}>
        <p class="muted">{t('dht.noKey')}</p>
      </Card>
    );
  }
  if (version === '' || version === textAt(values, VERSION)) {
    return (
      <Card title={t('dht.announced')}>
        <p>{version === '' ? t('dht.nothing') : t('dht.newest', { version })}</p>
      </Card>
    );
  }
  return (
    <Card title={t('dht.announced')}>
      <Note kind="info">{t('dht.update', { version })}</Note>
      <p>{t('dht.updateText')}</p>
      <Copy text={at('URL')} />
    </Card>
  );
}

function Traffic({ values }: { values: Values }) {
  const t = useTexts(texts);
  const { locale } = useApp();
  const at = (name: string): string => textAt(values, `${STATS}${name}`);
  const of = (name: string): string => bytes(Number(at(name)), locale);
  return (
    <Card title={t('dht.traffic')}>
      <Facts>
        <Fact name={t('dht.received')}>{`${at('PacketsReceived')}, ${of('BytesReceived')}`}</Fact>
        <Fact name={t('dht.sent')}>{`${at('PacketsSent')}, ${of('BytesSent')}`}</Fact>
        <Fact name={t('dht.answered')}>{at('QueriesAnswered')}</Fact>
        <Fact name={t('dht.asked')}>{at('QueriesSent')}</Fact>
        <Fact name={t('dht.timeouts')}>{at('Timeouts')}</Fact>
        <Fact name={t('dht.overBudget')}>{at('DroppedBudget')}</Fact>
        <Fact name={t('dht.unwanted')}>{at('DroppedAddress')}</Fact>
        <Fact name={t('dht.tooMany')}>{at('DroppedSource')}</Fact>
        <Fact name={t('dht.malformed')}>{at('Malformed')}</Fact>
      </Facts>
    </Card>
  );
}

function Tables({ values, rows }: { values: Values; rows: readonly string[] }) {
  const t = useTexts(texts);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const columns: readonly Column<string>[] = [
    { key: 'family', title: t('dht.family'), text: (row) => at(row, 'Family') },
    { key: 'nodes', title: t('dht.nodes'), numeric: true, text: (row) => at(row, 'Nodes') },
    {
      key: 'outside',
      title: t('dht.outside'),
      text: (row) => at(row, 'ExternalAddress') || '—',
    },
    {
      key: 'rtt',
      title: t('dht.rtt'),
      numeric: true,
      // Nobody who answered, no time that it took.
      text: (row) => (at(row, 'Nodes') === '0' ? '—' : `${at(row, 'RoundTripTime')} ms`),
    },
    {
      key: 'id',
      title: t('dht.id'),
      text: (row) => at(row, 'NodeID'),
      cell: (row) => <span class="mono">{at(row, 'NodeID').slice(0, 8)}…</span>,
    },
  ];
  return (
    <Card title={t('dht.tables')} wide>
      <Table
        label={t('dht.tables')}
        columns={columns}
        rows={rows}
        keyOf={(row) => row}
        empty={t(textAt(values, `${DHT}Status`) === 'Error' ? 'dht.failed' : 'dht.noTables')}
      />
    </Card>
  );
}
