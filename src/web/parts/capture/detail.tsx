/** One capture: how it goes, its bandwidth, who talked how much with whom, and in which protocols. */
import { useSignal } from '@preact/signals';
import { nameAt } from '../../lib/devices.ts';
import { absolute, bytes, number, rate } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { textAt } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { useAnswer, useLive } from '../../ui/hooks.ts';
import { Card, Empty, Fact, Facts, Note, Skeleton, StateWord, When } from '../../ui/parts.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import { Actions } from './actions.tsx';
import { ask, fileAddress, type Report, stateOf } from './data.ts';
import { texts } from './texts.ts';

export function Detail({ values, row }: { values: Values; row: string }) {
  const app = useApp();
  const t = useTexts(texts);
  const at = (name: string): string => textAt(values, `${row}${name}`);
  const id = at('ID');
  const status = at('Status');
  useLive([row]);
  const seen = useReport(id, status, at('Packets'));
  const files = at('Files')
    .split(',')
    .filter((name) => name !== '');
  const count = (name: string): string => number(Number(at(name)), app.language);
  const started = Date.parse(at('StartTime'));
  return (
    <>
      <Card
        title={t('capture.one', { interface: at('InterfaceName') || at('Interface') })}
        wide
        note={<StateWord state={stateOf(values, row)} word={t(`is.${status}` as 'is.Running')} />}
      >
        {at('Reason') !== '' && (
          <Note kind={status === 'Error' ? 'bad' : 'warn'}>{at('Reason')}</Note>
        )}
        <Facts>
          <Fact name={t('capture.packets')}>{count('Packets')}</Fact>
          <Fact name={t('capture.bytes')}>{bytes(Number(at('Bytes')), app.language)}</Fact>
          <Fact name={t('capture.dropped')}>{count('DroppedPackets')}</Fact>
          <Fact name={t('capture.interruptions')}>{count('Interruptions')}</Fact>
          <Fact name={t('capture.since')}>{started > 0 ? <When ms={started} /> : '—'}</Fact>
          <Fact name={t('capture.filter')}>
            <code>{at('FilterText') || t('capture.everything')}</code>
          </Fact>
          {files.length > 0 && (
            <Fact name={t('capture.files')}>
              {files.map((name) => (
                <a key={name} class="capture-file" href={fileAddress(name)} download={name}>
                  {name}
                </a>
              ))}
            </Fact>
          )}
          {Number(at('UnwrittenPackets')) > 0 && (
            <Fact name={t('capture.unwritten')}>{count('UnwrittenPackets')}</Fact>
          )}
        </Facts>
        <Actions values={values} row={row} />
      </Card>
      {seen === null ? (
        <Card title={t('capture.bandwidth')} wide>
          {status === 'Running' ? <Skeleton lines={4} /> : <Empty title={t('capture.nothing')} />}
        </Card>
      ) : (
        <Shown report={seen} values={values} />
      )}
    </>
  );
}

/** Asked for when its packets, which are told once a second, are others. */
function useReport(id: string, status: string, packets: string): Report | null {
  const app = useApp();
  const shown = useSignal<{ id: string; report: Report | null } | null>(null);
  useAnswer(
    async () => (id === '' ? undefined : ask<{ report: Report | null }>(app, 'status', { id })),
    [id, status, packets],
    (answer) => {
      if (answer?.ok) shown.value = { id, report: answer.value.report };
    },
  );
  return shown.value?.id === id ? shown.value.report : null;
}

