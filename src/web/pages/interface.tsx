/** One IP interface: what it is now, its settings, its addresses. */
import { useSignal } from '@preact/signals';
import { duration, number, rate } from '../lib/format.ts';
import type { Values } from '../lib/patch.ts';
import { rowsOf } from '../lib/paths.ts';
import { elapsedSec, interfaceState, numberOf, textAt } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useLive } from '../ui/hooks.ts';
import { ObjectForm } from '../ui/object-form.tsx';
import { Card, Copy, Empty, Fact, Facts, Note, StateWord } from '../ui/parts.tsx';
import { AddRow, DeleteRow } from '../ui/rows.tsx';

export function InterfacePage({ row, values }: { row: string; values: Values }) {
  const app = useApp();
  const t = useT();
  const { locale: language } = app;
  const at = (name: string): string => textAt(values, `${row}${name}`);
  const since = elapsedSec(values, `${row}LastChange`, app.nowMs.value);
  const live = app.traffic.value.at(-1)?.links.find((link) => link.name === at('Name'));
  const adding = useSignal(false);
  useLive([`${row}Stats.`]);
  const addresses = rowsOf(values.keys(), `${row}IPv4Address.`);
  return (
    <div class="grid">
      <Card title={t('now')}>
        {at('X_GATEHOUSE_Reason') !== '' && <Note kind="warn">{at('X_GATEHOUSE_Reason')}</Note>}
        <Facts>
          <Fact name={t('overview.state')}>
            <StateWord state={interfaceState(values, row)} />
          </Fact>
          <Fact name={t('interface.since')}>
            {since === undefined ? '—' : duration(since, language, 'short')}
          </Fact>
          <Fact name={t('column.kernel')}>
            <Copy text={at('Name')} />
          </Fact>
          <Fact name={t('traffic.received')}>
            <span class="tabular">
              {live === undefined ? '—' : rate(live.rxBytesPerSec, language)}
            </span>
          </Fact>
          <Fact name={t('traffic.sent')}>
            <span class="tabular">
              {live === undefined ? '—' : rate(live.txBytesPerSec, language)}
            </span>
          </Fact>
          <Fact name={t('interface.drops')}>
            <span class="tabular">
              {number(
                Number(at('Stats.DiscardPacketsReceived')) + Number(at('Stats.DiscardPacketsSent')),
                language,
              )}
            </span>
          </Fact>
        </Facts>
      </Card>
      <Card title={t('settings')} class="form-card">
        <ObjectForm
          values={values}
          paths={['Enable', 'LowerLayers', 'X_GATEHOUSE_Zone', 'IPv4Enable', 'MaxMTUSize'].map(
            (name) => `${row}${name}`,
          )}
        />
      </Card>
      <Card
        title={t('interface.addresses')}
        wide
        note={
          app.mayChange && (
            <button type="button" class="quiet" onClick={() => (adding.value = true)}>
              {t('interface.addAddress')}
            </button>
          )
        }
      >
        {addresses.length === 0 && <Empty title={t('interface.noAddress')} />}
        <div class="address-list">
          {addresses.map((address) => (
            <Address key={address} row={address} values={values} />
          ))}
        </div>
      </Card>
      {adding.value && (
        <AddRow
          title={t('interface.addAddress')}
          table={`${row}IPv4Address.`}
          names={['IPAddress', 'SubnetMask']}
          needed={['IPAddress', 'SubnetMask']}
          values={values}
          extra={{ Enable: 'true' }}
          onClose={() => (adding.value = false)}
        />
      )}
    </div>
  );
}

function Address({ row, values }: { row: string; values: Values }) {
  const t = useT();
  const learned = textAt(values, `${row}AddressingType`) !== 'Static';
  const text = textAt(values, `${row}IPAddress`);
  return (
    <section class="address" aria-label={text || numberOf(row)}>
      {learned ? (
        <Facts>
          <Fact name={t('overview.address')}>
            <Copy text={text} />
          </Fact>
          <Fact name={t('param.SubnetMask')}>
            <Copy text={textAt(values, `${row}SubnetMask`)} />
          </Fact>
          <Fact name={t('column.origin')}>
            {t('interface.learned', { from: textAt(values, `${row}AddressingType`) })}
          </Fact>
        </Facts>
      ) : (
        <>
          <ObjectForm
            values={values}
            paths={['Enable', 'IPAddress', 'SubnetMask'].map((name) => `${row}${name}`)}
          />
          <DeleteRow row={row} name={text} values={values} />
        </>
      )}
    </section>
  );
}
