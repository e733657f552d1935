/** Pure reading of what was typed. Refusals name what is wrong with which argument. */
import { decodeError, err, ok, type Result } from '../../base/result.ts';
import type { Json, JsonObject } from './bus.ts';
import { isObject } from './bus.ts';

export interface Assignment {
  readonly name: string;
  readonly value: string;
}

/** `NAME=VALUE`; the value may be empty and hold further `=`. A search in the name may, too: `Client.[Alias=="wan"].Enable=1`. */
export function parseAssignment(argument: string): Result<Assignment> {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < argument.length; i++) {
    const c = argument[i];
    if (c === '"' && depth > 0) quoted = !quoted;
    else if (quoted) continue;
    else if (c === '[') depth++;
    else if (c === ']') depth--;
    else if (c === '=' && depth === 0) {
      if (i === 0) break;
      return ok({ name: argument.slice(0, i), value: argument.slice(i + 1) });
    }
  }
  return decodeError(`${JSON.stringify(argument)} is not NAME=VALUE`, 'argument', 0);
}

/** All assignments, or every one that is none, together. */
export function parseAssignments(
  list: readonly string[],
): Result<readonly Assignment[], readonly string[]> {
  const done: Assignment[] = [];
  const faults: string[] = [];
  for (const argument of list) {
    const parsed = parseAssignment(argument);
    if (parsed.ok) done.push(parsed.value);
    else faults.push(parsed.error.message);
  }
  return faults.length > 0 ? err(faults) : ok(done);
}

const UNIT_SEC: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90s`, `30m`, `2h`, `1d12h`, `1w`, or plain seconds; at most ten years. */
export function parseDuration(text: string): Result<number> {
  const parts = /^\d+$/.test(text) ? [`${text}s`] : text.match(/\d+[smhdw]/g);
  if (parts === null || parts.join('').length < text.length) {
    return decodeError(`${JSON.stringify(text)} is no time such as 30m, 2h or 1d12h`, 'time', 0);
  }
  const sec = parts.reduce(
    (sum, part) => sum + Number(part.slice(0, -1)) * (UNIT_SEC[part.slice(-1)] ?? 0),
    0,
  );
  return sec >= 1 && sec <= 315_360_000
    ? ok(sec)
    : decodeError(`${text} is not between a second and ten years`, 'time', 0);
}

/** A JSON object of names and values, as `set -` reads it from standard input. */
export function parseAssignmentsJson(
  input: string,
): Result<readonly Assignment[], readonly string[]> {
  const parsed = parseJsonObject(input);
  if (!parsed.ok) return err([parsed.error.message]);
  const done: Assignment[] = [];
  const faults: string[] = [];
  for (const [name, value] of Object.entries(parsed.value)) {
    if (typeof value === 'string') done.push({ name, value });
    else if (typeof value === 'number' || typeof value === 'boolean')
      done.push({ name, value: String(value) });
    else faults.push(`${name}: a text, number or boolean is wanted, not ${JSON.stringify(value)}`);
  }
  return faults.length > 0 ? err(faults) : ok(done);
}

export function parseJsonObject(input: string): Result<JsonObject> {
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch {
    return decodeError('that is not JSON', 'input', 0);
  }
  return isObject(value) ? ok(value) : decodeError('a JSON object is wanted', 'input', 0);
}

/** A TR-181 value as JSON: booleans and numbers that JavaScript holds exactly become such, the rest stays text. */
export function typedValue(value: string, type: string): Json {
  if (type === 'xsd:boolean') return value === 'true' || value === '1';
  if (/^xsd:(unsigned)?(int|long)$/i.test(type)) {
    const number = Number(value);
    return value !== '' && Number.isSafeInteger(number) ? number : value;
  }
  return value;
}
