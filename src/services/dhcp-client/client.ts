import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import { formatIpv4, type Ipv4, type Mac } from '../../base/ip.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  AddressPlanner,
  Link,
  PacketTaps,
  Processes,
  ProcessIdentity,
} from '../../os/ports.ts';
import { Attachment } from '../client-programs/attachment.ts';
import { takeClient } from '../client-programs/earlier.ts';
import type { HookMessage, Launch } from '../client-programs/program.ts';
import type { RosterClient } from '../client-programs/roster.ts';
import { Runner } from '../client-programs/runner.ts';
import { statusOf } from '../client-programs/status.ts';
import type { ClientConfig, ClientObserved } from './config.ts';
import {
  judgeLease,
  type Lease,
  type RawLease,
  resolversOf,
  type Surroundings,
  searchDomainsOf,
} from './lease.ts';
import { type ClientEvent, type ClientState, deadlineMs, INITIAL, step } from './machine.ts';
import { type ClientRecord, validLease } from './record.ts';
import { udhcpc } from './udhcpc.ts';
import { look, NOTHING_SEEN, type WireView } from './wire.ts';

export interface ClientDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly processes: Processes;
  readonly taps: PacketTaps;
  readonly planner: AddressPlanner;
  readonly udhcpc: string;
  /** Path of the plugin for this client; unique to it, so it also marks its processes. */
  readonly hook: string;
  readonly bootId: string;
  linkOf(ifName: string): Link | undefined;
  surroundings(ifName: string): Surroundings;
  save(record: ClientRecord): Promise<Result<void, SystemError>>;
  argumentsOf(process: ProcessIdentity): readonly string[];
  /** Something observable changed. */
  changed(): void;
}

/** How long the hook may stay silent about an ACK that was seen on the wire. */
const HOOK_GRACE_MS = 1000;
/** A renewal that was not answered by then may be asked for again. */
const ASKING_MS = 10_000;

/** It is started by arguments alone. */
const readNothing = (): undefined => undefined;

/** One `Device.DHCPv4.Client.{i}.`: runs its machine and its process. */
export class Client implements RosterClient<ClientConfig, ClientRecord> {
  readonly #deps: ClientDeps;
  readonly #log: Log;
  #config: ClientConfig;
  #state: ClientState = INITIAL;
  readonly #runner: Runner;
  readonly #attachment: Attachment;
  #view: WireView = NOTHING_SEEN;
  #lastAddress: Ipv4 | undefined;
  /** The client that an earlier daemon started: what it spooled counts, though it may be dead by now. */
  #formerPid: number | undefined;
  /** CLOCK_BOOTTIME of the renewal that is under way. */
  #askedAtMs: number | undefined;
  #remarks: readonly string[] = [];
  #trouble: string | undefined;
  #restarts = 0;
  #timer: Timer | undefined;
  #grace: Timer | undefined;
  #onEnded: (() => void)[] = [];

