/** Alerts: what is bad now, what was told, who is told and whether that works, and what is watched for. */
import { useSignal } from '@preact/signals';
import { absolute, duration, modelTime, timeMs } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { nameOf, rowsOf } from '../../lib/paths.ts';
import { type State, textAt } from '../../lib/status.ts';
import type { Answer } from '../../state/api.ts';
import { PartTexts, useApp, useTexts } from '../../state/app.ts';
import { useAnswer, useModel } from '../../ui/hooks.ts';
import { Card, Empty, Note, Skeleton, StateWord, When } from '../../ui/parts.tsx';
import { RowsCard, useEnabledColumn } from '../../ui/rows-card.tsx';
import { type Column, Table } from '../../ui/table.tsx';
import './alerts.css';
import { texts } from './texts.ts';

const ALERTS = 'Device.X_GATEHOUSE_Alerts.';
const NOW = `${ALERTS}Alert.`;
const CHANNELS = `${ALERTS}Channel.`;
const RULES = `${ALERTS}Rule.`;
const PATHS = [ALERTS];
const CHANNEL_NEW = ['Type', 'URL', 'MinimumSeverity', 'From', 'To', 'Topic'];
const CREDENTIALS = ['Username', 'Password', 'Authority'];
const CHANNEL_EDIT = ['Enable', ...CHANNEL_NEW, ...CREDENTIALS, 'SilencedUntil'];
/** Hours that are offered for a silence. */
const SILENCES = [1, 8, 24];
const RULE_NEW = ['Watch', 'Subject', 'Severity', 'RaiseAfter', 'ClearAfter', 'Behind', 'Evidence'];
const SEVERITIES: Readonly<Record<string, State>> = {
  ...{ Critical: 'down', Warning: 'degraded', Info: 'unknown' },
};
const CHANNEL_STATES: Readonly<Record<string, State>> = {
  ...{ Idle: 'up', Sending: 'up', Retrying: 'down', Disabled: 'off' },
  Silenced: 'off',
};

/** A notice as the box has it. */
interface Told {
  readonly id: string;
  readonly number: number;
  readonly kind: string;
  readonly severity: string;
  readonly watch: string;
  readonly name: string;
  readonly reason: string;
  readonly at: string;
  /** When it became bad. */
  readonly since: string;
  readonly evidence?: { readonly trace: readonly string[]; readonly capture: string };
}

export default function AlertsPage() {
  const t = useTexts(texts);
  const { values, ready } = useModel(PATHS);
  if (!ready) return <Skeleton lines={8} />;
  const rules = rowsOf(values.keys(), RULES);
  const off = textAt(values, `${ALERTS}Enable`) !== 'true';
  return (
    <PartTexts value={texts}>
      <div class="grid">
        {(off || rules.length === 0) && (
          <div class="wide">
            <Note kind="warn">{t(off ? 'alerts.off' : 'alerts.noRules')}</Note>
          </div>
        )}
        <Now values={values} />
        <History changes={textAt(values, `${ALERTS}HistoryChanges`)} />
        <Channels values={values} />
        <Silence values={values} />
        <Rules values={values} rules={rules} />
      </div>
    </PartTexts>
  );
}

function SeverityWord({ severity }: { severity: string }) {
  const t = useTexts(texts);
  const word = t(`choice.${severity}` as 'choice.Info');
  return <StateWord state={SEVERITIES[severity] ?? 'unknown'} word={word} />;
}

function Now({ values }: { values: Values }) {
  const t = useTexts(texts);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const state = (row: string): string =>
    [
      t(`state.${at(row, 'Status') || 'Raised'}` as 'state.Raised'),
      ...(at(row, 'Silenced') === 'true' ? [t('alerts.silenced')] : []),
      ...(at(row, 'Flapping') === 'true' ? [t('alerts.flapping')] : []),
    ].join('; ');
  return (
    <Card title={t('alerts.now')} wide>
      <Table
        label={t('alerts.now')}
        rows={rowsOf(values.keys(), NOW)}
        keyOf={(row) => row}
        empty={<Empty title={t('alerts.good')} />}
        columns={[
          {
            key: 'severity',
            title: t('param.Severity'),
            text: (row) => t(`choice.${at(row, 'Severity')}` as 'choice.Info'),
            cell: (row) => <SeverityWord severity={at(row, 'Severity')} />,
          },
          {
            key: 'name',
            title: t('alerts.what'),
            text: (row) => `${at(row, 'Name')} ${at(row, 'Reason')}`,
            cell: (row) => (
              <>
                <strong>{at(row, 'Name')}</strong>
                <span class="hint">{at(row, 'Reason')}</span>
              </>
            ),
          },
          { key: 'state', title: t('column.state'), text: state },
          {
            key: 'since',
            title: t('alerts.since'),
            text: (row) => at(row, 'Since'),
            cell: (row) => <Moment text={at(row, 'Since')} />,
          },
        ]}
      />
    </Card>
  );
}

