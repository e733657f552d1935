/** Runs the DNS server: what the engine does not answer goes through the chain, and comes back fitted to its query. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { Log } from '../../base/log.ts';
import type { TlsMaterial } from '../../os/ports.ts';
import type {
  DnsEngine,
  DnsEngines,
  EngineLogEntry,
  EngineQuery,
  MissReason,
} from '../../os/ports-dns.ts';
import type {
  DnsCrypto,
  DnsStreamHandler,
  DnsStreamServer,
  DnsTransports,
} from '../../os/ports-dns-transport.ts';
import { STREAM_BYTES } from '../../wire/dns-finish.ts';
import type { HostFacts } from './clients.ts';
import type { DnsConfig, DnsCounts, DnsObserved } from './config.ts';
import type { AnchorFile } from './dnssec/root-anchors.ts';
import { Listening } from './listening.ts';
import type { CompiledLists } from './policy.ts';
import type { PolicyConfig, PolicyObserved } from './policy-config.ts';
import type { AnsweredQuery } from './query-log.ts';
import { Resolving } from './resolving.ts';
import type { LocalTime } from './schedule.ts';

export interface DnsDeps {
  readonly engines: DnsEngines;
  readonly transports: DnsTransports;
  readonly crypto: DnsCrypto;
  readonly clock: Clock;
  readonly log: Log;
  streams(handler: DnsStreamHandler): DnsStreamServer;
  randomBytes(count: number): Uint8Array;
  localTime(wallMs: number): LocalTime;
  /** Addresses that interfaces have now, by kernel name; `scopeId` of link-local ones. */
  addressesOf(ifName: string): readonly { readonly address: IpAddress; readonly scopeId: number }[];
  /** Who is on the LAN. */
  hosts(): Iterable<HostFacts>;
  /** What the box is called: its host name and those of the page. */
  ownNames(): Iterable<string>;
  /** What the Internet provider's leases bring. */
  leaseResolvers(): readonly IpAddress[];
  /** Where the cache is kept over a restart; undefined: nowhere. */
  readonly cachePath: string | undefined;
  /** Where the root's keys are kept that were learned; undefined: nowhere. */
  readonly anchorFile: AnchorFile | undefined;
  /** The wall clock can be right. Before, signatures hold whatever their dates: else a box without a clock could not ask for the time. */
  timeIsSure(): boolean;
  report(observed: DnsObserved): void;
  /** A new engine knows no lists yet: `useLists` is to be called when it has them. */
  engineStarted(engine: DnsEngine): void;
  /** There is none any longer. */
  engineStopped(): void;
  /** What is known of the lists. */
  lists(): Pick<PolicyObserved, 'lists' | 'names'>;
  reportPolicy(observed: PolicyObserved): void;
  /** A query of a client was answered: by the chain, and by the engine. */
  answered(query: AnsweredQuery): void;
  answeredByEngine(entries: readonly EngineLogEntry[]): void;
}

/** Queries that JavaScript is at work on; more get no answer, and are asked again. */
const MAX_QUERIES = 5000;
const QUEUE_LENGTH = 4096;
/** What is observed is told at most so often. */
const REPORT_MS = 1000;
/** What the cache holds is written so often, besides at the end. */
const DUMP_MS = 30 * 60_000;
/** Facts of the LAN that come in a burst are taken together. */
const SETTLE_MS = 100;

export class DnsService implements AsyncDisposable {
  readonly #deps: DnsDeps;
  #config: DnsConfig | undefined;
  #engine: DnsEngine | undefined;
  #engineBytes = 0;
  #resolving: Resolving | undefined;
  #listening: Listening | undefined;
  #policy: PolicyConfig | undefined;
  #certificate: TlsMaterial | undefined;
  #queries = 0;
  #reporting: Timer | undefined;
  #settling: Timer | undefined;
  #dumping: Timer | undefined;
  #overload = 0;
  #logs = false;
  #closed = false;

  constructor(deps: DnsDeps) {
    this.#deps = deps;
  }

  /** What runs now; undefined while the server is off. */
  get running(): Resolving | undefined {
    return this.#resolving;
  }

  get engine(): DnsEngine | undefined {
    return this.#engine;
  }

