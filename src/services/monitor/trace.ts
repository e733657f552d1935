/** The way to a destination, hop by hop, in rounds: loss and times of each, as mtr counts them. */
import type { SystemError } from '../../base/errors.ts';
import type { IpAddress } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { PathOptions } from '../../os/ports-path.ts';
import { type PathDeps, PathProber, type ProbeOutcome, pause } from './path.ts';
import { Counting, type Summary } from './summary.ts';

export interface TraceWanted extends PathOptions {
  readonly port: number | undefined;
  /** 1 to 255. */
  readonly maxHops: number;
  readonly rounds: number;
  /** Of each probe. */
  readonly timeoutMs: number;
  /** From the start of a round to that of the next, at least. */
  readonly intervalMs: number;
  /** With the IP header. */
  readonly packetBytes: number;
}

export interface TraceHop extends Summary {
  readonly hopLimit: number;
  /** Who spoke, in the order of their first word. */
  readonly addresses: readonly IpAddress[];
  /** Of the last answers, at most 16, in ms; in the order of rounds. */
  readonly times: readonly number[];
  /** What a router said instead of passing it on, as traceroute writes it: !H, !N, !X, …; empty for nothing. */
  readonly mark: string;
  /** Type of the ICMP error that came last; 0 for an answer of the destination. */
  readonly icmpType: number;
}

export interface TraceReport {
  readonly hops: readonly TraceHop[];
  readonly reached: boolean;
  readonly rounds: number;
}

/** Probes of the first round that are under way at once: beyond the destination they are in vain, and ICMP is rationed. */
const WINDOW = 3;
const KEPT_TIMES = 16;

interface Tally {
  readonly hopLimit: number;
  readonly counting: Counting;
  addresses: readonly IpAddress[];
  times: number[];
  mark: string;
  icmpType: number;
}

/** Pure: what is known of the way, from what became of each probe. */
class TraceTally {
  readonly #hops = new Map<number, Tally>();
  readonly #maxHops: number;
  #end: number;
  #reached = false;
  rounds = 0;

  constructor(maxHops: number) {
    this.#maxHops = maxHops;
    this.#end = maxHops;
  }

  /** No hop beyond it is of interest. */
  get end(): number {
    return this.#end;
  }

  add(hopLimit: number, outcome: ProbeOutcome): void {
    const hop = this.#hops.get(hopLimit) ?? empty(hopLimit);
    this.#hops.set(hopLimit, hop);
    hop.counting.sent++;
    if (outcome.kind === 'timeout' || outcome.kind === 'unsent') return;
    if (outcome.kind === 'tooBig') {
      hop.mark = `!F${outcome.mtu === 0 ? '' : `-${outcome.mtu}`}`;
      if (outcome.from !== undefined) this.#spoke(hop, outcome.from);
      this.#ends(hopLimit);
      return;
    }
    hop.counting.answered(outcome.ms);
    hop.times.push(outcome.ms);
    if (hop.times.length > KEPT_TIMES) hop.times.shift();
    this.#spoke(hop, outcome.from);
    if (outcome.kind === 'hop') {
      hop.icmpType = typeof outcome.from === 'number' ? 11 : 3;
      return;
    }
    if (outcome.kind === 'reached') this.#reached = true;
    else {
      hop.icmpType = outcome.type;
      hop.mark = markOf(outcome.from, outcome.code);
    }
    this.#ends(hopLimit);
  }

  report(): TraceReport {
    const hops = [...this.#hops.values()]
      .filter(({ hopLimit }) => hopLimit <= this.#end)
      .sort((a, b) => a.hopLimit - b.hopLimit);
    // Silence at the end of a way that leads nowhere says nothing, beyond its first hop.
    while (!this.#reached && this.#end === this.#maxHops && hops.length > 1) {
      if ((hops.at(-1)?.addresses.length ?? 0) > 0 || (hops.at(-2)?.addresses.length ?? 0) > 0)
        break;
      hops.pop();
    }
    return {
      hops: hops.map(({ counting, ...hop }) => ({
        ...{ ...hop, times: [...hop.times] },
        ...counting.summary,
      })),
      ...{ reached: this.#reached, rounds: this.rounds },
    };
  }

  #spoke(hop: Tally, from: IpAddress): void {
    if (!hop.addresses.includes(from)) hop.addresses = [...hop.addresses, from];
  }

  #ends(hopLimit: number): void {
    this.#end = Math.min(this.#end, hopLimit);
  }
}

const empty = (hopLimit: number): Tally => ({
  hopLimit,
  counting: new Counting(),
  addresses: [],
  times: [],
  mark: '',
  icmpType: 0,
});

const MARKS4: Readonly<Record<number, string>> = {
  0: '!N',
  1: '!H',
  2: '!P',
  3: '!p',
  5: '!S',
  13: '!X',
};
const MARKS6: Readonly<Record<number, string>> = { 0: '!N', 1: '!X', 3: '!H', 4: '!p' };

const markOf = (from: IpAddress, code: number): string =>
  (typeof from === 'number' ? MARKS4 : MARKS6)[code] ?? `!<${code}>`;

/** Rounds follow one another until there were enough or `signal` fires; `onNews` after each answer. */
export async function trace(
  deps: PathDeps,
  wanted: TraceWanted,
  signal: AbortSignal,
  onNews: (report: TraceReport) => void = () => {},
): Promise<Result<TraceReport, SystemError>> {
  const opened = PathProber.open(deps, wanted, wanted.port);
  if (!opened.ok) return opened;
  using prober = opened.value;
  const tally = new TraceTally(wanted.maxHops);
  let unsent: SystemError | undefined;
  const ask = async (hopLimit: number): Promise<void> => {
    const { packetBytes, timeoutMs } = wanted;
    const outcome = await prober.probe({ hopLimit, packetBytes, timeoutMs }, signal);
    if (outcome.kind === 'unsent') unsent = outcome.error;
    // What was called off was not lost.
    if (signal.aborted && outcome.kind === 'timeout') return;
    tally.add(hopLimit, outcome);
    onNews(tally.report());
  };
  for (let round = 0; round < wanted.rounds && !signal.aborted; round++) {
    const startMs = deps.clock.monoMs();
    const width = round === 0 ? WINDOW : tally.end;
    for (let from = 1; from <= tally.end && !signal.aborted; from += width) {
      const count = Math.min(width, tally.end - from + 1);
      await Promise.all(Array.from({ length: count }, (_, i) => ask(from + i)));
      // Nothing leaves this box: that is no matter of hops.
      if (unsent !== undefined && round === 0 && from === 1) return err(unsent);
    }
    if (!signal.aborted) tally.rounds++;
    const leftMs = startMs + wanted.intervalMs - deps.clock.monoMs();
    if (round + 1 < wanted.rounds && leftMs > 0) await pause(deps, leftMs, signal);
  }
  return ok(tally.report());
}