function Moment({ text }: { text: string }) {
  const ms = timeMs(text);
  return ms === undefined ? <span class="muted">—</span> : <When ms={ms} />;
}

interface Part {
  readonly history: readonly Told[];
  readonly more: boolean;
}

/** Read again when the box says that it is another: as many parts as were asked for. */
function History({ changes }: { changes: string }) {
  const app = useApp();
  const t = useTexts(texts);
  const parts = useSignal(1);
  const seen = useSignal<Part | undefined>(undefined);
  const read = async (): Promise<Answer<Part>> => {
    let all: Part = { history: [], more: true };
    for (let i = 0; i < parts.value && all.more; i++) {
      const oldest = all.history.at(-1);
      const from = oldest === undefined ? '' : `?before=${oldest.number}`;
      const answer = await app.api.get<Part>(`/api/alerts/history${from}`);
      if (!answer.ok) return answer;
      all = { history: [...all.history, ...answer.value.history], more: answer.value.more };
    }
    return { ok: true, value: all };
  };
  useAnswer(read, [changes, parts.value, app.returns.value], (answer) => {
    if (answer.ok) seen.value = answer.value;
    else app.failed(answer.error);
  });
  const word = ({ kind }: Told): string => t(`kind.${kind}` as 'kind.raised');
  const why = ({ kind, reason, at, since }: Told): string => {
    if (kind !== 'cleared') return reason;
    const sec = Math.round((Date.parse(at) - Date.parse(since)) / 1000);
    return t('alerts.lasted', { time: duration(Math.max(0, sec), app.locale) });
  };
  return (
    <Card title={t('alerts.history')} wide>
      {seen.value === undefined ? (
        <Skeleton lines={4} />
      ) : (
        <Table
          label={t('alerts.history')}
          rows={seen.value.history}
          keyOf={({ id }) => id}
          filter
          tall
          csvName="alerts"
          empty={<Empty title={t('alerts.nothingTold')} />}
          columns={[
            {
              key: 'when',
              title: t('column.when'),
              text: ({ at }) => at,
              cell: ({ at }) => <Moment text={at} />,
            },
            {
              key: 'severity',
              title: t('param.Severity'),
              text: ({ severity }) => t(`choice.${severity}` as 'choice.Info'),
              cell: ({ severity }) => <SeverityWord severity={severity} />,
            },
            { key: 'kind', title: t('alerts.kind'), text: word },
            {
              key: 'name',
              title: t('alerts.what'),
              text: (one) => `${one.name} ${why(one)}`,
              cell: (one) => (
                <>
                  <strong>{one.name}</strong>
                  <span class="hint">{why(one)}</span>
                  {one.evidence !== undefined && <Found {...one.evidence} />}
                </>
              ),
            },
          ]}
        />
      )}
      {seen.value?.more === true && (
        <button type="button" class="quiet" onClick={() => (parts.value += 1)}>
          {t('alerts.earlier')}
        </button>
      )}
    </Card>
  );
}

function Found({ trace, capture }: NonNullable<Told['evidence']>) {
  const t = useTexts(texts);
  if (trace.length === 0 && capture === '') return null;
  return (
    <details class="found">
      <summary>{t('alerts.found')}</summary>
      {trace.length > 0 && <pre>{trace.join('\n')}</pre>}
      {capture !== '' && <p class="hint">{t('alerts.capture', { file: capture })}</p>}
    </details>
  );
}

/** When a silence ends (Unix time, ms); undefined when there is none. */
function useSilence(values: Values): (object: string) => number | undefined {
  const app = useApp();
  const nowMs = Math.max(app.nowMs.value, Date.now()) + app.events.skewMs.value;
  return (object) => {
    const ms = timeMs(textAt(values, `${object}SilencedUntil`));
    return ms !== undefined && ms > nowMs ? ms : undefined;
  };
}