  /** Makes `config` the whole truth; gives what could not be done, for people. */
  async apply(config: DnsConfig): Promise<readonly string[]> {
    if (this.#closed) return [];
    this.#config = config;
    if (!config.enable) {
      await this.#stop();
      this.#reportNow();
      return [];
    }
    if (this.#engine !== undefined && this.#engineBytes !== config.cache.sizeBytes) {
      await this.#stop();
    }
    const started = this.#start(config);
    if (started !== undefined) return [started.message];
    await this.#resolving?.apply(config);
    const failed = (await this.#listening?.apply(config.listen)) ?? [];
    this.#reportNow();
    return failed;
  }

  /** Makes this the whole of the policy. */
  applyPolicy(config: PolicyConfig): void {
    this.#policy = config;
    this.#resolving?.applyPolicy(config);
  }

  /** Hosts, leases, addresses or names of the box changed. */
  factsChanged(): void {
    if (this.#resolving === undefined || this.#closed) return;
    this.#settling ??= this.#deps.clock.after(SETTLE_MS, () => {
      this.#settling = undefined;
      this.#resolving?.factsChanged();
      const { listen } = this.#config ?? {};
      if (listen !== undefined) void this.#listening?.apply(listen);
      this.#reportSoon();
    });
  }

  /** For DNS over TLS and HTTPS, from the next handshake on. */
  useCertificate(material: TlsMaterial): void {
    this.#certificate = material;
    this.#listening?.useCertificate(material);
    const { listen } = this.#config ?? {};
    if (listen === undefined) return;
    void this.#listening?.apply(listen).then(() => this.#reportSoon());
  }

  /** Lists were compiled anew, and the engine has them. */
  useLists(compiled: CompiledLists): void {
    this.#resolving?.useLists(compiled);
  }

  /** What is known of the lists changed, or something was said for a while. */
  policyChanged(): void {
    this.#resolving?.policyChanged();
    this.#reportNow();
  }

  /** Whether what the engine answers is told, too. */
  setLog(on: boolean): void {
    this.#logs = on;
    this.#engine?.setLog(on);
  }

  /** The answer to a query that came past the listeners, as a client would get it; undefined for none. */
  ask(wire: Uint8Array, client: IpAddress): Promise<Uint8Array | undefined> {
    return this.#stream(wire, client, 'tcp');
  }

  get policyObserved(): PolicyObserved {
    const { generation = 0, overrides = [] } = this.#resolving?.policy ?? {};
    return { generation, overrides, ...this.#deps.lists() };
  }

  get observed(): DnsObserved {
    const config = this.#config;
    const stats = this.#engine?.stats();
    const counts = this.#resolving?.counts;
    const listeners = this.#listening?.observed ?? [];
    const wanted = config?.enable === true;
    const faulty = listeners.some(({ error }) => error !== undefined) || this.#engine === undefined;
    return {
      status: !wanted ? 'Disabled' : faulty ? 'Error' : 'Enabled',
      listeners,
      upstreams: this.#resolving?.upstreams.observed ?? [],
      counts: countsOf(counts, stats, this.#overload),
      cache: {
        entries: stats?.cacheEntries ?? 0,
        usedBytes: stats?.cacheBytes ?? 0,
        sizeBytes: config?.cache.sizeBytes ?? 0,
        evicted: stats?.cacheEvicted ?? 0,
      },
      anchors: this.#resolving?.anchors ?? [],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#reporting?.cancel();
    await this.#stop();
  }

  #start(config: DnsConfig): SystemError | undefined {
    if (this.#engine !== undefined) return undefined;
    const { engines, clock, log, cachePath } = this.#deps;
    const opened = engines.open(
      { cacheBytes: config.cache.sizeBytes, queueLength: QUEUE_LENGTH },
      {
        queries: (batch) => this.#batch(batch),
        log: (entries) => this.#deps.answeredByEngine(entries),
      },
    );
    if (!opened.ok) {
      log.error({ err: opened.error }, 'the DNS engine does not start');
      return opened.error;
    }
    const engine = opened.value;
    this.#engine = engine;
    this.#engineBytes = config.cache.sizeBytes;
    engine.setLog(this.#logs);
    if (cachePath !== undefined) {
      const loaded = engine.cache.load(cachePath, clock.boottimeMs(), clock.wallMs());
      if (loaded.ok) log.info({ entries: loaded.value }, 'the DNS cache of before is taken up');
      else log.debug({ err: loaded.error }, 'there is no DNS cache of before');
    }
    this.#resolving = new Resolving({ ...this.#deps, engine, changed: () => this.#reportSoon() });
    if (this.#policy !== undefined) this.#resolving.applyPolicy(this.#policy);
    this.#deps.engineStarted(engine);
    this.#listening = new Listening({
      engine,
      streams: this.#deps.streams((wire, client, transport) =>
        this.#stream(wire, client, transport),
      ),
      addressesOf: (ifName) => this.#deps.addressesOf(ifName),
    });
    if (this.#certificate !== undefined) this.#listening.useCertificate(this.#certificate);
    this.#dumpLater();
    return undefined;
  }

  async #stop(): Promise<void> {
    this.#settling?.cancel();
    this.#settling = undefined;
    this.#dumping?.cancel();
    await this.#listening?.[Symbol.asyncDispose]();
    this.#listening = undefined;
    this.#resolving?.[Symbol.dispose]();
    this.#resolving = undefined;
    this.#dump();
    if (this.#engine !== undefined) this.#deps.engineStopped();
    await this.#engine?.[Symbol.asyncDispose]();
    this.#engine = undefined;
  }

  #dump(): void {
    const { cachePath, clock, log } = this.#deps;
    if (cachePath === undefined || this.#engine === undefined) return;
    const dumped = this.#engine.cache.dump(cachePath, clock.boottimeMs(), clock.wallMs());
    if (!dumped.ok) log.warn({ err: dumped.error }, 'the DNS cache could not be written');
  }

  #dumpLater(): void {
    this.#dumping = this.#deps.clock.after(DUMP_MS, () => {
      this.#dump();
      this.#dumpLater();
    });
  }

  #batch(batch: readonly EngineQuery[]): void {
    for (const { peer, group, reason, wire } of batch) {
      const done = this.#answer(wire, peer.client, group, reason, 'udp', undefined);
      void done.then((answer) => {
        if (answer === undefined || reason === 'prefetch' || this.#engine === undefined) return;
        this.#engine.answer(peer, answer);
        this.#flushSoon();
      });
    }
  }

  #flushing = false;
  /** Answers of one turn of the loop leave together. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#engine?.flush();
    });
  }

  async #stream(
    wire: Uint8Array,
    client: IpAddress,
    transport: 'tcp' | 'tls' | 'https',
  ): Promise<Uint8Array | undefined> {
    const engine = this.#engine;
    if (engine === undefined) return undefined;
    const asked = engine.ask(wire, client, STREAM_BYTES, this.#deps.clock.boottimeMs());
    if (asked.kind === 'drop') return undefined;
    if (asked.kind === 'answer') {
      if (asked.prefetch) void this.#answer(wire, client, 0, 'prefetch', transport, STREAM_BYTES);
      return asked.wire;
    }
    return this.#answer(wire, client, asked.group, asked.reason, transport, STREAM_BYTES);
  }

  async #answer(
    wire: Uint8Array,
    client: IpAddress,
    group: number,
    reason: MissReason,
    transport: 'udp' | 'tcp' | 'tls' | 'https',
    limitBytes: number | undefined,
  ): Promise<Uint8Array | undefined> {
    const resolving = this.#resolving;
    if (resolving === undefined) return undefined;
    if (this.#queries >= MAX_QUERIES) {
      this.#overload++;
      return undefined;
    }
    this.#queries++;
    try {
      const asked = { wire, client, group, reason, transport, limitBytes };
      return await resolving.answer(asked);
    } catch (cause) {
      // A bug in one answer must not end the house's names.
      this.#deps.log.error({ err: cause }, 'a question could not be answered');
      return undefined;
    } finally {
      this.#queries--;
      this.#reportSoon();
    }
  }

  #reportSoon(): void {
    if (this.#closed) return;
    this.#reporting ??= this.#deps.clock.after(REPORT_MS, () => this.#reportNow());
  }

  #reportNow(): void {
    this.#reporting?.cancel();
    this.#reporting = undefined;
    this.#deps.report(this.observed);
    this.#deps.reportPolicy(this.policyObserved);
  }
}

function countsOf(
  counts: Resolving['counts'] | undefined,
  stats: ReturnType<DnsEngine['stats']> | undefined,
  overload: number,
): DnsCounts {
  const of = (value: number | undefined): number => value ?? 0;
  return {
    queries: of(stats?.received) + of(counts?.streamQueries),
    refused: of(stats?.droppedAccess) + of(counts?.refused),
    limited:
      of(stats?.droppedClientRate) + of(stats?.droppedMissRate) + of(stats?.droppedSameAnswer),
    malformed: of(stats?.droppedMalformed) + of(counts?.malformed),
    local: of(stats?.answeredLocal) + of(counts?.local),
    blocked: of(stats?.answeredBlock) + of(counts?.blocked),
    cacheHits: of(stats?.answeredCache) + of(counts?.cacheHits),
    staleAnswers: of(counts?.staleAnswers),
    prefetches: of(counts?.prefetches),
    forwarded: of(counts?.forwarded),
    joined: of(counts?.joined),
    failed: of(counts?.failed),
    rebindRefused: of(counts?.rebindRefused),
    secure: of(counts?.secure),
    bogus: of(counts?.bogus),
    synthesised: of(counts?.synthesised),
    overload: overload + of(stats?.droppedQueue) + of(counts?.overload),
  };
}
