/** How one capture goes, as a table: what may follow in which state, and where it leads. Pure. */

export type SessionState =
  /** Not asked for. */
  | 'off'
  /** For its link, or for its turn. */
  | 'waiting'
  | 'running'
  /** It reached one of its limits. */
  | 'complete'
  /** Somebody ended it. */
  | 'stopped'
  | 'failed';

export type SessionEvent =
  /** Asked for, or asked for again. */
  | 'start'
  /** Its link is there, and it is its turn. */
  | 'open'
  /** The link went away. */
  | 'lost'
  | 'limit'
  | 'stop'
  | 'fail';

type Row = Readonly<Record<SessionEvent, SessionState | undefined>>;

const OVER: Row = {
  start: 'waiting',
  open: undefined,
  lost: undefined,
  limit: undefined,
  stop: undefined,
  fail: undefined,
};
const GOING: Row = {
  start: undefined,
  open: undefined,
  lost: undefined,
  limit: 'complete',
  stop: 'stopped',
  fail: 'failed',
};

export const TABLE: Readonly<Record<SessionState, Row>> = {
  off: { ...OVER, fail: 'failed' },
  waiting: { ...GOING, open: 'running' },
  running: { ...GOING, lost: 'waiting' },
  complete: OVER,
  stopped: OVER,
  failed: OVER,
};

/** Undefined when the event is not to come in this state. */
export const step = (state: SessionState, event: SessionEvent): SessionState | undefined =>
  TABLE[state][event];

export const isGoing = (state: SessionState): boolean => state === 'waiting' || state === 'running';
