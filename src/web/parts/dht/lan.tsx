/** What of the LAN is BitTorrent: who, how much, and which torrent; and what it means to listen for it. */
import { HOSTS } from '../../lib/devices.ts';
import { bytes, timeMs } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { objectState, textAt } from '../../lib/status.ts';
import { PartTexts, useApp, useTexts } from '../../state/app.ts';
import { useLive, useModel } from '../../ui/hooks.ts';
import { ObjectForm } from '../../ui/object-form.tsx';
import { Card, Note, StateWord, When } from '../../ui/parts.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { texts } from './lan-texts.ts';

const VIEW = 'Device.X_GATEHOUSE_DHT.LANView.';
const DEVICES = `${VIEW}Host.`;
const TORRENTS = `${VIEW}Torrent.`;
const SETTINGS = ['Enable', 'ResolveNames', 'RetainTime'].map((name) => `${VIEW}${name}`);

export function LanTorrents() {
  const app = useApp();
  const t = useTexts(texts);
  const { values, ready } = useModel([VIEW, HOSTS]);
  const devices = rowsOf(values.keys(), DEVICES);
  const torrents = rowsOf(values.keys(), TORRENTS);
  useLive([VIEW, ...devices, ...torrents]);
  if (!ready) return null;
  const status = textAt(values, `${VIEW}Status`);
  const reason = textAt(values, `${VIEW}Reason`);
  const forget = async (): Promise<void> => {
    const answer = await app.api.post('/api/operate', { path: `${VIEW}Clear()`, args: {} });
    if (!answer.ok) app.failed(answer.error);
  };
  return (
    <Card
      title={t('lan.title')}
      wide
      note={
        status === 'Waiting' ? (
          <StateWord state="unknown" word={t('lan.waiting')} />
        ) : (
          <StateWord state={objectState(status)} />
        )
      }
    >
      <p class="muted">{t('lan.intro')}</p>
      <p class="muted">{t('lan.names')}</p>
      {reason !== '' && <Note kind={status === 'Error' ? 'bad' : 'info'}>{reason}</Note>}
      <div class="stack">
        <PartTexts value={texts}>
          <ObjectForm values={values} paths={SETTINGS} />
        </PartTexts>
        {status === 'Disabled' ? (
          <p>{t('lan.off')}</p>
        ) : (
          <>
            <Devices values={values} rows={devices} />
            <Torrents values={values} rows={torrents} />
            {devices.length > 0 && <p class="hint">{t('lan.likelyText')}</p>}
            <div class="actions">
              <button type="button" onClick={() => void forget()}>
                {t('lan.clear')}
              </button>
            </div>
          </>
        )}
      </div>
    </Card>
  );
}

/** What the house calls them: by their MAC addresses, where the list of devices knows one. */
function callNames(values: Values): (id: string) => string {
  const names = new Map(
    rowsOf(values.keys(), HOSTS).map((host) => [
      textAt(values, `${host}PhysAddress`),
      textAt(values, `${host}HostName`),
    ]),
  );
  return (id) => names.get(id) || id;
}

function useColumns(values: Values) {
  const t = useTexts(texts);
  const { locale } = useApp();
  const whoIs = callNames(values);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const count = (row: string, name: string): string => bytes(Number(at(row, name)), locale);
  const amount = (key: 'up' | 'down', name: string): Column<string> => ({
    ...{ key, title: t(`lan.${key}`), numeric: true },
    text: (row) => count(row, name),
    sort: (row) => Number(at(row, name)),
  });
  const when = (key: 'since' | 'last', name: string): Column<string> => ({
    key,
    title: t(`lan.${key}`),
    text: (row) => at(row, name),
    cell: (row) => <When ms={timeMs(at(row, name)) ?? 0} />,
  });
  return { t, at, count, amount, when, whoIs };
}

function Devices({ values, rows }: { values: Values; rows: readonly string[] }) {
  const { t, at, count, amount, when, whoIs } = useColumns(values);
  const columns: readonly Column<string>[] = [
    {
      key: 'device',
      title: t('lan.device'),
      text: (row) => whoIs(at(row, 'PhysAddress')) || at(row, 'IPAddresses'),
    },
    amount('up', 'BytesSent'),
    amount('down', 'BytesReceived'),
    {
      key: 'likely',
      title: t('lan.likely'),
      text: (row) => `${count(row, 'LikelyBytesSent')} / ${count(row, 'LikelyBytesReceived')}`,
    },
    when('since', 'FirstSeen'),
    when('last', 'LastSeen'),
  ];
  return (
    <Table
      label={t('lan.devices')}
      columns={columns}
      rows={rows}
      keyOf={(row) => row}
      empty={<p>{t('lan.none')}</p>}
    />
  );
}

function Torrents({ values, rows }: { values: Values; rows: readonly string[] }) {
  const { t, at, amount, when, whoIs } = useColumns(values);
  const columns: readonly Column<string>[] = [
    {
      key: 'torrent',
      title: t('lan.torrent'),
      text: (row) => at(row, 'Name') || at(row, 'InfoHash'),
      cell: (row) =>
        at(row, 'Name') || <span class="mono">{`${at(row, 'InfoHash').slice(0, 12)}…`}</span>,
    },
    {
      key: 'who',
      title: t('lan.who'),
      text: (row) => at(row, 'Hosts').split(',').map(whoIs).join(', '),
    },
    amount('up', 'BytesSent'),
    amount('down', 'BytesReceived'),
    when('since', 'FirstSeen'),
    { key: 'seen', title: t('lan.seen'), text: (row) => at(row, 'SeenBy').replaceAll(',', ', ') },
  ];
  return (
    <Table
      label={t('lan.torrents')}
      columns={columns}
      rows={rows}
      keyOf={(row) => row}
      csvName="torrents"
      empty={null}
    />
  );
}
