/**
 * The DHCPv4 client's machine, by the states of RFC 2131 §4.4 (figure 5) as TR-181 names them.
 * udhcpc speaks the protocol; this machine says what is true of it, keeps the times, and decides
 * what is done with the address.
 *
 *   Init ──DISCOVER──▶ Selecting ──REQUEST──▶ Requesting ──lease──▶ Bound ──T1──▶ Renewing ──T2──▶ Rebinding
 *    ▲                    ▲                                        ▲                │                │
 *    │                    └──────── NAK, expiry, release ──────────┼────────────────┴────────────────┤
 *    └── stop                                                      └──────────── lease ──────────────┘
 *
 * A lease outlives trouble with the client: Init, Selecting and Requesting may hold one that is
 * still valid (`held`), because the client died, the cable was pulled, or the server fell silent.
 * Only a NAK, its expiry, or a RELEASE takes the address away.
 */
import type { Lease } from './lease.ts';

export type ClientState =
  | { readonly name: 'Init'; readonly held: Lease | undefined }
  | { readonly name: 'Selecting'; readonly held: Lease | undefined }
  | { readonly name: 'Requesting'; readonly held: Lease | undefined }
  | { readonly name: 'Bound'; readonly held: Lease }
  /** `asked`: a REQUEST for renewal was seen on the wire. */
  | { readonly name: 'Renewing'; readonly held: Lease; readonly asked: boolean }
  | { readonly name: 'Rebinding'; readonly held: Lease; readonly asked: boolean };

export type ClientEvent =
  /** An earlier daemon's lease that is still valid. */
  | { readonly type: 'recovered'; readonly lease: Lease; readonly clientAlive: boolean }
  | { readonly type: 'lease'; readonly lease: Lease }
  | { readonly type: 'discover' }
  | { readonly type: 'request'; readonly renewal: 'none' | 'unicast' | 'broadcast' }
  | { readonly type: 'nak' }
  | { readonly type: 'release' }
  /** The client's process is gone, or was started anew. */
  | { readonly type: 'restarted' }
  /** The hook says that the client went back to its beginning. */
  | { readonly type: 'deconfig' }
  | { readonly type: 'time' }
  /** The client is no longer wanted. */
  | { readonly type: 'stop' };

export type ClientEffect =
  | { readonly type: 'install'; readonly lease: Lease }
  | { readonly type: 'remove' }
  /** Have the client ask for renewal now. */
  | { readonly type: 'renew' }
  /** The client believes in a lease that is no more: start it anew. */
  | { readonly type: 'restartClient' };

export interface Step {
  readonly state: ClientState;
  readonly effects: readonly ClientEffect[];
}

export const INITIAL: ClientState = { name: 'Init', held: undefined };

/** udhcpc renews by itself at half the lease; only when it has not by then does the machine have it do so. */
const NUDGE_MS = 1500;

/** When `time` must be told next, on the clock of the lease's `receivedAtMs`; Infinity for never. */
export function deadlineMs(state: ClientState): number {
  if (state.held === undefined) return Number.POSITIVE_INFINITY;
  const { receivedAtMs, leaseSec, t1Sec, t2Sec } = state.held;
  const at = (sec: number) => receivedAtMs + sec * 1000;
  switch (state.name) {
    case 'Bound':
      return at(t1Sec);
    case 'Renewing':
      return state.asked ? at(t2Sec) : Math.min(at(t1Sec) + NUDGE_MS, at(t2Sec));
    default:
      return at(leaseSec);
  }
}

export function step(state: ClientState, event: ClientEvent, nowMs: number): Step {
  // No cell is missing: the table's type demands every state and every event.
  const row = TABLE[state.name] as Readonly<Record<ClientEvent['type'], Cell>>;
  return row[event.type](state, event, nowMs);
}

type Cell = (state: ClientState, event: ClientEvent, nowMs: number) => Step;
type Row = Readonly<Record<ClientEvent['type'], Cell>>;

const to = (state: ClientState, ...effects: ClientEffect[]): Step => ({ state, effects });
const stay: Cell = (state) => to(state);

const bind: Cell = (state, event) =>
  event.type === 'lease'
    ? to({ name: 'Bound', held: event.lease }, { type: 'install', lease: event.lease })
    : to(state);

const recover: Cell = (state, event) => {
  if (event.type !== 'recovered') return to(state);
  const { lease, clientAlive } = event;
  return to(clientAlive ? { name: 'Bound', held: lease } : { name: 'Init', held: lease }, {
    type: 'install',
    lease,
  });
};

const select: Cell = ({ held }) => to({ name: 'Selecting', held });

const request: Cell = (state, event) => {
  if (event.type !== 'request') return to(state);
  const { held } = state;
  if (event.renewal === 'none' || held === undefined) return to({ name: 'Requesting', held });
  return to({ name: event.renewal === 'unicast' ? 'Renewing' : 'Rebinding', held, asked: true });
};

/** The address is lost; the client asks for another by itself. */
const lose: Cell = ({ held }) =>
  to({ name: 'Selecting', held: undefined }, ...(held ? [{ type: 'remove' } as const] : []));

const stop: Cell = ({ held }) => to(INITIAL, ...(held ? [{ type: 'remove' } as const] : []));

const restart: Cell = ({ held }) => to({ name: 'Init', held });

const expiryOf = (state: ClientState): number =>
  state.held === undefined
    ? Number.POSITIVE_INFINITY
    : state.held.receivedAtMs + state.held.leaseSec * 1000;

/** While the client looks for a server on its own, an expiry takes just the address. */
const expireQuietly: Cell = (state, _event, nowMs) =>
  nowMs >= expiryOf(state)
    ? to({ ...state, held: undefined } as ClientState, { type: 'remove' })
    : to(state);

/** The times of a running lease; a clock that comes late passes several at once. */
const tick: Cell = (state, _event, nowMs) => {
  const { held } = state;
  if (held === undefined) return to(state);
  if (nowMs >= expiryOf(state)) {
    return to(
      { name: 'Selecting', held: undefined },
      { type: 'remove' },
      { type: 'restartClient' },
    );
  }
  const t1 = held.receivedAtMs + held.t1Sec * 1000;
  const asked = state.name === 'Bound' ? false : 'asked' in state && state.asked;
  if (nowMs >= held.receivedAtMs + held.t2Sec * 1000) {
    return to({ name: 'Rebinding', held, asked });
  }
  if (nowMs < t1) return to(state);
  if (asked || nowMs < t1 + NUDGE_MS) return to({ name: 'Renewing', held, asked });
  return to({ name: 'Renewing', held, asked: true }, { type: 'renew' });
};

const SEARCHING: Row = {
  recovered: recover,
  lease: bind,
  discover: select,
  request,
  nak: lose,
  release: lose,
  restarted: restart,
  deconfig: stay,
  time: expireQuietly,
  stop,
};

const HOLDING: Row = {
  recovered: stay,
  lease: bind,
  discover: select,
  request,
  nak: lose,
  release: lose,
  restarted: restart,
  // Said at every start and when the client gives up early: the lease is valid until it ends.
  deconfig: select,
  time: tick,
  stop,
};

const TABLE: Readonly<Record<ClientState['name'], Row>> = {
  Init: SEARCHING,
  Selecting: SEARCHING,
  Requesting: SEARCHING,
  Bound: HOLDING,
  // A DISCOVER or selecting REQUEST here means that the client has given up on its server.
  Renewing: HOLDING,
  Rebinding: HOLDING,
};
