/** Is it up, what is happening now, what needs you: in this order. */
import { useSignal } from '@preact/signals';
import { addressNeeds, hostCounts, POOLS, SUMMARY } from '../lib/devices.ts';
import { duration } from '../lib/format.ts';
import type { Values } from '../lib/patch.ts';
import { rowsOf } from '../lib/paths.ts';
import { href } from '../lib/router.ts';
import {
  addressesOf,
  byWeight,
  clientOn,
  clientState,
  countdownSec,
  elapsedSec,
  interfaceState,
  needs,
  numberOf,
  textAt,
  titleOf,
  verdict,
  zoneRows,
} from '../lib/status.ts';
import { type App, useApp, useT } from '../state/app.ts';
import { TrafficChart } from '../ui/chart.tsx';
import { useLive, useModel } from '../ui/hooks.ts';
import { Shape } from '../ui/icons.tsx';
import { Card, Copy, Fact, Facts, PageHead, Skeleton, StateWord } from '../ui/parts.tsx';
import { GLANCE } from '../ui/shell.tsx';

const PATHS = [
  ...GLANCE,
  ...SUMMARY,
  'Device.DeviceInfo.',
  'Device.Ethernet.Interface.',
  'Device.DNS.',
];
const LIVE = ['Device.DeviceInfo.MemoryStatus.', `${POOLS}*.X_GATEHOUSE_Bound`];

export function Overview() {
  const app = useApp();
  const t = useT();
  const { values, ready } = useModel(PATHS);
  useLive(LIVE);
  const now = app.nowMs.value;
  const { locale: language } = app;
  if (!ready) {
    return (
      <>
        <PageHead title={t('place.overview')} />
        <Skeleton lines={6} />
      </>
    );
  }
  const answer = verdict(values);
  const since =
    answer.row === undefined ? undefined : elapsedSec(values, `${answer.row}LastChange`, now);
  return (
    <>
      <h1 class="sr">{t('place.overview')}</h1>
      <section class={`hero is-${answer.state}`} aria-label={t('overview.isItUp')}>
        <Shape state={answer.state} />
        <div>
          <p class="hero-text" role="status">
            {t(answer.key, answer.args)}
          </p>
          {since !== undefined && (
            <p class="muted">
              {t(answer.state === 'down' ? 'overview.linkDownFor' : 'overview.linkFor', {
                time: duration(since, language),
              })}
            </p>
          )}
        </div>
      </section>
      <div class="grid even">
        <TrafficCard values={values} />
        <NeedsCard values={values} />
        {zoneRows(values, 'Wan').map((row) => (
          <WanCard key={row} row={row} values={values} />
        ))}
        <LanCard values={values} />
        <BoxCard values={values} />
      </div>
    </>
  );
}

function TrafficCard({ values }: { values: Values }) {
  const t = useT();
  const links = rowsOf(values.keys(), 'Device.IP.Interface.')
    .filter(
      (row) => textAt(values, `${row}Loopback`) !== 'true' && textAt(values, `${row}Name`) !== '',
    )
    .map((row) => ({ name: textAt(values, `${row}Name`), title: titleOf(values, row) }));
  const chosen = useSignal<string | undefined>(undefined);
  const link = chosen.value ?? links[0]?.name;
  const picker = links.length > 1 && (
    <fieldset class="segments">
      <legend class="sr">{t('traffic.link')}</legend>
      {links.map(({ name, title }) => (
        <button
          type="button"
          key={name}
          aria-pressed={name === link}
          onClick={() => (chosen.value = name)}
        >
          {title}
        </button>
      ))}
    </fieldset>
  );
  return (
    <Card title={t('traffic.title')} note={picker} wide>
      {link === undefined ? (
        <p class="muted">{t('traffic.none')}</p>
      ) : (
        <TrafficChart key={link} link={link} />
      )}
    </Card>
  );
}

