/**
 * What the slot writer (native/slot-box.h) says of the firmware's slots, in a file that it replaces
 * whole: one line of JSON.
 */
import { decodeError, ok, type Result } from '../base/result.ts';

export type Slot = 'a' | 'b';

/** What it does, or how it ended. */
const PHASES = ['idle', 'verifying', 'writing', 'checking', 'installed', 'failed'] as const;

export interface SlotContent {
  readonly version: string;
  readonly serial: number;
}

export interface UpdateStatus {
  readonly arch: string;
  readonly running: Slot;
  /** The slots that are booted, in this order; one that is not in it is not booted. */
  readonly order: readonly Slot[];
  /** How often the first of them is still tried; counted down by the boot loader. */
  readonly left: number;
  /** Bundles with a lower serial are refused. */
  readonly leastSerial: number;
  /** Undefined where a slot holds nothing that could be booted, or nobody knows what. */
  readonly slots: Readonly<Record<Slot, SlotContent | undefined>>;
  readonly phase: (typeof PHASES)[number];
  /** Of the phase. */
  readonly percent: number;
  /** Why it failed, for people; empty otherwise. */
  readonly fault: string;
}

const MAX_TEXT = 2048;
const ORDER = /^(a|b|a b|b a)$/;

export function decodeUpdateStatus(text: string): Result<UpdateStatus> {
  if (text.length > MAX_TEXT) return decodeError(`${text.length} characters`, 'length', MAX_TEXT);
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return decodeError('no JSON', 'status', 0);
  }
  if (!isObject(said)) return decodeError('no object', 'status', 0);
  const { arch, running, order, left, leastSerial, phase, percent, fault, slots } = said;
  if (typeof arch !== 'string') return decodeError('no text', 'arch', 0);
  if (running !== 'a' && running !== 'b') return decodeError('no slot', 'running', 0);
  if (typeof order !== 'string' || !ORDER.test(order)) return decodeError('no slots', 'order', 0);
  const counts = { left, leastSerial, percent };
  for (const [field, value] of Object.entries(counts)) {
    if (!isCount(value)) return decodeError('no count', field, 0);
  }
  const known = PHASES.find((name) => name === phase);
  if (known === undefined) return decodeError('no phase', 'phase', 0);
  if (typeof fault !== 'string') return decodeError('no text', 'fault', 0);
  if (!isObject(slots)) return decodeError('no slots', 'slots', 0);
  const [a, b] = [contentOf(slots['a']), contentOf(slots['b'])];
  if (a === null || b === null) return decodeError('neither null nor a version', 'slots', 0);
  return ok({
    arch,
    running,
    order: order.split(' ') as Slot[],
    left: Number(left),
    leastSerial: Number(leastSerial),
    slots: { a, b },
    phase: known,
    percent: Number(percent),
    fault,
  });
}

/** Null is what cannot be said of a slot. */
function contentOf(value: unknown): SlotContent | undefined | null {
  if (value === null) return undefined;
  if (!isObject(value)) return null;
  const { version, serial } = value;
  return typeof version === 'string' && isCount(serial)
    ? { version, serial: Number(serial) }
    : null;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
