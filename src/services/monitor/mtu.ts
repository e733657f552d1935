/**
 * The largest packet that a path takes: by what routers say (RFC 1191, RFC 8201), and by size where they are
 * silent, as RFC 4821 wants it, for nothing tells more than a packet that arrives.
 */
import { BugError, type SystemError } from '../../base/errors.ts';
import type { IpAddress } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { PathOptions } from '../../os/ports-path.ts';
import { type PathDeps, PathProber, type ProbeOutcome, pause } from './path.ts';

export interface MtuWanted extends Omit<PathOptions, 'fragment'> {
  readonly port: number | undefined;
  /** Of a probe whose size is known to pass; later ones wait for a multiple of what that took. */
  readonly timeoutMs: number;
}

/** Probes of one size before it counts as too big for a router that is silent. */
const TRIES = 3;
/** Hosts ration their ICMP errors, which answers by UDP are, to one a second (icmp(7)). */
const RATION_MS = 1100;
const PATIENCE = 5;
const LEAST = { 4: 68, 6: 1280 } as const;
/** What every host takes (RFC 1122 §3.3.2), to see whether it answers at all. */
const BASE = { 4: 576, 6: 1280 } as const;
const LARGEST = 65_535;
const MAX_HOPS = 64;
const MIN_WAIT_MS = 250;
/** RFC 1191 §7.1 and what tunnels and DSL make of it: tried first, since most paths have one of these. */
const PLATEAUS = [1500, 1492, 1480, 1460, 1454, 1442, 1420, 1400, 1360, 1280, 1006, 576, 296];

export interface MtuReport {
  readonly mtuBytes: number;
  /** Of the own link on the way. */
  readonly linkMtuBytes: number;
  /** Routers that said what the next link takes, in order. */
  readonly said: readonly { readonly from: IpAddress; readonly mtuBytes: number }[];
  /** Larger packets vanish without a word: a black hole. */
  readonly blackHole: boolean;
  /** The last router that such a packet was seen at; undefined when none spoke or there is no black hole. */
  readonly lostBehind: IpAddress | undefined;
  readonly probes: number;
  readonly ms: number;
}

export type MtuFailure =
  | { readonly kind: 'silent' }
  | { readonly kind: 'system'; readonly error: SystemError };

/**
 * Pure: which size comes next. What passed is the floor, what did not the ceiling; `next` is undefined when
 * they have met.
 */
export class MtuSearch {
  readonly #least: number;
  #passed: number;
  /** No packet so large passes. */
  #tooBig: number;
  #wanted: number;
  #silent = false;
  readonly said: { readonly from: IpAddress; readonly mtuBytes: number }[] = [];

  constructor(base: number, largest: number, least: number) {
    if (base > largest) throw new BugError('the base of a search is larger than its end');
    this.#least = least;
    this.#passed = base;
    this.#tooBig = largest + 1;
    this.#wanted = largest;
  }

  get next(): number | undefined {
    return this.#passed + 1 >= this.#tooBig ? undefined : this.#wanted;
  }

  get mtu(): number {
    return this.#passed;
  }

  /** The least size that vanished; undefined when none did. */
  get vanished(): number | undefined {
    return this.#silent ? this.#tooBig : undefined;
  }

  add(size: number, outcome: ProbeOutcome): void {
    if (outcome.kind === 'tooBig') {
      this.#tooBig = Math.min(this.#tooBig, size);
      this.#silent = false;
      const { mtu, from } = outcome;
      // What is not smaller, or smaller than what passes or may be, is a lie or an old router's silence.
      const useful = mtu >= this.#least && mtu < size && mtu >= this.#passed;
      if (useful && from !== undefined) this.said.push({ from, mtuBytes: mtu });
      if (useful) this.#tooBig = Math.min(this.#tooBig, mtu + 1);
      this.#wanted = useful && mtu > this.#passed ? mtu : this.#between();
    } else if (outcome.kind === 'reached') {
      this.#passed = Math.max(this.#passed, size);
      this.#wanted = this.#between();
    } else {
      this.#tooBig = Math.min(this.#tooBig, size);
      this.#silent = true;
      this.#wanted = this.#between();
    }
  }

