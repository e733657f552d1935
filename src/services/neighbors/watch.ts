/** Listens to the LAN, asks whoever was heard whether it is there, and searches for the others. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Ipv4, Mac } from '../../base/ip.ts';
import { formatIp, type IpAddress } from '../../base/ip6.ts';
import { TokenBucket } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import type { FramePorts, Net } from '../../os/ports.ts';
import type { Neighbours } from '../../os/ports-neighbours.ts';
import type { ArpScanner } from '../../os/ports-scan.ts';
import type {
  Conflict,
  HostView,
  NeighborsConfig,
  ScanReport,
  WatchCounts,
  WatchObserved,
} from './config.ts';
import { Conflicts } from './conflicts.ts';
import { Guard, type GuardStep, type Verdict } from './guard.ts';
import type { Heard, HostPlace } from './merge.ts';
import { LanPort } from './port.ts';
import { Search } from './search.ts';
import { isOnLink, isOwnAddress, segmentOf, unusedNear } from './segment.ts';
import { sightingOf } from './sighting.ts';

export interface WatchDeps {
  readonly frames: FramePorts;
  readonly scanner: ArpScanner;
  readonly neighbours: Pick<Neighbours, 'subscribe'>;
  readonly net: Pick<Net, 'links' | 'addresses' | 'addresses6' | 'routes' | 'routes6'>;
  readonly clock: Clock;
  readonly log: Log;
  random16(): number;
  /** The table of hosts takes it; false when it is nobody that is known. */
  heard(heard: Heard): boolean;
  hosts(): readonly HostView[];
  hostOf(mac: Mac): HostView | undefined;
  report(observed: WatchObserved): void;
  announce(conflict: Conflict): void;
}

/** Frames of an interface that are read each second; a crowd of some hundred hosts says less. */
const FRAMES_PER_SEC = 500;
const ASKS_PER_SEC = 50;
const MAX_PENDING = 256;
const ANSWER_MS = 3000;

interface Open {
  readonly port: LanPort;
  readonly budget: TokenBucket;
}

