/** All collectors, and what they are told. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { SyslogWays } from '../../os/ports-syslog.ts';
import { SEVERITY } from '../../wire/syslog.ts';
import type { CollectorFigures, SyslogConfig, SyslogObserved } from './config.ts';
import { SyslogSender } from './sender.ts';

export interface SyslogDeps {
  readonly ways: SyslogWays;
  readonly clock: Clock;
  readonly log: Log;
  readonly pid: number;
  hostName(): string;
  report(observed: SyslogObserved): void;
}

const APP = 'gatehouse';
const SEVERITIES: Readonly<Record<string, number>> = {
  trace: SEVERITY.debug,
  debug: SEVERITY.debug,
  info: SEVERITY.informational,
  warn: SEVERITY.warning,
  error: SEVERITY.error,
  fatal: SEVERITY.critical,
};

export class SyslogService implements Disposable {
  readonly #deps: SyslogDeps;
  readonly #senders = new Map<string, SyslogSender>();

  constructor(deps: SyslogDeps) {
    this.#deps = deps;
  }

  get figures(): readonly CollectorFigures[] {
    return [...this.#senders.values()].map((sender) => sender.figures);
  }

  /** Those that stay as they are keep queue and connection. */
  apply({ collectors }: SyslogConfig): void {
    const wanted = new Map(collectors.map((config) => [config.id, config]));
    for (const [id, sender] of this.#senders) {
      if (JSON.stringify(wanted.get(id)) === JSON.stringify(sender.config)) wanted.delete(id);
      else {
        sender[Symbol.dispose]();
        this.#senders.delete(id);
      }
    }
    for (const [id, config] of wanted) {
      const { ways, clock } = this.#deps;
      const sender = new SyslogSender(config, { ways, clock, changed: () => this.#changed(id) });
      this.#senders.set(id, sender);
    }
    this.#report();
  }

  /** One line of the log, as JSON. */
  put(line: string): void {
    if (this.#senders.size === 0) return;
    const { level, time, msg, service, room, ...rest }: Record<string, unknown> = JSON.parse(line);
    const fields = Object.entries(rest).map(
      ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    );
    const message = {
      severity: SEVERITIES[String(level)] ?? SEVERITY.informational,
      time: typeof time === 'string' ? time : '',
      ...{ hostName: this.#deps.hostName(), appName: APP, procId: String(this.#deps.pid) },
      msgId: String(service ?? room ?? ''),
      text: `${String(msg)}${fields.join('')}`,
    };
    for (const sender of this.#senders.values()) sender.put(message);
  }

  [Symbol.dispose](): void {
    for (const sender of this.#senders.values()) sender[Symbol.dispose]();
    this.#senders.clear();
  }

  #changed(id: string): void {
    const { up, reason } = this.#senders.get(id)?.observed ?? {};
    if (up) this.#deps.log.info({ id }, 'the collector of the log is reached');
    else this.#deps.log.warn({ id, reason }, 'the collector of the log is not reached');
    this.#report();
  }

  #report(): void {
    this.#deps.report({ collectors: [...this.#senders.values()].map(({ observed }) => observed) });
  }
}
