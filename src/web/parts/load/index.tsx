/** The line under load: the last test, one to begin, the schedule with its limits, and earlier ones. */
import { useSignal } from '@preact/signals';
import { absolute, bytes, timeMs } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { type State, textAt } from '../../lib/status.ts';
import { PartTexts, useApp, useTexts } from '../../state/app.ts';
import { Confirm } from '../../ui/dialog.tsx';
import { useModel } from '../../ui/hooks.ts';
import { ObjectForm } from '../../ui/object-form.tsx';
import { Card, Fact, Facts, Note, StateWord, When } from '../../ui/parts.tsx';
import { Table } from '../../ui/table.tsx';
import { texts } from './texts.ts';

const LOAD = 'Device.X_GATEHOUSE_Monitor.LoadTest.';
const HISTORY = `${LOAD}History.`;
const SETTINGS = [
  ...['Enable', 'DownloadURL', 'UploadURL', 'Target', 'Duration', 'Streams', 'Interval', 'Hours'],
  ...['RunCap', 'DayCap', 'MonthCap', 'Metered'],
];
const STATES: Readonly<Record<string, State>> = {
  ...{ Disabled: 'off', Waiting: 'up', Running: 'up', Error: 'degraded' },
};
const PATHS = [LOAD];
/** Before and between the directions, and until the last echo is back. */
const AROUND_SEC = 6;

export default function LoadPage() {
  const { values, ready } = useModel(PATHS);
  if (!ready) return null;
  return (
    <PartTexts value={texts}>
      <Now values={values} />
      <Settings values={values} />
      {textAt(values, `${LOAD}Last`) !== '' && <History values={values} />}
    </PartTexts>
  );
}

/** How numbers of the model are told. */
function useFigures(values: Values) {
  const { language } = useApp();
  const t = useTexts(texts);
  const digits = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
  const at = (path: string): number => Number(textAt(values, path));
  const time = (path: string): string => t('load.ms', { n: digits.format(at(path) / 1000) });
  return {
    megabits: (path: string): string =>
      at(path) === 0 ? '—' : t('load.mbit', { n: digits.format(at(path) / 1000) }),
    ms: (path: string): string => (at(path) === 0 ? '—' : time(path)),
    /** Of round trips that were measured: they may be no longer. */
    growth: time,
    loss: (path: string): string => t('load.loss', { n: digits.format(at(path) / 100) }),
    bytes: (path: string): string => bytes(at(path), language),
  };
}

