/** Traffic of one link as a live line chart; the value under the cursor in words; the same as a table. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type uPlotType from 'uplot';
import { absolute, rate } from '../lib/format.ts';
import type { LinkRate, Traffic } from '../lib/shapes.ts';
import { useApp, useT } from '../state/app.ts';
import { Scroll } from './parts.tsx';

const ofLink = (sample: Traffic, link: string): LinkRate | undefined =>
  sample.links.find((item) => item.name === link);

const WINDOW_SEC = 120;

export function TrafficChart({ link }: { link: string }) {
  const app = useApp();
  const t = useT();
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlotType | undefined>(undefined);
  const cursor = useSignal<number | undefined>(undefined);
  const zoomed = useSignal(false);
  const samples = app.traffic.value;
  const { locale: language } = app;
  const theme = `${app.preferences.theme.value} ${app.preferences.contrast.value}`;

  useEffect(() => {
    let gone = false;
    let resized: ResizeObserver | undefined;
    const darker = matchMedia('(prefers-color-scheme: dark)');
    const redraw = (): void => chart.current?.redraw();
    void import('uplot').then(({ default: UPlot }) => {
      const element = box.current;
      if (gone || element === null) return;
      const colour = (name: string) => () => getComputedStyle(element).getPropertyValue(name);
      const size = () => ({ width: element.clientWidth, height: 200 });
      const axis = {
        stroke: colour('--axis'),
        grid: { stroke: colour('--grid'), width: 1 },
        ticks: { show: false },
        font: '13px system-ui',
      };
      const made = new UPlot(
        {
          ...size(),
          legend: { show: false },
          padding: [8, 28, 8, 0],
          cursor: { drag: { x: true, y: false }, points: { size: 7 }, y: false },
          scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.15, 1000)] } },
          axes: [
            {
              ...axis,
              values: (_, ticks) => ticks.map((tick) => shortTime(tick, language)),
              space: 90,
              size: 28,
            },
            {
              ...axis,
              size: 84,
              values: (_, ticks) => ticks.map((tick) => rate(tick, language)),
              space: 40,
            },
          ],
          series: [
            {},
            {
              stroke: colour('--in'),
              width: 2,
              fill: colour('--in-fill'),
              points: { show: false },
            },
            { stroke: colour('--out'), width: 2, dash: [6, 3], points: { show: false } },
          ],
          hooks: {
            setCursor: [(plot) => (cursor.value = plot.cursor.idx ?? undefined)],
            setSelect: [(plot) => (zoomed.value = plot.select.width > 0)],
          },
        },
        columns(app.traffic.peek(), link),
        element,
      );
      made.over.addEventListener('dblclick', () => (zoomed.value = false));
      chart.current = made;
      resized = new ResizeObserver(() => made.setSize(size()));
      resized.observe(element);
    });
    darker.addEventListener('change', redraw);
    return () => {
      gone = true;
      darker.removeEventListener('change', redraw);
      resized?.disconnect();
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, [link, language, theme]);

  useEffect(() => {
    const made = chart.current;
    if (made === undefined) return;
    made.setData(columns(samples, link), !zoomed.value);
    if (!zoomed.value) {
      const last = (samples.at(-1)?.atMs ?? Date.now()) / 1000;
      made.setScale('x', { min: last - WINDOW_SEC, max: last });
    }
  }, [samples, link, zoomed.value]);

  const at = cursor.value === undefined ? undefined : samples[cursor.value];
  const shown = at ?? samples.at(-1);
  const now = shown === undefined ? undefined : ofLink(shown, link);
  const spans = (rates: LinkRate) => (
    <>
      <span class="legend-in">
        {t('traffic.in', { rate: rate(rates.rxBytesPerSec, language) })}
      </span>
      <span class="legend-out">
        {t('traffic.out', { rate: rate(rates.txBytesPerSec, language) })}
      </span>
    </>
  );
  return (
    <div class="chart">
      <p class="legend">
        <span class="legend-when">
          {at === undefined ? t('traffic.now') : absolute(at.atMs, language)}
        </span>
        {now === undefined ? <span class="muted">{t('traffic.none')}</span> : spans(now)}
        {zoomed.value && (
          <button type="button" class="quiet" onClick={() => (zoomed.value = false)}>
            {t('traffic.unzoom')}
          </button>
        )}
      </p>
      <div class="plot" ref={box} aria-hidden="true" />
      <details class="chart-table">
        <summary>{t('traffic.asTable')}</summary>
        <Scroll label={t('traffic.asTable')} class="tall">
          <table>
            <thead>
              <tr>
                <th scope="col">{t('traffic.time')}</th>
                <th scope="col" class="numeric">
                  {t('traffic.received')}
                </th>
                <th scope="col" class="numeric">
                  {t('traffic.sent')}
                </th>
              </tr>
            </thead>
            <tbody>
              {samples
                .filter((_, index) => (samples.length - 1 - index) % 10 === 0)
                .reverse()
                .map((sample) => {
                  const rates = ofLink(sample, link);
                  return (
                    <tr key={sample.atMs}>
                      <td>{absolute(sample.atMs, language)}</td>
                      <td class="numeric">{rate(rates?.rxBytesPerSec ?? 0, language)}</td>
                      <td class="numeric">{rate(rates?.txBytesPerSec ?? 0, language)}</td>
                    </tr>
                  );
                })}
            </tbody>
          </table>
        </Scroll>
      </details>
    </div>
  );
}

const columns = (samples: readonly Traffic[], link: string): uPlotType.AlignedData => [
  samples.map((sample) => sample.atMs / 1000),
  samples.map((sample) => ofLink(sample, link)?.rxBytesPerSec ?? null),
  samples.map((sample) => ofLink(sample, link)?.txBytesPerSec ?? null),
];

const shortTime = (seconds: number, language: string): string =>
  new Intl.DateTimeFormat(language, { timeStyle: 'medium' }).format(seconds * 1000);
