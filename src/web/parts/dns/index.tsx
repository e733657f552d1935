/** Names: whether they are resolved, what is blocked, who asked for what, and whom the router asks. */
import { HOSTS } from '../../lib/devices.ts';
import { href } from '../../lib/router.ts';
import { PartTexts, useApp, useTexts } from '../../state/app.ts';
import { useModel } from '../../ui/hooks.ts';
import { PageHead, Skeleton, Tabs } from '../../ui/parts.tsx';
import { DNS, RELAY } from './data.ts';
import { Groups, Lists } from './lists.tsx';
import { Log } from './log.tsx';
import { Overview } from './overview.tsx';
import { Names, Settings, Upstreams } from './settings.tsx';
import { Stats } from './stats.tsx';
import { texts } from './texts.ts';
import './dns.css';

const TABS = ['now', 'log', 'stats', 'lists', 'groups', 'names', 'upstreams', 'settings'] as const;
const PATHS = [RELAY, DNS, HOSTS];

export default function DnsPage() {
  const t = useTexts(texts);
  const [tab = 'now'] = useApp().route.value.rest;
  const { values, ready } = useModel(PATHS);
  const tabs = TABS.map((id) => ({
    id,
    title: t(`tab.${id}`),
    href: href('dns', id === 'now' ? [] : [id]),
  }));
  const body = () => {
    switch (tab) {
      case 'log':
        return <Log values={values} />;
      case 'stats':
        return <Stats values={values} />;
      case 'lists':
        return <Lists values={values} />;
      case 'groups':
        return <Groups values={values} />;
      case 'names':
        return <Names values={values} />;
      case 'upstreams':
        return <Upstreams values={values} />;
      case 'settings':
        return <Settings values={values} />;
      default:
        return <Overview values={values} />;
    }
  };
  return (
    <PartTexts value={texts}>
      <PageHead title={t('place.dns')} />
      <Tabs label={t('place.dns')} tabs={tabs} current={tab} />
      {ready ? <div class="grid">{body()}</div> : <Skeleton lines={8} />}
    </PartTexts>
  );
}
