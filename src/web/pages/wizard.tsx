/** First run. It cannot be skipped: without a password there is no router page. */
import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import type { Key } from '../i18n/en.ts';
import {
  type Draft,
  isHostLabel,
  MIN_PASSWORD,
  type Problems,
  problemsOf,
  requestOf,
  STEPS,
} from '../lib/setup.ts';
import type { Session } from '../lib/shapes.ts';
import { useApp, useT } from '../state/app.ts';
import { Icon } from '../ui/icons.tsx';
import { Fact, Facts, Note } from '../ui/parts.tsx';
import { LanguagePicker } from './appearance.tsx';

const zoneHere = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

const zones = (): readonly string[] => {
  const known = Intl.supportedValuesOf('timeZone');
  return [...new Set(['UTC', zoneHere(), ...known])].sort();
};

const start = (hostName: string): Draft => ({
  username: 'admin',
  password: '',
  again: '',
  timeZone: zoneHere(),
  hostName: isHostLabel(hostName) ? hostName : 'gatehouse',
  lanAddress:
    /^[\d.]+$/.test(location.hostname) && location.hostname !== '127.0.0.1'
      ? location.hostname
      : '192.168.1.1',
  lanMask: '255.255.255.0',
  wanType: 'dhcp',
  wanAddress: '',
  wanMask: '255.255.255.0',
  wanGateway: '',
  wanDns: '',
});

export function Wizard() {
  const app = useApp();
  const t = useT();
  const draft = useSignal(start(app.session.peek()?.hostName ?? ''));
  const at = useSignal(0);
  const problems = useSignal<Problems>({});
  const fault = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const moved = useSignal<string | undefined>(undefined);
  const heading = useRef<HTMLHeadingElement>(null);
  const step = STEPS[at.value] ?? 'account';
  useEffect(() => {
    document.title = `${t('wizard.title')} · Gatehouse`;
    heading.current?.focus();
  }, [at.value]);
  const next = async (): Promise<void> => {
    problems.value = problemsOf(step, draft.value);
    const [wrong] = Object.keys(problems.value);
    if (wrong !== undefined) {
      // After the faults are drawn, the first of them has the focus.
      setTimeout(() => document.querySelector<HTMLElement>(`[name="${wrong}"]`)?.focus());
      return;
    }
    if (step !== 'summary') {
      at.value++;
      return;
    }
    busy.value = true;
    fault.value = undefined;
    // The answer may be lost on the way: the address that we came by is gone then.
    const target = draft.value.lanAddress.trim();
    const moves = /^[\d.]+$/.test(location.hostname) && target !== location.hostname;
    const late = setTimeout(() => {
      if (moves) moved.value = target;
    }, 3000);
    const answer = await app.api.post<Session>('/api/setup', requestOf(draft.value));
    clearTimeout(late);
    busy.value = false;
    if (moves && (answer.ok || answer.error.status === 0)) {
      moved.value = target;
      return;
    }
    moved.value = undefined;
    if (answer.ok) app.enter(answer.value);
    else fault.value = app.words(answer.error);
  };
  return (
    <div class="door">
      <main class="door-card wizard">
        <div class="door-brand">
          <Icon name="gate" />
          <span>{t('wizard.title')}</span>
        </div>
        <ol class="steps" aria-label={t('wizard.steps')}>
          {STEPS.map((name, index) => (
            <li
              key={name}
              class={index < at.value ? 'done' : ''}
              aria-current={index === at.value ? 'step' : undefined}
            >
              <span>{t(`wizard.step.${name}` as Key)}</span>
            </li>
          ))}
        </ol>
        <form
          class="stack"
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            void next();
          }}
        >
          <h1 ref={heading} tabIndex={-1}>
            {t(`wizard.head.${step}` as Key)}
          </h1>
          <p class="muted">{t(`wizard.text.${step}` as Key, { n: MIN_PASSWORD })}</p>
          {fault.value !== undefined && <Note kind="bad">{fault.value}</Note>}
          {moved.value !== undefined && (
            <Note kind="warn">
              {t('wizard.moved')} <a href={`https://${moved.value}/`}>https://{moved.value}/</a>
            </Note>
          )}
          <StepFields
            step={step}
            draft={draft.value}
            problems={problems.value}
            set={(change) => {
              draft.value = { ...draft.value, ...change };
            }}
          />
          <div class="actions end">
            {at.value > 0 && (
              <button type="button" onClick={() => at.value--}>
                {t('wizard.back')}
              </button>
            )}
            <button type="submit" class="primary" disabled={busy.value}>
              {t(step === 'summary' ? 'wizard.finish' : 'wizard.next')}
            </button>
          </div>
        </form>
        {at.value === 0 && <LanguagePicker />}
      </main>
    </div>
  );
}

