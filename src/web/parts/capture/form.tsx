/** What a capture is to hear, put together step by step; the router checks each step, and says what becomes of it. */
import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { devicesAt } from '../../lib/devices.ts';
import { duration } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { rowsOf } from '../../lib/paths.ts';
import { IP, textAt } from '../../lib/status.ts';
import type { Answer } from '../../state/api.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { useAnswer } from '../../ui/hooks.ts';
import { Card } from '../../ui/parts.tsx';
import { ask } from './data.ts';
import { texts } from './texts.ts';

const PROTOCOLS = ['tcp', 'udp', 'icmp', 'icmp6', 'arp', 'igmp', 'sctp'];
const SECONDS = [60, 600, 3600, 0];

const words = (text: string): readonly string[] => text.split(/[\s,]+/).filter((word) => word);

export function StartForm({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const [ifName, seconds, side] = [useSignal('lan'), useSignal('600'), useSignal('hosts')];
  const [ports, hosts, vlan, raw] = [useSignal(''), useSignal(''), useSignal(''), useSignal('')];
  const write = useSignal(false);
  const protocols = useSignal<readonly string[]>([]);
  const checked = useSignal<Answer<{ filter: string }> | undefined>(undefined);
  const list = useId();
  const args = {
    ...{ interface: ifName.value, protocols: protocols.value, ports: words(ports.value) },
    [side.value]: words(hosts.value),
    ...(vlan.value.trim() === '' ? {} : { vlan: vlan.value.trim() }),
    ...(raw.value.trim() === '' ? {} : { filter: raw.value }),
  };
  useAnswer(
    () => ask<{ filter: string }>(app, 'check', args),
    [JSON.stringify(args)],
    (answer) => (checked.value = answer),
  );
  const start = async (): Promise<void> => {
    const answer = await ask(app, 'start', {
      ...args,
      ...{ seconds: Number(seconds.value), write: write.value },
    });
    if (answer.ok) app.say(t('capture.started'));
    else app.failed(answer.error);
  };
  const toggle = (name: string): void => {
    const { value } = protocols;
    protocols.value = value.includes(name) ? value.filter((one) => one !== name) : [...value, name];
  };
  const names = rowsOf(values.keys(), IP)
    .map((row) => textAt(values, `${row}Name`))
    .filter((name) => name !== '' && name !== 'lo');
  const answer = checked.value;
  const filter = answer?.ok ? answer.value.filter : '';
  return (
    <Card title={t('capture.new')} wide>
      <form
        class="capture-form"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <Choice title={t('column.interface')} value={ifName}>
          <option value="lan">{t('capture.lan')}</option>
          <option value="wan">{t('capture.wan')}</option>
          {[...new Set(names)].map((name) => (
            <option key={name}>{name}</option>
          ))}
        </Choice>
        <fieldset>
          <legend>{t('capture.protocols')}</legend>
          <div class="capture-protocols">
            {PROTOCOLS.map((name) => (
              <label key={name} class="check">
                <input
                  type="checkbox"
                  checked={protocols.value.includes(name)}
                  onChange={() => toggle(name)}
                />
                {name}
              </label>
            ))}
          </div>
        </fieldset>
        <Text title={t('capture.ports')} hint={t('capture.portsHint')} value={ports} />
        <Text title={t('capture.hosts')} hint={t('capture.hostsHint')} value={hosts} list={list} />
        <datalist id={list}>
          {devicesAt(values).map(({ address, name }) => (
            <option key={address} value={address}>
              {name}
            </option>
          ))}
        </datalist>
        {hosts.value.trim() !== '' && (
          <Choice title={t('capture.side')} value={side}>
            <option value="hosts">{t('capture.either')}</option>
            <option value="from">{t('capture.from')}</option>
            <option value="to">{t('capture.to')}</option>
          </Choice>
        )}
        <details>
          <summary>{t('capture.more')}</summary>
          <div class="stack">
            <Text title="VLAN" hint={t('capture.vlanHint')} value={vlan} />
            <Text title={t('capture.raw')} hint={t('capture.rawHint')} value={raw} />
          </div>
        </details>
        <Choice title={t('capture.length')} value={seconds}>
          {SECONDS.map((n) => (
            <option key={n} value={n}>
              {n === 0 ? t('capture.longest') : duration(n, app.locale)}
            </option>
          ))}
        </Choice>
        <label class="check">
          <input
            type="checkbox"
            checked={write.value}
            onChange={(event) => (write.value = event.currentTarget.checked)}
          />
          {t('capture.write')}
        </label>
        <div role="status" class="capture-check across">
          {answer?.ok === false ? (
            app
              .words(answer.error)
              .split('\n')
              .map((fault) => (
                <p key={fault} class="fault">
                  {fault}
                </p>
              ))
          ) : (
            <p class="muted">
              {filter === '' ? t('capture.all') : t('capture.hears')}{' '}
              {filter !== '' && <code>{filter}</code>}
            </p>
          )}
        </div>
        <div class="actions across">
          <button type="submit" class="primary" disabled={answer?.ok === false}>
            {t('capture.start')}
          </button>
        </div>
      </form>
    </Card>
  );
}

function Choice(props: { title: string; value: Signal<string>; children: ComponentChildren }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.title}</label>
      <select
        id={id}
        value={props.value.value}
        onChange={(event) => (props.value.value = event.currentTarget.value)}
      >
        {props.children}
      </select>
    </div>
  );
}

function Text(props: { title: string; hint: string; value: Signal<string>; list?: string }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.title}</label>
      <input
        id={id}
        type="text"
        autocomplete="off"
        spellcheck={false}
        list={props.list}
        aria-describedby={`${id}-hint`}
        value={props.value.value}
        onInput={(event) => (props.value.value = event.currentTarget.value)}
      />
      <p class="hint" id={`${id}-hint`}>
        {props.hint}
      </p>
    </div>
  );
}
