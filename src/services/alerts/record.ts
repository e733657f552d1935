/** What outlives the daemon, as the store has it: JSON. Pure. */
import { decodeError, ok, type Result } from '../../base/result.ts';
import { KINDS, SEVERITIES, WATCHES } from '../../wire/alert.ts';
import type { Evidence, Notice } from './config.ts';
import type { Codec } from './kept.ts';

export interface Waiting {
  readonly notice: Notice;
  /** Unix time, ms: when it began to wait. */
  readonly putMs: number;
}

const MAX_TEXT = 1024;
const MAX_LINES = 64;

/** Something bad that somebody was told of. */
export interface ToldRecord {
  /** Its rule as JSON. */
  readonly rule: string;
  /** Unix time, ms. */
  readonly sinceMs: number;
}

const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

export const waitingCodec: Codec<Waiting> = { encode, decode: decodeWaiting };

export const toldCodec: Codec<ToldRecord> = {
  encode,
  decode: (key, bytes) => {
    const { rule, sinceMs } = objectIn(parse(bytes));
    if (typeof rule !== 'string' || !isCount(sinceMs)) {
      return decodeError('no rule, or no time', key, 0);
    }
    return ok({ rule, sinceMs });
  },
};

function decodeWaiting(key: string, bytes: Uint8Array): Result<Waiting> {
  const value = objectIn(parse(bytes));
  const said = objectIn(value['notice']);
  const kind = KINDS.find((one) => one === said['kind']);
  const severity = SEVERITIES.find((one) => one === said['severity']);
  const watch = [...WATCHES, 'Test' as const].find((one) => one === said['watch']);
  const { id, number, subject, name, reason, atMs, sinceMs } = said;
  const { putMs } = value;
  // Notices of older releases do not have it.
  const rule = isText(said['rule']) ? said['rule'] : '';
  if (kind === undefined || severity === undefined || watch === undefined) {
    return decodeError('no kind, severity or watch', key, 0);
  }
  if (!isText(id) || id === '' || !isText(subject) || !isText(name) || !isText(reason)) {
    return decodeError('a text is missing', key, 0);
  }
  if (!isCount(number) || !isCount(atMs) || !isCount(sinceMs) || !isCount(putMs)) {
    return decodeError('a number is missing', key, 0);
  }
  const evidence = evidenceIn(said['evidence']);
  return ok({
    putMs,
    notice: {
      ...{ id, number, kind, severity, rule, watch, subject, name, reason },
      ...{ atMs, sinceMs },
      ...(evidence === undefined ? {} : { evidence }),
    },
  });
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

const objectIn = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= MAX_TEXT;

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function evidenceIn(value: unknown): Evidence | undefined {
  const { trace, capture } = objectIn(value);
  if (!Array.isArray(trace) || !isText(capture)) return undefined;
  return { trace: trace.filter(isText).slice(0, MAX_LINES), capture };
}
