/** Who is on the LAN, and on whose terms: devices, approvals, rules, pools, other servers. */
import type { Key } from '../i18n/en.ts';
import { HOSTS, PENDING, POOLS, SERVER } from '../lib/devices.ts';
import { rowsOf } from '../lib/paths.ts';
import { href } from '../lib/router.ts';
import { titleOf } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useModel } from '../ui/hooks.ts';
import { Part } from '../ui/part.tsx';
import { Empty, PageHead, Skeleton, Tabs } from '../ui/parts.tsx';
import { DeviceList, Waiting } from './device-list.tsx';
import { Others } from './other-servers.tsx';
import { PoolPage, Pools } from './pools.tsx';
import { Rules } from './rules.tsx';

const PATHS = [SERVER, HOSTS, 'Device.IP.Interface.'];
const TABS = ['list', 'presence', 'waiting', 'rules', 'pools', 'others'] as const;

const presence = () => import('../parts/presence/index.tsx');

export function Devices() {
  const t = useT();
  const { rest } = useApp().route.value;
  const [tab = 'list', number] = rest;
  const { values, ready } = useModel(PATHS);
  const waiting = rowsOf(values.keys(), PENDING).length;
  const pool = tab === 'pools' && number !== undefined ? `${POOLS}${number}.` : undefined;
  const tabs = TABS.map((id) => ({
    id,
    title: `${t(`devices.${id}` as Key)}${id === 'waiting' && waiting > 0 ? ` (${waiting})` : ''}`,
    href: href('devices', [id]),
  }));
  const body = () => {
    if (pool !== undefined)
      return values.has(`${pool}Enable`) ? (
        <PoolPage row={pool} values={values} />
      ) : (
        <Empty title={t('network.gone')} />
      );
    switch (tab) {
      case 'presence':
        return <Part load={presence} />;
      case 'waiting':
        return <Waiting values={values} />;
      case 'rules':
        return <Rules values={values} />;
      case 'pools':
        return <Pools values={values} />;
      case 'others':
        return <Others values={values} />;
      default:
        return <DeviceList values={values} />;
    }
  };
  return (
    <>
      <PageHead
        title={
          pool === undefined
            ? t('place.devices')
            : t('pool.title', { name: ready ? titleOf(values, pool) : '' })
        }
      />
      <Tabs label={t('place.devices')} tabs={tabs} current={tab} />
      {ready ? <div class="grid">{body()}</div> : <Skeleton lines={8} />}
    </>
  );
}