function NeedsCard({ values }: { values: Values }) {
  const t = useT();
  const found = byWeight([...needs(values), ...addressNeeds(values)]);
  return (
    <Card title={t('needs.title')} wide>
      {found.length === 0 ? (
        <p class="all-well">
          <Shape state="up" />
          {t('needs.none')}
        </p>
      ) : (
        <ul class="needs">
          {found.map((need) => (
            <li key={`${need.key} ${need.href} ${JSON.stringify(need.args)}`}>
              <a href={need.href}>
                <Shape state={need.state} />
                <span>
                  {t(need.key, {
                    ...need.args,
                    ...('n' in need.args ? { n: Number(need.args['n']) } : {}),
                  })}
                </span>
              </a>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function WanCard({ row, values }: { row: string; values: Values }) {
  const app = useApp();
  const t = useT();
  const client = clientOn(values, row);
  const uses = client !== undefined && textAt(values, `${client}Enable`) === 'true';
  const routers = client === undefined ? '' : textAt(values, `${client}IPRouters`);
  const servers = client === undefined ? '' : textAt(values, `${client}DNSServers`);
  return (
    <Card
      title={t('overview.wan', { name: titleOf(values, row) })}
      note={
        <a
          href={href('network', uses ? ['dhcp', numberOf(client)] : ['interfaces', numberOf(row)])}
        >
          {t('details')}
        </a>
      }
    >
      <Facts>
        <Fact name={t('overview.state')}>
          <StateWord state={uses ? clientState(values, client) : interfaceState(values, row)} />
        </Fact>
        <Fact name={t('overview.address')}>
          <Copy text={(addressesOf(values, row)[0] ?? '').replace(/\/.*/, '')} />
        </Fact>
        {uses && (
          <>
            <Fact name={t('overview.lease')}>
              <Remaining values={values} path={`${client}LeaseTimeRemaining`} />
            </Fact>
            <Fact name={t('overview.gateway')}>
              <Copy text={routers} />
            </Fact>
            <Fact name={t('overview.resolvers')}>
              <Copy text={servers.replaceAll(',', ', ')} />
            </Fact>
          </>
        )}
      </Facts>
      {uses && app.mayChange && <Renew client={client} />}
    </Card>
  );
}

/** Time left of a lease; it counts here, in the browser. */
export function Remaining({ values, path }: { values: Values; path: string }) {
  const app = useApp();
  return <span class="tabular">{remaining(app, values, path)}</span>;
}

/** What is left of a lease, in words. */
export function remaining(app: App, values: Values, path: string): string {
  const t = app.translate.value;
  const left = countdownSec(values, path, app.nowMs.value);
  if (left === undefined) return t('lease.none');
  if (left === Number.POSITIVE_INFINITY) return t('lease.forever');
  return t('lease.left', { time: duration(left, app.locale, 'short') });
}

export function Renew({ client }: { client: string }) {
  const app = useApp();
  const t = useT();
  const busy = useSignal(false);
  const renew = async (): Promise<void> => {
    busy.value = true;
    const answer = await app.api.post('/api/operate', { path: `${client}Renew()`, args: {} });
    busy.value = false;
    if (answer.ok) app.say(t('renew.asked'));
    else app.failed(answer.error);
    await app.model.read([client]);
  };
  return (
    <div class="actions card-actions">
      <button type="button" disabled={busy.value} onClick={() => void renew()}>
        {t('renew')}
      </button>
    </div>
  );
}

function LanCard({ values }: { values: Values }) {
  const app = useApp();
  const t = useT();
  const rows = zoneRows(values, 'Lan');
  app.nowMs.value;
  const { here, fresh } = hostCounts(values, Date.now() + app.events.skewMs.value);
  return (
    <Card
      title={t('overview.lan')}
      note={<a href={href('network', ['interfaces'])}>{t('details')}</a>}
    >
      <Facts>
        <Fact name={t('overview.who')}>
          <a href={href('devices')}>{t('overview.here', { n: here })}</a>
          {fresh > 0 && <span class="hint">{t('overview.fresh', { n: fresh })}</span>}
        </Fact>
      </Facts>
      {rows.length === 0 && <p class="muted">{t('overview.noLan')}</p>}
      {rows.map((row) => (
        <Facts key={row}>
          <Fact name={t('overview.state')}>
            <StateWord state={interfaceState(values, row)} />
          </Fact>
          <Fact name={t('overview.interface')}>
            <span class="mono">{textAt(values, `${row}Name`) || '—'}</span>
          </Fact>
          <Fact name={t('overview.address')}>
            <Copy text={addressesOf(values, row)[0] ?? ''} />
          </Fact>
        </Facts>
      ))}
    </Card>
  );
}

function BoxCard({ values }: { values: Values }) {
  const app = useApp();
  const t = useT();
  const total = Number(textAt(values, 'Device.DeviceInfo.MemoryStatus.Total'));
  const free = Number(textAt(values, 'Device.DeviceInfo.MemoryStatus.Free'));
  const up = elapsedSec(values, 'Device.DeviceInfo.UpTime', app.nowMs.value);
  const firewall = textAt(values, 'Device.X_GATEHOUSE_Firewall.Status');
  return (
    <Card title={t('overview.box')}>
      <Facts>
        <Fact name={t('overview.firewall')}>
          <StateWord
            state={firewall === 'Enabled' ? 'up' : 'down'}
            word={t(firewall === 'Enabled' ? 'firewall.on' : 'firewall.off')}
          />
        </Fact>
        <Fact name={t('overview.uptime')}>
          <span class="tabular">{up === undefined ? '—' : duration(up, app.locale, 'short')}</span>
        </Fact>
        <Fact name={t('overview.memory')}>
          {total > 0
            ? t('overview.memoryUsed', { percent: Math.round((100 * (total - free)) / total) })
            : '—'}
        </Fact>
        <Fact name={t('overview.model')}>
          {textAt(values, 'Device.DeviceInfo.ModelName') || '—'}
        </Fact>
        <Fact name={t('overview.version')}>{app.session.value?.version}</Fact>
      </Facts>
    </Card>
  );
}
