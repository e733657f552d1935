/**
 * Keeps one client process running: the only place that decides to start, stop or restart it.
 * A crash after good health is answered at once, then after 1 s, 2 s … 60 s.
 */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';

export type SupervisorState =
  | { readonly name: 'Off' }
  /** Wanted, but its interface does not exist. */
  | { readonly name: 'Absent' }
  | { readonly name: 'Running'; readonly backoff: Backoff }
  | { readonly name: 'Backoff'; readonly backoff: Backoff; readonly dueMs: number }
  | { readonly name: 'Stopping'; readonly next: 'Off' | 'Absent' | 'Start' };

export type SupervisorEvent =
  /** It is wanted and its interface is there. */
  | { readonly type: 'start' }
  /** A process of an earlier daemon was taken over. */
  | { readonly type: 'adopted' }
  /** It is wanted, its interface is gone. */
  | { readonly type: 'gone' }
  /** It is not wanted any more. */
  | { readonly type: 'stop'; readonly release: boolean }
  /** It must run with other arguments, or from its beginning. */
  | { readonly type: 'restart' }
  | { readonly type: 'exited' }
  | { readonly type: 'spawnFailed' }
  /** It does what it is for. */
  | { readonly type: 'healthy' }
  | { readonly type: 'time' };

export type SupervisorEffect =
  | { readonly type: 'spawn' }
  /** End the process; with `release`, give the lease back first. */
  | { readonly type: 'terminate'; readonly release: boolean };

export interface SupervisorStep {
  readonly state: SupervisorState;
  readonly effects: readonly SupervisorEffect[];
}

const FIRST_MS = 1000;
const MAX_MS = 60_000;
const fresh = backoff(FIRST_MS, MAX_MS);

export const OFF: SupervisorState = { name: 'Off' };

/** When `time` must be told next, on the clock of `nowMs`. */
export const supervisorDeadlineMs = (state: SupervisorState): number =>
  state.name === 'Backoff' ? state.dueMs : Number.POSITIVE_INFINITY;

export function superviseStep(
  state: SupervisorState,
  event: SupervisorEvent,
  nowMs: number,
): SupervisorStep {
  return TABLE[state.name][event.type](state, event, nowMs);
}

type Cell = (state: SupervisorState, event: SupervisorEvent, nowMs: number) => SupervisorStep;

const to = (state: SupervisorState, ...effects: SupervisorEffect[]): SupervisorStep => ({
  state,
  effects,
});
const stay: Cell = (state) => to(state);
const off: Cell = () => to(OFF);
const absent: Cell = () => to({ name: 'Absent' });
const spawn = (b: Backoff): SupervisorStep =>
  to({ name: 'Running', backoff: b }, { type: 'spawn' });
const begin: Cell = () => spawn(fresh);
const adopt: Cell = () => to({ name: 'Running', backoff: fresh });

const stopping =
  (next: 'Off' | 'Absent' | 'Start'): Cell =>
  (_state, event) =>
    to(
      { name: 'Stopping', next },
      { type: 'terminate', release: event.type === 'stop' && event.release },
    );
const turn =
  (next: 'Off' | 'Absent' | 'Start'): Cell =>
  () =>
    to({ name: 'Stopping', next });

const backoffOf = (state: SupervisorState): Backoff => ('backoff' in state ? state.backoff : fresh);

const died: Cell = (state, _event, nowMs) => {
  const b = backoffOf(state);
  const wait = delayMs(b);
  const next = failed(b);
  return wait === 0 ? spawn(next) : to({ name: 'Backoff', backoff: next, dueMs: nowMs + wait });
};

const notSpawned: Cell = (state, _event, nowMs) => {
  const b = failed(backoffOf(state));
  return to({ name: 'Backoff', backoff: b, dueMs: nowMs + delayMs(b) });
};

const TABLE: Readonly<
  Record<SupervisorState['name'], Readonly<Record<SupervisorEvent['type'], Cell>>>
> = {
  Off: {
    start: begin,
    adopted: adopt,
    gone: absent,
    stop: stay,
    restart: stay,
    exited: stay,
    spawnFailed: stay,
    healthy: stay,
    time: stay,
  },
  Absent: {
    start: begin,
    adopted: adopt,
    gone: stay,
    stop: off,
    restart: stay,
    exited: stay,
    spawnFailed: stay,
    healthy: stay,
    time: stay,
  },
  Running: {
    start: stay,
    adopted: stay,
    gone: stopping('Absent'),
    stop: stopping('Off'),
    restart: stopping('Start'),
    exited: died,
    spawnFailed: notSpawned,
    healthy: (state) => to({ name: 'Running', backoff: healthy(backoffOf(state)) }),
    time: stay,
  },
  Backoff: {
    start: stay,
    adopted: adopt,
    gone: absent,
    stop: off,
    restart: begin,
    exited: stay,
    spawnFailed: stay,
    healthy: stay,
    time: (state, _event, nowMs) =>
      nowMs >= supervisorDeadlineMs(state) ? spawn(backoffOf(state)) : to(state),
  },
  Stopping: {
    start: turn('Start'),
    adopted: stay,
    gone: turn('Absent'),
    stop: turn('Off'),
    restart: turn('Start'),
    exited: (state) =>
      state.name === 'Stopping' && state.next === 'Start'
        ? spawn(fresh)
        : to(state.name === 'Stopping' && state.next === 'Absent' ? { name: 'Absent' } : OFF),
    spawnFailed: stay,
    healthy: stay,
    time: stay,
  },
};
