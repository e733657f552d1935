/** How one alert goes, as a table, and how one that comes and goes is damped. Pure. */

export type AlertState =
  | 'quiet'
  /** Bad, but not for long enough. */
  | 'pending'
  | 'raised'
  /** Good again, but not for long enough. */
  | 'clearing';

/** `due`: it was bad, or good, for as long as the rule wants. */
export type AlertEvent = 'bad' | 'good' | 'due';

type Step = readonly [next: AlertState, tells: 'raise' | 'clear' | undefined];
type Row = Readonly<Record<AlertEvent, Step | undefined>>;

export const TABLE: Readonly<Record<AlertState, Row>> = {
  quiet: { bad: ['pending', undefined], good: undefined, due: undefined },
  pending: { bad: undefined, good: ['quiet', undefined], due: ['raised', 'raise'] },
  raised: { bad: undefined, good: ['clearing', undefined], due: undefined },
  clearing: { bad: ['raised', undefined], good: undefined, due: ['quiet', 'clear'] },
};

/** Undefined when nothing follows. */
export const step = (state: AlertState, event: AlertEvent): Step | undefined => TABLE[state][event];

/**
 * Damping as that of routes (RFC 2439, 4.2): each time it is raised costs, the sum halves with time; above
 * the first bound it is told no more, below the second it is again.
 */
export interface Damping {
  readonly penalty: number;
  readonly atMs: number;
  readonly suppressed: boolean;
}

export const UNDAMPED: Damping = { penalty: 0, atMs: 0, suppressed: false };
const EACH = 1000;
const SUPPRESS = 3500;
const REUSE = 1000;
const MOST = 8000;
const HALF_LIFE_MS = 900_000;

const decayed = ({ penalty, atMs }: Damping, nowMs: number): number =>
  penalty * 0.5 ** ((nowMs - atMs) / HALF_LIFE_MS);

/** After it was raised once more. */
export function raisedAgain(damping: Damping, nowMs: number): Damping {
  const penalty = Math.min(MOST, decayed(damping, nowMs) + EACH);
  return { penalty, atMs: nowMs, suppressed: damping.suppressed || penalty > SUPPRESS };
}

/** How long until it may be told again; 0 when it may. */
export function suppressedForMs(damping: Damping, nowMs: number): number {
  if (!damping.suppressed) return 0;
  const penalty = decayed(damping, nowMs);
  return penalty <= REUSE ? 0 : Math.ceil(HALF_LIFE_MS * Math.log2(penalty / REUSE));
}
