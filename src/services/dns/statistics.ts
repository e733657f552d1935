/** What the LAN asks, summed up: by hour, by who answered, top names and clients, latency by upstream. Bounded. */
import { Top, type TopEntry } from './top.ts';

/** Who or what answered. `block` and `rewrite` are the owner's rules; `error`: nobody could. */
export type LoggedBy = 'block' | 'rewrite' | 'local' | 'cache' | 'stale' | 'upstream' | 'error';

export interface HourCounts {
  /** Unix ms of its beginning. */
  readonly fromMs: number;
  readonly queries: number;
  readonly blocked: number;
  readonly cached: number;
  readonly forwarded: number;
  readonly failed: number;
}

export interface Latency {
  readonly upstream: string;
  readonly count: number;
  /** Half, nine tenths and 99 % were answered within so many ms, as far as the classes tell (within a fifth). */
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
}

export interface DnsStatistics {
  /** Unix ms: since then. */
  readonly sinceMs: number;
  readonly queries: number;
  readonly by: Readonly<Record<LoggedBy, number>>;
  /** The last 24, oldest first; hours without a query are there, too. */
  readonly hours: readonly HourCounts[];
  readonly topNames: readonly TopEntry[];
  readonly topBlocked: readonly TopEntry[];
  readonly topClients: readonly TopEntry[];
  /** Rules or lists that blocked most. */
  readonly topRules: readonly TopEntry[];
  readonly latency: readonly Latency[];
}

export interface Counted {
  readonly wallMs: number;
  readonly by: LoggedBy;
  /** Undefined where the owner wants none to be kept. */
  readonly name: string | undefined;
  readonly client: string | undefined;
  readonly rule: string | undefined;
  readonly upstream: string | undefined;
  readonly tookMs: number | undefined;
}

const HOUR_MS = 3_600_000;
const HOURS = 24;
/** Each takes some hundred bytes. */
const TOP_CAPACITY = 512;
const SHOWN = 20;
const MAX_UPSTREAMS = 64;
/** Classes of latency: each ends a fifth above the one before, from 0.1 ms on; the last is beyond 30 s. */
const CLASSES = 72;
const FIRST_MS = 0.1;
const STEP = 1.2;

type Hour = { -readonly [K in keyof HourCounts]: HourCounts[K] };

const newBy = (): Record<LoggedBy, number> => ({
  ...{ block: 0, rewrite: 0, local: 0, cache: 0, stale: 0, upstream: 0, error: 0 },
});

export class Statistics {
  readonly #hours: Hour[] = [];
  readonly #names = new Top(TOP_CAPACITY);
  readonly #blocked = new Top(TOP_CAPACITY);
  readonly #clients = new Top(TOP_CAPACITY);
  readonly #rules = new Top(TOP_CAPACITY);
  readonly #latency = new Map<string, Uint32Array>();
  #by = newBy();
  #sinceMs: number;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  add({ wallMs, by, name, client, rule, upstream, tookMs }: Counted): void {
    this.#by[by] += 1;
    const hour = this.#hourOf(wallMs);
    if (hour !== undefined) {
      hour.queries += 1;
      if (by === 'block') hour.blocked += 1;
      else if (by === 'cache' || by === 'stale') hour.cached += 1;
      else if (by === 'upstream') hour.forwarded += 1;
      else if (by === 'error') hour.failed += 1;
    }
    if (name !== undefined) (by === 'block' ? this.#blocked : this.#names).add(name);
    if (client !== undefined) this.#clients.add(client);
    if (by === 'block' && rule !== undefined) this.#rules.add(rule);
    if (upstream !== undefined && tookMs !== undefined) this.#took(upstream, tookMs);
  }

  get(nowMs: number): DnsStatistics {
    const first = hourStart(nowMs) - (HOURS - 1) * HOUR_MS;
    const hours = Array.from({ length: HOURS }, (_, i): HourCounts => {
      const fromMs = first + i * HOUR_MS;
      const counted = this.#hours.find((hour) => hour.fromMs === fromMs);
      return counted === undefined ? emptyHour(fromMs) : { ...counted };
    });
    return {
      sinceMs: this.#sinceMs,
      queries: Object.values(this.#by).reduce((sum, count) => sum + count, 0),
      by: { ...this.#by },
      hours,
      topNames: this.#names.list(SHOWN),
      topBlocked: this.#blocked.list(SHOWN),
      topClients: this.#clients.list(SHOWN),
      topRules: this.#rules.list(SHOWN),
      latency: [...this.#latency].map(([upstream, classes]) => latencyOf(upstream, classes)),
    };
  }

  clear(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#by = newBy();
    this.#hours.length = 0;
    for (const top of [this.#names, this.#blocked, this.#clients, this.#rules]) top.clear();
    this.#latency.clear();
  }

  /** Undefined for what is older than all hours that are kept. */
  #hourOf(wallMs: number): Hour | undefined {
    const fromMs = hourStart(wallMs);
    const known = this.#hours.findLast((hour) => hour.fromMs === fromMs);
    if (known !== undefined) return known;
    const oldest = this.#hours[0];
    if (this.#hours.length >= HOURS && oldest !== undefined) {
      if (fromMs < oldest.fromMs) return undefined;
      this.#hours.shift();
    }
    const hour: Hour = emptyHour(fromMs);
    this.#hours.push(hour);
    this.#hours.sort((a, b) => a.fromMs - b.fromMs);
    return hour;
  }

  #took(upstream: string, tookMs: number): void {
    let classes = this.#latency.get(upstream);
    if (classes === undefined) {
      if (this.#latency.size >= MAX_UPSTREAMS) return;
      classes = new Uint32Array(CLASSES);
      this.#latency.set(upstream, classes);
    }
    const at = classOf(tookMs);
    classes[at] = (classes[at] ?? 0) + 1;
  }
}

const hourStart = (wallMs: number): number => wallMs - (wallMs % HOUR_MS);

const emptyHour = (fromMs: number): HourCounts => ({
  ...{ fromMs, queries: 0, blocked: 0, cached: 0, forwarded: 0, failed: 0 },
});

const classOf = (ms: number): number =>
  ms <= FIRST_MS ? 0 : Math.min(CLASSES - 1, Math.ceil(Math.log(ms / FIRST_MS) / Math.log(STEP)));

/** Upper end of a class. */
const endOf = (at: number): number => FIRST_MS * STEP ** at;

function latencyOf(upstream: string, classes: Uint32Array): Latency {
  const count = classes.reduce((sum, n) => sum + n, 0);
  const within = (share: number): number => {
    let seen = 0;
    for (const [at, n] of classes.entries()) {
      seen += n;
      if (seen >= share * count) return Math.round(endOf(at) * 10) / 10;
    }
    return 0;
  };
  return { upstream, count, p50Ms: within(0.5), p90Ms: within(0.9), p99Ms: within(0.99) };
}
