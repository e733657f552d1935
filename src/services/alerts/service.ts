/** Alerts: what is bad for long enough is told, once, to whom it concerns. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Store } from '../../os/ports.ts';
import type { Messenger } from '../../os/ports-alerts.ts';
import type { Severity } from '../../wire/alert.ts';
import { Alert, type AlertDeps } from './alert.ts';
import {
  type AlertsConfig,
  type AlertsObserved,
  type Evidence,
  type Notice,
  noChannel,
  type RuleConfig,
  type Signal,
} from './config.ts';
import { letterOf, titleOf } from './letter.ts';
import { Outbox, TIMEOUT_MS } from './outbox.ts';
import { Shelf } from './shelf.ts';
import { ToldAlerts } from './told.ts';

/** Things that are watched at once. */
export const MAX_ALERTS = 4096;
export const MAX_HISTORY = 200;
/** How long channels wait for what is found out meanwhile. */
const EVIDENCE_MS = 15_000;
/** Traces at once; when all fails at once, those of the first say enough. */
const MAX_EVIDENCE = 3;

export interface AlertsDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly messenger: Messenger;
  readonly store: Store;
  /** What no other call gives, on any box. */
  newId(): string;
  /** What can be found out of a failure now. */
  evidence(signal: Signal, aborted: AbortSignal): Promise<Evidence>;
  /** Everybody on the box hears of it, at once. */
  announce(notice: Notice): void;
  report(value: AlertsObserved): void;
}

const WEIGHTS: Readonly<Record<Severity, number>> = { Info: 0, Warning: 1, Critical: 2 };

const OFF: AlertsConfig = { enable: false, rules: [], channels: [] };

export class AlertsService implements AsyncDisposable {
  readonly #deps: AlertsDeps;
  readonly #alerts = new Map<string, Alert>();
  readonly #outboxes = new Map<string, Outbox>();
  readonly #history: Notice[] = [];
  readonly #finding = new Set<AbortController>();
  readonly #shelf: Shelf;
  readonly #told: ToldAlerts;
  #config = OFF;
  #signals: readonly Signal[] = [];
  #number = 0;
  #raised = 0;
  #refused = 0;
  #historyChanges = 0;
  #telling = false;
  #closed = false;

  constructor(deps: AlertsDeps) {
    this.#deps = deps;
    this.#shelf = new Shelf(deps);
    this.#told = new ToldAlerts(deps);
  }

  /**
   * What was told, the newest first: `most` at most of those before the one of that number, or of all. `more`:
   * there are older ones.
   */
  history(
    most: number,
    before = Number.POSITIVE_INFINITY,
  ): { readonly notices: readonly Notice[]; readonly more: boolean } {
    const older = this.#history.filter(({ number }) => number < before);
    return { notices: older.slice(-most).reverse(), more: older.length > most };
  }

