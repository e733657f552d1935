/** Who may have an address: the first rule that fits decides. */
import { RULES, whom } from '../lib/devices.ts';
import { timeMs } from '../lib/format.ts';
import type { Values } from '../lib/patch.ts';
import { rowsOf } from '../lib/paths.ts';
import { textAt } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { StateWord } from '../ui/parts.tsx';
import { RowsCard, useEnabledColumn } from '../ui/rows-card.tsx';
import { left } from './device-list.tsx';

const WHOM = [
  'Chaddr',
  'ChaddrMask',
  'RandomisedMAC',
  'HostName',
  'HostNameMode',
  'VendorClassID',
  'VendorClassIDMode',
  'Interface',
  'Until',
];

export function Rules({ values }: { values: Values }) {
  const app = useApp();
  const t = useT();
  const used = useEnabledColumn(values);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const place = (row: string): number => Number(at(row, 'Order'));
  const rows = rowsOf(values.keys(), RULES).toSorted((a, b) => place(a) - place(b));
  const name = (row: string): string => whom(values, row, t);
  const ends = (row: string): string => {
    const ms = timeMs(at(row, 'Until'));
    return ms === undefined ? t('lease.forever') : left(app, ms);
  };
  /** The later of two neighbours takes the place of the earlier one, which moves down. */
  const swap = async (later: string | undefined, earlier: string | undefined): Promise<void> => {
    if (later === undefined || earlier === undefined) return;
    const change = { path: `${later}Order`, value: String(place(earlier)) };
    const answer = await app.set([change], false);
    if (!answer.ok) return app.failed(answer.error);
    const { revision } = answer.value;
    app.say(t('form.saved'), () => void app.takeBack(revision));
    await app.model.read(rows.map((row) => `${row}Order`));
  };
  return (
    <RowsCard
      title={t('devices.rules')}
      intro={t('rules.intro')}
      values={values}
      table={RULES}
      rows={rows}
      nameOf={name}
      empty={t('rules.none')}
      edit={['Enable', 'Action', ...WHOM]}
      addTitle={t('rules.add')}
      add={['Action', ...WHOM]}
      needed={[]}
      columns={[
        { key: 'whom', title: t('rules.whom'), text: name },
        {
          key: 'what',
          title: t('param.Action'),
          text: (row) => t(at(row, 'Action') === 'Deny' ? 'choice.Deny' : 'choice.Allow'),
          cell: (row) => (
            <StateWord
              state={at(row, 'Action') === 'Deny' ? 'down' : 'up'}
              word={t(at(row, 'Action') === 'Deny' ? 'choice.Deny' : 'choice.Allow')}
            />
          ),
        },
        {
          key: 'until',
          title: t('param.Until'),
          text: ends,
          sort: (row) => at(row, 'Until'),
          cell: (row) => <span class="tabular">{ends(row)}</span>,
        },
        used,
      ]}
      more={(row) => {
        const index = rows.indexOf(row);
        return (['↑', '↓'] as const).map((arrow) => {
          const other = rows[arrow === '↑' ? index - 1 : index + 1];
          return (
            <button
              key={arrow}
              type="button"
              class="icon-button"
              disabled={other === undefined}
              aria-label={t(arrow === '↑' ? 'rules.up' : 'rules.down', { name: name(row) })}
              onClick={() => void (arrow === '↑' ? swap(row, other) : swap(other, row))}
            >
              {arrow}
            </button>
          );
        });
      }}
    />
  );
}
