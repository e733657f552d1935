/** When each device was there, over a day or a week, and addresses that are in the wrong hands. */
import { useSignal } from '@preact/signals';
import { HOSTS } from '../../lib/devices.ts';
import { timeMs } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { textAt } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { useModel } from '../../ui/hooks.ts';
import { Card, Empty, Note, Skeleton, StateWord, When } from '../../ui/parts.tsx';
import { Table } from '../../ui/table.tsx';
import './presence.css';
import { texts } from './texts.ts';

const CONFLICTS = 'Device.Hosts.X_GATEHOUSE_Conflict.';
const PATHS = [HOSTS, CONFLICTS];
const HOUR_MS = 3_600_000;
const SPANS = { day: 24 * HOUR_MS, week: 7 * 24 * HOUR_MS } as const;
const WIDTH = 240;
const HEIGHT = 14;
/** A short stay is to be seen, too. */
const NARROWEST = 2;

type Span = keyof typeof SPANS;

interface Stay {
  readonly fromMs: number;
  readonly toMs: number;
}

/** All hosts that are one device. */
interface Device {
  readonly id: string;
  readonly name: string;
  readonly macs: readonly string[];
  /** Why there are several; of the first that says so. */
  readonly joinedBy: string;
  readonly address: string;
  readonly active: boolean;
  readonly lastSeen: string;
  readonly stays: readonly Stay[];
}

export default function PresencePage() {
  const app = useApp();
  const t = useTexts(texts);
  const { values, ready } = useModel(PATHS);
  const span = useSignal<Span>('day');
  if (!ready) return <Skeleton lines={8} />;
  const nowMs = Math.max(app.nowMs.value, Date.now()) + app.events.skewMs.value;
  const devices = devicesOf(values, nowMs);
  return (
    <div class="grid">
      {rowsOf(values.keys(), CONFLICTS).map((row) => (
        <Wrong key={row} row={row} values={values} />
      ))}
      <Card
        title={t('presence.title')}
        wide
        note={
          <fieldset class="segments" aria-label={t('presence.span')}>
            {(['day', 'week'] as const).map((one) => (
              <button
                key={one}
                type="button"
                aria-pressed={span.value === one}
                onClick={() => {
                  span.value = one;
                }}
              >
                {t(`presence.${one}`)}
              </button>
            ))}
          </fieldset>
        }
      >
        <p class="muted">{t('presence.intro')}</p>
        <Table
          label={t('presence.title')}
          rows={devices}
          keyOf={({ id }) => id}
          filter
          empty={<Empty title={t('presence.none')} />}
          columns={[
            {
              key: 'name',
              title: t('column.name'),
              text: ({ name }) => name,
              cell: (device) => (
                <>
                  <strong class="device-name">{device.name}</strong>
                  {device.macs.length > 1 && (
                    <span class="hint">
                      {t('presence.several', { count: device.macs.length })}{' '}
                      {t(`presence.by${device.joinedBy}` as 'presence.byClientId')}
                    </span>
                  )}
                </>
              ),
            },
            { key: 'address', title: t('overview.address'), text: ({ address }) => address },
            {
              key: 'state',
              title: t('column.state'),
              text: ({ active }) => t(active ? 'devices.here' : 'devices.away'),
              cell: ({ active }) => (
                <StateWord
                  state={active ? 'up' : 'off'}
                  word={t(active ? 'devices.here' : 'devices.away')}
                />
              ),
            },
            {
              key: 'when',
              title: t(`presence.${span.value}`),
              text: ({ stays }) => share(stays, nowMs, SPANS[span.value]),
              cell: ({ stays, name }) => (
                <Timeline
                  stays={stays}
                  nowMs={nowMs}
                  spanMs={SPANS[span.value]}
                  label={t('presence.bar', { name, part: share(stays, nowMs, SPANS[span.value]) })}
                />
              ),
            },
            {
              key: 'seen',
              title: t('presence.seen'),
              text: ({ lastSeen }) => lastSeen,
              cell: ({ lastSeen }) => {
                const ms = timeMs(lastSeen);
                return ms === undefined ? '—' : <When ms={ms} />;
              },
            },
          ]}
        />
      </Card>
    </div>
  );
}