export class Watch implements AsyncDisposable {
  readonly #deps: WatchDeps;
  readonly #open = new Map<string, Open>();
  readonly #guard: Guard;
  readonly #conflicts = new Conflicts();
  readonly #search: Search;
  readonly #subscription: Disposable;
  readonly #asks = new TokenBucket(ASKS_PER_SEC);
  /** Who was asked whether it has what it said to have, and until when its answer counts. */
  readonly #pending = new Map<string, number>();
  readonly #said = new Map<Mac, Pick<Heard, 'clientId' | 'calls'>>();
  #config: NeighborsConfig | undefined;
  #next: Timer | undefined;
  #heard = 0;
  #skipped = 0;
  #dropped = 0;
  #asked = 0;
  #unasked = 0;
  #closed = false;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
    const { clock } = deps;
    this.#guard = new Guard({
      isOwn: (ifName, address) => {
        const open = this.#open.get(ifName);
        return open !== undefined && isOwnAddress(open.port.segment, address);
      },
      isGateway: (address) => this.#gateways().has(address),
      sameDevice: (a, b) => deps.hostOf(a)?.device === (deps.hostOf(b)?.device ?? b),
      unused: (ifName, address) => this.#unused(ifName, address),
    });
    this.#search = new Search({
      ...{ scanner: deps.scanner, clock },
      random16: () => deps.random16(),
      hosts: () => deps.hosts(),
      ports: () => [...this.#open.values()].map(({ port }) => port),
      answered: (port, mac, address) => this.#take(port, { mac, address }, true),
      report: () => this.#report(),
    });
    this.#subscription = deps.neighbours.subscribe(({ changed }) => {
      for (const { ifIndex, address, mac } of changed) {
        if (mac !== undefined) this.#gatewaySeen(ifIndex, address, mac);
      }
    });
  }

  get observed(): WatchObserved {
    return {
      scan: this.#search.report,
      conflicts: this.#conflicts.list,
      counts: () => this.#counts(),
    };
  }

  #counts(): WatchCounts {
    let dropped = this.#dropped;
    for (const { port } of this.#open.values()) dropped += port.frames.dropped;
    return {
      ...{ heard: this.#heard, skipped: this.#skipped, dropped, asked: this.#asked },
      ...{ unasked: this.#unasked, overlooked: this.#guard.overlooked },
    };
  }

  apply(config: NeighborsConfig): void {
    this.#config = config;
    this.networkChanged();
    this.#search.apply(config.scan);
  }

  /** Links or addresses changed, as the kernel says. */
  networkChanged(): void {
    const wanted = this.#config?.listen === true || this.#config?.scan.enable === true;
    const names = wanted ? (this.#config?.interfaces ?? []) : [];
    for (const name of this.#open.keys()) if (!names.includes(name)) this.#close(name);
    for (const name of names) this.#listen(name);
    this.#report();
  }

  /** Asks each whether it is there. */
  ask(places: readonly HostPlace[]): void {
    for (const place of places) this.#ask(place);
    for (const { port } of this.#open.values()) port.flush();
  }

  /** Searches now; resolves with what came of it. */
  scanNow(): Promise<ScanReport> {
    return this.#search.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#subscription[Symbol.dispose]();
    this.#next?.cancel();
    await this.#search[Symbol.asyncDispose]();
    for (const name of [...this.#open.keys()]) this.#close(name);
  }

  #listen(name: string): void {
    const { net, frames, log } = this.#deps;
    const segment = segmentOf(name, net);
    const before = this.#open.get(name);
    if (segment === undefined) {
      this.#close(name);
      return;
    }
    if (before !== undefined && before.port.segment.ifIndex === segment.ifIndex) {
      const port = new LanPort(segment, before.port.frames);
      this.#open.set(name, { ...before, port });
      return;
    }
    this.#close(name);
    const opened = frames.open(segment.ifIndex, 'neighbours', {
      frame: (bytes, start, end) => this.#frame(name, bytes.subarray(start, end)),
      batchEnd: () => this.#stepGuard(),
    });
    if (!opened.ok) {
      log.warn({ err: opened.error, ifName: name }, 'the LAN is not listened to');
      return;
    }
    const budget = new TokenBucket(FRAMES_PER_SEC);
    this.#open.set(name, { port: new LanPort(segment, opened.value), budget });
  }

  #close(name: string): void {
    const open = this.#open.get(name);
    if (open === undefined) return;
    this.#dropped += open.port.frames.dropped;
    this.#open.delete(name);
    void open.port.frames[Symbol.asyncDispose]();
  }

  #frame(name: string, frame: Uint8Array): void {
    const open = this.#open.get(name);
    if (open === undefined) return;
    if (!open.budget.take(this.#deps.clock.monoMs())) {
      this.#skipped++;
      return;
    }
    const sighting = sightingOf(frame);
    if (sighting === undefined || sighting.mac === open.port.segment.mac) return;
    this.#heard++;
    const { form, echoId, ...said } = sighting;
    const expected = form === 'answer' && this.#search.expects(name, echoId);
    this.#take(
      open.port,
      { ...said, announced: form === 'announcement' },
      expected,
      form === 'answer',
    );
  }

  /** `there`: it is sure that somebody answers there; `answer`: it is if it was asked. */
  #take(
    port: LanPort,
    said: Omit<Heard, 'ifName' | 'answered'> & { readonly announced?: boolean },
    there: boolean,
    answer = false,
  ): void {
    const { segment } = port;
    const { name } = segment;
    const { announced = false, mac, ...rest } = said;
    const nowMs = this.#deps.clock.monoMs();
    const { address } = said;
    const claimed = address !== undefined && isOnLink(segment, address) ? address : undefined;
    if (address !== undefined && claimed === undefined) return;
    const key = `${mac} ${claimed}`;
    const answered = there || (answer && (this.#pending.get(key) ?? 0) > nowMs);
    const about = { ifName: name, mac, announced };
    const holds =
      claimed !== undefined &&
      this.#guard.claim(
        { ...about, address: claimed, known: answered || this.#deps.hostOf(mac) !== undefined },
        nowMs,
      );
    if (answered) this.#pending.delete(key);
    if (there) this.#search.noteAnswer(mac);
    const known = this.#deps.heard({
      ...{ ...this.#said.get(mac), ...rest, ifName: name, mac, answered },
      address: holds ? claimed : undefined,
    });
    this.#remember(known, mac, rest);
    if (!known && claimed !== undefined && this.#config?.listen === true) {
      this.#ask({ ifName: name, address: claimed, mac });
    }
  }

  /** What somebody said before it was known. */
  #remember(
    known: boolean,
    mac: Mac,
    { clientId, calls }: Pick<Heard, 'clientId' | 'calls'>,
  ): void {
    if (known) {
      this.#said.delete(mac);
      return;
    }
    if (clientId === undefined && calls === undefined) return;
    const before = this.#said.get(mac);
    this.#said.delete(mac);
    this.#said.set(mac, {
      ...before,
      ...(clientId === undefined ? {} : { clientId }),
      ...(calls === undefined ? {} : { calls }),
    });
    const [oldest] = this.#said.keys();
    if (this.#said.size > MAX_PENDING && oldest !== undefined) this.#said.delete(oldest);
  }

  #ask({ ifName, address, mac }: HostPlace): void {
    const nowMs = this.#deps.clock.monoMs();
    const key = `${mac} ${address}`;
    if ((this.#pending.get(key) ?? 0) > nowMs) return;
    for (const [old, untilMs] of this.#pending) {
      if (untilMs > nowMs) break;
      this.#pending.delete(old);
    }
    const port = this.#open.get(ifName)?.port;
    if (port === undefined || this.#pending.size >= MAX_PENDING || !this.#asks.take(nowMs)) {
      this.#unasked++;
      return;
    }
    this.#pending.delete(key);
    this.#pending.set(key, nowMs + ANSWER_MS);
    if (port.ask(address, mac)) this.#asked++;
  }

  #stepGuard(): void {
    const { clock } = this.#deps;
    const step = this.#guard.step(clock.monoMs());
    for (const { ifName, address } of step.probes) this.#open.get(ifName)?.port.ask(address);
    for (const { port } of this.#open.values()) port.flush();
    this.#judge(step);
    this.#next?.cancel();
    this.#next = undefined;
    if (step.nextMs !== Number.POSITIVE_INFINITY && !this.#closed) {
      this.#next = clock.after(Math.max(0, step.nextMs - clock.monoMs()), () => this.#stepGuard());
    }
  }

  #judge({ verdicts }: GuardStep): void {
    const { log, clock } = this.#deps;
    for (const { kind, ...about } of verdicts) {
      const text = { ...about, address: formatIp(about.address) };
      if (kind === 'Moved' || kind === 'GatewayChange') this.#moved(about);
      if (kind === 'Moved' || kind === 'Proxy') {
        log.info({ kind, ...text }, 'an address is answered for by another');
        continue;
      }
      const { conflict, loud } = this.#conflicts.found({ kind, ...about }, clock.wallMs());
      if (!loud) continue;
      log.warn({ kind, ...text }, 'an address is in the wrong hands');
      this.#deps.announce(conflict);
    }
    if (verdicts.length > 0) this.#report();
  }

  /** Whoever answered last has the address. */
  #moved({ ifName, address, mac }: Omit<Verdict, 'kind'>): void {
    this.#deps.heard({ ifName, address, mac, answered: true });
  }

  #gatewaySeen(ifIndex: number, address: IpAddress, mac: Mac): void {
    const name = this.#deps.net.links().find((link) => link.ifIndex === ifIndex)?.name;
    if (name === undefined || this.#open.has(name) || !this.#gateways().has(address)) return;
    this.#guard.gateway(name, address, mac);
    this.#stepGuard();
  }

  #gateways(): ReadonlySet<IpAddress> {
    const { net } = this.#deps;
    const defaults = [...net.routes(), ...net.routes6()].filter((route) => route.prefixLen === 0);
    return new Set(
      defaults.flatMap(({ gateway }): IpAddress[] => (gateway === undefined ? [] : [gateway])),
    );
  }

  #unused(ifName: string, address: IpAddress): Ipv4 | undefined {
    const segment = this.#open.get(ifName)?.port.segment;
    if (segment === undefined || typeof address !== 'number') return undefined;
    const used = new Set(
      this.#deps.hosts().flatMap(({ addresses }) => addresses.map((one) => one.address)),
    );
    return unusedNear(segment, address, (one) => used.has(one) || isOwnAddress(segment, one));
  }

  #report(): void {
    if (this.#closed) return;
    this.#deps.report(this.observed);
  }
}
