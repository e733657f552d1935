/** Runs the node: sockets, saved tables, bootstrap names, crawler and announcements; one per configuration. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import { ipv4 } from '../../base/ip.ts';
import { type IpPort, parseIpPort } from '../../base/ip-port.ts';
import { ANY6, type IpAddress } from '../../base/ip6.ts';
import type { Log } from '../../base/log.ts';
import type { Result } from '../../base/result.ts';
import type { Store } from '../../os/ports.ts';
import type { UdpSocket, UdpSockets } from '../../os/ports-udp.ts';
import { AddressPolicy } from './address-policy.ts';
import type {
  CrawlerObserved,
  DhtConfig,
  DhtCounters,
  DhtObserved,
  Family,
  IpPrefix,
} from './config.ts';
import { Crawler } from './crawler.ts';
import { Follower } from './follower.ts';
import { type DhtCrypto, DhtNode } from './node.ts';
import { DhtOperations } from './operations.ts';

export interface DhtServiceDeps {
  readonly sockets: UdpSockets;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: (count: number) => Uint8Array;
  readonly crypto: DhtCrypto;
  readonly store: Pick<Store, 'get' | 'commit'>;
  readonly resolve: (
    host: string,
    family: Family,
  ) => Promise<Result<{ readonly address: IpAddress }, SystemError>>;
  /** Prefixes of this box's own networks, as they are now. */
  readonly own: () => readonly IpPrefix[];
  /** Called when the status changes. */
  readonly report: (observed: DhtObserved) => void;
}

const SAVE_MS = 10 * 60_000;
/** Names are asked for again while nobody is in a table. */
const RESOLVE_MS = 60_000;
const TABLES_KEY = 'dht/tables';

const NO_CRAWLER: CrawlerObserved = {
  ...{ enabled: false, running: false, hashes: 0, nodesAsked: 0, nodesKnown: 0 },
};

interface Running {
  /** That of the sockets. */
  readonly port: number;
  readonly node: DhtNode;
  readonly operations: DhtOperations;
  readonly sockets: Readonly<Partial<Record<Family, UdpSocket>>>;
  readonly crawler: Crawler;
  readonly follower: Follower;
  timers: Timer[];
}

export class DhtService implements AsyncDisposable {
  readonly #deps: DhtServiceDeps;
  #config: DhtConfig | undefined;
  #applied = '';
  #running: Running | undefined;
  #reason: string | undefined;

  constructor(deps: DhtServiceDeps) {
    this.#deps = deps;
  }

  get config(): DhtConfig | undefined {
    return this.#config;
  }

  /** Undefined while it is off or could not start. */
  get running(): Pick<Running, 'port' | 'node' | 'operations' | 'crawler'> | undefined {
    return this.#running;
  }

