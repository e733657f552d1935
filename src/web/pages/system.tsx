/** What belongs to the box itself: history, backup, users, certificate, its name and restart, firmware, appearance. */
import type { Key } from '../i18n/en.ts';
import { href } from '../lib/router.ts';
import { useApp, useT } from '../state/app.ts';
import { Part } from '../ui/part.tsx';
import { Card, PageHead, Tabs } from '../ui/parts.tsx';
import { AppearanceForm } from './appearance.tsx';
import { BackupPage } from './backup.tsx';
import { BoxPage } from './box.tsx';
import { CertificatePage } from './certificate.tsx';
import { HistoryPage } from './history.tsx';
import { UsersPage } from './users.tsx';

const TABS = [
  'history',
  'backup',
  'users',
  'certificate',
  'box',
  'firmware',
  'appearance',
] as const;

const firmware = () => import('../parts/firmware/index.tsx');

export function System() {
  const app = useApp();
  const t = useT();
  const tab = TABS.find((name) => name === app.route.value.rest[0]) ?? 'history';
  return (
    <>
      <PageHead title={t('place.system')} />
      <Tabs
        label={t('place.system')}
        current={tab}
        tabs={TABS.map((id) => ({
          id,
          title: t(`system.${id}` as Key),
          href: href('system', [id]),
        }))}
      />
      {tab === 'history' && <HistoryPage />}
      {tab === 'backup' && <BackupPage />}
      {tab === 'users' && <UsersPage />}
      {tab === 'certificate' && <CertificatePage />}
      {tab === 'box' && <BoxPage />}
      {tab === 'firmware' && <Part load={firmware} />}
      {tab === 'appearance' && (
        <div class="grid">
          <Card title={t('system.appearance')}>
            <p class="muted">{t('appearance.intro')}</p>
            <AppearanceForm />
          </Card>
        </div>
      )}
    </>
  );
}
