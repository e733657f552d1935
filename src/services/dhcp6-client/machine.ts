/**
 * The DHCPv6 client's machine (RFC 8415 §18.2). A client program speaks the protocol; this machine
 * says what is true of it, keeps the times, and decides what is held.
 *
 *   Init ──SOLICIT──▶ Soliciting ──REQUEST──▶ Requesting ──reply──▶ Bound ──T1──▶ Renewing ──T2──▶ Rebinding
 *    ▲                    ▲                                          ▲               │                │
 *    │                    └──────────── the last of it ended ────────┼───────────────┴────────────────┤
 *    └── stop                                                        └─────────────── reply ──────────┘
 *
 * What is held outlives trouble with the program: it ends when a server takes it back, by its own
 * time, by RELEASE, or when the client is no longer wanted. A server that knows nothing of an IA any
 * more (NoBinding) puts it in doubt: what another answer does not give again soon is lost.
 */
import { toHex } from '../../base/bytes.ts';
import {
  alive,
  type Held,
  type IaKey,
  judgeReply,
  nextEndMs,
  type RawReply,
  without,
} from './lease.ts';

/** IAs whose next answer decides about them. */
interface Doubt {
  readonly ias: readonly IaKey[];
  /** CLOCK_BOOTTIME ms of the end of the wait. */
  readonly untilMs: number;
}

interface Common {
  readonly held: Held | undefined;
  readonly doubt: Doubt | undefined;
}

export type ClientState6 =
  | ({ readonly name: 'Init' | 'Soliciting' | 'Requesting' | 'Confirming' } & Common)
  | ({ readonly name: 'Bound'; readonly held: Held } & Common)
  /** `asked`: a message for renewal was seen on the wire. */
  | ({ readonly name: 'Renewing' | 'Rebinding'; readonly held: Held } & Common & {
        readonly asked: boolean;
      });

export type ClientEvent6 =
  /** What an earlier daemon held and is still valid. */
  | { readonly type: 'recovered'; readonly held: Held; readonly clientAlive: boolean }
  | { readonly type: 'reply'; readonly reply: RawReply }
  /** A server, by its DUID in hex, that has nothing for these IAs. */
  | { readonly type: 'advertise'; readonly refused: readonly IaKey[]; readonly server: string }
  | { readonly type: 'solicit' | 'request' | 'confirm' | 'renew' | 'rebind' | 'release' }
  /** The program's process is gone, or was started anew. */
  | { readonly type: 'restarted' }
  /** The configuration asks for these IAs no more. */
  | { readonly type: 'unwanted'; readonly ias: readonly IaKey[] }
  | { readonly type: 'time' }
  /** The client is no longer wanted. */
  | { readonly type: 'stop' };

export interface Step6 {
  readonly state: ClientState6;
  /** The program believes in what is no more, or sleeps: start it anew. */
  readonly restartClient: boolean;
  /** Sentences for people about what was refused in an answer. */
  readonly remarks: readonly string[];
}

export const INITIAL6: ClientState6 = { name: 'Init', held: undefined, doubt: undefined };

/** A program that was started anew has its answer in little more than a second. */
const DOUBT_MS = 2500;
/** Programs renew by themselves, on clocks of whole seconds; only when they have not by then are they made to. */
const NUDGE_MS = 3000;

/** When `time` must be told next, CLOCK_BOOTTIME ms; Infinity for never. */
export function deadline6Ms(state: ClientState6): number {
  const { held, doubt } = state;
  const ends = [doubt?.untilMs ?? Infinity, held === undefined ? Infinity : nextEndMs(held)];
  if (held !== undefined && state.name === 'Bound') ends.push(held.t1AtMs);
  if (held !== undefined && state.name === 'Renewing') {
    ends.push(held.t2AtMs);
    if (!state.asked) ends.push(held.t1AtMs + NUDGE_MS);
  }
  return Math.min(...ends);
}

export function step6(state: ClientState6, event: ClientEvent6, nowMs: number): Step6 {
  // No cell is missing: the table's type demands every state and every event.
  const row = TABLE[state.name] as Readonly<Record<ClientEvent6['type'], Cell>>;
  return row[event.type](state, event, nowMs);
}

type Cell = (state: ClientState6, event: ClientEvent6, nowMs: number) => Step6;
type Row = Readonly<Record<ClientEvent6['type'], Cell>>;

const to = (
  state: ClientState6,
  restartClient = false,
  remarks: readonly string[] = [],
): Step6 => ({
  ...{ state, restartClient, remarks },
});
const stay: Cell = (state) => to(state);

const recover: Cell = (state, event) => {
  if (event.type !== 'recovered') return to(state);
  const { held, clientAlive } = event;
  return to(
    clientAlive
      ? { name: 'Bound', held, doubt: undefined }
      : { name: 'Init', held, doubt: undefined },
  );
};

const search =
  (name: 'Init' | 'Soliciting' | 'Requesting' | 'Confirming'): Cell =>
  ({ held, doubt }) =>
    to({ name, held, doubt });