function Shown({ report, values }: { report: Report; values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const { language } = app;
  const share = (n: number): string =>
    new Intl.NumberFormat(app.locale, { style: 'percent', maximumFractionDigits: 1 }).format(
      report.bytes === 0 ? 0 : n / report.bytes,
    );
  const known = new Map(report.endpoints.map(({ address, name }) => [address, name]));
  const nameOf = (address: string): string => nameAt(values, address) ?? known.get(address) ?? '';
  const who = (address: string) => (
    <>
      <strong class="capture-who">{nameOf(address) || address}</strong>
      {nameOf(address) !== '' && <span class="hint mono">{address}</span>}
    </>
  );
  const counted = <T extends { bytes: number; packets: number }>(): readonly Column<T>[] => [
    amount('bytes', t('capture.bytes'), (one: T) => one.bytes),
    {
      key: 'packets',
      title: t('capture.packets'),
      numeric: true,
      text: ({ packets }) => number(packets, language),
      sort: ({ packets }) => packets,
    },
  ];
  const amount = <T,>(key: string, title: string, of: (one: T) => number): Column<T> => ({
    ...{ key, title, numeric: true },
    text: (one) => bytes(of(one), language),
    sort: of,
  });
  const { exact, endpointFloorBytes, conversationFloorBytes } = report.approximation;
  const floor = bytes(Math.max(endpointFloorBytes, conversationFloorBytes), language);
  return (
    <>
      <Bandwidth report={report} />
      <Card title={t('capture.protocols')} wide>
        <Table
          label={t('capture.protocols')}
          rows={report.protocols}
          keyOf={({ path }) => path}
          empty={<Empty title={t('capture.nothing')} />}
          csvName="protocols"
          columns={[
            {
              key: 'path',
              title: t('capture.protocol'),
              text: ({ path }) => path,
              cell: ({ path }) => (
                <span class={`capture-depth-${Math.min(6, path.split(':').length - 1)}`}>
                  {path.split(':').at(-1)}
                </span>
              ),
            },
            ...counted<Report['protocols'][number]>(),
            {
              key: 'share',
              title: t('capture.share'),
              numeric: true,
              text: (one) => share(one.bytes),
              sort: (one) => one.bytes,
            },
          ]}
        />
      </Card>
      <Card title={t('capture.talkers')} wide>
        {!exact && <Note>{t('capture.about', { bytes: floor })}</Note>}
        <Table
          label={t('capture.talkers')}
          rows={report.endpoints}
          keyOf={({ address }) => address}
          empty={<Empty title={t('capture.nothing')} />}
          filter
          tall
          csvName="talkers"
          columns={[
            {
              key: 'address',
              title: t('capture.who'),
              text: ({ address }) => address,
              cell: ({ address }) => who(address),
            },
            {
              key: 'name',
              title: t('column.name'),
              text: ({ address }) => nameOf(address),
              aside: true,
            },
            ...counted<Report['endpoints'][number]>(),
            amount('sent', t('column.sent'), (one: Report['endpoints'][number]) => one.sentBytes),
            amount(
              'received',
              t('column.received'),
              (one: Report['endpoints'][number]) => one.receivedBytes,
            ),
          ]}
        />
      </Card>
      <Card title={t('capture.conversations')} wide>
        <Table
          label={t('capture.conversations')}
          rows={report.conversations}
          keyOf={({ a, b }) => `${a} ${b}`}
          empty={<Empty title={t('capture.nothing')} />}
          filter
          tall
          csvName="conversations"
          columns={[
            { key: 'a', title: 'A', text: ({ a }) => a, cell: ({ a }) => who(a) },
            { key: 'b', title: 'B', text: ({ b }) => b, cell: ({ b }) => who(b) },
            ...counted<Report['conversations'][number]>(),
            amount('fromA', 'A → B', (one: Report['conversations'][number]) => one.bytesFromA),
            amount('fromB', 'B → A', (one: Report['conversations'][number]) => one.bytesFromB),
          ]}
        />
      </Card>
      {report.names.length > 0 && (
        <Card title={t('capture.names')} wide>
          <Table
            label={t('capture.names')}
            rows={report.names}
            keyOf={({ name }) => name}
            empty={undefined}
            filter
            tall
            csvName="names"
            columns={[
              { key: 'name', title: t('column.name'), text: ({ name }) => name },
              {
                ...{ key: 'asked', title: t('capture.asked'), numeric: true },
                text: ({ queries }) => String(queries),
                sort: ({ queries }) => queries,
              },
              {
                ...{ key: 'greeted', title: t('capture.greeted'), numeric: true },
                text: ({ hellos }) => String(hellos),
                sort: ({ hellos }) => hellos,
              },
            ]}
          />
        </Card>
      )}
    </>
  );
}

/** As many bins as are drawn, and room for so many where there are fewer. */
const BINS = 120;
const LEAST = 30;

function Bandwidth({ report }: { report: Report }) {
  const app = useApp();
  const t = useTexts(texts);
  const { startSec, stepSec } = report.bandwidth;
  const skipped = Math.max(0, report.bandwidth.bytes.length - BINS);
  const rates = report.bandwidth.bytes.slice(skipped).map((n) => n / stepSec);
  const most = Math.max(1, ...rates);
  const first = startSec + skipped * stepSec;
  const bins = Math.max(LEAST, rates.length);
  const said = t('capture.peak', {
    peak: rate(most, app.language),
    now: rate(rates.at(-1) ?? 0, app.language),
  });
  return (
    <Card title={t('capture.bandwidth')} wide>
      <p>{said}</p>
      <svg
        class="capture-chart"
        viewBox={`0 0 ${bins} 100`}
        preserveAspectRatio="none"
        role="img"
        aria-label={said}
      >
        {rates.map((value, i) => {
          const height = Math.max(value > 0 ? 1 : 0, (value / most) * 100);
          return (
            <rect key={first + i} x={i} y={100 - height} width={0.8} height={height}>
              <title>{`${absolute((first + i * stepSec) * 1000, app.locale)}: ${rate(value, app.language)}`}</title>
            </rect>
          );
        })}
      </svg>
      <p class="capture-axis muted">
        <span>{timeOfDay(first, app.locale)}</span>
        <span>{timeOfDay(first + bins * stepSec, app.locale)}</span>
      </p>
    </Card>
  );
}

const timeOfDay = (sec: number, locale: string): string =>
  new Intl.DateTimeFormat(locale, { timeStyle: 'medium' }).format(sec * 1000);