  get observed(): DhtObserved {
    const { node, crawler, follower } = this.#running ?? {};
    const tables = node?.observedTables() ?? [];
    const joined = tables.some(({ nodes }) => nodes > 0);
    const on = joined ? 'Enabled' : 'Starting';
    return {
      status: this.#running !== undefined ? on : this.#reason !== undefined ? 'Error' : 'Disabled',
      ...{ reason: this.#reason, tables, counters: this.#counters() },
      ...{ flows: node?.flows ?? 0, peers: node?.peers.peers ?? 0 },
      ...{ infoHashes: node?.peers.swarms ?? 0, items: node?.items.size ?? 0 },
      crawler: crawler?.observed ?? NO_CRAWLER,
      announcement: follower?.observed,
    };
  }

  /** What could not be done; tried again by whoever asked. */
  async apply(config: DhtConfig): Promise<readonly string[]> {
    const text = JSON.stringify(config, (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString(16) : value,
    );
    if (text === this.#applied) return [];
    await this.#stop();
    this.#config = config;
    this.#reason = undefined;
    if (config.enable) this.#start(config);
    this.#applied = this.#reason === undefined ? text : '';
    this.#deps.report(this.observed);
    return this.#reason === undefined ? [] : [this.#reason];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  #start(config: DhtConfig): void {
    const { clock, log, random, crypto, store, own } = this.#deps;
    const sockets: Partial<Record<Family, UdpSocket>> = {};
    const faults: string[] = [];
    let node: DhtNode | undefined;
    for (const [family, address] of [
      [4, ipv4(0)],
      [6, ANY6],
    ] as const) {
      const opened = this.#deps.sockets.open(
        { address, port: config.port },
        { datagram: (bytes, from) => node?.receive(bytes, from), asked: () => node?.asked() },
      );
      if (opened.ok) sockets[family] = opened.value;
      else faults.push(opened.error.message);
    }
    const families = ([4, 6] as const).filter((family) => sockets[family] !== undefined);
    if (families.length === 0) {
      this.#reason = faults.join('; ');
      return;
    }
    if (faults.length > 0) log.warn({ faults }, 'the DHT has one family of addresses alone');
    node = new DhtNode({
      ...{ clock, random, crypto, families, budget: config.budget, readOnly: config.readOnly },
      policy: new AddressPolicy(config.privateNetworks, own),
      send: (bytes, to) =>
        sockets[typeof to.address === 'number' ? 4 : 6]?.send(bytes, to) ?? false,
    });
    node.attach(Object.values(sockets));
    const operations = new DhtOperations(node, crypto, () => clock.monoMs());
    const parts = { node, operations, clock, log, random };
    const crawler = new Crawler({ ...parts, config: config.crawler });
    const follower = new Follower({ ...parts, store, announcements: config.announcements });
    const { port } = config;
    const running: Running = { port, node, operations, sockets, crawler, follower, timers: [] };
    this.#running = running;
    const { literal, names } = splitBootstrap(config.bootstrap);
    node.start(literal, store.get(TABLES_KEY));
    crawler.start();
    follower.start();
    this.#every(running, SAVE_MS, () => this.#save(running));
    if (names.length > 0) {
      void this.#resolve(running, names);
      this.#every(running, RESOLVE_MS, () => {
        const empty = Object.values(running.node.tables).some(({ size }) => size === 0);
        return empty ? this.#resolve(running, names) : undefined;
      });
    }
    log.info({ port, families }, 'the DHT node is up');
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    for (const timer of running.timers) timer.cancel();
    running.crawler.stop();
    running.follower.stop();
    await this.#save(running);
    running.node.close();
    for (const socket of Object.values(running.sockets)) await socket[Symbol.asyncDispose]();
  }

  async #save({ node }: Running): Promise<void> {
    // What was kept before is better than nothing.
    if (Object.values(node.tables).every(({ size }) => size === 0)) return;
    const saved = await this.#deps.store.commit([{ key: TABLES_KEY, value: node.save() }]);
    if (!saved.ok) this.#deps.log.warn({ code: saved.error.code }, saved.error.message);
  }

  /** Calls `run` again and again, until the node ends. */
  #every(running: Running, ms: number, run: () => Promise<void> | undefined): void {
    const index = running.timers.length;
    const arm = (): void => {
      running.timers[index] = this.#deps.clock.after(ms, () => {
        void run();
        if (this.#running === running) arm();
      });
    };
    arm();
  }

  async #resolve(running: Running, names: readonly Name[]): Promise<void> {
    const found = await Promise.all(
      names.flatMap(({ host, port }) =>
        ([4, 6] as const).map(async (family): Promise<readonly IpPort[]> => {
          const answer = await this.#deps.resolve(host, family);
          return answer.ok ? [{ address: answer.value.address, port }] : [];
        }),
      ),
    );
    if (this.#running === running) running.node.addBootstrap(found.flat());
  }

  #counters(): DhtCounters {
    const { node, sockets } = this.#running ?? {};
    const of = Object.values(sockets ?? {});
    const {
      sent = 0,
      answers = 0,
      timeouts = 0,
      stray = 0,
      refused = 0,
    } = node?.asker.counters ?? {};
    const zero = {
      ...{ packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0, queriesAnswered: 0 },
      ...{ droppedBudget: 0, droppedAddress: 0, droppedSource: 0, malformed: 0, unsent: 0 },
      missedAskers: 0,
    };
    const counts = node?.counters ?? zero;
    return {
      ...counts,
      droppedKernel: of.reduce((sum, { dropped, cut }) => sum + dropped + cut, 0),
      unsent: counts.unsent + of.reduce((sum, { unsent }) => sum + unsent, 0),
      ...{ queriesSent: sent, answers, timeouts, strayAnswers: stray, refusedQueries: refused },
    };
  }
}

interface Name {
  readonly host: string;
  readonly port: number;
}

/** `host:port` is a name where it is no address. */
function splitBootstrap(entries: readonly string[]): {
  readonly literal: readonly IpPort[];
  readonly names: readonly Name[];
} {
  const literal: IpPort[] = [];
  const names: Name[] = [];
  for (const entry of entries) {
    const parsed = parseIpPort(entry);
    if (parsed.ok) {
      literal.push(parsed.value);
      continue;
    }
    const [host = '', port = ''] = entry.split(':');
    names.push({ host, port: Number(port) });
  }
  return { literal, names };
}