function Now({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const tell = useFigures(values);
  const asking = useSignal(false);
  const at = (name: string): string => textAt(values, `${LOAD}${name}`);
  const status = at('Status');
  const last = at('Last') === '' ? undefined : `${at('Last')}.`;
  const urls = ['DownloadURL', 'UploadURL'].filter((name) => at(name) !== '').length;
  const send = async (command: 'run' | 'stop'): Promise<void> => {
    asking.value = false;
    const answer = await app.api.post<object>(`/api/monitor/load-test/${command}`);
    if (!answer.ok) app.failed(answer.error);
  };
  const why =
    at('Metered') === 'true'
      ? t('load.metered')
      : urls === 0
        ? t('load.noUrl')
        : Number(at('Allowance')) < 1e6
          ? t('load.spent')
          : undefined;
  const word = (
    <StateWord state={STATES[status] ?? 'unknown'} word={t(`status.${status}` as 'status.Error')} />
  );
  return (
    <Card title={t('load.title')} note={word} wide>
      <p class="muted">{t('load.intro')}</p>
      {at('Reason') !== '' && <Note kind="warn">{at('Reason')}</Note>}
      {status === 'Running' ? (
        <Facts>
          <Fact name={t('load.now')}>{t(`phase.${at('Phase') || 'Idle'}` as 'phase.Idle')}</Fact>
          <Fact name={t('load.rate')}>{tell.megabits(`${LOAD}Rate`)}</Fact>
          <Fact name={t('load.trip')}>{tell.ms(`${LOAD}RoundTrip`)}</Fact>
          <Fact name={t('load.taken')}>{tell.bytes(`${LOAD}Taken`)}</Fact>
        </Facts>
      ) : last === undefined ? (
        <p>{t('load.none')}</p>
      ) : (
        <Result values={values} row={last} />
      )}
      {status !== 'Running' && (
        <p class="muted">
          {t('load.next')}:{' '}
          {status === 'Disabled' ? t('load.never') : <Moment text={at('NextTest')} />}
          {'. '}
          {t('load.left', {
            today: tell.bytes(`${LOAD}BytesToday`),
            month: tell.bytes(`${LOAD}BytesThisMonth`),
          })}
        </p>
      )}
      {app.mayChange && (
        <div class="actions">
          {status === 'Running' ? (
            <button type="button" onClick={() => void send('stop')}>
              {t('load.stop')}
            </button>
          ) : (
            <button
              type="button"
              class="primary"
              disabled={why !== undefined}
              onClick={() => (asking.value = true)}
            >
              {t('load.run')}
            </button>
          )}
          {status !== 'Running' && why !== undefined && <span class="muted">{why}</span>}
        </div>
      )}
      {asking.value && (
        <Confirm
          title={t('load.sure')}
          text={
            <p>
              {t('load.most', {
                bytes: tell.bytes(`${LOAD}Allowance`),
                seconds: urls * Number(at('Duration')) + AROUND_SEC,
              })}
            </p>
          }
          action={t('load.run')}
          onYes={() => void send('run')}
          onNo={() => (asking.value = false)}
        />
      )}
    </Card>
  );
}

function Moment({ text }: { text: string }) {
  const ms = timeMs(text);
  return ms === undefined ? <>—</> : <When ms={ms} />;
}

function Result({ values, row }: { values: Values; row: string }) {
  const t = useTexts(texts);
  const tell = useFigures(values);
  const at = (name: string): string => textAt(values, `${row}${name}`);
  const direction = (name: 'Download' | 'Upload') =>
    Number(at(`${name}Bytes`)) > 0 && (
      <Fact name={t(name === 'Upload' ? 'load.upload' : 'load.download')}>
        {tell.megabits(`${row}${name}Rate`)}
        <span class="hint">
          {Number(at(`${name}Median`)) > 0 &&
            `${t('load.grows', { time: tell.growth(`${row}${name}Increase`) })}, ${tell.loss(`${row}${name}Loss`)}`}
        </span>
        {Number(at(`${name}Rate`)) === 0 && at('Ended') === 'Cap' && (
          <span class="hint">{t('load.tooShort')}</span>
        )}
      </Fact>
    );
  return (
    <>
      {at('Ended') === 'Failed' && <Note kind="bad">{at('Reason')}</Note>}
      <Facts>
        <Fact name={t('load.last')}>
          <Moment text={at('Time')} />
          <span class="hint">{t(`end.${at('Ended')}` as 'end.Cap')}</span>
        </Fact>
        {at('Grade') !== '' && <Fact name={t('load.grade')}>{at('Grade')}</Fact>}
        {direction('Download')}
        {direction('Upload')}
        <Fact name={t('load.idle')}>
          {tell.ms(`${row}IdleMedian`)}
          <span class="hint">{tell.loss(`${row}IdleLoss`)}</span>
        </Fact>
        <Fact name={t('load.taken')}>{tell.bytes(`${row}Bytes`)}</Fact>
      </Facts>
    </>
  );
}

function Settings({ values }: { values: Values }) {
  const t = useTexts(texts);
  return (
    <Card title={t('load.settings')} wide>
      <ObjectForm values={values} paths={SETTINGS.map((name) => `${LOAD}${name}`)} />
    </Card>
  );
}

function History({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const tell = useFigures(values);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const rows = [...rowsOf(values.keys(), HISTORY)].sort((a, b) =>
    at(b, 'Time').localeCompare(at(a, 'Time')),
  );
  const figure = (name: string, title: string, text: (path: string) => string) => ({
    ...{ key: name, title, numeric: true },
    text: (row: string) => text(`${row}${name}`),
    sort: (row: string) => Number(at(row, name)),
  });
  const rate = (name: 'Download' | 'Upload', title: string) => ({
    ...figure(`${name}Rate`, title, tell.megabits),
    cell: (row: string) => (
      <>
        {tell.megabits(`${row}${name}Rate`)}
        {Number(at(row, `${name}Increase`)) > 0 && (
          <span class="hint">{t('load.grows', { time: tell.ms(`${row}${name}Increase`) })}</span>
        )}
      </>
    ),
  });
  return (
    <Card title={t('load.history')} wide>
      <Table
        label={t('load.history')}
        rows={rows}
        keyOf={(row) => row}
        empty={t('load.none')}
        csvName="load-tests"
        columns={[
          {
            ...{ key: 'time', title: t('column.when'), sort: (row: string) => at(row, 'Time') },
            text: (row) => absolute(timeMs(at(row, 'Time')) ?? 0, app.locale),
          },
          rate('Download', t('load.download')),
          rate('Upload', t('load.upload')),
          figure('IdleMedian', t('load.idle'), tell.ms),
          { ...figure('DownloadIncrease', t('load.growsDown'), tell.ms), aside: true },
          { ...figure('UploadIncrease', t('load.growsUp'), tell.ms), aside: true },
          { key: 'grade', title: t('load.grade'), text: (row) => at(row, 'Grade') || '—' },
          figure('Bytes', t('load.taken'), tell.bytes),
          {
            key: 'by',
            title: t('load.by'),
            text: (row) => t(`cause.${at(row, 'Cause')}` as 'cause.Owner'),
          },
          {
            key: 'ended',
            title: t('load.ended'),
            text: (row) => t(`end.${at(row, 'Ended')}` as 'end.Cap'),
            cell: (row) => (
              <>
                {t(`end.${at(row, 'Ended')}` as 'end.Cap')}
                {at(row, 'Reason') !== '' && <span class="hint">{at(row, 'Reason')}</span>}
              </>
            ),
          },
        ]}
      />
    </Card>
  );
}