  /** A usual size if there is one in between: just above it is tried after it, so two probes may settle it. */
  #between(): number {
    const [low, high] = [this.#passed, this.#tooBig];
    if (PLATEAUS.includes(low) && high - low > 1 && this.#wanted === low) return low + 1;
    const usual = PLATEAUS.find((size) => size < high && size > low);
    return usual ?? Math.floor((low + high) / 2);
  }
}

export async function findMtu(
  deps: PathDeps,
  wanted: MtuWanted,
  signal: AbortSignal,
  onNews: (size: number, outcome: ProbeOutcome) => void = () => {},
): Promise<Result<MtuReport, MtuFailure>> {
  const opened = PathProber.open(deps, { ...wanted, fragment: false }, wanted.port);
  if (!opened.ok) return err({ kind: 'system', error: opened.error });
  using prober = opened.value;
  const startMs = deps.clock.monoMs();
  const { family } = prober;
  let probes = 0;
  let waitMs = wanted.timeoutMs;
  const burst = async (size: number, tries: number): Promise<ProbeOutcome> => {
    let last: ProbeOutcome = { kind: 'timeout' };
    for (let i = 0; i < tries && last.kind === 'timeout' && !signal.aborted; i++) {
      probes++;
      last = await prober.probe(
        { hopLimit: MAX_HOPS, packetBytes: size, timeoutMs: waitMs },
        signal,
      );
    }
    return last;
  };
  /** `passing`: a size that arrived before; where that is not answered either, it is not the size. */
  const ask = async (size: number, passing?: number): Promise<ProbeOutcome> => {
    let last = await burst(size, TRIES);
    for (let i = 0; i < PATIENCE && last.kind === 'timeout' && passing !== undefined; i++) {
      if (signal.aborted || (await burst(passing, 1)).kind !== 'timeout') break;
      await pause(deps, RATION_MS, signal);
      last = await burst(size, TRIES);
    }
    onNews(size, last);
    return last;
  };
  const base = await firstAnswer(ask, family);
  if (!base.ok) return base;
  waitMs = Math.min(wanted.timeoutMs, Math.max(MIN_WAIT_MS, 4 * base.value.ms));
  // The own link says at once what it takes.
  const link = await ask(LARGEST, base.value.size);
  const largest = link.kind === 'tooBig' && link.from === undefined ? link.mtu : LARGEST;
  const seek = async (): Promise<Result<MtuSearch, SystemError>> => {
    const search = new MtuSearch(
      base.value.size,
      Math.max(base.value.size, largest),
      LEAST[family],
    );
    if (link.kind === 'tooBig' && link.from !== undefined) search.add(LARGEST, link);
    else if (link.kind === 'reached') search.add(LARGEST, link);
    for (let size = search.next; size !== undefined && !signal.aborted; size = search.next) {
      const outcome = await ask(size, search.mtu);
      if (outcome.kind === 'unsent') return err(outcome.error);
      search.add(size, outcome);
    }
    return ok(search);
  };
  let sought = await seek();
  if (sought.ok && sought.value.vanished !== undefined && !signal.aborted) {
    // Nobody is accused in haste: a path may have become slower than the first answer was.
    waitMs = wanted.timeoutMs;
    await pause(deps, RATION_MS, signal);
    const sure = await burst(sought.value.vanished, 1);
    if (sure.kind !== 'timeout') sought = await seek();
  }
  if (!sought.ok) return err({ kind: 'system', error: sought.error });
  const search = sought.value;
  const { vanished } = search;
  const lostBehind =
    vanished === undefined || signal.aborted
      ? undefined
      : await lastSeen(prober, vanished, waitMs, signal);
  return ok({
    ...{ mtuBytes: search.mtu, linkMtuBytes: largest, said: search.said, lostBehind, probes },
    blackHole: vanished !== undefined,
    ms: deps.clock.monoMs() - startMs,
  });
}

/** Something small, to see whether anybody answers, and how fast. */
async function firstAnswer(
  ask: (size: number) => Promise<ProbeOutcome>,
  family: 4 | 6,
): Promise<Result<{ readonly size: number; readonly ms: number }, MtuFailure>> {
  for (const size of new Set([BASE[family], LEAST[family]])) {
    const outcome = await ask(size);
    if (outcome.kind === 'unsent') return err({ kind: 'system', error: outcome.error });
    if (outcome.kind === 'reached') return ok({ size, ms: outcome.ms });
  }
  return err({ kind: 'silent' });
}

/** How far a packet of this size comes, hop by hop. */
async function lastSeen(
  prober: PathProber,
  size: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<IpAddress | undefined> {
  let seen: IpAddress | undefined;
  for (let hopLimit = 1, silent = 0; hopLimit <= MAX_HOPS && silent < 2; hopLimit++) {
    let outcome: ProbeOutcome = { kind: 'timeout' };
    for (let i = 0; i < 2 && outcome.kind === 'timeout' && !signal.aborted; i++) {
      outcome = await prober.probe({ hopLimit, packetBytes: size, timeoutMs }, signal);
    }
    if (outcome.kind === 'hop') {
      seen = outcome.from;
      silent = 0;
    } else if (outcome.kind === 'timeout') silent++;
    else break;
  }
  return seen;
}
