/** OpenMetrics 1.0 text (https://prometheus.io/docs/specs/om/open_metrics_spec/): families of samples, written. */
import { BugError } from '../base/errors.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  /** Infinity and NaN have their own words. */
  readonly value: number | bigint;
}

export interface Family {
  /** With its unit at the end, where it has one; without `_total` and `_info`. */
  readonly name: string;
  /** A counter never goes down while the process lives; an info's facts are its labels. */
  readonly type: 'counter' | 'gauge' | 'info';
  readonly unit?: 'seconds' | 'bytes' | 'ratio';
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Series of one family: whoever makes more (by names from the network, say) does not fill the other side's disk. */
const MAX_SAMPLES = 512;
const MAX_LABEL = 128;
const NAME = /^[a-z][a-z0-9_]*$/;
const SUFFIX = { counter: '_total', gauge: '', info: '_info' } as const;
const LEFT_OUT: Omit<Family, 'samples'> = {
  name: 'gatehouse_metrics_left_out',
  type: 'gauge',
  help: `Samples that are not told, since a family has at most ${MAX_SAMPLES}.`,
};

/** Families without samples are left out; of those with too many, all past the bound, which is counted. */
export function boundedFamilies(families: readonly Family[]): readonly Family[] {
  const told = families.filter(({ samples }) => samples.length > 0);
  const leftOut = told.reduce((n, { samples }) => n + Math.max(0, samples.length - MAX_SAMPLES), 0);
  return [
    ...told.map((family) => ({ ...family, samples: family.samples.slice(0, MAX_SAMPLES) })),
    { ...LEFT_OUT, samples: [{ labels: {}, value: leftOut }] },
  ];
}

/** A label's value, which is anybody's: no longer than it may be, and no half of a character. */
export const labelText = (value: string): string => value.slice(0, MAX_LABEL).toWellFormed();

/** Bounded. */
export function encodeOpenMetrics(families: readonly Family[]): string {
  const lines: string[] = [];
  for (const { name, type, unit, help, samples } of boundedFamilies(families)) {
    if (!NAME.test(name) || (unit !== undefined && !name.endsWith(`_${unit}`))) {
      throw new BugError(`${name} is no name of a metric`);
    }
    lines.push(`# TYPE ${name} ${type}`);
    if (unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
    lines.push(`# HELP ${name} ${escaped(help)}`);
    for (const { labels, value } of samples) {
      lines.push(`${name}${SUFFIX[type]}${labelsText(labels)} ${valueText(value)}`);
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const all = Object.entries(labels);
  if (all.length === 0) return '';
  const texts = all.map(([name, value]) => {
    if (!NAME.test(name)) throw new BugError(`${name} is no name of a label`);
    return `${name}="${escaped(labelText(value))}"`;
  });
  return `{${texts.join(',')}}`;
}

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');

function valueText(value: number | bigint): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
