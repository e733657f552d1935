/** How a trigger goes, as a table. Pure. */

export type TriggerState =
  | 'off'
  /** For its link. */
  | 'waiting'
  /** The last seconds are kept. */
  | 'armed'
  /** It happened: what follows is still to be heard. */
  | 'recording'
  | 'failed';

export type TriggerEvent =
  | 'arm'
  /** Its link is there. */
  | 'open'
  /** What it waits for happened. */
  | 'fire'
  /** The file is written. */
  | 'written'
  /** The link went away. */
  | 'lost'
  | 'stop'
  | 'fail';

type Row = Readonly<Record<TriggerEvent, TriggerState | undefined>>;

const NONE: Row = {
  ...{ arm: undefined, open: undefined, fire: undefined, written: undefined },
  ...{ lost: undefined, stop: undefined, fail: undefined },
};
const GOING: Row = { ...NONE, stop: 'off', fail: 'failed' };

export const TRIGGER_TABLE: Readonly<Record<TriggerState, Row>> = {
  off: { ...NONE, arm: 'waiting', fail: 'failed' },
  waiting: { ...GOING, open: 'armed' },
  armed: { ...GOING, fire: 'recording', lost: 'waiting' },
  recording: { ...GOING, written: 'armed', lost: 'waiting' },
  failed: { ...NONE, arm: 'waiting' },
};

/** Undefined when the event is not to come in this state. */
export const stepTrigger = (state: TriggerState, event: TriggerEvent): TriggerState | undefined =>
  TRIGGER_TABLE[state][event];
