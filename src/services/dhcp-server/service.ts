/** Runs the DHCPv4 server: frames in, answers out, leases on disk, observations to whoever looks. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import { formatIpv4, type Ipv4, macNumber } from '../../base/ip.ts';
import { AnswerCounts } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { FramePorts, Net, UdpPorts } from '../../os/ports.ts';
import { SERVER_PORT } from '../../wire/dhcp4.ts';
import type { Dhcp4View } from '../../wire/dhcp4-view.ts';
import { Bindings } from './bindings.ts';
import type { DhcpServerConfig, DhcpServerObserved, LeaseView, PoolReport } from './config.ts';
import { EXPORTERS, type ExportFormat } from './export-leases.ts';
import { type ImportFault, importLeases, type LeaseImport } from './import-leases.ts';
import { LeaseTable } from './lease.ts';
import { Policy, subjectOf } from './policy.ts';
import { SegmentPorts } from './ports.ts';
import { Relay } from './relay.ts';
import { rogueProbe } from './rogue-probe.ts';
import { Segment } from './segment.ts';
import type { LeaseStore } from './store.ts';
import { takeOver } from './take-over.ts';
import { Traffic } from './traffic.ts';

export interface DhcpServerDeps {
  readonly net: Pick<Net, 'links' | 'routes'>;
  readonly frames: FramePorts;
  readonly udp: UdpPorts;
  readonly clock: Clock;
  readonly log: Log;
  random32(): number;
  /** Reads the leases of the disk into `leases`, for at most `capacity` of them. */
  openStore(leases: LeaseTable, capacity: number): Promise<Result<LeaseStore, SystemError>>;
  report(observed: DhcpServerObserved): void;
}

export interface ImportDone {
  readonly format: LeaseImport['format'];
  /** Leases that are taken over. */
  readonly taken: number;
  readonly faults: readonly ImportFault[];
}

const REPORT_MS = 250;
const TICK_MS = 1000;
const RETRY_MS = 10_000;
const ROGUE_PROBE_MS = 10 * 60_000;
const SUSPECT_REST_MS = 2000;
const NOTHING: DhcpServerConfig = {
  enable: false,
  segments: [],
  pools: [],
  rules: [],
  guard: { newClientsPerSec: 0, answersPerClient: 0, headroomPercent: 0 },
};

