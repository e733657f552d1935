/** Pure: what a router advertisement says, and when the next one is due (RFC 4861 §6.2). */
import { type Ipv6, type Ipv6Prefix, networkOf6 } from '../../base/ip6.ts';
import { type NdOption, ndTypeOf, type RouterAdvertisement } from '../../wire/icmp6.ts';
import type { AdvertiseConfig, Prefix6Config } from './config.ts';

/** A prefix that hosts were told of and that is no more. */
export interface GonePrefix {
  readonly prefix: Ipv6Prefix;
  readonly onLink: boolean;
  readonly autonomous: boolean;
  /** CLOCK_BOOTTIME ms until which hosts are told. */
  readonly untilMs: number;
}

/** Hosts let nobody shorten a valid lifetime below two hours (RFC 4862 §5.5.3 e). */
const SHORTEST_VALID_MS = 7_200_000;

/** For how long hosts are told that a prefix is gone: as long as they may still know of it, and no longer. */
export const deprecationMs = (config: AdvertiseConfig): number =>
  Math.min(SHORTEST_VALID_MS, config.validLimitSec * 1000);

/** The advertisement as of `nowMs` (CLOCK_BOOTTIME). `ceasing`: the last one (§6.2.5). */
export function advertisementOf(
  config: AdvertiseConfig,
  prefixes: readonly Prefix6Config[],
  gone: readonly GonePrefix[],
  mac: Uint8Array,
  nowMs: number,
  ceasing = false,
): RouterAdvertisement {
  const options: NdOption[] = [{ kind: 'sourceLinkLayer', mac }];
  if (config.mtu !== 0) options.push({ kind: 'mtu', mtu: config.mtu });
  const left = (untilMs: number): number => Math.max(0, Math.floor((untilMs - nowMs) / 1000));
  for (const { prefix, onLink, autonomous, ...until } of prefixes) {
    if (!onLink && !autonomous) continue;
    const validSec = Math.min(config.validLimitSec, left(until.validUntilMs));
    const preferredSec = Math.min(config.preferredLimitSec, validSec, left(until.preferredUntilMs));
    options.push({
      ...{ kind: 'prefix', prefix: whole(prefix), onLink, autonomous, validSec },
      preferredSec: ceasing ? 0 : preferredSec,
    });
  }
  for (const { prefix, onLink, autonomous, untilMs } of gone) {
    const validSec = left(untilMs);
    options.push({
      ...{ kind: 'prefix', prefix: whole(prefix), onLink, autonomous, validSec, preferredSec: 0 },
    });
  }
  // Long enough to live through two lost advertisements (RFC 8106 §5.1).
  const lifetimeSec = ceasing ? 0 : 3 * config.maxIntervalSec;
  for (const prefix of config.routes) {
    options.push({ kind: 'route', prefix: whole(prefix), preference: 'medium', lifetimeSec });
  }
  const { dnsServers: servers, domains, captivePortal, pref64 } = config;
  if (servers.length > 0) options.push({ kind: 'rdnss', lifetimeSec, servers });
  if (domains.length > 0) options.push({ kind: 'dnssl', lifetimeSec, domains });
  if (captivePortal !== undefined) options.push({ kind: 'captivePortal', uri: captivePortal });
  if (pref64 !== undefined) options.push({ kind: 'pref64', prefix: whole(pref64), lifetimeSec });
  const own = new Set(config.options.map(({ type }) => type));
  const all: NdOption[] = [
    ...options.filter((option) => !own.has(ndTypeOf(option))),
    ...config.options.map(({ type, body }) => ({ kind: 'unknown' as const, type, body })),
  ];
  const { hopLimit, managed, other, preference, reachableMs, retransMs } = config;
  return {
    ...{ hopLimit, managed, other, preference, reachableMs, retransMs, options: all },
    lifetimeSec: ceasing ? 0 : config.lifetimeSec,
  };
}

const whole = (prefix: Ipv6Prefix): Ipv6Prefix => ({ ...prefix, address: networkOf6(prefix) });

