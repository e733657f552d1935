/**
 * Commands of the DHT that take long, by a name that whoever asks gives them: how far each is, and its
 * end before its time. One that nobody asks about any more is ended, since whoever began it has gone.
 * Those without a name end with their caller alone. There is a bound for each kind.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Step, Watch } from '../services/dht/operations.ts';

const MAX_JOBS = 16;
const MAX_NAME = 64;
/** Asked about no more for so long. */
const FORGOTTEN_MS = 15_000;

const NOTHING: Step = { asked: 0, answered: 0, sharedBits: undefined, peers: 0 };

interface Job {
  readonly end: AbortController;
  step: Step;
  timer: Timer;
}

export class DhtJobs {
  readonly #clock: Clock;
  readonly #jobs = new Map<string, Job>();
  #unnamed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work`, under a name where it has one; `lost` ends it, too. */
  async run<T>(
    name: string,
    lost: AbortSignal,
    work: (watch: Watch) => Promise<T>,
  ): Promise<Result<T, string>> {
    if (name === '') return this.#runUnnamed(lost, work);
    if (name.length > MAX_NAME) return err(`a job has a name of at most ${MAX_NAME} characters`);
    if (this.#jobs.has(name)) return err(`there is a job ${name} already`);
    if (this.#jobs.size >= MAX_JOBS) return err(`no more than ${MAX_JOBS} jobs at a time`);
    const end = new AbortController();
    const job: Job = { end, step: NOTHING, timer: this.#forget(end) };
    this.#jobs.set(name, job);
    const signal = AbortSignal.any([lost, end.signal]);
    const progress = (step: Step): void => {
      job.step = step;
    };
    try {
      return ok(await work({ signal, progress }));
    } finally {
      job.timer.cancel();
      this.#jobs.delete(name);
    }
  }

  async #runUnnamed<T>(
    lost: AbortSignal,
    work: (watch: Watch) => Promise<T>,
  ): Promise<Result<T, string>> {
    if (this.#unnamed >= MAX_JOBS) {
      return err(`no more than ${MAX_JOBS} commands without a job at a time`);
    }
    this.#unnamed += 1;
    try {
      return ok(await work({ signal: lost }));
    } finally {
      this.#unnamed -= 1;
    }
  }

  /** How far it is; undefined when there is none of that name. */
  step(name: string): Step | undefined {
    const job = this.#jobs.get(name);
    if (job === undefined) return undefined;
    job.timer.cancel();
    job.timer = this.#forget(job.end);
    return job.step;
  }

  /** It answers with what it has; false when there is none. */
  stop(name: string): boolean {
    const job = this.#jobs.get(name);
    job?.end.abort();
    return job !== undefined;
  }

  #forget(end: AbortController): Timer {
    return this.#clock.after(FORGOTTEN_MS, () => end.abort());
  }
}
