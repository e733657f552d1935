/**
 * What the wire says of one client. dibbler-client does not call its hook for every answer, leaves
 * out IAIDs and times, and loses options, so its messages are watched through a kernel filter: what
 * is true of a lease is what the server's answer says.
 */
import { toHex } from '../../base/bytes.ts';
import { type Ipv6, isHostAddress6 } from '../../base/ip6.ts';
import {
  CLIENT_PORT6,
  DHCP6,
  type Dhcp6Message,
  type Dhcp6Option,
  decodeDhcp6,
  SERVER_PORT6,
} from '../../wire/dhcp6.ts';
import { CODEC6, OPTION6, option6, STATUS6 } from '../../wire/dhcp6-options.ts';
import { decodeUdp6 } from '../../wire/udp6.ts';
import type { Message6Counts, ReceivedOption6 } from './config.ts';
import {
  type Answered,
  type IaKey,
  iaKey,
  type RawIa,
  type RawLease6,
  type RawReply,
} from './lease.ts';

const NO_MESSAGES6: Message6Counts = {
  ...{ solicit: 0, advertise: 0, request: 0, confirm: 0, renew: 0, rebind: 0, reply: 0 },
  ...{ release: 0, decline: 0, informationRequest: 0, reconfigure: 0, discarded: 0 },
  badOptions: 0,
};

/** A message of the client's that may still be answered. */
interface Sent {
  readonly type: number;
  readonly transactionId: number;
  readonly ias: readonly IaKey[];
  /** The server that it is for; undefined: any. */
  readonly server: string | undefined;
}

export interface WireView6 {
  readonly counts: Message6Counts;
  /** The newest first. */
  readonly sent: readonly Sent[];
}

export const NOTHING_SEEN6: WireView6 = { counts: NO_MESSAGES6, sent: [] };

export type Seen6 =
  | { readonly type: 'solicit' | 'request' | 'confirm' | 'renew' | 'rebind' | 'release' }
  | { readonly type: 'reply'; readonly reply: RawReply }
  /** IAs that a server has nothing for. */
  | { readonly type: 'advertise'; readonly refused: readonly IaKey[]; readonly server: string };

/** dibbler-client answers to several of its messages at a time. */
const MAX_SENT = 8;
/** Of one message; a server sends a few dozen. */
const MAX_OPTIONS = 256;

const KEY_OF: Readonly<Record<number, keyof Message6Counts>> = {
  [DHCP6.SOLICIT]: 'solicit',
  [DHCP6.ADVERTISE]: 'advertise',
  [DHCP6.REQUEST]: 'request',
  [DHCP6.CONFIRM]: 'confirm',
  [DHCP6.RENEW]: 'renew',
  [DHCP6.REBIND]: 'rebind',
  [DHCP6.REPLY]: 'reply',
  [DHCP6.RELEASE]: 'release',
  [DHCP6.DECLINE]: 'decline',
  [DHCP6.RECONFIGURE]: 'reconfigure',
  [DHCP6.INFORMATION_REQUEST]: 'informationRequest',
};

const SENT: ReadonlyMap<number, Exclude<Seen6['type'], 'reply' | 'advertise'>> = new Map([
  [DHCP6.SOLICIT, 'solicit'],
  [DHCP6.REQUEST, 'request'],
  [DHCP6.CONFIRM, 'confirm'],
  [DHCP6.RENEW, 'renew'],
  [DHCP6.REBIND, 'rebind'],
  [DHCP6.RELEASE, 'release'],
]);

const ANSWERED: ReadonlyMap<number, Answered> = new Map([
  [DHCP6.SOLICIT, 'bind'],
  [DHCP6.REQUEST, 'bind'],
  [DHCP6.RENEW, 'extend'],
  [DHCP6.REBIND, 'extend'],
  [DHCP6.CONFIRM, 'confirm'],
]);

/** One frame seen on the client's interface. Frames of other hosts change nothing. */
export function look6(
  view: WireView6,
  frame: Uint8Array,
  outgoing: boolean,
  duid: Uint8Array,
  nowMs: number,
): { readonly view: WireView6; readonly seen: Seen6 | undefined } {
  const nothing = { view, seen: undefined };
  const discarded = { view: counted(view, 'discarded'), seen: undefined };
  const udp = decodeUdp6(frame);
  if (!udp.ok || udp.value.destinationPort !== (outgoing ? SERVER_PORT6 : CLIENT_PORT6)) {
    return nothing;
  }
  // Views of the frame end with this call; what is kept of it must outlive that.
  const packet = decodeDhcp6(udp.value.payload.slice());
  // Ours or not cannot be told; one that nobody can read was meant for whoever listens.
  if (!packet.ok || packet.value.relays.length > 0) return outgoing ? nothing : discarded;
  const { message } = packet.value;
  if (toHex(option6(message.options, OPTION6.CLIENTID, 'duid') ?? NONE) !== toHex(duid)) {
    return nothing;
  }
  const key = KEY_OF[message.type];
  if (key === undefined || message.options.length > MAX_OPTIONS) return discarded;
  const server = serverOf(message);
  const { transactionId } = message;
  const ias = iasOf(message, () => {}).map(({ kind, iaid }) => iaKey(kind, iaid));
  if (outgoing) {
    const sent = { type: message.type, transactionId, ias, server };
    const next = { ...view, sent: [sent, ...view.sent].slice(0, MAX_SENT) };
    const type = SENT.get(message.type);
    return { view: counted(next, key), seen: type === undefined ? undefined : { type } };
  }
  // dibbler-client gives the same number to two messages; the answer has the IAs of its own.
  const fitting = view.sent.filter(
    (one) =>
      one.transactionId === transactionId &&
      (one.server === undefined || one.server === server) &&
      ias.every((ia) => one.ias.includes(ia)),
  );
  const [question] = fitting;
  if (question === undefined || server === undefined) return discarded;
  if (message.type === DHCP6.ADVERTISE) {
    const refused = iasOf(message, () => {}).flatMap(({ kind, iaid, leases }) =>
      leases.some(({ validSec }) => validSec > 0) ? [] : [iaKey(kind, iaid)],
    );
    const absent = question.ias.filter((ia) => !ias.includes(ia));
    const none = option6(message.options, OPTION6.STATUS_CODE, 'status')?.code ?? 0;
    return {
      view: counted(view, key),
      seen: { type: 'advertise', refused: [...refused, ...(none === 0 ? [] : absent)], server },
    };
  }
  const answered = ANSWERED.get(question.type);
  if (message.type !== DHCP6.REPLY || answered === undefined) {
    return { view: counted(view, key), seen: undefined };
  }
  // A REPLY to SOLICIT counts only as a rapid commit (§18.2.10).
  const rapid = message.options.some(({ code }) => code === OPTION6.RAPID_COMMIT);
  if (question.type === DHCP6.SOLICIT && !rapid) return discarded;
  let bad = 0;
  const reply = rawReply(message, answered, question.ias, udp.value.source, nowMs, () => bad++);
  const { counts } = counted(view, key);
  return {
    view: { ...view, counts: { ...counts, badOptions: counts.badOptions + bad } },
    seen: { type: 'reply', reply },
  };
}

