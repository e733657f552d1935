/** One collector: its queue, the way to it, and how long to wait before the next try. */
import { type Backoff, backoff, delayMs, failed, healthy } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { SyslogWay, SyslogWays } from '../../os/ports-syslog.ts';
import { encodeSyslog, frameSyslog, type SyslogMessage } from '../../wire/syslog.ts';
import type { CollectorConfig, CollectorFigures, CollectorObserved } from './config.ts';

export interface SenderDeps {
  readonly ways: SyslogWays;
  readonly clock: Clock;
  changed(): void;
}

const MAX_QUEUED = 1000;
/** What a receiver should take at least (RFC 5426 §3.2, RFC 5425 §4.3.1). */
const MAX_BYTES = { UDP: 2048, TCP: 8192, TLS: 8192 } as const;
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 60_000;
/**
 * A way that failed before counts as reached when it stands for so long: by UDP every way stands at first. If it
 * counted at once, each line that tells of it would be sent, refused, and told of again.
 */
const STEADY_MS = 3000;

export class SyslogSender implements Disposable {
  readonly config: CollectorConfig;
  readonly #deps: SenderDeps;
  readonly #queue: Uint8Array[] = [];
  #way: SyslogWay | undefined;
  /** The way takes more. */
  #ready = false;
  #up = false;
  #reason: string | undefined;
  #sent = 0;
  #dropped = 0;
  #backoff: Backoff = backoff(RETRY_FIRST_MS, RETRY_MAX_MS);
  #retry: Timer | undefined;
  /** Since the way stands; it stays when it is over. */
  #steady: Timer | undefined;
  #closed = false;

  constructor(config: CollectorConfig, deps: SenderDeps) {
    this.config = config;
    this.#deps = deps;
    this.#open();
  }

  get observed(): CollectorObserved {
    return { id: this.config.id, up: this.#up, reason: this.#reason };
  }

  get figures(): CollectorFigures {
    const queued = this.#queue.length;
    return { id: this.config.id, sent: this.#sent, dropped: this.#dropped, queued };
  }

  put(message: Omit<SyslogMessage, 'facility'>): void {
    const { facility, severity, protocol } = this.config;
    if (message.severity > severity) return;
    const bytes = encodeSyslog({ ...message, facility }, MAX_BYTES[protocol]);
    if (this.#queue.length >= MAX_QUEUED) {
      this.#queue.shift();
      this.#dropped++;
    }
    this.#queue.push(protocol === 'UDP' ? bytes : frameSyslog(bytes));
    this.#flush();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#steady?.cancel();
    this.#way?.[Symbol.dispose]();
  }

  #open(): void {
    if (this.#closed) return;
    const way = this.#deps.ways.open(this.config, {
      ready: () => {
        this.#ready = true;
        this.#steady ??= this.#deps.clock.after(STEADY_MS, () => this.#reached());
        if (this.#reason === undefined) this.#tell(true, undefined);
        this.#flush();
      },
      ended: ({ message }) => {
        this.#way = undefined;
        this.#ready = false;
        this.#steady?.cancel();
        this.#steady = undefined;
        this.#backoff = failed(this.#backoff);
        this.#tell(false, message);
        this.#retry = this.#deps.clock.after(delayMs(this.#backoff), () => this.#open());
      },
    });
    this.#way = way;
  }

  #reached(): void {
    this.#backoff = healthy(this.#backoff);
    this.#tell(true, undefined);
  }

  #tell(up: boolean, reason: string | undefined): void {
    if (this.#up === up && this.#reason === reason) return;
    this.#up = up;
    this.#reason = reason;
    this.#deps.changed();
  }

  #flush(): void {
    while (this.#ready && this.#way !== undefined) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#sent++;
      this.#ready = this.#way.send(next);
    }
  }
}
