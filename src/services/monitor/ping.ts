/** Echo requests at a steady pace, and what became of each. */
import type { SystemError } from '../../base/errors.ts';
import { ok, type Result } from '../../base/result.ts';
import type { PathOptions } from '../../os/ports-path.ts';
import { type PathDeps, PathProber, type ProbeOutcome, pause } from './path.ts';
import { Counting, type Summary } from './summary.ts';

export interface PingWanted extends PathOptions {
  /** `Infinity`: until the signal fires. */
  readonly count: number;
  /** From one to the next; an answer is not waited for in between. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** With the IP header. */
  readonly packetBytes: number;
}

export interface PingReport extends Summary {
  /** Whether echo requests left by a raw socket; else by an ICMP socket, as programs without privilege have them. */
  readonly raw: boolean;
  /** Answers that said that there is no way. */
  readonly unreachable: number;
  /** Requests that never left this box, with the last reason. */
  readonly unsent: number;
  readonly unsentBecause: SystemError | undefined;
}

const HOP_LIMIT = 64;

/** `onNews` with the number of the request, from 1 on, in the order of what became of them. */
export async function ping(
  deps: PathDeps,
  wanted: PingWanted,
  signal: AbortSignal,
  onNews: (number: number, outcome: ProbeOutcome) => void = () => {},
): Promise<Result<PingReport, SystemError>> {
  const opened = PathProber.open(deps, wanted);
  if (!opened.ok) return opened;
  using prober = opened.value;
  const { count, intervalMs, timeoutMs, packetBytes } = wanted;
  const counting = new Counting();
  let [unreachable, unsent] = [0, 0];
  let unsentBecause: SystemError | undefined;
  const ask = async (number: number): Promise<void> => {
    const probe = { hopLimit: HOP_LIMIT, packetBytes, timeoutMs };
    const outcome = await prober.probe(probe, signal);
    // What was called off was not lost.
    if (signal.aborted && outcome.kind === 'timeout') return;
    counting.sent++;
    if (outcome.kind === 'reached') counting.answered(outcome.ms);
    else if (outcome.kind === 'unsent') {
      unsent++;
      unsentBecause = outcome.error;
    } else if (outcome.kind !== 'timeout') unreachable++;
    onNews(number, outcome);
  };
  const waiting = new Set<Promise<void>>();
  const startMs = deps.clock.monoMs();
  for (let i = 0; i < count && !signal.aborted; i++) {
    const asked = ask(i + 1).finally(() => waiting.delete(asked));
    waiting.add(asked);
    if (i + 1 === count) break;
    await pause(deps, Math.max(0, startMs + (i + 1) * intervalMs - deps.clock.monoMs()), signal);
  }
  await Promise.all(waiting);
  return ok({
    ...counting.summary,
    ...{ raw: prober.raw, unreachable, unsent, unsentBecause },
  });
}
