/** Echo requests at a steady pace while something else goes on, with the time that each left. */
import type { Clock } from '../../../base/clock.ts';
import { type PathProber, pause } from '../path.ts';
import { Statistics } from '../statistics.ts';
import type { LatencyFigures } from './types.ts';

const EVERY_MS = 100;
const TIMEOUT_MS = 3000;
const PACKET_BYTES = 84;
const HOP_LIMIT = 64;

export class Latency {
  /** When each request left, on the monotonic clock. */
  readonly #sentMs: number[] = [];
  /** What became of it, in µs; undefined: nothing. */
  readonly #rttsUs: (number | undefined)[] = [];
  #lastUs: number | undefined;

  get lastUs(): number | undefined {
    return this.#lastUs;
  }

  /** Sends until `stop` fires, then waits for answers under way; when `off` fires it waits no longer. */
  async probe(
    prober: PathProber,
    clock: Clock,
    stop: AbortSignal,
    off: AbortSignal,
  ): Promise<void> {
    const waiting = new Set<Promise<void>>();
    const startMs = clock.monoMs();
    for (let i = 0; !stop.aborted && !off.aborted; i++) {
      const asked = this.#ask(prober, clock, off).finally(() => waiting.delete(asked));
      waiting.add(asked);
      await pause({ clock }, Math.max(0, startMs + (i + 1) * EVERY_MS - clock.monoMs()), stop);
    }
    await Promise.all(waiting);
  }

  /** Of requests that left at `fromMs` or later. */
  figures(fromMs: number): LatencyFigures {
    const rttsUs = this.#rttsUs.filter((_, i) => (this.#sentMs[i] ?? 0) >= fromMs);
    const [sent, received] = [rttsUs.length, rttsUs.filter((rtt) => rtt !== undefined).length];
    const statistics = new Statistics();
    statistics.add({
      ...{ target: '', atSec: 0, sent, received, rttsUs, duplicates: 0, reordered: 0, ttl: 0 },
      ...{ cause: undefined, detail: '' },
    });
    const whole = (us: number | undefined): number | undefined => us && Math.round(us);
    const { medianUs, p95Us, jitterUs } = statistics.now;
    return {
      ...{ sent, received, medianUs: whole(medianUs), p95Us: whole(p95Us) },
      jitterUs: whole(jitterUs),
    };
  }

  async #ask(prober: PathProber, clock: Clock, off: AbortSignal): Promise<void> {
    const place = this.#sentMs.push(clock.monoMs()) - 1;
    this.#rttsUs.push(undefined);
    const wanted = { hopLimit: HOP_LIMIT, packetBytes: PACKET_BYTES, timeoutMs: TIMEOUT_MS };
    const outcome = await prober.probe(wanted, off);
    if (outcome.kind !== 'reached') return;
    this.#lastUs = Math.round(outcome.ms * 1000);
    this.#rttsUs[place] = this.#lastUs;
  }
}
