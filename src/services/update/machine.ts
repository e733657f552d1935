/** Where an update stands, as a table: what may follow in which state, and where it leads. */
import type { UpdateStatus } from '../../wire/update-status.ts';

export type UpdateState =
  /** A box without slots. */
  | 'none'
  | 'idle'
  /** A bundle is on its way to the box. */
  | 'receiving'
  | 'verifying'
  /** To the idle slot, and reading it back. */
  | 'writing'
  /** The idle slot holds what was installed. */
  | 'ready'
  /** And is booted next. */
  | 'activated'
  /** The running version has not shown yet that it is well. */
  | 'trying'
  | 'confirmed'
  /** The version that was activated never was well: the one before it runs again. */
  | 'rolledBack'
  | 'failed';

export type UpdateEvent =
  | 'begin'
  /** All of it is here. */
  | 'received'
  | 'cancel'
  | 'verifying'
  | 'writing'
  | 'installed'
  | 'fail'
  /** Another slot than the running one is booted next, or it no longer is. */
  | 'activate'
  | 'keep'
  | 'confirm';

type Row = Readonly<Record<UpdateEvent, UpdateState | undefined>>;

/** Nothing may follow but what a row says. */
const NOTHING: Row = {
  begin: undefined,
  received: undefined,
  cancel: undefined,
  verifying: undefined,
  writing: undefined,
  installed: undefined,
  fail: undefined,
  activate: undefined,
  keep: undefined,
  confirm: undefined,
};

/** Between two updates; `confirm` sets the tries of the loader back and changes nothing else. */
const RESTING: Row = { ...NOTHING, begin: 'receiving', activate: 'activated' };
const AT_WORK: Row = {
  ...NOTHING,
  verifying: 'verifying',
  writing: 'writing',
  installed: 'ready',
  fail: 'failed',
};

export const TABLE: Readonly<Record<UpdateState, Row>> = {
  none: NOTHING,
  idle: { ...RESTING, confirm: 'confirmed' },
  receiving: { ...NOTHING, received: 'verifying', cancel: 'idle', fail: 'failed' },
  verifying: AT_WORK,
  writing: AT_WORK,
  ready: RESTING,
  activated: { ...RESTING, activate: 'activated', keep: 'idle' },
  // Nothing is written over the only version that is known to be well.
  trying: { ...NOTHING, activate: 'activated', confirm: 'confirmed' },
  confirmed: { ...RESTING, confirm: 'confirmed' },
  rolledBack: { ...RESTING, confirm: 'rolledBack' },
  failed: RESTING,
};

/** Undefined when the event is not to come in this state. */
export const step = (state: UpdateState, event: UpdateEvent): UpdateState | undefined =>
  TABLE[state][event];

/** `left` of a slot whose boots are not counted (scripts/image/README.md). */
const CONFIRMED = 9;

/** How the box was booted. */
export function bootedAs(said: UpdateStatus): 'idle' | 'activated' | 'trying' | 'rolledBack' {
  const first = said.order[0];
  if (first !== said.running) {
    // Used up, or passed over; else it was activated a moment ago and waits for its boot.
    return said.left === 0 || said.left === CONFIRMED ? 'rolledBack' : 'activated';
  }
  const serial = said.slots[said.running]?.serial ?? 0;
  return said.left !== CONFIRMED || serial > said.leastSerial ? 'trying' : 'idle';
}

/** The boot loader counts: when it starts again unconfirmed, another slot's turn comes. */
export const isCounted = (said: UpdateStatus): boolean =>
  said.order[0] === said.running && said.left !== CONFIRMED;