function Silence({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const untilMs = useSilence(values)(ALERTS);
  if (!app.mayChange && untilMs === undefined) return null;
  const set = async (hours: number): Promise<void> => {
    const endMs = Date.now() + app.events.skewMs.value + hours * 3_600_000;
    const value = modelTime(hours === 0 ? '' : new Date(endMs).toISOString());
    const answer = await app.set([{ path: `${ALERTS}SilencedUntil`, value }], false);
    if (!answer.ok) app.failed(answer.error);
  };
  return (
    <Card title={t('alerts.silence')} wide>
      {untilMs !== undefined && (
        <Note kind="warn">{t('alerts.silent', { time: absolute(untilMs, app.locale) })}</Note>
      )}
      <p class="muted">{t('alerts.silenceIntro')}</p>
      {app.mayChange && (
        <p class="actions">
          {SILENCES.map((hours) => (
            <button key={hours} type="button" class="quiet" onClick={() => void set(hours)}>
              {t('alerts.hours', { n: hours })}
            </button>
          ))}
          {untilMs !== undefined && (
            <button type="button" class="quiet" onClick={() => void set(0)}>
              {t('alerts.tellAgain')}
            </button>
          )}
        </p>
      )}
    </Card>
  );
}

/** Where it leads, without what a token in its path would give away. */
const channelName = (values: Values, row: string): string =>
  URL.parse(textAt(values, `${row}URL`))?.host || nameOf(row);

function Channels({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const testing = useSignal<string | undefined>(undefined);
  const silence = useSilence(values);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const name = (row: string): string => channelName(values, row);
  const word = (row: string): string =>
    t(`channel.${at(row, 'Status') || 'Disabled'}` as 'channel.Idle');
  const lost = (row: string): number => Number(at(row, 'Failed')) + Number(at(row, 'Dropped'));
  const count = (key: string, title: string, of: (row: string) => number): Column<string> => ({
    ...{ key, title, numeric: true, text: (row) => String(of(row)), sort: of },
  });
  const test = async (row: string): Promise<void> => {
    testing.value = row;
    const answer = await app.api.post('/api/operate', { path: `${row}Test()`, args: {} });
    testing.value = undefined;
    if (answer.ok) app.say(t('alerts.tested', { name: name(row) }));
    else app.failed(answer.error);
  };
  return (
    <RowsCard
      title={t('alerts.channels')}
      intro={t('alerts.channelsIntro')}
      values={values}
      table={CHANNELS}
      nameOf={name}
      empty={t('alerts.noChannels')}
      addTitle={t('alerts.addChannel')}
      add={CHANNEL_NEW}
      needed={['URL']}
      edit={CHANNEL_EDIT}
      columns={[
        {
          key: 'name',
          title: t('column.name'),
          text: name,
          cell: (row) => (
            <>
              {name(row)}
              <span class="hint">{t(`choice.${at(row, 'Type')}` as 'choice.MQTT')}</span>
            </>
          ),
        },
        {
          key: 'state',
          title: t('column.state'),
          text: (row) => `${word(row)} ${at(row, 'Reason')}`.trim(),
          cell: (row) => (
            <>
              <StateWord state={CHANNEL_STATES[at(row, 'Status')] ?? 'off'} word={word(row)} />
              {at(row, 'Reason') !== '' && <span class="hint">{at(row, 'Reason')}</span>}
              {at(row, 'Status') === 'Silenced' && (
                <span class="hint">
                  {t('alerts.silencedUntil', {
                    time: absolute(Math.max(silence(row) ?? 0, silence(ALERTS) ?? 0), app.locale),
                  })}
                </span>
              )}
            </>
          ),
        },
        count('queued', t('alerts.queued'), (row) => Number(at(row, 'Queued'))),
        count('delivered', t('alerts.delivered'), (row) => Number(at(row, 'Delivered'))),
        count('lost', t('alerts.lost'), lost),
      ]}
      more={(row) => (
        <button
          type="button"
          class="quiet"
          disabled={testing.value !== undefined || at(row, 'Status') === 'Disabled'}
          onClick={() => void test(row)}
        >
          {t(testing.value === row ? 'alerts.testing' : 'alerts.test')}
          <span class="sr"> {name(row)}</span>
        </button>
      )}
    />
  );
}

function Rules({ values, rules }: { values: Values; rules: readonly string[] }) {
  const t = useTexts(texts);
  const used = useEnabledColumn(values);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const watch = (row: string): string => t(`choice.${at(row, 'Watch')}` as 'choice.Target');
  const name = (row: string): string => [watch(row), at(row, 'Subject')].filter(Boolean).join(': ');
  return (
    <RowsCard
      title={t('alerts.rules')}
      intro={t('alerts.rulesIntro')}
      values={values}
      table={RULES}
      rows={rules}
      nameOf={name}
      empty={t('alerts.rulesNone')}
      addTitle={t('alerts.addRule')}
      add={RULE_NEW}
      needed={[]}
      edit={['Enable', ...RULE_NEW]}
      columns={[
        {
          key: 'watch',
          title: t('param.Watch'),
          text: (row) => `${watch(row)} ${at(row, 'Subject')}`,
          cell: (row) => (
            <>
              {watch(row)}
              <span class="hint">{at(row, 'Subject') || t('alerts.all')}</span>
            </>
          ),
        },
        {
          key: 'severity',
          title: t('param.Severity'),
          text: (row) => t(`choice.${at(row, 'Severity')}` as 'choice.Info'),
          cell: (row) => <SeverityWord severity={at(row, 'Severity')} />,
        },
        {
          key: 'after',
          title: t('alerts.after'),
          text: (row) =>
            t('alerts.seconds', { raise: at(row, 'RaiseAfter'), clear: at(row, 'ClearAfter') }),
          sort: (row) => Number(at(row, 'RaiseAfter')),
        },
        used,
      ]}
    />
  );
}