export class DhcpServerService implements AsyncDisposable {
  readonly #deps: DhcpServerDeps;
  readonly #leases = new LeaseTable();
  readonly #bindings: Bindings;
  readonly #traffic: Traffic;
  #config = NOTHING;
  #segments: readonly Segment[] = [];
  readonly #ports = new Map<string, SegmentPorts>();
  readonly #relays = new Map<string, Relay>();
  #unsentBefore = 0;
  #store: LeaseStore | undefined;
  #opening: Promise<void> | undefined;
  #storeProblem: string | undefined;
  #portHeld: AsyncDisposable | undefined;
  #portProblem: string | undefined;
  #lastFault: string | undefined;
  #tick: Timer | undefined;
  #tickAtMs = 0;
  #reporting: Timer | undefined;
  #rogueTimer: Timer | undefined;
  #searchedAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(deps: DhcpServerDeps) {
    this.#deps = deps;
    this.#bindings = new Bindings(this.#leases, {
      append: (lease) => this.#store?.append(lease) ?? 0,
      forget: (lease) => this.#store?.forget(lease) ?? 0,
    });
    this.#traffic = new Traffic({
      bindings: this.#bindings,
      clock: deps.clock,
      log: deps.log,
      storeFaulty: () => this.#store?.fault !== undefined,
      proberOf: ({ name }) => this.#ports.get(name)?.prober,
      relay: ({ name }, view) => this.#relays.get(name)?.request(view),
      suspect: () => this.#suspect(),
      changed: () => this.#changed(),
    });
  }

  /** Makes `config` the whole truth. Leases stay, whatever it says. */
  apply(config: DhcpServerConfig): void {
    this.#config = config;
    const { guard } = config;
    const policy = new Policy(config.rules);
    const answers = new AnswerCounts(guard.answersPerClient);
    this.#traffic.use({ policy, answers, headroomPercent: guard.headroomPercent });
    this.#segments = config.segments.map((segment) => new Segment(segment, config.pools));
    this.#traffic.observer.keepOnly(this.#segments);
    const wallMs = this.#deps.clock.wallMs();
    this.#traffic.pending.settle((client) => {
      const segment = this.#segments.find(({ config }) => config.id === client.segment);
      if (segment?.config.mode !== 'selective') return true;
      if (policy.judge(subjectOf(client), client.segment, wallMs).action !== 'none') return true;
      return segment.pools.some((pool) => pool.hasStaticFor(macNumber(client.mac)));
    });
    if (this.#store === undefined) this.#openStore();
    else this.#serve();
    this.#changed();
  }

  linksChanged(): void {
    if (this.#store !== undefined) this.#followLinks();
  }

  /** The lease of an address, if there is one: look at it, never keep it. */
  leaseAt(address: Ipv4): LeaseView | undefined {
    for (const { name } of this.#segments) {
      const lease = this.#leases.at(name, address);
      if (lease !== undefined) return lease;
    }
    return undefined;
  }

  /** The bound lease of the host that has this name, in lower case. */
  leaseNamed(hostName: string): LeaseView | undefined {
    const lease = this.#leases.named(hostName);
    return lease?.state === 'bound' ? lease : undefined;
  }

  /** Every lease, in no order. */
  leases(): Iterable<LeaseView> {
    return this.#leases;
  }

  /** Ends the lease, or the quarantine, of an address; its client keeps it until it asks again. */
  release(address: Ipv4): Result<void, string> {
    for (const { name } of this.#segments) {
      const lease = this.#leases.at(name, address);
      if (lease === undefined || lease.state === 'free') continue;
      const nowMs = this.#deps.clock.boottimeMs();
      if (lease.state === 'bound') this.#bindings.release(lease, nowMs);
      else this.#bindings.forget(lease, nowMs);
      this.#changed();
      return ok(undefined);
    }
    return err(`${formatIpv4(address)} is on loan to nobody`);
  }

  /** Forgets who had an address: the client is a stranger when it comes back. */
  forget(address: Ipv4): Result<void, string> {
    for (const { name } of this.#segments) {
      const lease = this.#leases.at(name, address);
      if (lease === undefined) continue;
      this.#bindings.forget(lease, this.#deps.clock.boottimeMs());
      this.#changed();
      return ok(undefined);
    }
    return err(`nothing is known of ${formatIpv4(address)}`);
  }

  /** Every lease as a text that other servers read. */
  exported(format: ExportFormat): string {
    const { clock } = this.#deps;
    const now = { bootMs: clock.boottimeMs(), wallMs: clock.wallMs() };
    return EXPORTERS[format](this.#leases, now);
  }

  /**
   * Takes over the leases of another server's file: dnsmasq's, dhcpd's or Kea's. What cannot be taken
   * over is told by line; `dry` changes nothing.
   */
  importLeases(text: string, dry: boolean): Result<ImportDone, string> {
    const { clock } = this.#deps;
    if (this.#store === undefined || this.#store.fault !== undefined) {
      return err(this.#store?.fault ?? this.#storeProblem ?? 'the leases are not read yet');
    }
    const now = { bootMs: clock.boottimeMs(), wallMs: clock.wallMs() };
    const imported = importLeases(text, now.wallMs);
    const { leases, faults } = takeOver(imported, this.#config.segments, this.#leases, now);
    if (!dry && leases.length > 0) {
      this.#bindings.takeIn(leases);
      this.apply(this.#config);
    }
    return ok({ format: imported.format, taken: leases.length, faults });
  }

  get observed(): DhcpServerObserved {
    const leases = this.#leases;
    let listed: readonly LeaseView[] | undefined;
    return {
      pools: this.#config.pools.map((pool) => this.#poolReport(pool.id)),
      leaseRevision: this.#bindings.revision,
      // Tens of thousands, and most who look at what was observed do not look at them.
      get leases(): readonly LeaseView[] {
        listed ??= [...leases];
        return listed;
      },
      foreign: this.#traffic.observer.foreign(this.#deps.clock.boottimeMs()),
      pending: this.#traffic.pending.list(),
      rogues: this.#traffic.observer.rogues,
      counts: { ...this.#traffic.counts, transmitFailure: this.#unsent() },
      storeFault: this.#store?.fault ?? this.#storeProblem,
    };
  }

  /** Takes no more requests, writes what is to be written, sends what waited for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of [this.#tick, this.#reporting, this.#rogueTimer]) timer?.cancel();
    await this.#opening;
    await this.#store?.[Symbol.asyncDispose]();
    for (const relay of this.#relays.values()) await relay[Symbol.asyncDispose]();
    for (const ports of this.#ports.values()) await ports[Symbol.asyncDispose]();
    await this.#portHeld?.[Symbol.asyncDispose]();
    this.#portHeld = undefined;
  }

  // ---- the disk ------------------------------------------------------------------------------

  get #capacity(): number {
    let sum = 0;
    for (const { pools } of this.#segments) {
      for (const { space, config } of pools) sum += space.usable + config.statics.length;
    }
    return sum;
  }

  #openStore(): void {
    if (this.#opening !== undefined || this.#closed || !this.#config.enable) return;
    this.#opening = this.#deps.openStore(this.#leases, this.#capacity).then(async (opened) => {
      this.#opening = undefined;
      if (!opened.ok) {
        const { message, remedy } = opened.error;
        this.#storeProblem = remedy === undefined ? message : `${message}: ${remedy}`;
        this.#deps.log.error(
          { problem: this.#storeProblem },
          'no leases are given: they cannot be read',
        );
        this.#arm(RETRY_MS);
      } else if (this.#closed) {
        await opened.value[Symbol.asyncDispose]();
        return;
      } else {
        this.#storeProblem = undefined;
        this.#store = opened.value;
        this.#store.onDurable((upTo, error) => this.#durable(upTo, error));
        this.#serve();
      }
      this.#changed();
    });
  }

  #durable(upTo: number, error: SystemError | undefined): void {
    this.#traffic.durable(upTo, error);
    // One system call for all ports.
    for (const ports of this.#ports.values()) for (const { port } of ports.entries) port.flush();
    if (error !== undefined) this.#changed();
  }

  // ---- ports ---------------------------------------------------------------------------------

  /** The configuration and the leases are there: serve. */
  #serve(): void {
    const { clock } = this.#deps;
    this.#store?.resize(this.#capacity);
    this.#bindings.use(this.#segments, clock.boottimeMs());
    this.#holdPort();
    const perSec = this.#config.guard.newClientsPerSec;
    const wanted = new Map(this.#served().map((segment) => [segment.name, segment]));
    for (const [name, ports] of this.#ports) {
      const segment = wanted.get(name);
      if (segment !== undefined) ports.use(segment, perSec);
      else this.#drop(name, ports);
    }
    for (const [name, segment] of wanted) {
      if (this.#ports.has(name)) continue;
      const ports = new SegmentPorts(
        {
          frames: this.#deps.frames,
          clock,
          received: (entry, bytes, start, end) => {
            if (!this.#closed) this.#traffic.received(entry, bytes, start, end);
          },
          batchEnd: () => {
            this.#traffic.batchEnd();
            this.#arm(TICK_MS);
          },
        },
        segment,
        perSec,
      );
      this.#ports.set(name, ports);
    }
    this.#followLinks();
    this.#arm(TICK_MS);
  }

  #served(): readonly Segment[] {
    if (!this.#config.enable || this.#closed) return [];
    return this.#segments.filter(
      ({ config }) => config.mode === 'passThrough' || this.#portProblem === undefined,
    );
  }

  /** Whoever answers holds UDP port 67, so that the kernel does not say that nobody is there. */
  #holdPort(): void {
    const answers =
      this.#config.enable && this.#segments.some(({ config }) => config.mode !== 'passThrough');
    if (!answers) {
      void this.#portHeld?.[Symbol.asyncDispose]();
      this.#portHeld = undefined;
      this.#portProblem = undefined;
      return;
    }
    if (this.#portHeld !== undefined) return;
    const held = this.#deps.udp.hold(SERVER_PORT);
    if (held.ok) {
      this.#portHeld = held.value;
      this.#portProblem = undefined;
      return;
    }
    const { message, remedy } = held.error;
    const problem = remedy === undefined ? message : `${message}: ${remedy}`;
    if (this.#portProblem !== problem) this.#deps.log.error({ problem }, 'no leases are given');
    this.#portProblem = problem;
    this.#arm(RETRY_MS);
  }

  #drop(name: string, ports: SegmentPorts): void {
    this.#unsentBefore += ports.unsent;
    this.#ports.delete(name);
    void ports[Symbol.asyncDispose]();
  }

  #followLinks(): void {
    const links = this.#deps.net.links();
    const before = [...this.#ports.values()].map(({ fault }) => fault).join();
    for (const ports of this.#ports.values()) ports.follow(links);
    if ([...this.#ports.values()].map(({ fault }) => fault).join() !== before) this.#changed();
    this.#followRelays();
    this.#probeForRogues();
  }

  #followRelays(): void {
    const wanted = new Map<string, Segment>();
    for (const segment of this.#served()) {
      if (segment.config.mode === 'passThrough' && segment.config.relayTo !== undefined) {
        wanted.set(segment.name, segment);
      }
    }
    for (const [name, relay] of this.#relays) {
      const segment = wanted.get(name);
      if (segment !== undefined && relay.serves(segment)) {
        relay.follow();
        continue;
      }
      this.#relays.delete(name);
      void relay[Symbol.asyncDispose]();
    }
    for (const [name, segment] of wanted) {
      if (this.#relays.has(name)) continue;
      const entries = () => this.#ports.get(name)?.entries ?? [];
      const { net, frames, clock, log } = this.#deps;
      const heard = (view: Dhcp4View) => {
        this.#traffic.heardServer(segment, view);
        this.#traffic.batchEnd();
      };
      const relay = new Relay({ net, frames, clock, log, entries, heard }, segment);
      this.#relays.set(name, relay);
      relay.follow();
    }
  }

  /** Whoever a client spoke of answers a search; what it says itself proves nothing. */
  #suspect(): void {
    if (this.#deps.clock.monoMs() - this.#searchedAtMs < SUSPECT_REST_MS) return;
    this.#rogueTimer?.cancel();
    this.#rogueTimer = undefined;
    this.#probeForRogues();
  }

  /** At the start and every ten minutes, where nobody else is to serve. */
  #probeForRogues(): void {
    if (this.#rogueTimer !== undefined || this.#closed) return;
    let sent = false;
    for (const ports of this.#ports.values()) {
      for (const { segment, port, mac } of ports.entries) {
        if (segment.config.mode !== 'open' && segment.config.mode !== 'selective') continue;
        const frame = rogueProbe(mac, this.#deps.random32());
        sent = port.send(frame, 0, frame.length) || sent;
        port.flush();
      }
    }
    if (!sent) return;
    this.#searchedAtMs = this.#deps.clock.monoMs();
    this.#rogueTimer = this.#deps.clock.after(ROGUE_PROBE_MS, () => {
      this.#rogueTimer = undefined;
      this.#probeForRogues();
    });
  }

  // ---- time and reports ----------------------------------------------------------------------

  /** Looks again after `delayMs`, or sooner where that was said before. */
  #arm(delayMs: number): void {
    const atMs = this.#deps.clock.monoMs() + delayMs;
    if (this.#closed || (this.#tick !== undefined && this.#tickAtMs <= atMs)) return;
    this.#tick?.cancel();
    this.#tickAtMs = atMs;
    this.#tick = this.#deps.clock.after(delayMs, () => {
      this.#tick = undefined;
      this.#ticked();
    });
  }

  #ticked(): void {
    const nowMs = this.#deps.clock.boottimeMs();
    const before = this.#bindings.revision;
    this.#bindings.expire(nowMs);
    const fault = this.#store?.fault;
    if (this.#bindings.revision !== before || fault !== this.#lastFault) this.#changed();
    this.#lastFault = fault;
    if (this.#store === undefined) this.#openStore();
    else if (this.#portProblem !== undefined) this.#serve();
    const nextMs = Math.min(
      this.#bindings.nextMs - nowMs,
      fault === undefined ? Infinity : RETRY_MS,
    );
    if (nextMs !== Number.POSITIVE_INFINITY) this.#arm(Math.max(TICK_MS, nextMs));
  }

  /** What changes within a quarter of a second is told together. */
  #changed(): void {
    if (this.#reporting !== undefined || this.#closed) return;
    this.#reporting = this.#deps.clock.after(REPORT_MS, () => {
      this.#reporting = undefined;
      this.#deps.report(this.observed);
    });
  }

  #unsent(): number {
    let sum = this.#unsentBefore;
    for (const ports of this.#ports.values()) sum += ports.unsent;
    return sum;
  }

  #poolReport(id: string): PoolReport {
    const config = this.#config.pools.find((pool) => pool.id === id);
    const none = { id, size: 0, bound: 0 };
    if (config === undefined || !config.enable || !this.#config.enable) {
      return { ...none, status: 'Disabled', reason: undefined };
    }
    if (config.fault !== undefined) {
      return { ...none, status: 'Error_Misconfigured', reason: config.fault };
    }
    for (const segment of this.#segments) {
      const pool = segment.pools.find((some) => some.config.id === id);
      if (pool === undefined) continue;
      const { name } = segment;
      const served = segment.config.mode === 'passThrough' || this.#portProblem === undefined;
      const problem = served ? this.#ports.get(name)?.fault : this.#portProblem;
      const reason = this.#storeProblem ?? problem;
      const status = reason === undefined ? 'Enabled' : 'Error';
      return { id, status, reason, size: pool.space.usable, bound: pool.bound };
    }
    return { ...none, status: 'Error', reason: 'its interface is not served' };
  }
}
