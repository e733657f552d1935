/**
 * What one peer is asked, and how far it is (BEP 3, 10, 9):
 *
 *   connecting ─opened─▶ greeting ─handshake─▶ extending ─extended─▶ waiting ─granted─▶ fetching ─whole─▶ ended
 *
 * Every way out leads to `ended`, with the reason. Bytes, memory and time are the driver's.
 */

export type EndReason =
  /** All of it is here; whether it is right, its hash tells. */
  | 'delivered'
  /** No connection came about in time, or it was refused. */
  | 'unreachable'
  /** It stands, and nothing comes. */
  | 'silent'
  | 'left'
  /** It answered for another torrent. */
  | 'otherTorrent'
  /** It has no metadata, or does not give any. */
  | 'noMetadata'
  /** More than is allowed, or of no size. */
  | 'badSize'
  | 'rejected'
  /** It broke the protocol. */
  | 'broken'
  /** Not needed any more. */
  | 'stopped'
  /** Too slow to come to an end while others wait. */
  | 'lagging';

export type PeerState =
  | { readonly name: 'connecting' }
  | { readonly name: 'greeting' }
  | { readonly name: 'extending' }
  | { readonly name: 'waiting'; readonly utMetadata: number; readonly sizeBytes: number }
  | { readonly name: 'fetching'; readonly utMetadata: number; readonly sizeBytes: number }
  | { readonly name: 'ended'; readonly reason: EndReason };

export type PeerEvent =
  | { readonly type: 'opened' }
  | { readonly type: 'handshake'; readonly sameTorrent: boolean; readonly extended: boolean }
  | {
      readonly type: 'extended';
      readonly utMetadata: number | undefined;
      readonly sizeBytes: number | undefined;
    }
  /** There is memory for its size. */
  | { readonly type: 'granted' }
  | { readonly type: 'pieceBegins'; readonly fault: string | undefined }
  | { readonly type: 'pieceEnds'; readonly whole: boolean }
  | { readonly type: 'rejects' }
  /** It asks us. */
  | { readonly type: 'requests'; readonly piece: number }
  | { readonly type: 'broken' }
  | { readonly type: 'closed' }
  | { readonly type: 'time' }
  | { readonly type: 'lagging' }
  | { readonly type: 'stop' };

export type PeerEffect =
  | { readonly type: 'greet' }
  /** The extended handshake; never before the peer's first one, behind which some want nothing. */
  | { readonly type: 'introduce' }
  | { readonly type: 'reserve'; readonly sizeBytes: number }
  | { readonly type: 'ask'; readonly utMetadata: number }
  | { readonly type: 'refuse'; readonly piece: number; readonly utMetadata: number }
  | { readonly type: 'end'; readonly reason: EndReason };

export interface PeerStep {
  readonly state: PeerState;
  readonly effects: readonly PeerEffect[];
}

/** BEP 9 leaves the size to the peer: nothing larger is ever asked for, nor any memory taken. */
export const MAX_METADATA_BYTES = 10 * 1024 * 1024;

export const CONNECTING: PeerState = { name: 'connecting' };

export function stepPeer(state: PeerState, event: PeerEvent): PeerStep {
  // No cell is missing: the table's type demands every state and every event.
  const row = TABLE[state.name] as Row;
  return row[event.type](state, event);
}

type Cell = (state: PeerState, event: PeerEvent) => PeerStep;
type Row = Readonly<Record<PeerEvent['type'], Cell>>;

const NO_EFFECTS: readonly PeerEffect[] = [];
const stay: Cell = (state) => ({ state, effects: NO_EFFECTS });
const over = (reason: EndReason): PeerStep => ({
  state: { name: 'ended', reason },
  effects: [{ type: 'end', reason }],
});
const end =
  (reason: EndReason): Cell =>
  () =>
    over(reason);

const GREETING: PeerStep = { state: { name: 'greeting' }, effects: [{ type: 'greet' }] };
const EXTENDING: PeerStep = { state: { name: 'extending' }, effects: [{ type: 'introduce' }] };

const greet: Cell = () => GREETING;

