/** Figures as text: quantities, times, curves. Pure. */

/** A line of a table that counts. */
export interface Count {
  readonly label: string;
  readonly packets: number;
  readonly bytes: number;
}

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/** Three digits and a prefix of the SI: `999`, `1.23 k`, `45.6 M`; of parts, two: `0.27`. */
export function quantity(value: number): string {
  let v = value;
  let i = 0;
  while (v >= 999.5 && i < PREFIXES.length - 1) {
    v /= 1000;
    i++;
  }
  const digits = i === 0 ? small(v) : v.toPrecision(3);
  return `${digits} ${PREFIXES[i]}`.trimEnd();
}

function small(value: number): string {
  if (value > 0 && value < 0.01) return '<0.01';
  return String(value < 10 ? Number(value.toPrecision(2)) : Math.round(value));
}

/** `364 B`, `1.23 kB`. */
export const amount = (value: number, unit: string): string =>
  `${quantity(value)}${value < 999.5 ? ' ' : ''}${unit}`;

/** `0.25 s`, `59 s`, `3 min 5 s`, `2 h 3 min`, `4 d 1 h`. */
export function timeSpan(sec: number): string {
  if (sec < 10) return `${Number(sec.toPrecision(3))} s`;
  const whole = Math.round(sec);
  const [d, h, m, s] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${m} min`;
  return m > 0 ? `${m} min ${s} s` : `${s} s`;
}

const BARS = '▁▂▃▄▅▆▇█';

/** A curve of at most `width` characters: the sums of neighbours, the highest as a full bar. */
export function spark(values: readonly number[], width: number): string {
  const fold = Math.max(1, Math.ceil(values.length / width));
  const sums: number[] = [];
  for (let i = 0; i < values.length; i += fold)
    sums.push(values.slice(i, i + fold).reduce((a, b) => a + b, 0));
  const most = Math.max(1, ...sums);
  return sums.map((n) => BARS[Math.min(7, Math.floor((n / most) * 8))] ?? '').join('');
}
