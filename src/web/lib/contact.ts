/** Whether the box is within reach, from what the event stream said last. Pure. */

export type Contact =
  | { readonly state: 'connecting' }
  | { readonly state: 'live'; readonly lastMs: number }
  | { readonly state: 'lost'; readonly lastMs: number };

export type ContactEvent = { readonly kind: 'heard' | 'broken'; readonly atMs: number };

/** A comment comes every 15 s, traffic every second: silence past this is a loss. */
export const SILENCE_MS = 20_000;

export function contact(before: Contact, event: ContactEvent): Contact {
  if (event.kind === 'heard') return { state: 'live', lastMs: event.atMs };
  if (before.state === 'live') return { state: 'lost', lastMs: before.lastMs };
  return before;
}

/** Pause before the next attempt: 0.5 s, 1 s, 2 s, then 3 s, so that a rebooted box is found at once. */
export const retryMs = (failures: number): number => Math.min(3000, 500 * 2 ** failures);
