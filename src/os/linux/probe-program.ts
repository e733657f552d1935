/** ICMP probes by the system's ping(8): for machines that let us open no ICMP socket. */
import type { Clock } from '../../base/clock.ts';
import { formatIp } from '../../base/ip6.ts';
import type { Processes } from '../ports.ts';
import type {
  ProbeFigures,
  ProbeOutcome,
  ProbeRequest,
  ProbeResult,
  Prober,
  ProbeWay,
} from '../ports-probe.ts';

/** Programs at once; each costs about a megabyte while it waits. */
const AT_ONCE = 8;
const MAX_QUEUED = 1024;
/** What the program itself may take beside the time-out. */
const START_MS = 2000;

export interface ProgramProberOptions {
  readonly processes: Pick<Processes, 'run'>;
  readonly clock: Clock;
  /** Such as `/usr/bin/ping`. */
  readonly file: string;
  result(result: ProbeResult): void;
}

export class ProgramProber implements Prober {
  readonly #options: ProgramProberOptions;
  readonly #queue: ProbeRequest[] = [];
  readonly #running = new Set<Promise<void>>();
  #sequence = 0;
  #closed = false;
  #counts = { sent: 0, replies: 0, timeouts: 0, errors: 0, full: 0, refused: 0 };

  constructor(options: ProgramProberOptions) {
    this.#options = options;
  }

  way(): ProbeWay {
    return 'ping program';
  }

  get figures(): ProbeFigures {
    return {
      ...{ ...this.#counts, duplicates: 0, late: 0, strangers: 0, clockSteps: 0 },
      unstamped: this.#counts.replies,
      underWay: this.#running.size + this.#queue.length,
    };
  }

  add(request: ProbeRequest): boolean {
    if (this.#closed) return false;
    if (this.#queue.length >= MAX_QUEUED) {
      this.#counts.refused += 1;
      return false;
    }
    if (this.#running.size >= AT_ONCE) this.#counts.full += 1;
    this.#queue.push(request);
    return true;
  }

  flush(): void {
    while (!this.#closed && this.#running.size < AT_ONCE) {
      const request = this.#queue.shift();
      if (request === undefined) return;
      const run = this.#run(request).finally(() => {
        this.#running.delete(run);
        this.flush();
      });
      this.#running.add(run);
    }
  }

  /** What runs still ends by its time-out; nothing of it is told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#queue.length = 0;
    await Promise.all(this.#running);
  }

  async #run(request: ProbeRequest): Promise<void> {
    const { address, timeoutMs, ttl, payloadBytes, scope } = request;
    const zone = scope === 0 ? '' : `%${scope}`;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const sequence = this.#sequence;
    this.#counts.sent += 1;
    const ran = await this.#options.processes.run(
      this.#options.file,
      [
        ...['-n', '-c', '1', '-W', (timeoutMs / 1000).toFixed(3), '-s', String(payloadBytes)],
        ...(ttl === 0 ? [] : ['-t', String(ttl)]),
        `${formatIp(address)}${zone}`,
      ],
      { timeoutMs: timeoutMs + START_MS },
    );
    if (this.#closed) return;
    const said = ran.ok && ran.value.code <= 1 ? readPing(ran.value.stdout) : UNSENT;
    if (said.outcome === 'reply') this.#counts.replies += 1;
    else if (said.outcome === 'timeout') this.#counts.timeouts += 1;
    else this.#counts.errors += 1;
    this.#options.result({
      ...said,
      ...{ tag: request.tag, type: 0, code: 0, stamped: false, sequence, information: 0 },
      from: said.outcome === 'reply' ? address : undefined,
    });
  }
}

interface Said {
  readonly outcome: ProbeOutcome;
  readonly rttUs: number;
  readonly ttl: number;
}

const UNSENT: Said = { outcome: 'unsent', rttUs: 0, ttl: 0 };

/** What ping(8) of iputils or BusyBox says of one probe. */
function readPing(stdout: string): Said {
  const [, rtt = ''] = /\btime[=<](\d{1,6}(?:\.\d{1,6})?) ?ms/.exec(stdout) ?? [];
  if (rtt !== '') {
    const [, ttl = '0'] = /\bttl=(\d{1,3})\b/.exec(stdout) ?? [];
    return { outcome: 'reply', rttUs: Number(rtt) * 1000, ttl: Number(ttl) };
  }
  if (/time to live exceeded|hop limit/i.test(stdout)) {
    return { outcome: 'exceeded', rttUs: 0, ttl: 0 };
  }
  // It names whoever told of an error, in many words: host unreachable, filtered, prohibited, …
  return { outcome: /^From /m.test(stdout) ? 'unreachable' : 'timeout', rttUs: 0, ttl: 0 };
}
