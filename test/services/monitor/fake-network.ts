/** A network of the monitor's own: hosts that answer as a test says, in the time of a clock that stands. */
import { SystemError } from '../../../src/base/errors.ts';
import { parseIpv4 } from '../../../src/base/ip.ts';
import { formatIp } from '../../../src/base/ip6.ts';
import { err, ok } from '../../../src/base/result.ts';
import type {
  ProbeFigures,
  ProbeOutcome,
  ProbeRequest,
  ProbeResult,
  Prober,
} from '../../../src/os/ports-probe.ts';
import type { MonitorConfig, MonitorObserved } from '../../../src/services/monitor/config.ts';
import { MonitorEngine } from '../../../src/services/monitor/engine.ts';
import type { Usage } from '../../../src/services/monitor/throttle.ts';
import type {
  Burst,
  Check,
  CheckConfig,
  TargetConfig,
} from '../../../src/services/monitor/types.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

export interface Reply {
  readonly outcome: ProbeOutcome;
  /** When it comes after the probe was sent. */
  readonly afterMs: number;
  readonly type?: number;
  readonly code?: number;
  readonly information?: number;
}

/** What comes of the nth probe to one host. */
export type Answering = (n: number) => readonly Reply[];

export const answers =
  (ms: number): Answering =>
  () => [{ outcome: 'reply', afterMs: ms }];
export const silent: Answering = () => [];

export class FakeNetwork {
  readonly clock = new FakeClock();
  readonly log = new MemoryLog();
  readonly hosts = new Map<string, Answering>();
  readonly names = new Map<string, string>();
  readonly bursts: Burst[] = [];
  readonly reports: MonitorObserved[] = [];
  /** Wall times of what was sent, by address. */
  readonly sent: { readonly address: string; readonly atMs: number }[] = [];
  readonly checks = new Map<string, Check>();
  usage: Usage = { cpuMs: 0, residentBytes: 50 << 20 };
  refuse = false;
  opened = 0;
  readonly engine: MonitorEngine;
  readonly #counts = new Map<string, number>();

  constructor() {
    this.engine = new MonitorEngine({
      ...{ clock: this.clock, log: this.log },
      names: {
        resolve: async (host) => {
          const literal = parseIpv4(this.names.get(host) ?? host);
          return literal.ok
            ? ok({ address: literal.value, scope: 0 })
            : err(new SystemError(`no address of ${host}`, 'ENOTFOUND'));
        },
      },
      openProber: (result) =>
        this.refuse ? err(new SystemError('no ICMP sockets', 'EACCES')) : ok(this.#prober(result)),
      checkOf: ({ host }: CheckConfig) => {
        const check = this.checks.get(host);
        return check === undefined ? err('no such check') : ok(check);
      },
      usage: () => this.usage,
      report: (observed) => void this.reports.push(observed),
    });
    this.engine.listen((burst) => void this.bursts.push(burst));
  }

  apply(targets: readonly TargetConfig[], more: Partial<MonitorConfig> = {}): readonly string[] {
    return this.engine.apply({
      ...{ enable: true, maxCpuPercent: 5, maxMemoryMb: 100, targets, known: [], ...more },
    });
  }

  /** Time goes on, with everything that promises do between two timers. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.monoMs() + ms;
    for (;;) {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      const next = this.clock.nextDelayMs;
      const left = end - this.clock.monoMs();
      if (next === undefined || next > left) break;
      this.clock.advance(next);
    }
    this.clock.advance(Math.max(0, end - this.clock.monoMs()));
  }

  #prober(heard: (result: ProbeResult) => void): Prober {
    this.opened += 1;
    const waiting: ProbeRequest[] = [];
    let closed = false;
    const tell = (request: ProbeRequest, reply: Reply, sequence: number): void => {
      if (closed) return;
      heard({
        ...{ tag: request.tag, outcome: reply.outcome, sequence, from: request.address },
        ...{ type: reply.type ?? 0, code: reply.code ?? 0, ttl: 60, stamped: true },
        ...{ rttUs: reply.afterMs * 1000, information: reply.information ?? 0 },
      });
    };
    return {
      way: (family) => (family === 4 ? 'raw' : 'ping socket'),
      figures: { sent: this.sent.length } as ProbeFigures,
      add: (request) => waiting.push(request) > 0,
      flush: () => {
        for (const request of waiting.splice(0)) {
          const address = formatIp(request.address);
          const n = this.#counts.get(address) ?? 0;
          this.#counts.set(address, n + 1);
          this.sent.push({ address, atMs: this.clock.monoMs() });
          const replies = (this.hosts.get(address) ?? silent)(n);
          for (const reply of replies) {
            this.clock.after(reply.afterMs, () => tell(request, reply, n));
          }
          if (!replies.some(({ outcome }) => outcome !== 'duplicate')) {
            const timeout: Reply = { outcome: 'timeout', afterMs: request.timeoutMs };
            this.clock.after(request.timeoutMs, () => tell(request, timeout, n));
          }
        }
      },
      [Symbol.asyncDispose]: async () => {
        closed = true;
        this.opened -= 1;
      },
    };
  }
}

export const target = (
  number: number,
  host: string,
  more: Partial<TargetConfig> = {},
  check: Partial<CheckConfig> = {},
): TargetConfig => ({
  id: `Device.X_GATEHOUSE_Monitor.Target.${number}`,
  name: host,
  check: { kind: 'ICMP', host, family: 'Any', timeoutMs: 500, payloadBytes: 56, ...check },
  ...{ intervalMs: 1000, burst: 1, spacingMs: 100, backOff: true, ...more },
});
