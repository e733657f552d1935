/** The resolvers that can be asked: which for which name, how quick they are, and whether they answer at all. */
import type { Clock } from '../../base/clock.ts';
import { formatIp, type IpAddress } from '../../base/ip6.ts';
import type { DnsEndpoint } from '../../os/ports-dns-transport.ts';
import { type DnsName, isWithin, labelCount } from '../../wire/dns-name.ts';
import type { UpstreamConfig, UpstreamObserved } from './config.ts';

/** What is taken for one that was never asked. */
const FIRST_RTT_MS = 80;
/** So many failures one after the other, and it counts as down. */
const DOWN_AFTER = 2;
const RETRY_FIRST_MS = 500;
/** One that is down is tried at least so often, so that it is back soon after it is up. */
const RETRY_MAX_MS = 2000;
/** One that others are quicker than is measured again after so long. */
const EXPLORE_MS = 30_000;
/** What one answer in a row without use (SERVFAIL, REFUSED) costs it in the order. */
const USELESS_MS = 300;
const MAX_USELESS = 5;

/** One address of one upstream. */
export class UpstreamServer {
  readonly id: string;
  readonly endpoint: DnsEndpoint;
  readonly domains: readonly DnsName[];
  rttMs: number | undefined;
  #failuresInRow = 0;
  #uselessInRow = 0;
  #retryAtMs = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  queries = 0;
  answers = 0;
  timeouts = 0;
  failures = 0;
  mismatches = 0;
  lastError: string | undefined;

  constructor(id: string, endpoint: DnsEndpoint, domains: readonly DnsName[]) {
    this.id = id;
    this.endpoint = endpoint;
    this.domains = domains;
  }

  get down(): boolean {
    return this.#failuresInRow >= DOWN_AFTER;
  }

  get encrypted(): boolean {
    return this.endpoint.protocol === 'tls' || this.endpoint.protocol === 'https';
  }

  /** The lower, the sooner it is asked. */
  get score(): number {
    return (
      (this.rttMs ?? FIRST_RTT_MS) + USELESS_MS * this.#uselessInRow + (this.down ? 100_000 : 0)
    );
  }

  /** It should be asked besides the best one: to see whether it is back, or how quick it is. */
  isDue(nowMs: number): boolean {
    return this.down ? nowMs >= this.#retryAtMs : nowMs - this.#askedAtMs >= EXPLORE_MS;
  }

  asked(nowMs: number): void {
    this.queries++;
    this.#askedAtMs = nowMs;
    if (this.down) this.#retryAtMs = nowMs + this.#pauseMs;
  }

  answered(tookMs: number, useful: boolean): void {
    this.answers++;
    this.#failuresInRow = 0;
    this.#uselessInRow = useful ? 0 : Math.min(MAX_USELESS, this.#uselessInRow + 1);
    // Smoothed as RFC 6298 §2.3 does.
    this.rttMs = this.rttMs === undefined ? tookMs : this.rttMs + (tookMs - this.rttMs) / 8;
  }

  failed(nowMs: number, code: string, reason: string): void {
    if (code === 'ETIMEDOUT') this.timeouts++;
    else this.failures++;
    this.lastError = reason;
    this.#failuresInRow++;
    this.#retryAtMs = nowMs + this.#pauseMs;
  }

  get observed(): UpstreamObserved {
    const { id, endpoint, rttMs, queries, answers, timeouts, failures, mismatches } = this;
    return {
      ...{ id, rttMs, queries, answers, timeouts, failures, mismatches },
      ...{ protocol: endpoint.protocol, address: endpoint.address, port: endpoint.port },
      state: this.down ? 'down' : answers > 0 ? 'up' : 'unknown',
      lastError: this.lastError,
    };
  }

  get #pauseMs(): number {
    const doubled = RETRY_FIRST_MS * 2 ** Math.max(0, this.#failuresInRow - DOWN_AFTER);
    return Math.min(RETRY_MAX_MS, doubled);
  }
}

export interface UpstreamsDeps {
  readonly clock: Pick<Clock, 'monoMs'>;
}