function Wrong({ row, values }: { row: string; values: Values }) {
  const t = useTexts(texts);
  const at = (name: string): string => textAt(values, `${row}${name}`);
  const args = { address: at('IPAddress'), mac: at('PhysAddress'), other: at('OtherPhysAddress') };
  return (
    <div class="wide">
      <Note kind="bad">{t(`wrong.${at('Kind')}` as 'wrong.Spoof', args)}</Note>
    </div>
  );
}

/** A bar of the last hours: filled where it was there. */
function Timeline(props: {
  readonly stays: readonly Stay[];
  readonly nowMs: number;
  readonly spanMs: number;
  readonly label: string;
}) {
  const { stays, nowMs, spanMs, label } = props;
  const startMs = nowMs - spanMs;
  const x = (ms: number): number => (Math.min(Math.max(ms - startMs, 0), spanMs) / spanMs) * WIDTH;
  const ticks = Array.from({ length: 3 }, (_, i) => ((i + 1) * WIDTH) / 4);
  return (
    <svg class="presence" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <rect class="away" width={WIDTH} height={HEIGHT} rx="2" />
      {stays
        .filter(({ toMs }) => toMs > startMs)
        .map(({ fromMs, toMs }) => (
          <rect
            key={fromMs}
            class="here"
            x={Math.min(x(fromMs), WIDTH - NARROWEST)}
            width={Math.max(NARROWEST, x(toMs) - x(fromMs))}
            height={HEIGHT}
          />
        ))}
      {ticks.map((at) => (
        <line key={at} x1={at} x2={at} y1="0" y2={HEIGHT} />
      ))}
    </svg>
  );
}

/** Such as `42 %`: how much of the time it was there. */
function share(stays: readonly Stay[], nowMs: number, spanMs: number): string {
  const startMs = nowMs - spanMs;
  const there = stays.reduce(
    (sum, { fromMs, toMs }) => sum + Math.max(0, toMs - Math.max(fromMs, startMs)),
    0,
  );
  return `${Math.round((Math.min(there, spanMs) / spanMs) * 100)} %`;
}

function devicesOf(values: Values, nowMs: number): readonly Device[] {
  const groups = new Map<string, string[]>();
  for (const row of rowsOf(values.keys(), HOSTS)) {
    const id = textAt(values, `${row}X_GATEHOUSE_Device`) || textAt(values, `${row}PhysAddress`);
    groups.set(id, [...(groups.get(id) ?? []), row]);
  }
  return [...groups]
    .map(([id, rows]): Device => {
      const of = (name: string): readonly string[] =>
        rows.map((row) => textAt(values, `${row}${name}`));
      const some = (name: string): string => of(name).find((text) => text !== '') ?? '';
      return {
        id,
        name:
          some('HostName') || some('X_GATEHOUSE_AnnouncedName') || some('X_GATEHOUSE_Vendor') || id,
        macs: of('PhysAddress'),
        joinedBy: of('X_GATEHOUSE_JoinedBy').find((by) => by !== 'None') ?? 'ClientId',
        address: some('IPAddress'),
        active: of('Active').includes('true'),
        lastSeen: [...of('X_GATEHOUSE_LastSeen')].sort().at(-1) ?? '',
        stays: merged(of('X_GATEHOUSE_Presence').flatMap((text) => staysIn(text, nowMs))),
      };
    })
    .sort((a, b) => Number(b.active) - Number(a.active) || (a.lastSeen < b.lastSeen ? 1 : -1));
}

/** In order; of a device that was there by two addresses at once, once. */
function merged(stays: readonly Stay[]): readonly Stay[] {
  const all: Stay[] = [];
  for (const stay of stays.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = all.at(-1);
    if (last === undefined || stay.fromMs > last.toMs) all.push(stay);
    else all[all.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, stay.toMs) };
  }
  return all;
}

const staysIn = (text: string, nowMs: number): readonly Stay[] =>
  text.split(',').flatMap((part) => {
    const [from = '', to = ''] = part.split('/');
    const fromMs = timeMs(from);
    return fromMs === undefined ? [] : [{ fromMs, toMs: timeMs(to) ?? nowMs }];
  });
