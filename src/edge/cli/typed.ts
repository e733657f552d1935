/** Numbers, sizes and times as they are typed. */
import { InvalidArgumentError } from 'commander';
import { parseDuration } from './arguments.ts';

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

/** `100M` in bytes: powers of ten, as disks are sold. */
export function size(text: string): number {
  const [, digits = '', unit = ''] = /^([1-9]\d{0,12})([KMG]?)$/.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit] ?? 0);
  if (bytes >= 1000 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError('a size such as 500K, 100M or 2G is wanted');
}

/** Reads an argument or option that is a whole number from `least` to `most`. */
export const within =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is wanted`);
  };

/** Seconds of a time such as `30m` or `1d12h`. */
export function duration(argument: string): number {
  const parsed = parseDuration(argument);
  if (!parsed.ok) throw new InvalidArgumentError(parsed.error.message);
  return parsed.value;
}
