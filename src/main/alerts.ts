/** Alerts with their real adapters, loaded when the first rule or channel is laid down; and as the bus and the command line offer them. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { formatIp } from '../base/ip6.ts';
import type { Log } from '../base/log.ts';
import { err, type Result } from '../base/result.ts';
import { alertSignals, newsOfLan, SIGNALS_FROM } from '../control/alert-signals.ts';
import { type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { Native, Reactor } from '../os/linux/native.ts';
import type { Store } from '../os/ports.ts';
import {
  type ChannelObserved,
  type Evidence,
  type Notice,
  noChannel,
  type Signal,
} from '../services/alerts/config.ts';
import type { AlertsService } from '../services/alerts/service.ts';
import type { TraceHop, TraceWanted } from '../services/monitor/trace.ts';
import type { Observed } from '../state/observed.ts';
import type { CompiledConfig, Model } from '../tr181/model.ts';
import { ALERT_EVENT } from '../tr181/objects/alerts.ts';
import type { Observations } from '../tr181/table.ts';
import { dateTimeOf } from '../tr181/types.ts';
import { Lazy } from './lazy.ts';

/** Of the trace at the moment of failure. */
const TRACE: Omit<TraceWanted, 'address' | 'scope'> = {
  ...{
    protocol: 'icmp',
    port: undefined,
    ifName: '',
    dscp: 0,
    fragment: true,
    maxHops: 20,
    rounds: 2,
  },
  ...{ timeoutMs: 1000, intervalMs: 500, packetBytes: 60 },
};
/** A trigger may have fired as the first probe failed, before the alert was raised. */
const CAPTURED_BEFORE_MS = 120_000;
/** Notices in one answer: a message on the bus has a limit. */
const SHOWN = 50;

export interface AlertsParts {
  readonly native: Native;
  readonly reactor: Reactor;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly observed: Observed<Observations>;
  /** The capture that a trigger kept since then (Unix time, ms); empty: none did. */
  captured(sinceMs: number): string;
  /** What targets of the monitor are called. */
  names(): ReadonlyMap<string, string>;
  model(): Model;
}

export class LazyAlerts implements AsyncDisposable {
  readonly #parts: AlertsParts;
  readonly #built: Lazy<AlertsService>;

  constructor(parts: AlertsParts) {
    this.#parts = parts;
    this.#built = new Lazy({
      name: 'alerts',
      log: parts.log,
      build: (attempt) => this.#build(attempt),
    });
  }

  /** Undefined before the first rule or channel. */
  get service(): AlertsService | undefined {
    return this.#built.value;
  }

  async apply(wanted: CompiledConfig['alerts']): Promise<readonly string[]> {
    const idle = !wanted.enable || (wanted.rules.length === 0 && wanted.channels.length === 0);
    if (!this.#built.begun && idle) return [];
    return (await this.#built.load()).apply(wanted);
  }

  async test(id: string, signal: AbortSignal): Promise<Result<void, string>> {
    return this.#built.value?.test(id, signal) ?? err(noChannel(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#built[Symbol.asyncDispose]();
  }

  async #build(attempt: AsyncDisposableStack): Promise<AlertsService> {
    const [{ AlertsService }, { alertMessenger }] = await Promise.all([
      import('../services/alerts/service.ts'),
      import('../os/linux/alert-messenger.ts'),
    ]);
    const { clock, log, store, observed } = this.#parts;
    const model = this.#parts.model();
    const service = attempt.use(
      new AlertsService({
        ...{ clock, log, store, messenger: alertMessenger, newId: () => randomUUID() },
        evidence: (signal, aborted) => this.#evidence(signal, aborted),
        announce: (notice) => void model.emit(ALERT_EVENT, argsOf(notice)),
        report: (value) => observed.publish('alerts', value),
      }),
    );
    // The whole model is compiled for them, and what is looked at changes each second.
    let names: ReadonlyMap<string, string> | undefined;
    const look = (): void => {
      names ??= this.#parts.names();
      service.look(alertSignals(observed.values, names));
    };
    look();
    attempt.use(
      model.rowsChanged(() => {
        names = undefined;
      }),
    );
    attempt.use(
      observed.subscribe(({ services }) => {
        if (SIGNALS_FROM.some((name) => services.has(name))) look();
      }),
    );
    const hosts = model.subscribe('Device.Hosts.', ({ notices }) => {
      for (const notice of notices) {
        const signal = newsOfLan(notice);
        if (signal !== undefined) service.happened(signal);
      }
    });
    if (hosts.ok) attempt.use(hosts.value);
    return service;
  }

  async #evidence({ host }: Signal, aborted: AbortSignal): Promise<Evidence> {
    const sinceMs = this.#parts.clock.wallMs() - CAPTURED_BEFORE_MS;
    const trace = host === undefined ? [] : await this.#trace(host, aborted);
    return { trace, capture: this.#parts.captured(sinceMs) };
  }

  async #trace(host: string, aborted: AbortSignal): Promise<readonly string[]> {
    const [{ LinuxPathSockets }, { hostNames }, { pathTools }] = await Promise.all([
      import('../os/linux/path.ts'),
      import('../os/linux/resolve.ts'),
      import('../services/monitor/tools.ts'),
    ]);
    const { reactor, clock } = this.#parts;
    const tools = pathTools({ sockets: new LinuxPathSockets(reactor), clock }, hostNames(clock));
    const found = await tools.resolve(host, undefined);
    if (!found.ok) return [found.error.message];
    const traced = await tools.trace({ ...TRACE, ...found.value }, aborted);
    return traced.ok ? traced.value.hops.map(hopLine) : [traced.error.message];
  }
}