interface StepProps {
  readonly draft: Draft;
  readonly problems: Problems;
  readonly set: (change: Partial<Draft>) => void;
}

function StepFields({ step, ...props }: StepProps & { step: (typeof STEPS)[number] }) {
  const t = useT();
  const { draft, set } = props;
  const id = useId();
  switch (step) {
    case 'account':
      return (
        <>
          <Text {...props} name="username" autocomplete="username" />
          <Text
            {...props}
            name="password"
            type="password"
            autocomplete="new-password"
            hint={t('wizard.passwordHint', { n: MIN_PASSWORD })}
          />
          <Text {...props} name="again" type="password" autocomplete="new-password" />
        </>
      );
    case 'time':
      return (
        <div class="field">
          <label for={id}>{t('wizard.timeZone')}</label>
          <select
            id={id}
            name="timeZone"
            value={draft.timeZone}
            onChange={(event) => set({ timeZone: event.currentTarget.value })}
          >
            {zones().map((zone) => (
              <option key={zone} value={zone}>
                {zone.replaceAll('_', ' ')}
              </option>
            ))}
          </select>
        </div>
      );
    case 'lan':
      return (
        <>
          <Text {...props} name="hostName" hint={t('wizard.hostNameHint')} />
          <Text {...props} name="lanAddress" mono />
          <Text {...props} name="lanMask" mono />
        </>
      );
    case 'wan':
      return (
        <>
          <fieldset class="choices">
            <legend>{t('wizard.wanType')}</legend>
            {(['dhcp', 'static'] as const).map((type) => (
              <label key={type} class="check">
                <input
                  type="radio"
                  name="wanType"
                  value={type}
                  checked={draft.wanType === type}
                  onChange={() => set({ wanType: type })}
                />
                <span>
                  {t(`wizard.wan.${type}` as Key)}
                  <span class="hint"> {t(`wizard.wanHint.${type}` as Key)}</span>
                </span>
              </label>
            ))}
          </fieldset>
          {draft.wanType === 'static' && (
            <>
              <Text {...props} name="wanAddress" mono />
              <Text {...props} name="wanMask" mono />
              <Text {...props} name="wanGateway" mono />
              <Text {...props} name="wanDns" mono hint={t('wizard.dnsHint')} />
            </>
          )}
        </>
      );
    case 'summary':
      return (
        <Facts>
          <Fact name={t('wizard.username')}>{draft.username}</Fact>
          <Fact name={t('wizard.timeZone')}>{draft.timeZone.replaceAll('_', ' ')}</Fact>
          <Fact name={t('wizard.hostName')}>{draft.hostName}</Fact>
          <Fact name={t('wizard.lanAddress')}>
            <span class="mono">{draft.lanAddress}</span>
          </Fact>
          <Fact name={t('wizard.wanType')}>
            {draft.wanType === 'dhcp'
              ? t('wizard.wan.dhcp')
              : `${t('wizard.wan.static')}: ${draft.wanAddress}`}
          </Fact>
        </Facts>
      );
  }
}

function Text(
  props: StepProps & {
    name: Exclude<keyof Draft, 'wanType'>;
    type?: 'text' | 'password';
    autocomplete?: string;
    mono?: boolean;
    hint?: string;
  },
) {
  const t = useT();
  const id = useId();
  const { name } = props;
  const key = props.problems[name];
  const described = [key && `${id}-fault`, props.hint && `${id}-hint`].filter(Boolean).join(' ');
  const common = {
    id,
    name,
    class: props.mono ? 'mono' : '',
    autocomplete: props.autocomplete ?? 'off',
    value: props.draft[name],
    'aria-invalid': key !== undefined,
    'aria-describedby': described === '' ? undefined : described,
    onInput: (event: { currentTarget: { value: string } }) =>
      props.set({ [name]: event.currentTarget.value }),
  };
  return (
    <div class={`field ${key === undefined ? '' : 'has-fault'}`}>
      <label for={id}>{t(`wizard.${name}` as Key)}</label>
      {props.type === 'password' ? (
        <input {...common} type="password" />
      ) : (
        <input {...common} type="text" autocapitalize="none" spellcheck={false} />
      )}
      {key !== undefined && (
        <p class="fault" id={`${id}-fault`}>
          {t(key, { n: MIN_PASSWORD })}
        </p>
      )}
      {props.hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  );
}
