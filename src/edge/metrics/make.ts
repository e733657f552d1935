/** Families in few words. */
import type { Family, Sample } from '../../wire/openmetrics.ts';

type Labels = Readonly<Record<string, string>>;
type Value = number | bigint | undefined;

/** Pairs of labels and a value; those without a value say nothing. */
type Values = Iterable<readonly [Labels, Value]>;

const unitOf = (name: string): Family['unit'] =>
  (['seconds', 'bytes', 'ratio'] as const).find((unit) => name.endsWith(`_${unit}`));

function family(type: 'counter' | 'gauge', name: string, help: string, values: Values): Family {
  const samples: Sample[] = [];
  for (const [labels, value] of values) if (value !== undefined) samples.push({ labels, value });
  const unit = unitOf(name);
  const full = `gatehouse_${name}`;
  return { name: full, type, help, samples, ...(unit === undefined ? {} : { unit }) };
}

export const gauges = (name: string, help: string, values: Values): Family =>
  family('gauge', name, help, values);
export const counters = (name: string, help: string, values: Values): Family =>
  family('counter', name, help, values);
export const gauge = (name: string, help: string, value: Value): Family =>
  gauges(name, help, [[{}, value]]);
export const counter = (name: string, help: string, value: Value): Family =>
  counters(name, help, [[{}, value]]);

/** One sample for each field, by its name in the label `by`. */
export const fields = (
  counts: object,
  by: string,
  labels: Labels = {},
): (readonly [Labels, Value])[] =>
  Object.entries(counts).flatMap(([name, value]) =>
    typeof value === 'number' || typeof value === 'bigint'
      ? [[{ ...labels, [by]: snake(name) }, value] as const]
      : [],
  );

/** `cacheHits` as `cache_hits`. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
