/** From the model's own tables to form fields, and from what was typed to what is wrong with it. Pure. */
import { ipv4 } from './format.ts';
import { nameOf } from './paths.ts';
import type { Fault, SchemaParameter } from './shapes.ts';

export type Control =
  | 'switch'
  | 'choice'
  | 'number'
  | 'reference'
  | 'references'
  | 'hex'
  | 'time'
  | 'text'
  | 'secret';

export interface Field {
  readonly name: string;
  readonly control: Control;
  readonly about: string;
  readonly type: string;
  readonly units: string | undefined;
  readonly default: string | undefined;
  readonly choices: readonly string[];
  readonly ranges: readonly (readonly [min: string | undefined, max: string | undefined])[];
  /** What it takes, in a few characters: `1–254`. */
  readonly example: string | undefined;
  /** One value that would do, shown while the field is empty. */
  readonly sample: string | undefined;
}

const NUMBERS = new Set(['int', 'unsignedInt', 'long', 'unsignedLong']);

/** `reference` says that the value is the path of another row, as the model answers with the value. */
export function fieldOf(
  row: SchemaParameter,
  known: { reference?: boolean; secret?: boolean } = {},
): Field {
  const ranges = (row.range ?? []).map(
    ([min, max]): readonly [string | undefined, string | undefined] => [
      min ?? undefined,
      max ?? undefined,
    ],
  );
  const choices = row.enum ?? [];
  return {
    name: nameOf(row.path),
    control: controlOf(row, known),
    about: row.about,
    type: row.dataType ?? row.type,
    units: row.units ?? undefined,
    default: row.default ?? undefined,
    choices,
    ranges,
    example: exampleOf(ranges),
    sample: sampleOf(row),
  };
}

function controlOf(
  row: SchemaParameter,
  known: { reference?: boolean; secret?: boolean },
): Control {
  if (known.secret === true) return 'secret';
  const reference =
    known.reference ?? /^(Interface|LowerLayers|Lists|Groups)$/.test(nameOf(row.path));
  if (reference) return row.list === true ? 'references' : 'reference';
  if (row.list === true) return 'text';
  if (row.type === 'boolean') return 'switch';
  if ((row.enum ?? []).length > 0) return 'choice';
  if (NUMBERS.has(row.type)) return 'number';
  if (row.type === 'dateTime') return 'time';
  return row.type === 'hexBinary' ? 'hex' : 'text';
}

const exampleOf = (ranges: Field['ranges']): string | undefined =>
  ranges.length === 0
    ? undefined
    : ranges.map(([min, max]) => (min === max ? min : `${min ?? '…'}–${max ?? '…'}`)).join(', ');

function sampleOf(row: SchemaParameter): string | undefined {
  if (row.dataType !== 'IPv4Address') return undefined;
  return nameOf(row.path).endsWith('Mask') ? '255.255.255.0' : '192.168.1.1';
}

export type Problem =
  | { readonly kind: 'number' | 'whole' | 'address' | 'hex' | 'choice' }
  | { readonly kind: 'range'; readonly allowed: string };

/** What can be said before the daemon is asked; it has the last word. An empty text is its to judge. */
export function problemOf(field: Field, text: string): Problem | undefined {
  const value = text.trim();
  if (value === '') return undefined;
  switch (field.control) {
    case 'number':
      return numberProblem(field, value);
    case 'hex':
      return /^([0-9a-f]{2})+$/i.test(value) ? undefined : { kind: 'hex' };
    case 'choice':
      return field.choices.includes(value) ? undefined : { kind: 'choice' };
    case 'text':
      return field.type === 'IPv4Address' &&
        value.split(',').some((item) => ipv4(item) === undefined)
        ? { kind: 'address' }
        : undefined;
    default:
      return undefined;
  }
}

function numberProblem(field: Field, value: string): Problem | undefined {
  if (!/^-?\d+([.,]\d+)?$/.test(value)) return { kind: 'number' };
  if (!/^-?\d+$/.test(value)) return { kind: 'whole' };
  const number = BigInt(value);
  const fits = ([min, max]: readonly [string | undefined, string | undefined]): boolean =>
    (min === undefined || number >= BigInt(min)) && (max === undefined || number <= BigInt(max));
  return field.ranges.length === 0 || field.ranges.some(fits)
    ? undefined
    : { kind: 'range', allowed: field.example ?? '' };
}

/** Messages by parameter path; what belongs to no field of `paths` comes under ``. */
export function faultsByPath(
  faults: readonly Fault[],
  paths: readonly string[],
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { path, message, remedy } of faults) {
    const text = plainMessage(path, message) + (remedy === undefined ? '' : ` ${remedy}`);
    const key = paths.includes(path) ? path : '';
    const before = found.get(key);
    found.set(key, before === undefined ? text : `${before}\n${text}`);
  }
  return found;
}

/** At the field its own path need not be said. */
const plainMessage = (path: string, message: string): string =>
  message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
