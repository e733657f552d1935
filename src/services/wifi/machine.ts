/**
 * Whether a station is on its network: what wpa_supplicant says, kept so that people see what matters.
 * A password that was refused stays told until the network is joined, although it goes on trying.
 */

/** `off`: no program runs. `starting`: it runs and has said nothing. */
export type StationState = 'off' | 'starting' | 'searching' | 'joining' | 'joined' | 'refused';

export type StationEvent =
  | { readonly type: 'started' }
  /** It ended, or nothing shall run. */
  | { readonly type: 'ended' }
  /** It looks for the network. */
  | { readonly type: 'searches' }
  /** The network is not in range. */
  | { readonly type: 'absent' }
  /** It talks with an access point. */
  | { readonly type: 'joins' }
  /** The network is joined: frames pass. */
  | { readonly type: 'joined' }
  /** The access point did not take it; `reason` is for people. */
  | { readonly type: 'refused'; readonly reason: string };

export interface Station {
  readonly state: StationState;
  /** For people. */
  readonly reason: string | undefined;
}

export const OFF: Station = { state: 'off', reason: undefined };

export const stationStep = (station: Station, event: StationEvent): Station =>
  TABLE[station.state][event.type](station, event);

type Cell = (station: Station, event: StationEvent) => Station;

const stay: Cell = (station) => station;
const off: Cell = () => OFF;
const to =
  (state: StationState): Cell =>
  () => ({ state, reason: undefined });
const missing: Cell = () => ({ state: 'searching', reason: 'the network is not in range' });
const refuse: Cell = (_station, event) => ({
  state: 'refused',
  reason: event.type === 'refused' ? event.reason : undefined,
});
/** What was missing a moment ago is still missing while it is looked for again. */
const search: Cell = ({ reason }) => ({ state: 'searching', reason });

const TABLE: Readonly<Record<StationState, Readonly<Record<StationEvent['type'], Cell>>>> = {
  off: {
    started: to('starting'),
    ended: stay,
    searches: stay,
    absent: stay,
    joins: stay,
    joined: stay,
    refused: stay,
  },
  starting: {
    started: stay,
    ended: off,
    searches: to('searching'),
    absent: missing,
    joins: to('joining'),
    joined: to('joined'),
    refused: refuse,
  },
  searching: {
    started: to('starting'),
    ended: off,
    searches: search,
    absent: missing,
    joins: to('joining'),
    joined: to('joined'),
    refused: refuse,
  },
  joining: {
    started: to('starting'),
    ended: off,
    searches: to('searching'),
    absent: missing,
    joins: stay,
    joined: to('joined'),
    refused: refuse,
  },
  joined: {
    started: to('starting'),
    ended: off,
    searches: to('searching'),
    absent: missing,
    // Keys are made anew from time to time: frames pass meanwhile.
    joins: stay,
    joined: stay,
    refused: refuse,
  },
  refused: {
    started: to('starting'),
    ended: off,
    searches: stay,
    absent: missing,
    joins: stay,
    joined: to('joined'),
    refused: refuse,
  },
};