export class Upstreams {
  readonly #clock: Pick<Clock, 'monoMs'>;
  #servers: readonly UpstreamServer[] = [];
  /** Known by name, without an address yet. */
  #nameless: readonly UpstreamConfig[] = [];

  constructor(deps: UpstreamsDeps) {
    this.#clock = deps.clock;
  }

  get servers(): readonly UpstreamServer[] {
    return this.#servers;
  }

  get observed(): readonly UpstreamObserved[] {
    const waiting = this.#nameless.map(
      ({ id, protocol, port, name }): UpstreamObserved => ({
        ...{ id, protocol, port, address: undefined, state: 'unknown', rttMs: undefined },
        ...{ queries: 0, answers: 0, timeouts: 0, failures: 0, mismatches: 0 },
        lastError: `the address of ${name ?? 'it'} is not known yet`,
      }),
    );
    return [...this.#servers.map((server) => server.observed), ...waiting];
  }

  /**
   * Makes these the whole; what is known of those that stay is kept. `addressesOf` gives what the
   * name of an upstream without addresses resolved to.
   */
  apply(
    configs: readonly UpstreamConfig[],
    lease: readonly IpAddress[],
    addressesOf: (name: string) => readonly IpAddress[],
  ): void {
    const known = new Map(this.#servers.map((server) => [keyOf(server), server]));
    const enabled = configs.filter(({ enable }) => enable);
    const servers: UpstreamServer[] = [];
    const nameless: UpstreamConfig[] = [];
    for (const config of enabled) {
      const { id, protocol, port, name, path, pins, domains } = config;
      const addresses =
        config.addresses.length > 0 || name === undefined ? config.addresses : addressesOf(name);
      if (addresses.length === 0) nameless.push(config);
      for (const address of addresses) {
        servers.push(
          new UpstreamServer(id, { protocol, address, port, name, path, pins }, domains),
        );
      }
    }
    if (!enabled.some(({ domains }) => domains.length === 0)) {
      for (const address of lease) {
        const endpoint = { address, protocol: 'udp', port: 53, name: undefined } as const;
        servers.push(new UpstreamServer('lease', { ...endpoint, path: '', pins: [] }, []));
      }
    }
    this.#servers = servers.map((server) => known.get(keyOf(server)) ?? server);
    this.#nameless = nameless;
  }

  /** Those for a name, the best first; those of the longest domain that it is in alone. */
  for(name: DnsName): readonly UpstreamServer[] {
    let best = -1;
    let chosen: UpstreamServer[] = [];
    for (const server of this.#servers) {
      const depth = depthOf(server.domains, name);
      if (depth < 0 || depth < best) continue;
      if (depth > best) chosen = [];
      best = depth;
      chosen.push(server);
    }
    return chosen.sort((a, b) => a.score - b.score);
  }

  /** Whether somebody is asked for just this name or one above it. */
  isSplit(name: DnsName): boolean {
    return this.#servers.some(({ domains }) => domains.some((domain) => isWithin(name, domain)));
  }

  /** Whether all that could be asked for a name are down. */
  allDown(name: DnsName): boolean {
    return this.for(name).every((server) => server.down);
  }

  nowMs(): number {
    return this.#clock.monoMs();
  }
}

/** Labels of the longest of `domains` that `name` is in: 0 for one without domains, −1 for none. */
function depthOf(domains: readonly DnsName[], name: DnsName): number {
  if (domains.length === 0) return 0;
  let depth = -1;
  for (const domain of domains) {
    // Of a domain that is the root itself, all are: rather that than one for all others.
    if (isWithin(name, domain)) depth = Math.max(depth, labelCount(domain) + 1);
  }
  return depth;
}

const keyOf = ({ id, endpoint, domains }: UpstreamServer): string =>
  [
    ...[id, endpoint.protocol, formatIp(endpoint.address), endpoint.port, endpoint.name],
    ...[endpoint.path, endpoint.pins.join(), domains.join()],
  ].join(' ');
