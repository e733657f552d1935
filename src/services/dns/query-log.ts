/**
 * The last queries of the LAN, as far as its owner wants them remembered: in memory alone, in a ring.
 * The engine's come in batches, those of the chain one by one.
 */
import type { Clock } from '../../base/clock.ts';
import type { Ipv4 } from '../../base/ip.ts';
import { formatIp, type IpAddress, ipv6 } from '../../base/ip6.ts';
import type { EngineLogEntry } from '../../os/ports-dns.ts';
import { type DnsName, decodeName, lowerName } from '../../wire/dns-name.ts';
import type { LogPrivacy, QueryLogConfig } from './log-config.ts';
import { type DnsStatistics, type LoggedBy, Statistics } from './statistics.ts';

export interface AnsweredQuery {
  readonly client: IpAddress;
  readonly name: DnsName;
  readonly type: number;
  readonly rcode: number;
  readonly by: LoggedBy;
  /** What decided it, for people: a list's name, `rewrite`, `paused` …; undefined where no rule did. */
  readonly rule: string | undefined;
  /** Id of the upstream that was asked, and how long that took. */
  readonly upstream: string | undefined;
  readonly tookMs: number | undefined;
}

export interface LogEntry {
  /** Counts up. */
  readonly id: number;
  /** Unix ms. */
  readonly wallMs: number;
  /** As the privacy of the log has it: an address, or a network such as `192.168.1.0/24`. */
  readonly client: string;
  readonly name: DnsName;
  readonly type: number;
  readonly rcode: number;
  readonly by: LoggedBy;
  readonly rule: string | undefined;
  readonly upstream: string | undefined;
  readonly tookMs: number | undefined;
}

export interface LogQuery {
  /** Only those after this id; undefined: the last ones. */
  readonly after: number | undefined;
  readonly limit: number;
  /** Must be in the name or the client, whatever its case. */
  readonly text: string;
  readonly blocked: boolean;
}

const LEVELS: readonly LogPrivacy[] = ['off', 'counts', 'anonymous', 'full'];

export class QueryLog {
  readonly #clock: Clock;
  readonly #statistics: Statistics;
  #config: QueryLogConfig = { privacy: 'off', entries: 0 };
  /** The newest is before `#next`, around the end. */
  #ring: LogEntry[] = [];
  #next = 0;
  #lastId = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#statistics = new Statistics(clock.wallMs());
  }

  /** Whether the engine shall tell what it answers. */
  get wanted(): boolean {
    return this.#config.privacy !== 'off';
  }

  get privacy(): LogPrivacy {
    return this.#config.privacy;
  }

  /** Queries that were taken down so far. */
  get lastId(): number {
    return this.#lastId;
  }

  /** What says more than is wanted from now on is forgotten. */
  apply(config: QueryLogConfig): void {
    if (LEVELS.indexOf(config.privacy) < LEVELS.indexOf(this.#config.privacy)) this.clear();
    const kept = this.#inOrder().slice(-config.entries || this.#ring.length);
    this.#ring = config.entries === 0 ? [] : kept;
    this.#next = this.#ring.length % Math.max(1, config.entries);
    this.#config = config;
  }

  /** Of the chain, answered now. */
  add(query: AnsweredQuery): void {
    this.#take(query, this.#clock.wallMs());
  }

  /** Of the engine; `listName` tells what the list at a place of the compiled file is called. */
  addBatch(
    entries: readonly EngineLogEntry[],
    listName: (place: number) => string | undefined,
  ): void {
    if (!this.wanted) return;
    const bootMs = this.#clock.wallMs() - this.#clock.boottimeMs();
    for (const entry of entries) {
      const name = decodeName(entry.name, 0, 'name', false);
      if (!name.ok) continue;
      const { client, type, rcode, by, list } = entry;
      const rule = list === undefined ? undefined : listName(list);
      const query = { client, name: lowerName(name.value.name), type, rcode, by, rule };
      this.#take({ ...query, upstream: undefined, tookMs: undefined }, bootMs + entry.timeMs);
    }
  }

  /** The newest first; those after an id, oldest first, so that whoever follows misses none. */
  entries({ after, limit, text, blocked }: LogQuery): readonly LogEntry[] {
    const wanted = text.toLowerCase();
    const fits = (entry: LogEntry): boolean =>
      (!blocked || entry.by === 'block') &&
      (wanted === '' || entry.name.includes(wanted) || entry.client.includes(wanted));
    const found = this.#inOrder().filter((entry) => entry.id > (after ?? 0) && fits(entry));
    return after === undefined ? found.reverse().slice(0, limit) : found.slice(0, limit);
  }

  get statistics(): DnsStatistics {
    return this.#statistics.get(this.#clock.wallMs());
  }

  clear(): void {
    this.#ring = [];
    this.#next = 0;
    this.#statistics.clear(this.#clock.wallMs());
  }

  #take(query: AnsweredQuery, wallMs: number): void {
    const { privacy, entries } = this.#config;
    if (privacy === 'off') return;
    const { by, rule, upstream, tookMs } = query;
    const counted = { wallMs, by, upstream, tookMs };
    if (privacy === 'counts') {
      this.#statistics.add({ ...counted, name: undefined, client: undefined, rule: undefined });
      return;
    }
    const client = privacy === 'full' ? formatIp(query.client) : networkText(query.client);
    this.#statistics.add({ ...counted, name: query.name, client, rule });
    if (entries === 0) return;
    const entry: LogEntry = { ...query, id: ++this.#lastId, wallMs: Math.round(wallMs), client };
    if (this.#ring.length < entries) this.#ring.push(entry);
    else this.#ring[this.#next] = entry;
    this.#next = (this.#next + 1) % entries;
  }

  #inOrder(): LogEntry[] {
    const { entries } = this.#config;
    if (this.#ring.length < entries) return [...this.#ring];
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }
}

/** So much of an address tells the house, not who in it. */
function networkText(client: IpAddress): string {
  if (typeof client === 'number') return `${formatIp((client & 0xffff_ff00) as Ipv4)}/24`;
  return `${formatIp(ipv6((client >> 80n) << 80n))}/48`;
}