const ask =
  (name: 'Renewing' | 'Rebinding'): Cell =>
  (state) => {
    const { held, doubt } = state;
    return held === undefined ? to(state) : to({ name, held, doubt, asked: true });
  };

/** A server spoke: the doubt about what it answered is over, and new doubt may begin. */
const answer: Cell = (state, event, nowMs) => {
  if (event.type !== 'reply') return to(state);
  const { reply } = event;
  const { held, doubted, diverged, remarks } = judgeReply(state.held, reply);
  const open = (state.doubt?.ias ?? []).filter((ia) => !reply.asked.includes(ia));
  const ias = [...new Set([...open, ...doubted])];
  // What was in doubt before must not be put off by more doubt.
  const untilMs = open.length > 0 && state.doubt ? state.doubt.untilMs : nowMs + DOUBT_MS;
  const doubt = ias.length === 0 ? undefined : { ias, untilMs };
  if (held === undefined) return to({ name: 'Soliciting', held, doubt }, diverged, remarks);
  if (reply.answered === 'confirm') return to({ ...state, doubt }, diverged, remarks);
  return to({ name: 'Bound', held, doubt }, diverged, remarks);
};

/**
 * Nothing for an IA in doubt: it is lost, and there is no need to wait longer. So is any other that
 * the very server that gave it has nothing for now; what a stranger has not says nothing of it.
 */
const refuse: Cell = (state, event) => {
  if (event.type !== 'advertise') return to(state);
  const { doubt, held } = state;
  const own = held !== undefined && toHex(held.serverDuid) === event.server;
  const lost = own ? event.refused : event.refused.filter((ia) => doubt?.ias.includes(ia));
  return lost.length === 0 ? to(state) : to(less(state, lost));
};

/** The state without these IAs, which are no longer in doubt either. */
function less(state: ClientState6, lost: readonly IaKey[]): ClientState6 {
  const held = without(state.held, lost);
  const ias = (state.doubt?.ias ?? []).filter((ia) => !lost.includes(ia));
  const doubt = ias.length === 0 || !state.doubt ? undefined : { ...state.doubt, ias };
  return held === undefined ? { name: 'Soliciting', held, doubt } : { ...state, held, doubt };
}

const forget: Cell = (state, event) =>
  event.type === 'unwanted' ? to(less(state, event.ias)) : to(state);

const drop: Cell = () => to({ ...INITIAL6, name: 'Soliciting' });
const stop: Cell = () => to(INITIAL6);

/** What ended takes no more than itself; the program looks for another by itself. */
const expire: Cell = (state, _event, nowMs) => {
  const { doubt } = state;
  const sure = doubt !== undefined && nowMs >= doubt.untilMs ? less(state, doubt.ias) : state;
  const held = alive(sure.held, nowMs);
  if (held === sure.held) return to(sure);
  if (held !== undefined) return to({ ...sure, held });
  return to({ name: sure.name === 'Init' ? 'Init' : 'Soliciting', held, doubt: sure.doubt });
};

/** The times of what is held; a clock that comes late passes several at once. */
const tick: Cell = (state, event, nowMs) => {
  const { state: next } = expire(state, event, nowMs);
  // A program that holds what ended would go on renewing it.
  if (next.held === undefined) return to(next, state.held !== undefined);
  const { held, doubt } = next;
  const ended = held !== state.held;
  const asked = 'asked' in next && next.asked;
  if (nowMs >= held.t2AtMs) return to({ name: 'Rebinding', held, doubt, asked }, ended);
  if (nowMs < held.t1AtMs) return to(next, ended);
  if (asked || nowMs < held.t1AtMs + NUDGE_MS) {
    return to({ name: 'Renewing', held, doubt, asked }, ended);
  }
  return to({ name: 'Renewing', held, doubt, asked: true }, true);
};

const SEARCHING: Row = {
  recovered: recover,
  reply: answer,
  advertise: refuse,
  solicit: search('Soliciting'),
  request: search('Requesting'),
  confirm: search('Confirming'),
  renew: ask('Renewing'),
  rebind: ask('Rebinding'),
  release: drop,
  restarted: search('Init'),
  unwanted: forget,
  time: expire,
  stop,
};

const HOLDING: Row = {
  recovered: stay,
  reply: answer,
  advertise: refuse,
  // For an IA that it has not got yet: what is held stays held, and its times go on.
  solicit: stay,
  request: stay,
  confirm: search('Confirming'),
  renew: ask('Renewing'),
  rebind: ask('Rebinding'),
  release: drop,
  restarted: search('Init'),
  unwanted: forget,
  time: tick,
  stop,
};

const TABLE: Readonly<Record<ClientState6['name'], Row>> = {
  Init: SEARCHING,
  Soliciting: SEARCHING,
  Requesting: SEARCHING,
  Confirming: SEARCHING,
  Bound: HOLDING,
  Renewing: HOLDING,
  Rebinding: HOLDING,
};
