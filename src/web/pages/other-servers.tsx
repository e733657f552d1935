/** How the router shares its segments with other DHCP servers, and what was heard of those. */
import { leaseEnd, OTHER_LEASES, OTHER_SERVERS, SEGMENTS } from '../lib/devices.ts';
import { timeMs } from '../lib/format.ts';
import type { Values } from '../lib/patch.ts';
import { rowsOf } from '../lib/paths.ts';
import { textAt, titleOf } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useLive } from '../ui/hooks.ts';
import { Card, Copy, Empty, Note, When } from '../ui/parts.tsx';
import { RowsCard } from '../ui/rows-card.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { left } from './device-list.tsx';

const MODE = ['Interface', 'Mode', 'RelayTo', 'Authoritative', 'Probe'];
type Mode = 'Open' | 'Selective' | 'Hybrid' | 'PassThrough';

export function Others({ values }: { values: Values }) {
  const app = useApp();
  const t = useT();
  useLive([`${OTHER_SERVERS}*.`, `${OTHER_LEASES}*.`]);
  const at = (row: string, name: string): string => textAt(values, `${row}${name}`);
  const segment = (row: string): string => titleOf(values, `${at(row, 'Interface')}.`);
  const servers = rowsOf(values.keys(), OTHER_SERVERS);
  const copied = (name: string, title: string): Column<string> => ({
    key: name,
    title,
    text: (row) => at(row, name),
    cell: (row) => <Copy text={at(row, name)} />,
  });
  const where: Column<string> = { key: 'where', title: t('param.Interface'), text: segment };
  return (
    <>
      <RowsCard
        title={t('others.modes')}
        intro={t('others.modesIntro')}
        values={values}
        table={SEGMENTS}
        nameOf={segment}
        empty={t('others.modesNone')}
        edit={MODE}
        addTitle={t('others.add')}
        add={MODE.slice(0, 3)}
        needed={['Interface']}
        extra={{}}
        columns={[
          where,
          {
            key: 'mode',
            title: t('param.Mode'),
            text: (row) => t(`choice.${at(row, 'Mode') as Mode}`),
          },
        ]}
      />
      <Card title={t('others.heard')} wide>
        {servers.length > 0 && <Note kind="bad">{t('others.warning')}</Note>}
        <Table
          label={t('others.heard')}
          rows={servers}
          keyOf={(row) => row}
          empty={<Empty title={t('others.heardNone')} />}
          columns={[
            copied('IPAddress', t('overview.address')),
            copied('Chaddr', t('column.mac')),
            where,
            {
              key: 'last',
              title: t('others.last'),
              text: (row) => at(row, 'LastSeen'),
              cell: (row) => <When ms={timeMs(at(row, 'LastSeen')) ?? 0} />,
            },
          ]}
        />
      </Card>
      <Card title={t('others.leases')} wide>
        <Table
          label={t('others.leases')}
          rows={rowsOf(values.keys(), OTHER_LEASES)}
          keyOf={(row) => row}
          filter
          csvName="other-leases"
          empty={<Empty title={t('others.leasesNone')} />}
          columns={[
            {
              key: 'name',
              title: t('column.name'),
              text: (row) => at(row, 'HostName') || '—',
            },
            copied('IPAddress', t('overview.address')),
            copied('Chaddr', t('column.mac')),
            copied('Server', t('column.server')),
            {
              key: 'lease',
              title: t('devices.lease'),
              text: (row) => left(app, leaseEnd(values, `${row}LeaseTimeRemaining`)),
              sort: (row) => leaseEnd(values, `${row}LeaseTimeRemaining`) ?? 0,
            },
          ]}
        />
      </Card>
    </>
  );
}