const NONE = new Uint8Array(0);

function serverOf({ options }: Dhcp6Message): string | undefined {
  const duid = option6(options, OPTION6.SERVERID, 'duid');
  return duid === undefined ? undefined : toHex(duid);
}

/** What a REPLY says; a malformed option is told to `bad` and left out, and the rest is used. */
function rawReply(
  message: Dhcp6Message,
  answered: Answered,
  asked: readonly IaKey[],
  source: Ipv6,
  receivedAtMs: number,
  bad: () => void,
): RawReply {
  const options: ReceivedOption6[] = [];
  for (const { code, value } of message.options) {
    if (IDENTIFIERS.has(code)) continue;
    if (wellFormed(code, value)) options.push({ code, data: value });
    else bad();
  }
  const status = option6(message.options, OPTION6.STATUS_CODE, 'status')?.code ?? STATUS6.Success;
  return {
    ...{ answered, asked, status, options, receivedAtMs, serverAddress: source },
    ias: iasOf(message, bad),
    serverDuid: option6(message.options, OPTION6.SERVERID, 'duid') ?? NONE,
    dnsServers: (decoded(options, OPTION6.DNS_SERVERS, 'ips') ?? []).filter(isHostAddress6),
    domains: decoded(options, OPTION6.DOMAIN_LIST, 'domains') ?? [],
  };
}

/** What is said elsewhere: who speaks, and what IAs hold. */
const IDENTIFIERS: ReadonlySet<number> = new Set([
  ...[OPTION6.CLIENTID, OPTION6.SERVERID, OPTION6.IA_NA, OPTION6.IA_TA, OPTION6.IA_PD],
  ...[OPTION6.STATUS_CODE, OPTION6.RAPID_COMMIT],
]);

const SHAPES = { 21: 'domains', 22: 'ips', 23: 'ips', 24: 'domains', 31: 'ips' } as const;

/** As far as this client itself reads it; what others read they judge themselves. */
function wellFormed(code: number, value: Uint8Array): boolean {
  const shape = SHAPES[code as keyof typeof SHAPES];
  return shape === undefined || CODEC6[shape].decode(value).ok;
}

function decoded<S extends 'ips' | 'domains'>(
  options: readonly ReceivedOption6[],
  code: number,
  shape: S,
) {
  const list = options.map(({ code, data }): Dhcp6Option => ({ code, value: data }));
  return option6(list, code, shape);
}

/** IA_NA and IA_PD of a message (§21.4, §21.21). */
function iasOf({ options }: Dhcp6Message, bad: () => void): readonly RawIa[] {
  return options.flatMap(({ code, value }): RawIa[] => {
    if (code !== OPTION6.IA_NA && code !== OPTION6.IA_PD) return [];
    const ia = CODEC6.ia.decode(value);
    if (!ia.ok) {
      bad();
      return [];
    }
    const { iaid, t1Sec, t2Sec } = ia.value;
    const kind = code === OPTION6.IA_NA ? 'address' : 'prefix';
    const leases = ia.value.options.flatMap((option): readonly RawLease6[] => {
      const wanted = kind === 'address' ? OPTION6.IAADDR : OPTION6.IAPREFIX;
      if (option.code !== wanted) return [];
      if (kind === 'address') {
        const read = CODEC6.iaAddress.decode(option.value);
        if (read.ok) return [{ ...read.value, prefixLen: 128 }];
      } else {
        const read = CODEC6.iaPrefix.decode(option.value);
        if (read.ok) return [read.value];
      }
      bad();
      return [];
    });
    const status = option6(ia.value.options, OPTION6.STATUS_CODE, 'status')?.code ?? 0;
    return [{ kind, iaid, t1Sec, t2Sec, status, leases }];
  });
}

const counted = (view: WireView6, key: keyof Message6Counts): WireView6 => ({
  ...view,
  counts: { ...view.counts, [key]: view.counts[key] + 1 },
});