  get observed(): AlertsObserved {
    return {
      alerts: [...this.#alerts.values()].flatMap(({ observed }) => observed ?? []),
      channels: [...this.#outboxes.values()].map(({ observed }) => observed),
      ...{ raised: this.#raised, refused: this.#refused, historyChanges: this.#historyChanges },
    };
  }

  apply(config: AlertsConfig): readonly string[] {
    this.#config = config.enable ? config : OFF;
    const rules = new Map(this.#config.rules.map((rule) => [rule.id, rule]));
    for (const [key, alert] of this.#alerts) {
      const now = rules.get(alert.rule.id);
      if (now !== undefined && JSON.stringify(now) === JSON.stringify(alert.rule)) continue;
      alert[Symbol.dispose]();
      this.#alerts.delete(key);
    }
    this.#told.keep(this.#config.rules);
    const channels = new Map(this.#config.channels.map((channel) => [channel.id, channel]));
    for (const [id, outbox] of this.#outboxes) {
      if (channels.has(id)) continue;
      outbox[Symbol.dispose]();
      this.#outboxes.delete(id);
    }
    this.#shelf.keep(new Set(channels.keys()));
    for (const channel of channels.values()) {
      const known = this.#outboxes.get(channel.id);
      if (known === undefined) this.#outboxes.set(channel.id, this.#outbox(channel));
      else if (JSON.stringify(known.config) !== JSON.stringify(channel)) known.use(channel);
    }
    this.look(this.#signals);
    return [];
  }

  /** All that can be bad, as it is now; what is no longer among it is forgotten. */
  look(signals: readonly Signal[]): void {
    this.#signals = signals;
    const seen = new Set<string>();
    for (const signal of signals) {
      for (const rule of this.#config.rules) {
        if (!applies(rule, signal)) continue;
        const key = `${rule.id} ${signal.subject}`;
        seen.add(key);
        this.#alertOf(key, rule, signal)?.see(signal);
      }
    }
    for (const [key, alert] of this.#alerts) {
      if (seen.has(key)) continue;
      alert[Symbol.dispose]();
      this.#alerts.delete(key);
      this.#told.delete(key);
    }
    this.#told.age((key) => this.#alerts.has(key));
    this.#changed();
  }

  /** Something that happened and is over, such as a new device. */
  happened(signal: Signal): void {
    for (const rule of this.#config.rules) {
      if (!applies(rule, signal)) continue;
      const nowMs = this.#deps.clock.wallMs();
      this.#tell(this.#notice('event', rule, signal, nowMs), undefined);
    }
  }

  /** Sends a test on one channel; resolves when it is taken, or cannot be, or nobody answers in time. */
  async test(id: string, signal: AbortSignal): Promise<Result<void, string>> {
    const channel = this.#outboxes.get(id)?.config;
    if (channel === undefined) return err(noChannel(id));
    const nowMs = this.#deps.clock.wallMs();
    const notice: Notice = {
      ...{ id: this.#deps.newId(), number: ++this.#number, kind: 'test', severity: 'Info' },
      ...{ rule: '', watch: 'Test', subject: '', name: '', reason: '' },
      ...{ atMs: nowMs, sinceMs: nowMs },
    };
    const late = new AbortController();
    const limit = this.#deps.clock.after(TIMEOUT_MS, () => late.abort());
    const either = AbortSignal.any([signal, late.signal]);
    const sent = await this.#deps.messenger.send(channel, letterOf(notice), either);
    limit.cancel();
    if (sent.ok) return ok(undefined);
    return err(late.signal.aborted ? 'no answer in time' : sent.error.message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const finding of this.#finding) finding.abort();
    for (const one of [...this.#alerts.values(), ...this.#outboxes.values()]) {
      one[Symbol.dispose]();
    }
    await Promise.all([this.#shelf[Symbol.asyncDispose](), this.#told[Symbol.asyncDispose]()]);
  }

  #outbox(channel: AlertsConfig['channels'][number]): Outbox {
    return new Outbox(channel, {
      ...{ ...this.#deps, shelf: this.#shelf },
      changed: () => this.#changed(),
    });
  }

  #alertOf(key: string, rule: RuleConfig, signal: Signal): Alert | undefined {
    const known = this.#alerts.get(key);
    if (known !== undefined) return known;
    if (this.#alerts.size >= MAX_ALERTS) {
      this.#refused += 1;
      return undefined;
    }
    const deps: AlertDeps = {
      clock: this.#deps.clock,
      behindTrouble: ({ behind }) => this.#troubled(behind),
      tell: (kind, alert) => this.#raisedOrCleared(kind, alert),
      told: (alert, bad) => {
        if (bad) this.#told.put(alert.key, alert.rule, alert.sinceMs);
        else this.#told.delete(alert.key);
      },
      changed: () => this.#changed(),
    };
    const made = new Alert([key, rule], signal, deps, this.#told.sinceMs(key));
    this.#alerts.set(key, made);
    return made;
  }

  #troubled(rule: string | undefined): boolean {
    if (rule === undefined) return false;
    return [...this.#alerts.values()].some((one) => one.rule.id === rule && one.troubled);
  }

  /** After the burst, once: when all fails at once, each of thousands would look at all of them. */
  #changed(): void {
    if (this.#closed || this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      if (this.#closed) return;
      const alerts = [...this.#alerts.values()];
      const troubled = new Set(alerts.filter((one) => one.troubled).map(({ rule }) => rule.id));
      for (const alert of alerts) {
        if (!troubled.has(alert.rule.behind ?? '')) alert.wakeFromSilence();
      }
      this.#deps.report(this.observed);
    });
  }

  #raisedOrCleared(kind: Notice['kind'], alert: Alert): void {
    const { rule, signal, sinceMs } = alert;
    if (kind === 'raised') this.#raised += 1;
    const notice = this.#notice(kind, rule, signal, sinceMs);
    this.#tell(notice, kind === 'raised' && rule.evidence ? signal : undefined);
  }

  #notice(kind: Notice['kind'], rule: RuleConfig, signal: Signal, sinceMs: number): Notice {
    const { watch, subject, name, reason } = signal;
    return {
      ...{ id: this.#deps.newId(), number: ++this.#number, kind, severity: rule.severity },
      ...{ rule: rule.id, watch, subject, name },
      ...{ reason: kind === 'cleared' ? '' : reason, atMs: this.#deps.clock.wallMs(), sinceMs },
    };
  }

  /** Told on the box at once; on channels when `found`, what happened, has been looked into. */
  #tell(notice: Notice, found: Signal | undefined): void {
    const { log, announce } = this.#deps;
    const line = { alert: notice.kind, severity: notice.severity, subject: notice.subject };
    if (notice.kind === 'raised') log.warn(line, titleOf(notice));
    else log.info(line, titleOf(notice));
    announce(notice);
    const unfinished = found !== undefined && this.#finding.size < MAX_EVIDENCE;
    this.#history.push(notice);
    this.#historyChanges += 1;
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    for (const outbox of this.#outboxes.values()) {
      if (WEIGHTS[notice.severity] >= WEIGHTS[outbox.config.least]) outbox.put(notice, unfinished);
    }
    if (unfinished) void this.#look(notice, found);
    this.#changed();
  }

  async #look(notice: Notice, signal: Signal): Promise<void> {
    const finding = new AbortController();
    this.#finding.add(finding);
    const limit = this.#deps.clock.after(EVIDENCE_MS, () => finding.abort());
    const whole = await this.#deps.evidence(signal, finding.signal).then(
      (evidence): Notice => ({ ...notice, evidence }),
      (thrown: unknown) => {
        this.#deps.log.error({ err: thrown }, 'what happened could not be looked into');
        return notice;
      },
    );
    limit.cancel();
    this.#finding.delete(finding);
    if (this.#closed) return;
    const place = this.#history.indexOf(notice);
    if (place >= 0) this.#history[place] = whole;
    this.#historyChanges += 1;
    for (const outbox of this.#outboxes.values()) outbox.found(whole);
    this.#changed();
  }
}

const applies = (rule: RuleConfig, { watch, subject, name }: Signal): boolean =>
  rule.watch === watch &&
  (rule.subject === '' || rule.subject === subject || rule.subject === name);
