/** What stands around every place: rail, header, what is on trial, messages. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Key } from '../i18n/en.ts';
import { PENDING } from '../lib/devices.ts';
import { clock, duration } from '../lib/format.ts';
import { rowsOf } from '../lib/paths.ts';
import { href, PLACES } from '../lib/router.ts';
import { verdict } from '../lib/status.ts';
import { useApp, useT } from '../state/app.ts';
import { useModel } from './hooks.ts';
import { Icon } from './icons.tsx';
import { StateWord } from './parts.tsx';

/** What header and overview speak of. */
export const GLANCE = [
  'Device.IP.',
  'Device.DHCPv4.Client.',
  'Device.X_GATEHOUSE_Firewall.',
  'Device.X_GATEHOUSE_LeaseMonitor.',
  'Device.DNS.Relay.',
  PENDING,
];

export function Shell({ children }: { children: ComponentChildren }) {
  const app = useApp();
  const t = useT();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const { place, rest } = app.route.value;
  const where = [place, ...rest].join('/');
  useEffect(() => {
    // A new place is announced by its heading; the first one keeps the focus of the browser.
    if (!first.current) {
      scrollTo(0, 0);
      main.current?.focus();
    }
    first.current = false;
  }, [where]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        {t('skip')}
      </button>
      <div class="frame">
        <Rail />
        <div class="column">
          <Header />
          <Trial />
          <Restarting />
          <main ref={main} tabIndex={-1}>
            {children}
          </main>
        </div>
      </div>
      <Toasts />
    </>
  );
}

function Rail() {
  const app = useApp();
  const t = useT();
  const { place } = app.route.value;
  const waiting = rowsOf(app.model.values.value.keys(), PENDING).length;
  return (
    <nav class="rail" aria-label={t('rail')}>
      <p class="brand">
        <Icon name="gate" />
        Gatehouse
      </p>
      <ul>
        {PLACES.map((name) => (
          <li key={name}>
            <a href={href(name)} aria-current={name === place ? 'page' : undefined}>
              <Icon name={name} />
              <span>{t(`place.${name}` as Key)}</span>
              {name === 'devices' && waiting > 0 && (
                <span class="badge">
                  {waiting}
                  <span class="sr"> {t('waiting.short')}</span>
                </span>
              )}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Header() {
  const app = useApp();
  const t = useT();
  const { values, ready } = useModel(GLANCE);
  const session = app.session.value;
  const wan = ready ? verdict(values) : undefined;
  return (
    <header class="top">
      <span class="box-name">{session?.hostName || 'Gatehouse'}</span>
      <a class="top-wan" href={href('overview')}>
        <span class="muted">{t('header.wan')}</span>
        <StateWord state={wan?.state ?? 'unknown'} />
      </a>
      <ContactWord />
      <span class="top-user muted">{session?.user?.name}</span>
      <button type="button" class="quiet" onClick={() => void app.logOut()}>
        {t('logout')}
      </button>
    </header>
  );
}

function ContactWord() {
  const app = useApp();
  const t = useT();
  const contact = app.events.contact.value;
  const now = app.nowMs.value;
  const { locale: language } = app;
  if (contact.state === 'live') {
    return (
      <span class="contact is-live" role="status">
        <span class="pulse" aria-hidden="true" />
        {t('contact.live')}
      </span>
    );
  }
  const seconds = contact.state === 'lost' ? Math.max(1, (now - contact.lastMs) / 1000) : 0;
  return (
    <span class="contact is-lost">
      <span class="pulse" aria-hidden="true" />
      <span class="sr" role="status">
        {contact.state === 'lost' ? t('contact.lostSpoken') : t('contact.connecting')}
      </span>
      <span aria-hidden={contact.state === 'lost'}>
        {contact.state === 'lost'
          ? t('contact.lost', { time: duration(seconds, language, 'short') })
          : t('contact.connecting')}
      </span>
    </span>
  );
}

/** A change on trial: what remains, and the two ways out. It shows wherever the reader is. */
function Trial() {
  const app = useApp();
  const t = useT();
  const pending = app.pending.value;
  const spoken = useRef('');
  app.nowMs.value;
  if (pending === null) return null;
  const left = (pending.deadlineMs - (Date.now() + app.events.skewMs.value)) / 1000;
  const lost = app.events.contact.value.state === 'lost';
  const target = app.movedTo.value;
  const isThere = target === undefined || target === location.hostname;
  // Spoken at the start and at every quarter minute, not every second.
  if (Math.ceil(left) % 15 === 0 || spoken.current === '')
    spoken.current = t('pending.spoken', { n: Math.max(0, Math.ceil(left)) });
  return (
    <section class="trial" aria-label={t('pending.label')}>
      <p class="sr" role="status">
        {spoken.current}
      </p>
      <div class="trial-text">
        <strong>{t('pending.title')}</strong>
        <span>{left > 0 ? t('pending.left', { time: clock(left) }) : t('pending.returning')}</span>
        {!isThere && (
          <span>
            {t('pending.moved')}{' '}
            <a href={`https://${target}${location.port === '' ? '' : `:${location.port}`}/`}>
              https://{target}/
            </a>
          </span>
        )}
        {lost && <span>{t('pending.lost')}</span>}
      </div>
      {app.mayChange && (
        <div class="actions">
          <button type="button" class="primary" disabled={lost} onClick={() => void app.confirm()}>
            {t('pending.confirm')}
          </button>
          <button type="button" disabled={lost} onClick={() => void app.rollBack()}>
            {t('pending.undo')}
          </button>
        </div>
      )}
    </section>
  );
}

/** The box was told to start again, and is not back yet. */
function Restarting() {
  const app = useApp();
  const t = useT();
  if (app.restart.value !== 'going') return null;
  return (
    <section class="trial" aria-label={t('box.reboot')}>
      <div class="trial-text" role="status">
        <strong>{t('box.going')}</strong>
        <span>{t('box.goingText')}</span>
      </div>
    </section>
  );
}

function Toasts() {
  const app = useApp();
  const t = useT();
  return (
    <div class="toasts" role="status" aria-live="polite">
      {app.toasts.value.map((toast) => (
        <div key={toast.id} class={`toast toast-${toast.kind}`}>
          <span>{toast.text}</span>
          {toast.href !== undefined && (
            <a href={toast.href} onClick={() => app.dismiss(toast.id)}>
              {t('look')}
            </a>
          )}
          {toast.undo !== undefined && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                toast.undo?.();
                app.dismiss(toast.id);
              }}
            >
              {t('undo')}
            </button>
          )}
          <button
            type="button"
            class="icon-button"
            aria-label={t('dismiss')}
            onClick={() => app.dismiss(toast.id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
