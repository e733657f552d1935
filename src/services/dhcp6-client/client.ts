import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import { isIfName } from '../../base/if-name.ts';
import { formatIpv6, formatPrefix6, type Ipv6, type Ipv6Prefix } from '../../base/ip6.ts';
import type { Log } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type {
  Address6Planner,
  Link,
  PacketTaps,
  Processes,
  ProcessIdentity,
} from '../../os/ports.ts';
import { Attachment } from '../client-programs/attachment.ts';
import { takeClient } from '../client-programs/earlier.ts';
import type { HookMessage, Launch, ReadFile } from '../client-programs/program.ts';
import type { RosterClient } from '../client-programs/roster.ts';
import { Runner } from '../client-programs/runner.ts';
import { statusOf } from '../client-programs/status.ts';
import type { Client6Config, Client6Observed } from './config.ts';
import { factsOf } from './facts.ts';
import { type Held, keyOfIa, type RawReply } from './lease.ts';
import { type ClientEvent6, type ClientState6, deadline6Ms, INITIAL6, step6 } from './machine.ts';
import { addressIaid, type Program6, prefixIaid, type Wish6, withIaids } from './program.ts';
import { type Client6Record, stillHeld } from './record.ts';
import { look6, NOTHING_SEEN6, type WireView6 } from './wire.ts';

export interface Client6Deps {
  readonly clock: Clock;
  readonly log: Log;
  readonly processes: Processes;
  readonly taps: PacketTaps;
  readonly planner: Address6Planner;
  /** Undefined when no client program is installed. */
  readonly program: { readonly face: Program6; readonly file: string } | undefined;
  /** The daemon runs as root, which it does in development alone. */
  readonly asRoot: boolean;
  /** Path of the plugin for this client. */
  readonly hook: string;
  /** The client's own folder; unique to it, so it also marks its processes. */
  readonly folder: string;
  readonly duid: Uint8Array;
  readonly bootId: string;
  linkOf(ifName: string): Link | undefined;
  /** The interface's own link-local address, past duplicate detection. */
  linkLocalOf(ifName: string): Ipv6 | undefined;
  /** Text of a file in the client's folder. */
  readonly read: ReadFile;
  /** Puts the files of a start in place. */
  prepare(launch: Launch): Result<void, SystemError>;
  save(record: Client6Record): Promise<Result<void, SystemError>>;
  argumentsOf(process: ProcessIdentity): readonly string[];
  /** Something observable changed. */
  changed(): void;
}

/** What the hook tells so soon after an answer on the wire is that answer, with less in it. */
const SAME_ANSWER_MS = 2000;
/** A server that contradicts itself all the time makes the program start anew no more often. */
const RESTART_PAUSE_MS = 5000;

/** One `Device.DHCPv6.Client.{i}.`: runs its machine and its process. */
export class Client6 implements RosterClient<Client6Config, Client6Record> {
  readonly #deps: Client6Deps;
  readonly #log: Log;
  readonly #runner: Runner;
  #config: Client6Config;
  #state: ClientState6 = INITIAL6;
  readonly #attachment: Attachment;
  #view: WireView6 = NOTHING_SEEN6;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  readonly #lastAddresses = new Map<number, Ipv6>();
  readonly #lastPrefixes = new Map<number, Ipv6Prefix>();
  /** The client that an earlier daemon started: what it spooled counts, though it may be dead by now. */
  #formerPid: number | undefined;
  #remarks: readonly string[] = [];
  #trouble: string | undefined;
  #restarts = 0;
  #restartedAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #pause: Timer | undefined;
  #onEnded: (() => void)[] = [];
  readonly #bornMs: number;

