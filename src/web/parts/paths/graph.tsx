/** The smoke graph of one target: drawn by the box, from an hour to a year. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { href } from '../../lib/router.ts';
import { useApp, useTexts } from '../../state/app.ts';
import { Card } from '../../ui/parts.tsx';
import { texts } from './texts.ts';

const HOUR = 3600;
const SPANS = [
  { name: 'hour', sec: HOUR },
  { name: 'day', sec: 24 * HOUR },
  { name: 'week', sec: 7 * 24 * HOUR },
  { name: 'month', sec: 30 * 24 * HOUR },
  { name: 'year', sec: 365 * 24 * HOUR },
] as const;
/** Margins of the picture, as the box draws it. */
const [LEFT, RIGHT] = [58, 12];
const HEIGHT = 300;
/** As wide as the card can be: text in the picture is not made smaller or larger. */
const widthNow = (): number => Math.round(Math.min(980, Math.max(300, innerWidth - 64)));
const REFRESH_MS = 60_000;
/** What one click on it narrows the time by. */
const ZOOM = 4;

/** `toSec` is undefined for now, which moves. */
interface View {
  readonly spanSec: number;
  readonly toSec: number | undefined;
}

export function Graph({ row, name }: { row: string; name: string }) {
  const app = useApp();
  const t = useTexts(texts);
  const view = useSignal<View>({ spanSec: HOUR, toSec: undefined });
  const now = useSignal(Math.ceil(Date.now() / 1000));
  useEffect(() => {
    // Another picture of the same time would be the same: the box writes once a minute.
    const timer = setInterval(() => {
      if (!document.hidden) now.value = Math.ceil(Date.now() / 1000);
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const isDark = useSignal(false);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const look = (): void => {
      isDark.value = media.matches;
    };
    look();
    media.addEventListener('change', look);
    return () => media.removeEventListener('change', look);
  }, []);
  const width = useSignal(widthNow()).value;
  const shown = useComputed(() => ({ to: view.value.toSec ?? now.value, ...view.value }));
  const { to, spanSec } = shown.value;
  const theme = app.preferences.theme.value;
  const dark = theme === 'dark' || (theme === 'auto' && isDark.value);
  const query = new URLSearchParams({
    target: row,
    from: String(to - spanSec),
    to: String(to),
    width: String(width),
    height: String(HEIGHT),
    points: '700',
    offset: String(-60 * new Date(to * 1000).getTimezoneOffset()),
    dark: dark ? '1' : '0',
  });
  const zoom = (spanNext: number, middle: number): void => {
    const next = Math.round(Math.min(365 * 24 * HOUR, Math.max(HOUR, spanNext)));
    const end = Math.round(middle + next / 2);
    view.value = { spanSec: next, toSec: end >= now.value ? undefined : end };
  };
  const when = new Intl.DateTimeFormat(app.locale, { dateStyle: 'medium', timeStyle: 'short' });
  const range = t('paths.range', {
    from: when.format((to - spanSec) * 1000),
    to: when.format(to * 1000),
  });
  return (
    <Card title={name} wide note={<a href={href('monitor', ['paths'])}>{t('paths.close')}</a>}>
      <div class="actions" role="toolbar" aria-label={t('paths.zoom')}>
        {SPANS.map((one) => (
          <button
            key={one.name}
            type="button"
            aria-pressed={spanSec === one.sec}
            onClick={() => (view.value = { spanSec: one.sec, toSec: undefined })}
          >
            {t(`span.${one.name}`)}
          </button>
        ))}
        <button type="button" onClick={() => zoom(spanSec, to - spanSec)}>
          {t('paths.earlier')}
        </button>
        <button
          type="button"
          disabled={view.value.toSec === undefined}
          onClick={() => zoom(spanSec, to)}
        >
          {t('paths.later')}
        </button>
        <button
          type="button"
          disabled={spanSec >= 365 * 24 * HOUR}
          onClick={() => zoom(spanSec * ZOOM, to - spanSec / 2)}
        >
          {t('paths.out')}
        </button>
      </div>
      <button
        type="button"
        class="smoke"
        title={t('paths.into')}
        disabled={spanSec <= HOUR}
        onClick={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const x = ((event.clientX - box.left) * width) / box.width;
          // By key there is no place: then the newest.
          const share = event.detail === 0 ? 1 : (x - LEFT) / (width - LEFT - RIGHT);
          zoom(spanSec / ZOOM, to - spanSec + Math.min(1, Math.max(0, share)) * spanSec);
        }}
      >
        <img
          src={`/api/monitor/graph.svg?${query.toString()}`}
          width={width}
          height={HEIGHT}
          alt={t('paths.alt', { name, range })}
        />
      </button>
      <p class="muted">{range}</p>
    </Card>
  );
}
