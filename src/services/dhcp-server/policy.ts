/** Who is served: the owner's rules, first match wins, and what the mode makes of those whom none names. */
import { latin1 } from '../../base/bytes.ts';
import { macNumber } from '../../base/ip.ts';
import type { MatchMode, PendingClient, PoolConfig, RuleConfig, ServerMode } from './config.ts';
import type { Requester } from './requester.ts';

/** What the rules say of a client. */
export interface Judgement {
  readonly action: 'allow' | 'deny' | 'none';
  /** Unix ms at which that ends; Infinity for good. */
  readonly untilMs: number;
}

export const NO_RULE: Judgement = { action: 'none', untilMs: Number.POSITIVE_INFINITY };

export type Verdict =
  | 'serve'
  /** Denied by a rule. */
  | 'refuse'
  /** Not known: the owner is asked. */
  | 'ask'
  /** Not known, and another server's business. */
  | 'leave';

/** By mode, what is done with those whom a rule allows or who have a static address, with those whom one denies, with strangers. */
const VERDICTS: Readonly<Record<ServerMode, Readonly<Record<Judgement['action'], Verdict>>>> = {
  open: { allow: 'serve', deny: 'refuse', none: 'serve' },
  selective: { allow: 'serve', deny: 'refuse', none: 'ask' },
  hybrid: { allow: 'serve', deny: 'refuse', none: 'leave' },
  passThrough: { allow: 'leave', deny: 'leave', none: 'leave' },
};

/** A static address speaks for its client where no rule does. */
export const verdict = (
  mode: ServerMode,
  action: Judgement['action'],
  hasStatic: boolean,
): Verdict => VERDICTS[mode][action === 'none' && hasStatic ? 'allow' : action];

/** What rules look at. */
export interface Subject {
  /** The 48 bits of the MAC. */
  readonly mac: number;
  readonly randomised: boolean;
  vendorClass(): string | undefined;
  hostName(): string | undefined;
}

interface Row {
  readonly order: number;
  readonly rule: RuleConfig;
  readonly judgement: Judgement;
  readonly mac: number;
  readonly mask: number;
}

/** The rules, with those for one MAC alone found by it: hundreds of those cost no time. */
export class Policy {
  readonly #byMac = new Map<number, Row[]>();
  readonly #others: Row[] = [];
  readonly empty: boolean;

  constructor(rules: readonly RuleConfig[]) {
    this.empty = rules.length === 0;
    for (const [order, rule] of rules.entries()) {
      const mac = rule.chaddr === undefined ? 0 : macNumber(rule.chaddr.value);
      const mask = rule.chaddr === undefined ? 0 : macNumber(rule.chaddr.mask);
      const row: Row = {
        order,
        rule,
        judgement: { action: rule.action, untilMs: rule.untilMs },
        mac,
        mask,
      };
      if (mask !== 0xffff_ffff_ffff) {
        this.#others.push(row);
        continue;
      }
      const same = this.#byMac.get(mac);
      if (same === undefined) this.#byMac.set(mac, [row]);
      else same.push(row);
    }
  }

  /** What the first rule that matches says. `segment` is `SegmentConfig.id`. */
  judge(who: Subject, segment: string, wallMs: number): Judgement {
    if (this.empty) return NO_RULE;
    let first: Row | undefined;
    for (const row of this.#byMac.get(who.mac) ?? []) {
      if (!holds(row, who, segment, wallMs)) continue;
      first = row;
      break;
    }
    for (const row of this.#others) {
      if (first !== undefined && row.order > first.order) break;
      if (holds(row, who, segment, wallMs)) return row.judgement;
    }
    return first?.judgement ?? NO_RULE;
  }
}

function holds(row: Row, who: Subject, segment: string, wallMs: number): boolean {
  const { rule } = row;
  if (wallMs >= rule.untilMs) return false;
  if (rule.segment !== undefined && rule.segment !== segment) return false;
  if (!masked(who.mac, row.mac, row.mask)) return false;
  if (rule.randomised !== undefined && rule.randomised !== who.randomised) return false;
  const { vendorClass, hostName } = rule;
  return (
    (vendorClass === undefined ||
      matches(who.vendorClass(), vendorClass.value, vendorClass.mode)) &&
    (hostName === undefined || matches(who.hostName(), hostName.value.toLowerCase(), hostName.mode))
  );
}

const LOW = 0x1_0000_0000;

/** In two halves, for `&` takes 32 bits. */
const masked = (mac: number, value: number, mask: number): boolean =>
  ((Math.floor(mac / LOW) ^ Math.floor(value / LOW)) & Math.floor(mask / LOW)) === 0 &&
  (((mac % LOW) ^ (value % LOW)) & (mask % LOW)) === 0;

/** A device that waits, as rules see it. */
export const subjectOf = (client: PendingClient): Subject => ({
  mac: macNumber(client.mac),
  randomised: client.randomised,
  vendorClass: () => client.vendorClass,
  hostName: () => client.hostName,
});

const MATCHES: Readonly<Record<MatchMode, (text: string, value: string) => boolean>> = {
  Exact: (text, value) => text === value,
  Prefix: (text, value) => text.startsWith(value),
  Suffix: (text, value) => text.endsWith(value),
  Substring: (text, value) => text.includes(value),
};

const matches = (text: string | undefined, value: string, mode: MatchMode): boolean =>
  text !== undefined && MATCHES[mode](text, value);

const [USER_CLASS] = [77];

/** Whether a client belongs to the pool: all conditions that are given hold (TR-181 `Device.DHCPv4.Server.Pool.{i}.`). */
export function belongs(pool: PoolConfig, who: Requester, hasStatic: boolean): boolean {
  if (pool.allowed !== 'All' && (pool.allowed === 'Known') !== hasStatic) return false;
  const { vendorClass, clientId, userClass, chaddr } = pool;
  if (vendorClass !== undefined) {
    const match = matches(who.vendorClass(), vendorClass.value, vendorClass.mode);
    if (match === vendorClass.exclude) return false;
  }
  if (clientId !== undefined) {
    const sent = who.clientId();
    const match = sent !== undefined && latin1(sent) === latin1(clientId.value);
    if (match === clientId.exclude) return false;
  }
  if (userClass !== undefined) {
    if (ofUserClass(who, latin1(userClass.value)) === userClass.exclude) return false;
  }
  if (chaddr !== undefined) {
    const match = masked(who.mac, macNumber(chaddr.value), macNumber(chaddr.mask));
    if (match === chaddr.exclude) return false;
  }
  return true;
}

/** Option 77 is a list of classes, each behind its length (RFC 3004 §4); many clients send one class plainly. */
function ofUserClass(who: Requester, wanted: string): boolean {
  const sent = who.view.textOf(USER_CLASS);
  if (sent === undefined) return false;
  if (sent === wanted) return true;
  for (let at = 0; at < sent.length; ) {
    const length = sent.charCodeAt(at);
    if (sent.slice(at + 1, at + 1 + length) === wanted) return true;
    at += 1 + length;
  }
  return false;
}