  constructor(deps: Client6Deps, config: Client6Config) {
    this.#deps = deps;
    this.#config = config;
    this.#bornMs = deps.clock.boottimeMs();
    this.#log = deps.log.child({ client: config.id, interface: config.ifName });
    const { renew, release, releaseMs, end } = deps.program?.face ?? NO_PROGRAM;
    this.#runner = new Runner({
      clock: deps.clock,
      log: this.#log,
      processes: deps.processes,
      program: { renew, release, releaseMs, end },
      file: deps.program?.file ?? '',
      arguments: () => this.#prepared(),
      mayRelease: () => this.#state.held !== undefined,
      started: () => {
        this.#dispatch({ type: 'restarted' });
        void this.#save();
      },
      exited: (unwanted) => {
        if (unwanted) this.#restarts++;
        this.#dispatch({ type: 'restarted' });
      },
      over: () => this.#ended(),
    });
    this.#attachment = new Attachment({ ...deps, log: this.#log, filter: 'dhcp6' });
  }

  get config(): Client6Config {
    return this.#config;
  }

  get held(): Held | undefined {
    return this.#state.held;
  }

  /**
   * Takes up what an earlier daemon left: what it held, and of the processes that are `running` in
   * this folder the one that serves it as wanted today.
   */
  recover(record: Client6Record | undefined, running: readonly ProcessIdentity[]): void {
    const { clock, bootId, program, read } = this.#deps;
    for (const [iaid, address] of record?.lastAddresses ?? []) {
      this.#lastAddresses.set(iaid, address);
    }
    for (const [iaid, prefix] of record?.lastPrefixes ?? []) this.#lastPrefixes.set(iaid, prefix);
    this.#formerPid = record?.process?.pid;
    if (record?.bootId === bootId) this.#answeredAtMs = record.answeredAtMs;
    const wanted = this.#launch();
    const earlier =
      program &&
      takeClient(
        { ...this.#deps, log: this.#log },
        {
          ...{ running, known: record?.process, file: program.file, end: program.face.end },
          fits: (args) => wanted !== undefined && program.face.same(args, wanted, read),
        },
      );
    if (earlier !== undefined) {
      this.#watch();
      this.#runner.adopt(earlier.child, earlier.args);
    }
    const held = record === undefined ? undefined : stillHeld(record, bootId, clock.boottimeMs());
    if (held !== undefined) {
      const clientAlive = earlier !== undefined;
      this.#dispatch({ type: 'recovered', held, clientAlive });
      // It was to be renewed meanwhile, and nobody saw what came of it.
      if (clientAlive && clock.boottimeMs() >= held.t1AtMs) this.#restart();
    }
  }

  configure(config: Client6Config): void {
    const before = this.#config;
    this.#config = config;
    const ias = this.#unwanted();
    if (ias.length > 0) this.#dispatch({ type: 'unwanted', ias });
    this.linkChanged();
    const wanted = this.#launch();
    const { program, read } = this.#deps;
    if (this.#runner.identity !== undefined && wanted !== undefined && program !== undefined) {
      const same = program.face.same(this.#runner.runningArguments, wanted, read);
      if (!same) this.#runner.tell({ type: 'restart' });
    }
    const { held } = this.#state;
    if (!config.enable && this.#runner.state === 'Off' && held !== undefined) this.#ended();
    if (held !== undefined && before.useResolvers !== config.useResolvers) this.#install();
    this.#deps.changed();
  }

  /** Looks at the link again; called at every change of links and addresses. */
  linkChanged(): void {
    const { ifName, enable } = this.#config;
    if (!enable || ifName === undefined || this.#blocked !== undefined) {
      this.#runner.tell({ type: 'stop', release: true });
      return;
    }
    const { link, lost, cameBack } = this.#attachment.look(ifName);
    if (lost) {
      // The addresses went with the interface; another one by the same name starts from nothing.
      if (this.#state.held !== undefined) this.#dispatch({ type: 'stop' });
      this.#runner.tell({ type: 'gone' });
    }
    if (link === undefined) return;
    const running = this.#runner.identity !== undefined;
    this.#watch();
    // It speaks from the link-local address, which must be past duplicate detection.
    const ready = link.adminUp && link.carrier && this.#deps.linkLocalOf(ifName) !== undefined;
    if (ready) this.#runner.tell({ type: 'start' });
    // After the cable came back it may be another network (RFC 8415 §18.2.12): what is held is asked for anew.
    if (running && cameBack) this.#runner.tell({ type: 'restart' });
  }

  /** `Renew()`: asks the server now. An error when there is nothing to ask with. */
  renew(): Result<void, string> {
    if (!this.#config.enable) return err('the client is disabled; set Enable to true first');
    if (!this.#runner.heard) return err('the client is not running yet');
    this.#runner.nudge();
    return ok(undefined);
  }

  /** What the hook says. Resolves when it is carried out and on disk; false when it is not this client's. */
  async hook(message: HookMessage): Promise<boolean> {
    const { clientPid, boottimeMs } = message;
    const { program, read } = this.#deps;
    if (program === undefined) return false;
    if (clientPid !== this.#runner.identity?.pid && clientPid !== this.#formerPid) return false;
    if (clientPid === this.#runner.identity?.pid) this.#runner.hear();
    const said = program.face.translate(message, read);
    if (!said.ok) {
      this.#remark([said.error]);
    } else if (said.value !== undefined && boottimeMs > this.#answeredAtMs + SAME_ANSWER_MS) {
      this.#log.info({ event: message.event }, 'an answer that was not seen on the wire');
      this.#take(withIaids(said.value, this.#config));
      // Told while no daemon listened, and less than the answer said: it is asked for again.
      if (boottimeMs < this.#bornMs) this.#restart();
    }
    await this.#save();
    return true;
  }

  /** Ends the client and gives back what it holds; then nothing is left of it. */
  async remove(): Promise<void> {
    this.#config = { ...this.#config, enable: false };
    const ended = new Promise<void>((resolve) => this.#onEnded.push(resolve));
    this.#runner.tell({ type: 'stop', release: true });
    if (this.#runner.state === 'Off') this.#ended();
    await ended;
    await this.close();
  }

  /** Lets go of everything; process and addresses stay for the next daemon. */
  async close(): Promise<void> {
    for (const timer of [this.#timer, this.#pause]) timer?.cancel();
    this.#runner.close();
    await this.#attachment.close();
  }

  get observed(): Client6Observed {
    const { enable, ifName, id } = this.#config;
    return {
      ...{ id, ifName, state: this.#state.name, lease: this.#state.held },
      facts: factsOf(this.#state.held?.options ?? []),
      ...statusOf({
        ...{ enable, ifName, remarks: this.#remarks },
        absent: this.#runner.state === 'Absent',
        carrier: this.#attachment.carrier,
        trouble: this.#runner.trouble ?? this.#trouble ?? (enable ? this.#blocked : undefined),
      }),
      ...{ counts: this.#view.counts, pid: this.#runner.identity?.pid, restarts: this.#restarts },
    };
  }

  // ---- the machine ---------------------------------------------------------------------------

  #dispatch(event: ClientEvent6): void {
    const before = this.#state;
    const { state, restartClient, remarks } = step6(before, event, this.#deps.clock.boottimeMs());
    this.#state = state;
    if (before.name !== state.name) {
      this.#log.info({ event: event.type }, `${before.name} → ${state.name}`);
    }
    if (event.type === 'reply') this.#remark(remarks);
    if (state.held !== before.held) this.#install();
    if (restartClient) this.#restart();
    this.#arm();
    this.#deps.changed();
  }

  #arm(): void {
    this.#timer?.cancel();
    const { clock } = this.#deps;
    const wait = Math.max(0, deadline6Ms(this.#state) - clock.boottimeMs());
    this.#timer = clock.after(wait, () => {
      this.#dispatch({ type: 'time' });
      void this.#save();
    });
  }

  #take(reply: RawReply): void {
    this.#answeredAtMs = reply.receivedAtMs;
    this.#trouble = undefined;
    this.#runner.tell({ type: 'healthy' });
    this.#dispatch({ type: 'reply', reply });
  }

  // ---- the process ---------------------------------------------------------------------------

  /** Why it cannot run at all, for people. */
  get #blocked(): string | undefined {
    const { program, asRoot } = this.#deps;
    if (program === undefined) return 'no DHCPv6 client program is installed';
    const { ifName = '' } = this.#config;
    // It goes into a file of the program's.
    if (ifName !== '' && !isIfName(ifName)) return 'the interface has an unusual name';
    return asRoot ? program.face.rootHarm : undefined;
  }

  #launch(): Launch | undefined {
    const { program, hook, folder, duid } = this.#deps;
    const { ifName, enable } = this.#config;
    if (!enable || ifName === undefined || this.#blocked !== undefined) return undefined;
    const wish: Wish6 = {
      ...{ config: { ...this.#config, ifName }, hook, folder, duid },
      ...{ lastAddresses: this.#lastAddresses, lastPrefixes: this.#lastPrefixes },
    };
    return program?.face.launch(wish);
  }

  /** The arguments, with the files that they name in place. */
  #prepared(): readonly string[] | undefined {
    const launch = this.#launch();
    if (launch === undefined) return undefined;
    const done = this.#deps.prepare(launch);
    if (!done.ok) {
      this.#trouble = done.error.message;
      this.#log.error({ code: done.error.code }, done.error.message);
    }
    return launch.args;
  }

  #restart(): void {
    const { clock } = this.#deps;
    const wait = this.#restartedAtMs + RESTART_PAUSE_MS - clock.boottimeMs();
    this.#pause?.cancel();
    this.#pause = clock.after(Math.max(0, wait), () => {
      this.#restartedAtMs = clock.boottimeMs();
      this.#runner.tell({ type: 'restart' });
    });
  }

  /** The process is gone for good, or its interface is: so is what it held. */
  #ended(): void {
    this.#pause?.cancel();
    this.#remarks = [];
    this.#trouble = undefined;
    this.#dispatch({ type: 'stop' });
    void this.#attachment.close();
    void this.#save().then(() => {
      for (const resolve of this.#onEnded.splice(0)) resolve();
    });
  }

  // ---- the wire ------------------------------------------------------------------------------

  #watch(): void {
    const link = this.#deps.linkOf(this.#config.ifName ?? '');
    if (link === undefined) return;
    this.#attachment.watch(link, (frame, outgoing) => this.#passed(frame, outgoing));
  }

  #passed(frame: Uint8Array, outgoing: boolean): void {
    const { clock, duid } = this.#deps;
    const { view, seen } = look6(this.#view, frame, outgoing, duid, clock.boottimeMs());
    this.#view = view;
    if (seen === undefined) return;
    if (outgoing) this.#runner.hear();
    if (seen.type === 'reply') {
      this.#take(seen.reply);
      void this.#save();
    } else this.#dispatch(seen);
    if (seen.type === 'release') this.#runner.released();
  }

  // ---- what is held --------------------------------------------------------------------------

  /** IAs that are held and no longer asked for. */
  #unwanted(): readonly string[] {
    const { held } = this.#state;
    const { requestAddresses, prefixHints } = this.#config;
    const iaids = new Set([
      ...(requestAddresses ? [addressIaid(this.#config)] : []),
      ...prefixHints.map((_hint, place) => prefixIaid(this.#config, place)),
    ]);
    // A program that numbers its IAs by itself starts at 1, below all of ours.
    const asked = (iaid: number, some: boolean) =>
      iaid < addressIaid(this.#config) ? some : iaids.has(iaid);
    return [
      ...(held?.addresses ?? []).filter(({ iaid }) => !asked(iaid, requestAddresses)),
      ...(held?.prefixes ?? []).filter(({ iaid }) => !asked(iaid, prefixHints.length > 0)),
    ].map(keyOfIa);
  }

  #install(): void {
    const { id, ifName, useResolvers } = this.#config;
    const { held } = this.#state;
    for (const { iaid, address } of held?.addresses ?? []) this.#lastAddresses.set(iaid, address);
    for (const { iaid, prefix } of held?.prefixes ?? []) this.#lastPrefixes.set(iaid, prefix);
    const errors = this.#deps.planner.set6(
      id,
      held === undefined || ifName === undefined
        ? undefined
        : {
            addresses: held.addresses.map(({ address, preferredUntilMs, validUntilMs }) => ({
              // What is on the link beside it routers tell, not DHCPv6 (RFC 5942).
              ...{ ifName, address, prefixLen: HOST, preferredUntilMs, validUntilMs },
            })),
            unreachable: held.prefixes
              .map(({ prefix }) => prefix)
              .filter(({ prefixLen }) => prefixLen < SUBNET_BITS),
            resolvers: useResolvers ? held.dnsServers : [],
            searchDomains: useResolvers ? held.domains : [],
          },
    );
    this.#trouble = errors[0]?.message;
    for (const error of errors) {
      this.#log.error({ code: error.code }, `not fully applied: ${error.message}`);
    }
    this.#log.info(
      {
        addresses: (held?.addresses ?? []).map(({ address }) => formatIpv6(address)),
        prefixes: (held?.prefixes ?? []).map(({ prefix }) => formatPrefix6(prefix)),
      },
      held === undefined ? 'nothing held' : 'held',
    );
  }

  #remark(remarks: readonly string[]): void {
    for (const remark of remarks) {
      if (!this.#remarks.includes(remark)) this.#log.warn({ remark }, 'part of an answer refused');
    }
    this.#remarks = remarks;
  }

  async #save(): Promise<void> {
    const saved = await this.#deps.save({
      ...{ bootId: this.#deps.bootId, ifName: this.#config.ifName ?? '', held: this.#state.held },
      ...{ answeredAtMs: this.#answeredAtMs, process: this.#runner.identity },
      ...{ lastAddresses: [...this.#lastAddresses], lastPrefixes: [...this.#lastPrefixes] },
    });
    if (!saved.ok) {
      this.#log.error({ code: saved.error.code }, `lease not stored: ${saved.error.message}`);
    }
  }
}

const HOST = 128 as Ipv6Prefix['prefixLen'];
const SUBNET_BITS = 64;

/** Nothing is started where no program is. */
const NO_PROGRAM = { renew: 'restart', release: 'SIGTERM', releaseMs: 0, end: 'SIGKILL' } as const;
