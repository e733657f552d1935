/** The state in a sentence, what holds for a while, and the answer to "why is it blocked?". */

import { useSignal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { devicesAt, nameAt } from '../../lib/devices.ts';
import { duration, number } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { objectState, textAt } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { useLive } from '../../ui/hooks.ts';
import { Card, Fact, Facts, Note, StateWord } from '../../ui/parts.tsx';
import { ask, say } from './asked.ts';
import { DNS, FORWARDING, OVERRIDES, RELAY, STATS, type WhyAnswer } from './data.ts';
import { NameForm } from './name-form.tsx';
import { texts } from './texts.ts';

const MINUTES = [5, 30, 120];
const HOUR_SEC = 3600;

export function Overview({ values }: { values: Values }) {
  const app = useApp();
  return (
    <>
      <Working values={values} />
      <ForAWhile values={values} />
      {app.mayChange && <Pause values={values} />}
      <WhyBlocked values={values} />
    </>
  );
}

function Working({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  useLive([STATS, DNS]);
  const status = textAt(values, `${RELAY}Status`);
  const count = (name: string): number => Number(textAt(values, `${STATS}${name}`));
  const all = count('Queries');
  const share = (n: number): string =>
    new Intl.NumberFormat(app.locale, { style: 'percent', maximumFractionDigits: 1 }).format(
      all === 0 ? 0 : n / all,
    );
  const upstreams = rowsOf(values.keys(), FORWARDING).filter(
    (row) => textAt(values, `${row}Enable`) === 'true',
  );
  const up = upstreams.filter((row) => textAt(values, `${row}Status`) === 'Enabled').length;
  const sentence =
    status === 'Enabled'
      ? t('now.works', { n: all, share: share(count('Blocked')) })
      : status === 'Error'
        ? t('now.error', { reason: textAt(values, `${RELAY}X_GATEHOUSE_Reason`) })
        : t('now.off');
  return (
    <Card title={t('now.title')} note={<StateWord state={objectState(status)} />}>
      <p>{sentence}</p>
      <Facts>
        <Fact name={t('now.blocked')}>{number(count('Blocked'), app.language)}</Fact>
        <Fact name={t('now.cache')}>
          {number(count('CacheHits'), app.language)} ({share(count('CacheHits'))})
        </Fact>
        <Fact name={t('now.asked')}>{number(count('Forwarded'), app.language)}</Fact>
        <Fact name={t('now.failed')}>{number(count('Failed'), app.language)}</Fact>
        <Fact name={t('now.listed')}>
          {number(Number(textAt(values, `${DNS}BlockedNames`)), app.language)}
        </Fact>
        <Fact name={t('tab.upstreams')}>{t('now.upstreams', { up, n: upstreams.length })}</Fact>
      </Facts>
    </Card>
  );
}

function ForAWhile({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const rows = rowsOf(values.keys(), OVERRIDES);
  useLive(rows);
  const cancel = async (row: string): Promise<void> => {
    const answer = await app.api.post('/api/operate', { path: `${row}Cancel()`, args: {} });
    if (!answer.ok) app.failed(answer.error);
  };
  return (
    <Card title={t('while.title')}>
      {rows.length === 0 && <p class="muted">{t('while.none')}</p>}
      <ul class="dns-list">
        {rows.map((row) => {
          const at = (name: string): string => textAt(values, `${row}${name}`);
          const client = at('Client');
          const words = t(`while.${at('Kind')}` as 'while.Pause', {
            name: at('Name'),
            who: client === '' ? t('everybody') : (nameAt(values, client) ?? client),
          });
          return (
            <li key={row}>
              <span>
                {words}
                <span class="hint">
                  {t('lease.left', {
                    time: duration(Number(at('Remaining')), app.locale, 'short'),
                  })}
                </span>
              </span>
              {app.mayChange && (
                <button type="button" class="quiet" onClick={() => void cancel(row)}>
                  {t('while.end')}
                  <span class="sr"> {words}</span>
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Pause({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const client = useSignal('');
  const pause = (minutes: number): void => {
    const args = { client: client.value, seconds: minutes * 60 };
    const who =
      client.value === '' ? t('everybody') : (nameAt(values, client.value) ?? client.value);
    void say(app, 'pause', args, t('while.Pause', { who, name: '' }));
  };
  return (
    <Card title={t('pause.title')}>
      <p class="muted">{t('pause.text')}</p>
      <div class="stack">
        <Device values={values} value={client.value} onInput={(text) => (client.value = text)} />
        <div class="actions">
          {MINUTES.map((minutes) => (
            <button key={minutes} type="button" onClick={() => pause(minutes)}>
              {duration(minutes * 60, app.locale)}
            </button>
          ))}
        </div>
      </div>
    </Card>
  );
}

function Device(props: { values: Values; value: string; onInput: (text: string) => void }) {
  const t = useTexts(texts);
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{t('device')}</label>
      <select
        id={id}
        value={props.value}
        onChange={(event) => props.onInput(event.currentTarget.value)}
      >
        <option value="">{t('everybody')}</option>
        {devicesAt(props.values).map(({ address, name }) => (
          <option key={address} value={address}>
            {name === address ? name : `${name} (${address})`}
          </option>
        ))}
      </select>
    </div>
  );
}

function WhyBlocked({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const [name, client] = [useSignal(''), useSignal('')];
  const found = useSignal<WhyAnswer | undefined>(undefined);
  const fault = useSignal<string | undefined>(undefined);
  const look = async (): Promise<void> => {
    const args = { name: name.value, client: client.value };
    const answer = await ask<WhyAnswer>(app, 'why', args);
    found.value = answer.ok ? answer.value : undefined;
    fault.value = answer.ok ? undefined : app.words(answer.error);
  };
  const allow = async (seconds: number): Promise<void> => {
    if (found.value === undefined) return;
    const args = { name: found.value.name, ...(seconds === 0 ? {} : { seconds }) };
    await say(app, 'allow', args, t('said.allow', { name: found.value.name }));
    await look();
  };
  const { verdict, by } = found.value ?? {};
  return (
    <Card title={t('why.title')}>
      <NameForm name={name} word={t('why.look')} onSubmit={look}>
        <Device values={values} value={client.value} onInput={(text) => (client.value = text)} />
      </NameForm>
      {fault.value !== undefined && <Note kind="bad">{fault.value}</Note>}
      {verdict !== undefined && (
        <div class="stack" role="status">
          <p>
            <StateWord
              state={verdict === 'block' ? 'down' : 'up'}
              word={t(`why.${verdict}`, { name: found.value?.name ?? '' })}
            />
            {by && <span class="hint">{t('why.by', { rule: by })}</span>}
          </p>
          {verdict === 'block' && app.mayChange && (
            <div class="actions">
              <button type="button" class="quiet" onClick={() => void allow(HOUR_SEC)}>
                {t('allow.hour')}
              </button>
              <button type="button" class="quiet" onClick={() => void allow(0)}>
                {t('allow.always')}
              </button>
            </div>
          )}
        </div>
      )}
    </Card>
  );
}