const recognise: Cell = (state, event) => {
  if (event.type !== 'handshake') return stay(state, event);
  if (!event.sameTorrent) return over('otherTorrent');
  return event.extended ? EXTENDING : over('noMetadata');
};

const offer: Cell = (state, event) => {
  if (event.type !== 'extended') return stay(state, event);
  const { utMetadata, sizeBytes } = event;
  if (utMetadata === undefined || sizeBytes === undefined) return over('noMetadata');
  if (sizeBytes < 1 || sizeBytes > MAX_METADATA_BYTES) return over('badSize');
  return {
    state: { name: 'waiting', utMetadata, sizeBytes },
    effects: [{ type: 'reserve', sizeBytes }],
  };
};

/** Said again, it may change the number, never the size. */
const offerAgain: Cell = (state, event) => {
  if (event.type !== 'extended' || (state.name !== 'waiting' && state.name !== 'fetching'))
    return stay(state, event);
  if (event.sizeBytes !== undefined && event.sizeBytes !== state.sizeBytes) return over('broken');
  const { utMetadata = state.utMetadata } = event;
  return { state: { ...state, utMetadata }, effects: NO_EFFECTS };
};

const fetch: Cell = (state, event) => {
  if (state.name !== 'waiting') return stay(state, event);
  const { utMetadata, sizeBytes } = state;
  return {
    state: { name: 'fetching', utMetadata, sizeBytes },
    effects: [{ type: 'ask', utMetadata }],
  };
};

const take: Cell = (state, event) =>
  event.type === 'pieceBegins' && event.fault !== undefined ? over('broken') : stay(state, event);

const askOn: Cell = (state, event) => {
  if (event.type !== 'pieceEnds' || state.name !== 'fetching') return stay(state, event);
  if (event.whole) return over('delivered');
  return { state, effects: [{ type: 'ask', utMetadata: state.utMetadata }] };
};

/** We have nothing to give on this connection, and say so. */
const refuse: Cell = (state, event) => {
  if (event.type !== 'requests' || (state.name !== 'waiting' && state.name !== 'fetching'))
    return stay(state, event);
  const { utMetadata } = state;
  return { state, effects: [{ type: 'refuse', piece: event.piece, utMetadata }] };
};

/** What may come at any time, the same in each state but the last. */
const ALWAYS = {
  broken: end('broken'),
  stop: end('stopped'),
  lagging: end('lagging'),
} as const;

/** Before the two handshakes nothing else makes sense. */
const TOO_EARLY = {
  handshake: end('broken'),
  extended: end('broken'),
  granted: stay,
  pieceBegins: end('broken'),
  pieceEnds: end('broken'),
  rejects: end('broken'),
  requests: end('broken'),
} as const;

const TABLE: Readonly<Record<PeerState['name'], Row>> = {
  connecting: {
    ...ALWAYS,
    ...TOO_EARLY,
    opened: greet,
    closed: end('unreachable'),
    time: end('unreachable'),
  },
  greeting: {
    ...ALWAYS,
    ...TOO_EARLY,
    opened: stay,
    handshake: recognise,
    closed: end('left'),
    time: end('silent'),
  },
  extending: {
    ...ALWAYS,
    ...TOO_EARLY,
    opened: stay,
    extended: offer,
    closed: end('left'),
    time: end('silent'),
  },
  waiting: {
    ...ALWAYS,
    ...TOO_EARLY,
    opened: stay,
    extended: offerAgain,
    granted: fetch,
    rejects: stay,
    requests: refuse,
    closed: end('left'),
    // Memory is short, which is not the peer's fault: it is let go, and may be asked again.
    time: end('stopped'),
  },
  fetching: {
    ...ALWAYS,
    opened: stay,
    handshake: end('broken'),
    extended: offerAgain,
    granted: stay,
    pieceBegins: take,
    pieceEnds: askOn,
    rejects: end('rejected'),
    requests: refuse,
    closed: end('left'),
    time: end('silent'),
  },
  ended: {
    opened: stay,
    handshake: stay,
    extended: stay,
    granted: stay,
    pieceBegins: stay,
    pieceEnds: stay,
    rejects: stay,
    requests: stay,
    broken: stay,
    closed: stay,
    time: stay,
    lagging: stay,
    stop: stay,
  },
};