/** RFC 4861 §10. */
const MAX_INITIAL = 3;
const MAX_INITIAL_INTERVAL_MS = 16_000;
const MIN_BETWEEN_MS = 3_000;
const MAX_RA_DELAY_MS = 500;
/** Hosts that wait for an answer of their own; more of them are told all at once. */
const MAX_WAITING = 16;

export interface Schedule {
  /** Of the quick ones at a start or after a change. */
  readonly quickLeft: number;
  /** When the next one is due to all; Infinity never. */
  readonly dueMs: number;
  readonly lastMs: number;
  /** Hosts that asked, and when they are answered. */
  readonly waiting: readonly Asker[];
  readonly answerMs: number;
}

export interface Asker {
  readonly address: Ipv6;
  readonly mac: Uint8Array;
}

type ScheduleEvent =
  | { readonly kind: 'changed' }
  /** `from` undefined: a host without an address. */
  | { readonly kind: 'solicited'; readonly from: Asker | undefined }
  | { readonly kind: 'timer' };

export const IDLE: Schedule = {
  ...{ quickLeft: 0, dueMs: Number.POSITIVE_INFINITY, lastMs: Number.NEGATIVE_INFINITY },
  ...{ waiting: [], answerMs: Number.POSITIVE_INFINITY },
};

/** When `step` wants to be called next. */
export const nextMs = ({ dueMs, answerMs }: Schedule): number => Math.min(dueMs, answerMs);

/**
 * | event     | to all                                             | to those who asked               |
 * |-----------|----------------------------------------------------|----------------------------------|
 * | changed   | three quick ones, the first as soon as §6.2.4 lets | as before                        |
 * | solicited | sooner, if it came without an address              | within half a second, or by the next to all |
 * | timer     | when due; the next is set                          | when due                         |
 *
 * `random` gives 0 to 1. Times are CLOCK_BOOTTIME ms.
 */
export function step(
  state: Schedule,
  event: ScheduleEvent,
  nowMs: number,
  interval: Pick<AdvertiseConfig, 'minIntervalSec' | 'maxIntervalSec'>,
  random: () => number,
): { readonly state: Schedule; readonly toAll: boolean; readonly to: readonly Asker[] } {
  const quiet = { toAll: false, to: [] };
  const soonest = Math.max(nowMs, state.lastMs + MIN_BETWEEN_MS);
  switch (event.kind) {
    case 'changed':
      return { ...quiet, state: { ...state, quickLeft: MAX_INITIAL, dueMs: soonest } };
    case 'solicited': {
      const delayed = nowMs + random() * MAX_RA_DELAY_MS;
      if (event.from === undefined || state.waiting.length >= MAX_WAITING) {
        const dueMs = Math.min(state.dueMs, Math.max(delayed, soonest));
        return { ...quiet, state: { ...state, dueMs } };
      }
      const { address } = event.from;
      if (state.waiting.some((other) => other.address === address)) return { ...quiet, state };
      const waiting = [...state.waiting, event.from];
      return {
        ...quiet,
        state: { ...state, waiting, answerMs: Math.min(state.answerMs, delayed) },
      };
    }
    case 'timer': {
      const answered = { waiting: [], answerMs: Number.POSITIVE_INFINITY };
      if (nowMs >= state.dueMs) {
        const quickLeft = Math.max(0, state.quickLeft - 1);
        const { minIntervalSec: min, maxIntervalSec: max } = interval;
        const usual = (min + random() * (max - min)) * 1000;
        const pauseMs = quickLeft > 0 ? Math.min(usual, MAX_INITIAL_INTERVAL_MS) : usual;
        return {
          state: { ...answered, quickLeft, dueMs: nowMs + pauseMs, lastMs: nowMs },
          ...{ toAll: true, to: [] },
        };
      }
      if (nowMs >= state.answerMs) {
        return { toAll: false, to: state.waiting, state: { ...state, ...answered } };
      }
      return { ...quiet, state };
    }
  }
}
