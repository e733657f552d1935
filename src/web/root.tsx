/** Which page is shown: the door (wizard, log-in) or a place behind it. */

import { Devices } from './pages/devices.tsx';
import { Login } from './pages/login.tsx';
import { ModelPage } from './pages/model.tsx';
import { Monitor } from './pages/monitor.tsx';
import { Network } from './pages/network.tsx';
import { Overview } from './pages/overview.tsx';
import { System } from './pages/system.tsx';
import { Wizard } from './pages/wizard.tsx';
import { useApp, useT } from './state/app.ts';
import { Part } from './ui/part.tsx';
import { Shell } from './ui/shell.tsx';

const loadCapture = () => import('./parts/capture/index.tsx');
const loadDns = () => import('./parts/dns/index.tsx');

export function Root() {
  const app = useApp();
  const session = app.session.value;
  if (session === undefined) return <Waiting />;
  if (session.setupNeeded) return <Wizard />;
  if (session.user === null) return <Login />;
  return (
    <Shell>
      <PlacePage />
    </Shell>
  );
}

function PlacePage() {
  const { place } = useApp().route.value;
  switch (place) {
    case 'overview':
      return <Overview />;
    case 'devices':
      return <Devices />;
    case 'dns':
      return <Part load={loadDns} />;
    case 'capture':
      return <Part load={loadCapture} />;
    case 'network':
      return <Network />;
    case 'monitor':
      return <Monitor />;
    case 'model':
      return <ModelPage />;
    case 'system':
      return <System />;
  }
}

function Waiting() {
  const app = useApp();
  const t = useT();
  return (
    <main class="door">
      <h1 class="sr">Gatehouse</h1>
      <p class="muted waiting" role="status">
        {app.unreachable.value ? t('error.unreachable') : ''}
      </p>
    </main>
  );
}
