/**
 * A change that undoes itself unless it is confirmed, as a table: state × event, no cell missing.
 * The owner who cut himself off cannot say that he did, so silence means no.
 */
import { unreachable } from '../base/errors.ts';

/** The change that waits. */
export interface Pending {
  /** Whoever confirms says which change is meant. */
  readonly token: string;
  readonly revision: number;
  /** What is returned to. */
  readonly before: number;
  readonly user: string;
  readonly via: string;
}

export type ConfirmState =
  | { readonly tag: 'idle' }
  | { readonly tag: 'waiting'; readonly pending: Pending }
  /** Confirmed, but not on disk yet: until then a crash would still undo it. */
  | { readonly tag: 'confirming'; readonly pending: Pending }
  | { readonly tag: 'returning'; readonly pending: Pending; readonly attempt: number };

export type ConfirmEvent =
  /** A change was committed with the wish to be confirmed, or found so at start. */
  | { readonly tag: 'armed'; readonly pending: Pending }
  | { readonly tag: 'confirm' }
  /** Somebody wants it undone now. */
  | { readonly tag: 'rollback' }
  /** The time is over, or the machine was started anew meanwhile. */
  | { readonly tag: 'deadline' }
  /** The record is gone from disk. */
  | { readonly tag: 'forgotten' }
  | { readonly tag: 'notForgotten' }
  | { readonly tag: 'returned' }
  /** The disk was full, say: it is tried again. */
  | { readonly tag: 'notReturned' }
  /** The configuration of before is no valid one for this software: nothing can be done. */
  | { readonly tag: 'impossible' }
  /** A pause after a failed attempt is over. */
  | { readonly tag: 'retry' };

export type ConfirmEffect =
  /** Waits for the deadline, or for what is left of it. */
  | { readonly tag: 'arm'; readonly pending: Pending }
  | { readonly tag: 'disarm' }
  /** Takes the record off the disk. */
  | { readonly tag: 'forget' }
  | { readonly tag: 'return'; readonly pending: Pending }
  | { readonly tag: 'pause'; readonly attempt: number };

interface Step {
  readonly state: ConfirmState;
  readonly effects: readonly ConfirmEffect[];
}

const IDLE: ConfirmState = { tag: 'idle' };
const to = (state: ConfirmState, ...effects: readonly ConfirmEffect[]): Step => ({
  state,
  effects,
});

/** What comes next; the same state without effects where an event means nothing. */
export function step(state: ConfirmState, event: ConfirmEvent): Step {
  switch (state.tag) {
    case 'idle':
      return idle(event);
    case 'waiting':
      return waiting(state, event);
    case 'confirming':
      return confirming(state, event);
    case 'returning':
      return returning(state, event);
    default:
      return unreachable(state);
  }
}

function idle(event: ConfirmEvent): Step {
  switch (event.tag) {
    case 'armed':
      return to({ tag: 'waiting', pending: event.pending }, { tag: 'arm', pending: event.pending });
    case 'confirm':
    case 'rollback':
    case 'deadline':
    case 'forgotten':
    case 'notForgotten':
    case 'returned':
    case 'notReturned':
    case 'impossible':
    case 'retry':
      return to(IDLE);
    default:
      return unreachable(event);
  }
}

function waiting(state: Extract<ConfirmState, { tag: 'waiting' }>, event: ConfirmEvent): Step {
  const { pending } = state;
  switch (event.tag) {
    case 'confirm':
      return to({ tag: 'confirming', pending }, { tag: 'disarm' }, { tag: 'forget' });
    case 'rollback':
    case 'deadline':
      return to(
        { tag: 'returning', pending, attempt: 1 },
        { tag: 'disarm' },
        { tag: 'return', pending },
      );
    // One at a time: a second one is refused before it is committed.
    case 'armed':
    case 'forgotten':
    case 'notForgotten':
    case 'returned':
    case 'notReturned':
    case 'impossible':
    case 'retry':
      return to(state);
    default:
      return unreachable(event);
  }
}

function confirming(
  state: Extract<ConfirmState, { tag: 'confirming' }>,
  event: ConfirmEvent,
): Step {
  const { pending } = state;
  switch (event.tag) {
    case 'forgotten':
      return to(IDLE);
    case 'notForgotten':
      return to({ tag: 'waiting', pending }, { tag: 'arm', pending });
    case 'armed':
    case 'confirm':
    case 'rollback':
    case 'deadline':
    case 'returned':
    case 'notReturned':
    case 'impossible':
    case 'retry':
      return to(state);
    default:
      return unreachable(event);
  }
}

function returning(state: Extract<ConfirmState, { tag: 'returning' }>, event: ConfirmEvent): Step {
  const { pending, attempt } = state;
  switch (event.tag) {
    case 'returned':
      return to(IDLE);
    case 'notReturned':
      return to({ tag: 'returning', pending, attempt: attempt + 1 }, { tag: 'pause', attempt });
    case 'retry':
      return to(state, { tag: 'return', pending });
    case 'impossible':
      return to({ tag: 'confirming', pending }, { tag: 'forget' });
    // Too late: half of it may be undone already.
    case 'confirm':
    case 'armed':
    case 'rollback':
    case 'deadline':
    case 'forgotten':
    case 'notForgotten':
      return to(state);
    default:
      return unreachable(event);
  }
}
