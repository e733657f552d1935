/** The last queries as they come, with one click to block or allow. */

import { useSignal } from '@preact/signals';
import { useEffect, useId } from 'preact/hooks';
import { nameAt } from '../../lib/devices.ts';
import { timeMs } from '../../lib/format.ts';
import type { Values } from '../../lib/patch.ts';
import { href } from '../../lib/router.ts';
import { type State, textAt } from '../../lib/status.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { useLive } from '../../ui/hooks.ts';
import { Card, Empty, Note, Skeleton, StateWord, When } from '../../ui/parts.tsx';
import { Table } from '../../ui/table.tsx';
import { ask, say } from './asked.ts';
import { type Entry, LOG, type LogAnswer, type LoggedBy } from './data.ts';
import { texts } from './texts.ts';

const STATES: Readonly<Record<LoggedBy, State>> = {
  ...{ block: 'down', error: 'degraded', rewrite: 'unknown' },
  ...{ local: 'up', cache: 'up', stale: 'degraded', upstream: 'up' },
};
/** As many as are shown; the router keeps more. */
const SHOWN = 500;

export function Log({ values }: { values: Values }) {
  const app = useApp();
  const t = useTexts(texts);
  const id = useId();
  const entries = useSignal<readonly Entry[] | undefined>(undefined);
  const blocked = useSignal(false);
  const paused = useSignal(false);
  const privacy = textAt(values, `${LOG}Privacy`);
  const recorded = textAt(values, `${LOG}Recorded`);
  useLive([LOG]);
  useEffect(() => {
    if (!app.mayChange || (paused.peek() && entries.peek() !== undefined)) return;
    const after = entries.peek()?.[0]?.id;
    void ask<LogAnswer>(app, 'log', after === undefined ? {} : { after }).then((answer) => {
      if (!answer.ok) return app.failed(answer.error);
      // Another answer may have brought some of them meanwhile.
      const known = entries.peek() ?? [];
      const came = answer.value.entries.filter((entry) => entry.id > (known[0]?.id ?? 0));
      if (after !== undefined) came.reverse();
      entries.value = [...came, ...known].slice(0, SHOWN);
    });
  }, [recorded, privacy, paused.value]);
  if (!app.mayChange) {
    return (
      <Card title={t('tab.log')} wide>
        <Note>{t('log.viewer')}</Note>
      </Card>
    );
  }
  const word = (command: 'block' | 'allow', name: string): void => {
    const undo = (): void => void say(app, 'forget', { name }, t('said.forget', { name }));
    void say(app, command, { name }, t(`said.${command}`, { name }), undo);
  };
  const who = ({ client }: Entry): string => nameAt(values, client) ?? client;
  const how = ({ by, rule }: Entry): string =>
    `${t(`by.${by}`)}${rule === null ? '' : `: ${rule}`}`;
  const rows = (entries.value ?? []).filter(({ by }) => !blocked.value || by === 'block');
  const isKept = privacy === 'Full' || privacy === 'Anonymous';
  return (
    <Card title={t('tab.log')} wide>
      <p class="muted">
        {t(`privacy.${privacy}` as 'privacy.Full')}{' '}
        <a href={href('dns', ['settings'])}>{t('log.change')}</a>
      </p>
      <div class="actions dns-tools">
        <label class="check" for={id}>
          <input
            id={id}
            type="checkbox"
            checked={blocked.value}
            onChange={(event) => (blocked.value = event.currentTarget.checked)}
          />
          {t('log.blocked')}
        </label>
        <button type="button" class="quiet" onClick={() => (paused.value = !paused.value)}>
          {t(paused.value ? 'log.go' : 'log.stop')}
        </button>
      </div>
      {entries.value === undefined ? (
        <Skeleton lines={6} />
      ) : (
        <Table
          label={t('tab.log')}
          rows={rows}
          keyOf={(entry) => String(entry.id)}
          filter
          tall
          csvName="dns-log"
          empty={<Empty title={t(isKept ? 'log.none' : 'log.unkept')} />}
          columns={[
            {
              key: 'name',
              title: t('column.name'),
              text: ({ name }) => name,
              cell: ({ name, type }) => (
                <>
                  <strong class="dns-name">{name}</strong>
                  <span class="hint">{type}</span>
                </>
              ),
            },
            { key: 'type', title: t('log.type'), text: ({ type }) => type, aside: true },
            { key: 'who', title: t('device'), text: who },
            {
              key: 'by',
              title: t('log.by'),
              text: how,
              cell: (entry) => (
                <>
                  <StateWord state={STATES[entry.by]} word={t(`by.${entry.by}`)} />
                  {entry.rule !== null && <span class="hint">{entry.rule}</span>}
                </>
              ),
            },
            {
              key: 'when',
              title: t('column.when'),
              text: ({ time }) => time,
              sort: ({ id: at }) => at,
              cell: ({ time }) => <When ms={timeMs(time) ?? 0} />,
            },
            {
              key: 'do',
              title: t('column.actions'),
              text: () => '',
              cell: ({ name, by }) => {
                const command = by === 'block' ? 'allow' : 'block';
                return (
                  <button type="button" class="quiet" onClick={() => word(command, name)}>
                    {t(`do.${command}`)}
                    <span class="sr"> {name}</span>
                  </button>
                );
              },
            },
          ]}
        />
      )}
    </Card>
  );
}