  constructor(deps: ClientDeps, config: ClientConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#log = deps.log.child({ client: config.id, interface: config.ifName });
    this.#runner = new Runner({
      clock: deps.clock,
      log: this.#log,
      processes: deps.processes,
      program: udhcpc,
      file: deps.udhcpc,
      arguments: () => this.#wanted()?.args,
      mayRelease: () => this.#state.held !== undefined,
      started: () => {
        this.#askedAtMs = undefined;
        this.#dispatch({ type: 'restarted' });
        void this.#save();
      },
      exited: (unwanted) => {
        if (unwanted) this.#restarts++;
        this.#dispatch({ type: 'restarted' });
      },
      over: () => this.#ended(),
    });
    this.#attachment = new Attachment({ ...deps, log: this.#log, filter: 'dhcp4' });
  }

  get config(): ClientConfig {
    return this.#config;
  }

  /**
   * Takes up what an earlier daemon left: its lease, and of the processes that are `running` with
   * this hook the one that serves it with the arguments wanted today.
   */
  recover(record: ClientRecord | undefined, running: readonly ProcessIdentity[]): void {
    const { clock, bootId } = this.#deps;
    this.#lastAddress = record?.lastAddress;
    this.#formerPid = record?.process?.pid;
    this.#askedAtMs = record?.bootId === bootId ? record.askedAtMs : undefined;
    const lease = record === undefined ? undefined : validLease(record, bootId, clock.boottimeMs());
    const wanted = this.#wanted();
    const earlier = takeClient(
      { ...this.#deps, log: this.#log },
      {
        ...{ running, known: record?.process, file: this.#deps.udhcpc, end: udhcpc.end },
        fits: (args) => wanted !== undefined && udhcpc.same(args, wanted, readNothing),
      },
    );
    if (earlier !== undefined) {
      this.#watch();
      this.#runner.adopt(earlier.child, earlier.args);
    }
    if (lease !== undefined) {
      const clientAlive = earlier !== undefined;
      this.#dispatch({ type: 'recovered', lease, clientAlive });
    }
  }

  configure(config: ClientConfig): void {
    const before = this.#config;
    this.#config = config;
    this.linkChanged();
    const wanted = this.#wanted();
    if (this.#runner.identity !== undefined && wanted !== undefined) {
      const same = udhcpc.same(this.#runner.runningArguments, wanted, readNothing);
      if (!same) this.#runner.tell({ type: 'restart' });
    }
    const { held } = this.#state;
    if (!config.enable && this.#runner.state === 'Off' && held !== undefined) this.#ended();
    const replan =
      before.routeMetric !== config.routeMetric || before.useResolvers !== config.useResolvers;
    if (held !== undefined && replan) this.#install(held);
    this.#deps.changed();
  }

  /** Looks at the link again; called at every change of links. */
  linkChanged(): void {
    const { ifName, enable } = this.#config;
    if (!enable || ifName === undefined) {
      this.#runner.tell({ type: 'stop', release: true });
      return;
    }
    const { link, lost, cameBack } = this.#attachment.look(ifName);
    if (lost) {
      // The address went with the interface; another one by the same name starts from nothing.
      if (this.#state.held !== undefined) this.#dispatch({ type: 'stop' });
      this.#runner.tell({ type: 'gone' });
    }
    if (link === undefined) return;
    const running = this.#runner.identity !== undefined;
    this.#watch();
    // On a link that is down the first DISCOVER would only be lost, and the next comes seconds later.
    if (link.adminUp) this.#runner.tell({ type: 'start' });
    // After the cable came back it may be another network (RFC 2131 §3.7): the client starts over,
    // asking for the address that it keeps meanwhile. A unicast renewal would wait for an ARP
    // answer that is often lost in the first moments.
    if (running && cameBack) this.#runner.tell({ type: 'restart' });
  }

  /** `Renew()`: asks the server now. An error when there is nothing to ask with. */
  async renew(): Promise<Result<void, string>> {
    if (!this.#config.enable) return err('the client is disabled; set Enable to true first');
    if (!this.#runner.heard) return err('the client is not running yet');
    await this.#ask();
    return ok(undefined);
  }

  /** What the hook says. Resolves when it is carried out and on disk; false when it is not this client's. */
  async hook(message: HookMessage): Promise<boolean> {
    const { clientPid } = message;
    if (clientPid !== this.#runner.identity?.pid && clientPid !== this.#formerPid) return false;
    if (clientPid === this.#runner.identity?.pid) this.#runner.hear();
    switch (message.event) {
      case 'bound':
      case 'renew': {
        const raw = udhcpc.translate(message, readNothing);
        // From the spool comes what may have been carried out already.
        const { held } = this.#state;
        if (held !== undefined && message.boottimeMs <= held.receivedAtMs) break;
        if (raw.ok) this.#take(raw.value);
        else this.#refuse(raw.error);
        break;
      }
      case 'nak':
        this.#dispatch({ type: 'nak' });
        break;
      case 'deconfig':
        this.#dispatch({ type: 'deconfig' });
        break;
      case 'leasefail':
        this.#remark('no DHCP server answers');
        break;
      default:
        return false;
    }
    await this.#save();
    return true;
  }

  /** Ends the client, gives the lease back, and takes the address away; then nothing is left of it. */
  async remove(): Promise<void> {
    this.#config = { ...this.#config, enable: false };
    const ended = new Promise<void>((resolve) => this.#onEnded.push(resolve));
    this.#runner.tell({ type: 'stop', release: true });
    if (this.#runner.state === 'Off') this.#ended();
    await ended;
    await this.close();
  }

  /** Lets go of everything; process, address and routes stay for the next daemon. */
  async close(): Promise<void> {
    for (const timer of [this.#timer, this.#grace]) timer?.cancel();
    this.#runner.close();
    await this.#attachment.close();
  }

  get observed(): ClientObserved {
    const { held } = this.#state;
    const { enable, ifName } = this.#config;
    return {
      id: this.#config.id,
      ...statusOf({
        ...{ enable, ifName, remarks: this.#remarks },
        absent: this.#runner.state === 'Absent',
        carrier: this.#attachment.carrier,
        trouble: this.#runner.trouble ?? this.#trouble,
      }),
      dhcpStatus: this.#state.name,
      lease: held === undefined ? undefined : this.#observedLease(held),
      counts: this.#view.counts,
      pid: this.#runner.identity?.pid,
      restarts: this.#restarts,
    };
  }

  #observedLease(held: Lease): NonNullable<ClientObserved['lease']> {
    const { clock } = this.#deps;
    const shift = clock.monoMs() - clock.boottimeMs() + held.receivedAtMs;
    return {
      address: held.address,
      prefixLen: held.prefixLen,
      routers: held.routers,
      dnsServers: held.dnsServers,
      domain: held.domain,
      server: held.server,
      leaseSec: held.leaseSec,
      expiresAtMs: shift + held.leaseSec * 1000,
      t1AtMs: shift + held.t1Sec * 1000,
      t2AtMs: shift + held.t2Sec * 1000,
      options: held.options,
    };
  }

  // ---- the two machines ----------------------------------------------------------------------

  #dispatch(event: ClientEvent): void {
    const before = this.#state;
    const { state, effects } = step(before, event, this.#deps.clock.boottimeMs());
    this.#state = state;
    if (before.name !== state.name) {
      this.#log.info({ event: event.type }, `${before.name} → ${state.name}`);
    }
    for (const effect of effects) {
      if (effect.type === 'install') this.#install(effect.lease);
      else if (effect.type === 'remove') this.#uninstall();
      else if (effect.type === 'renew') void this.#ask();
      else this.#runner.tell({ type: 'restart' });
    }
    this.#arm();
    this.#deps.changed();
  }

  #arm(): void {
    this.#timer?.cancel();
    const { clock } = this.#deps;
    const wait = Math.max(0, deadlineMs(this.#state) - clock.boottimeMs());
    this.#timer = clock.after(wait, () => {
      this.#dispatch({ type: 'time' });
      void this.#save();
    });
  }

  // ---- the process ---------------------------------------------------------------------------

  #wanted(): Launch | undefined {
    const { ifName, enable } = this.#config;
    if (!enable || ifName === undefined) return undefined;
    const { hook } = this.#deps;
    const lastAddress = this.#lastAddress;
    return udhcpc.launch({ config: { ...this.#config, ifName }, hook, lastAddress });
  }

  /** The process is gone for good, or its interface is: so is the address. */
  #ended(): void {
    this.#grace?.cancel();
    this.#remarks = [];
    this.#trouble = undefined;
    this.#dispatch({ type: 'stop' });
    void this.#attachment.close();
    void this.#save().then(() => {
      for (const resolve of this.#onEnded.splice(0)) resolve();
    });
  }

  /**
   * Has the client ask for renewal. A second signal during a renewal would make udhcpc start over
   * with a DISCOVER, so none is sent while one is under way; that is on disk before the signal,
   * because a daemon that starts in the middle of it must know.
   */
  async #ask(): Promise<void> {
    const now = this.#deps.clock.boottimeMs();
    if (this.#askedAtMs !== undefined && now < this.#askedAtMs + ASKING_MS) return;
    this.#askedAtMs = this.#state.held === undefined ? undefined : now;
    await this.#save();
    this.#runner.nudge();
  }

  // ---- the wire ------------------------------------------------------------------------------

  #watch(): void {
    const link = this.#deps.linkOf(this.#config.ifName ?? '');
    if (link?.mac === undefined) return;
    const { mac } = link;
    this.#attachment.watch(link, (frame, outgoing) => this.#passed(frame, outgoing, mac));
  }

  #passed(frame: Uint8Array, outgoing: boolean, mac: Mac): void {
    const now = this.#deps.clock.boottimeMs();
    const { view, seen } = look(this.#view, frame, outgoing, mac, now);
    this.#view = view;
    if (seen === undefined) return;
    if (seen.type === 'ack') this.#expectHook(seen.raw);
    else {
      if (outgoing) this.#runner.hear();
      if (seen.type === 'request' && seen.renewal !== 'none') this.#askedAtMs = now;
      this.#dispatch(seen);
    }
    if (seen.type === 'release') this.#runner.released();
  }

  /** udhcpc sometimes takes an ACK without calling its hook; then the ACK itself is taken. */
  #expectHook(raw: RawLease): void {
    this.#runner.tell({ type: 'healthy' });
    this.#grace?.cancel();
    this.#grace = this.#deps.clock.after(HOOK_GRACE_MS, () => {
      this.#log.info({ address: formatIpv4(raw.address) }, 'the hook was silent about an ACK');
      this.#take(raw);
      void this.#save();
    });
  }

  // ---- the lease -----------------------------------------------------------------------------

  #take(raw: RawLease): void {
    this.#grace?.cancel();
    const judged = judgeLease(raw, this.#deps.surroundings(this.#config.ifName ?? ''));
    if (!judged.ok) {
      this.#refuse(judged.error);
      return;
    }
    this.#trouble = undefined;
    this.#askedAtMs = undefined;
    const { lease, remarks } = judged.value;
    for (const remark of remarks) {
      if (!this.#remarks.includes(remark)) this.#log.warn({ remark }, 'lease clamped');
    }
    this.#remarks = remarks;
    this.#lastAddress = lease.address;
    this.#runner.tell({ type: 'healthy' });
    this.#dispatch({ type: 'lease', lease });
  }

  #refuse(reason: string): void {
    this.#trouble = reason;
    this.#log.error({ reason }, 'lease refused');
    this.#deps.changed();
  }

  #remark(text: string): void {
    if (this.#remarks.includes(text)) return;
    this.#remarks = [...this.#remarks, text];
    this.#log.warn({}, text);
    this.#deps.changed();
  }

  #install(lease: Lease): void {
    const { id, ifName, routeMetric, useResolvers } = this.#config;
    if (ifName === undefined) return;
    const errors = this.#deps.planner.set(id, {
      ifName,
      address: lease.address,
      prefixLen: lease.prefixLen,
      broadcast: lease.broadcast,
      routes: lease.routes,
      metric: routeMetric,
      mtu: lease.mtu,
      resolvers: useResolvers ? resolversOf(lease) : [],
      searchDomains: useResolvers ? searchDomainsOf(lease) : [],
    });
    const [first] = errors;
    this.#trouble = first?.message;
    for (const error of errors) {
      this.#log.error({ code: error.code }, `lease not fully applied: ${error.message}`);
    }
    this.#log.info(
      { address: formatIpv4(lease.address), seconds: lease.leaseSec },
      'lease applied',
    );
  }

  #uninstall(): void {
    for (const error of this.#deps.planner.set(this.#config.id, undefined)) {
      this.#log.error({ code: error.code }, `lease not fully removed: ${error.message}`);
    }
    this.#log.info({}, 'address removed');
  }

  async #save(): Promise<void> {
    const { clock, bootId } = this.#deps;
    const { held } = this.#state;
    const left = held === undefined ? 0 : held.receivedAtMs + held.leaseSec * 1000;
    const saved = await this.#deps.save({
      bootId,
      ifName: this.#config.ifName ?? '',
      lease: held,
      wallExpiresAtMs: held === undefined ? 0 : clock.wallMs() + left - clock.boottimeMs(),
      lastAddress: this.#lastAddress,
      process: this.#runner.identity,
      askedAtMs: this.#askedAtMs,
    });
    if (!saved.ok) {
      this.#log.error({ code: saved.error.code }, `lease not stored: ${saved.error.message}`);
    }
  }
}
