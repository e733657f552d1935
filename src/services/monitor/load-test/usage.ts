/** How many bytes tests took today and this month, and how many are left. Pure. */
import type { Caps } from './types.ts';

/** Days as `2026-11-29`, in local time. */
export interface Usage {
  readonly day: string;
  readonly dayBytes: number;
  readonly monthBytes: number;
  /** Of the last test that began, whether or not it could be kept: no other gets it. */
  readonly lastNumber: number;
}

export const UNUSED: Usage = { day: '', dayBytes: 0, monthBytes: 0, lastNumber: 0 };

const monthOf = (day: string): string => day.slice(0, 7);

/** The same on `day`. Only a later day or month begins anew: a clock that is set back and forth gives nothing free. */
export const usageOn = (usage: Usage, day: string): Usage => ({
  day: day > usage.day ? day : usage.day,
  dayBytes: day > usage.day ? 0 : usage.dayBytes,
  monthBytes: monthOf(day) > monthOf(usage.day) ? 0 : usage.monthBytes,
  lastNumber: usage.lastNumber,
});

export const charged = (usage: Usage, bytes: number): Usage => ({
  ...usage,
  dayBytes: usage.dayBytes + bytes,
  monthBytes: usage.monthBytes + bytes,
});

/** What a run may take at most. */
export const leftBytes = (usage: Usage, caps: Caps): number =>
  Math.max(
    0,
    Math.min(caps.runBytes, caps.dayBytes - usage.dayBytes, caps.monthBytes - usage.monthBytes),
  );
