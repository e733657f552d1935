/** Parameters as many tables have them. */
import type { ParamDef } from '../table.ts';

/** Of Gatehouse's own tables: each parameter says why it is there. */
export const own = (
  reason: string,
  params: Readonly<Record<string, ParamDef>>,
): Readonly<Record<string, ParamDef>> =>
  Object.fromEntries(Object.entries(params).map(([name, def]) => [name, { ...def, reason }]));

/** `size`: characters at most. */
export const text = (size: number, about: string, fallback = ''): ParamDef => ({
  ...{ type: 'string', access: 'readWrite', size: [0, size], default: fallback, about },
});

export const choice = (values: readonly string[], fallback: string, about: string): ParamDef => ({
  ...{ type: 'string', access: 'readWrite', enum: values, default: fallback, about },
});

export const number = (
  about: string,
  fallback: number,
  range: readonly [least: number, most: number],
  units: string,
): ParamDef => ({
  ...{ type: 'unsignedInt', access: 'readWrite', default: String(fallback), range: [range] },
  ...{ units, about },
});