/** Such as `3  192.0.2.1  2/2  12.1 ms`. */
const hopLine = ({ hopLimit, addresses, received, sent, bestMs, mark }: TraceHop): string =>
  [
    hopLimit,
    addresses.map(formatIp).join(' ') || '*',
    `${received}/${sent}`,
    ...(bestMs === undefined ? [] : [`${bestMs.toFixed(1)} ms`]),
    ...(mark === '' ? [] : [mark]),
  ].join('  ');

const argsOf = (notice: Notice): Readonly<Record<string, string>> => ({
  ...{ Kind: notice.kind, Severity: notice.severity, Watch: notice.watch },
  ...{ Name: notice.name, Reason: notice.reason, Since: dateTimeOf(notice.sinceMs) },
});

const NOTHING_TOLD = { notices: [], more: false };

export function alertCommands(alerts: LazyAlerts): CommandService {
  return {
    name: 'alerts',
    about: 'what is bad now, and what was told',
    commands: {
      list: {
        about: 'what is bad now, the channels, and the last notices, the newest first',
        args: {},
        run: async () => {
          const { service } = alerts;
          if (service === undefined) {
            return done({ alerts: [], channels: [], history: [], raised: 0 });
          }
          const { alerts: now, channels, raised } = service.observed;
          const history = service.history(SHOWN).notices.map(plain);
          const plainNow = now.map(({ sinceMs, ...one }) => ({ ...one, since: iso(sinceMs) }));
          return done({ alerts: plainNow, channels: channels.map(plainChannel), history, raised });
        },
      },
      history: {
        about:
          'what was told, the newest first, in parts: of those before a number; more: there are older ones',
        args: { before: 'int32' },
        run: async ({ before }) => {
          if (before !== undefined && typeof before !== 'number')
            return failed('before is a number');
          const { notices, more } = alerts.service?.history(SHOWN, before) ?? NOTHING_TOLD;
          return done({ history: notices.map(plain), more });
        },
      },
      test: {
        about: 'tells on one channel (its path) that this is a test, and waits until it is taken',
        args: { channel: 'string' },
        run: async ({ channel }, { signal }) => {
          if (typeof channel !== 'string') return failed('channel is missing: its path');
          const tested = await alerts.test(channel.replace(/\.$/, ''), signal);
          return tested.ok ? done() : failed(tested.error);
        },
      },
    },
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();

const plainChannel = ({ silencedUntilMs, ...channel }: ChannelObserved): object => ({
  ...channel,
  silencedUntil: silencedUntilMs === 0 ? null : iso(silencedUntilMs),
});

const plain = ({ atMs, sinceMs, ...notice }: Notice): object => ({
  ...notice,
  ...{ at: iso(atMs), since: iso(sinceMs) },
});
