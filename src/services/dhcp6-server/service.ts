/** Runs the DHCPv6 server and the router advertisements: frames in, whole frames out, bindings on disk before their REPLY. */
import type { Clock, Timer } from '../../base/clock.ts';
import { crc32 } from '../../base/crc32.ts';
import type { SystemError } from '../../base/errors.ts';
import { formatMac, type Mac, macBytes } from '../../base/ip.ts';
import {
  contains6,
  type Ipv6,
  type Ipv6Prefix,
  isLinkLocal,
  isMulticast6,
} from '../../base/ip6.ts';
import { AnswerCounts, TokenBucket } from '../../base/limits.ts';
import type { Log } from '../../base/log.ts';
import { ok, type Result } from '../../base/result.ts';
import type { FramePort, FramePorts, Link, Store, StoreChange } from '../../os/ports.ts';
import {
  CLIENT_PORT6,
  DHCP6,
  type Dhcp6Packet,
  decodeDhcp6,
  encodeDhcp6,
  SERVER_PORT6,
} from '../../wire/dhcp6.ts';
import { OPTION6 } from '../../wire/dhcp6-options.ts';
import { decodeUdp6, encodeUdp6, type Udp6 } from '../../wire/udp6.ts';
import { Advertiser } from './advertiser.ts';
import { type Binding, Bindings, bindingKey } from './bindings.ts';
import type {
  AdvertiseConfig,
  Dhcp6ServerConfig,
  Dhcp6ServerObserved,
  Pool6Report,
  Segment6Config,
  Server6Counts,
} from './config.ts';
import { answer, type BindingChange, type Outcome, type World } from './machine.ts';
import { BINDING_PREFIX, decodeBinding, encodeBinding } from './record.ts';
import { type ClientRequest, readRequest } from './request.ts';

export interface Dhcp6ServerDeps {
  readonly framePorts: FramePorts;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly bootId: string;
  randomBytes(count: number): Uint8Array;
  linkOf(ifName: string): Link | undefined;
  /** The interface's own link-local address, past duplicate detection. */
  linkLocalOf(ifName: string): Ipv6 | undefined;
  /** The owner's rules; `macs` is empty where nobody knows the client's. */
  allowed(segment: string, macs: readonly Mac[]): boolean;
  /** Delegated prefixes lead to their routers: all of them, whenever one changes. */
  setRoutes(routes: readonly DelegatedRoute[]): void;
  report(observed: Dhcp6ServerObserved): void;
}

export interface DelegatedRoute {
  readonly prefix: Ipv6Prefix;
  readonly via: Ipv6;
  readonly ifName: string;
}

const DUID_KEY = 'dhcp6-server/duid';
/** RFC 6355. */
const DUID_UUID = 4;
const MAX_BINDINGS = 16_384;
/** Answers that wait for the disk. */
const MAX_HELD = 1024;
const REPORT_MS = 50;
/** Leases that ended are looked for so often. */
const LOOK_MS = 60_000;

interface Port {
  readonly port: FramePort;
  readonly ifIndex: number;
  readonly newcomers: TokenBucket;
  readonly guardPerSec: number;
}

/** Where a message came from, and where its answer goes. */
interface Origin {
  readonly port: Port;
  readonly segment: Segment6Config;
  readonly udp: Udp6;
  readonly packet: Dhcp6Packet;
}

const COUNT_OF: ReadonlyMap<number, keyof Server6Counts> = new Map([
  [DHCP6.SOLICIT, 'solicit'],
  [DHCP6.REQUEST, 'request'],
  [DHCP6.CONFIRM, 'confirm'],
  [DHCP6.RENEW, 'renew'],
  [DHCP6.REBIND, 'rebind'],
  [DHCP6.RELEASE, 'release'],
  [DHCP6.DECLINE, 'decline'],
  [DHCP6.INFORMATION_REQUEST, 'informationRequest'],
]);

export class Dhcp6ServerService implements AsyncDisposable {
  readonly #deps: Dhcp6ServerDeps;
  readonly #bindings = new Bindings(MAX_BINDINGS);
  readonly #ports = new Map<string, Port>();
  readonly #advertisers = new Map<string, Advertiser>();
  readonly #counts: { -readonly [K in keyof Server6Counts]: number } = {
    ...{ solicit: 0, advertise: 0, request: 0, confirm: 0, renew: 0, rebind: 0, reply: 0 },
    ...{ release: 0, decline: 0, informationRequest: 0, relayForward: 0, relayReply: 0 },
    ...{ discarded: 0, transmitFailure: 0, refused: 0, limited: 0, notDurable: 0 },
  };
  #config: Dhcp6ServerConfig | undefined;
  #answers = new AnswerCounts(0);
  #serverId = new Uint8Array(0);
  #faults = new Map<string, string>();
  #storeFault: string | undefined;
  #held = 0;
  #routes = '';
  #reporting: Timer | undefined;
  #again: Timer | undefined;
  #closed = false;

  constructor(deps: Dhcp6ServerDeps) {
    this.#deps = deps;
  }

  /** Takes up the bindings of an earlier daemon, and its DUID or a new one for good. */
  async recover(): Promise<Result<void, SystemError>> {
    const { store, clock, bootId, randomBytes, log } = this.#deps;
    const now = { bootId, bootMs: clock.boottimeMs(), wallMs: clock.wallMs() };
    let unread = 0;
    for (const [key, value] of store.entries(BINDING_PREFIX)) {
      const binding = decodeBinding(value, now);
      if (binding === undefined) unread++;
      else this.#bindings.put(key.slice(BINDING_PREFIX.length), binding);
    }
    if (unread > 0) log.warn({ unread }, 'DHCPv6 bindings in the store that cannot be read');
    this.#routesChanged();
    this.#again = clock.after(LOOK_MS, () => this.#lookAgain());
    const known = store.get(DUID_KEY);
    if (known !== undefined) {
      this.#serverId = known.slice();
      return ok(undefined);
    }
    const duid = Uint8Array.of(0, DUID_UUID, ...randomBytes(16));
    // Version 4, variant of RFC 4122.
    duid[8] = ((duid[8] ?? 0) & 0x0f) | 0x40;
    duid[10] = ((duid[10] ?? 0) & 0x3f) | 0x80;
    this.#serverId = duid;
    return await store.commit([{ key: DUID_KEY, value: duid }]);
  }

  /** Makes `config` the whole truth; gives what could not be done. */
  apply(config: Dhcp6ServerConfig): readonly string[] {
    this.#config = config;
    this.#answers = new AnswerCounts(config.guard.answersPerClient);
    this.#openPorts();
    const wanted = new Map(
      config.segments.flatMap((segment) =>
        segment.advertise === undefined ? [] : [[segment.ifName, segment] as const],
      ),
    );
    for (const [ifName, advertiser] of this.#advertisers) {
      if (wanted.has(ifName)) continue;
      advertiser.cease();
      void advertiser[Symbol.asyncDispose]();
      this.#advertisers.delete(ifName);
    }
    for (const [ifName, segment] of wanted) {
      if (segment.advertise !== undefined) this.#advertise(ifName, segment, segment.advertise);
    }
    this.#reportSoon();
    return [...this.#faults.values()];
  }

  linksChanged(): void {
    if (this.#config === undefined) return;
    this.#openPorts();
    for (const advertiser of this.#advertisers.values()) advertiser.linksChanged();
  }

  get observed(): Dhcp6ServerObserved {
    const advertisers = [...this.#advertisers.values()];
    const transmitFailure =
      this.#counts.transmitFailure +
      [...this.#ports.values()].reduce((sum, { port }) => sum + port.unsent, 0);
    return {
      pools: this.#poolReports(),
      bindings: [...this.#bindings.all],
      bindingRevision: this.#bindings.revision,
      counts: { ...this.#counts, transmitFailure },
      advertisers: advertisers.map(({ report }) => report),
      rogues: advertisers.flatMap(({ rogues }) => [...rogues]),
      storeFault: this.#storeFault,
    };
  }

  /** Lets go; hosts are told nothing, since the next daemon goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#reporting?.cancel();
    this.#again?.cancel();
    for (const advertiser of this.#advertisers.values()) await advertiser[Symbol.asyncDispose]();
    for (const { port } of this.#ports.values()) await port[Symbol.asyncDispose]();
    this.#ports.clear();
  }

  #advertise(ifName: string, segment: Segment6Config, config: AdvertiseConfig): void {
    const running = this.#advertisers.get(ifName);
    if (running !== undefined) {
      running.apply(segment, config);
      return;
    }
    const { framePorts, store, clock, log, randomBytes, linkOf, linkLocalOf } = this.#deps;
    const random = (): number => {
      const [a = 0, b = 0] = randomBytes(2);
      return (a * 256 + b) / 65_536;
    };
    const changed = (): void => this.#reportSoon();
    const deps = { framePorts, store, clock, log, linkOf, linkLocalOf, random, changed };
    this.#advertisers.set(ifName, new Advertiser(deps, segment, config));
  }

  /** On a bridge its members, so that limits count by port. */
  #openPorts(): void {
    const config = this.#config;
    const wanted = new Map<string, Segment6Config>();
    this.#faults = new Map();
    for (const segment of config?.enable === true ? config.segments : []) {
      const served = config?.pools.some((pool) => pool.enable && pool.segment === segment.id);
      if (!served) continue;
      const names = segment.ports.length === 0 ? [segment.ifName] : segment.ports;
      for (const name of names) wanted.set(name, segment);
    }
    for (const [name, { port, ifIndex, guardPerSec }] of this.#ports) {
      const link = this.#deps.linkOf(name);
      const same = guardPerSec === config?.guard.newClientsPerSec;
      if (wanted.has(name) && link?.ifIndex === ifIndex && same) continue;
      void port[Symbol.asyncDispose]();
      this.#ports.delete(name);
    }
    for (const [name, segment] of wanted) {
      const link = this.#deps.linkOf(name);
      if (link === undefined || this.#ports.has(name)) continue;
      const opened = this.#deps.framePorts.open(link.ifIndex, 'dhcp6Server', {
        frame: (bytes, start, end) => this.#received(name, bytes.slice(start, end)),
      });
      if (!opened.ok) {
        this.#faults.set(segment.id, opened.error.message);
        continue;
      }
      const guardPerSec = config?.guard.newClientsPerSec ?? 0;
      const newcomers = new TokenBucket(guardPerSec);
      this.#ports.set(name, { port: opened.value, ifIndex: link.ifIndex, newcomers, guardPerSec });
    }
  }

  #received(portName: string, frame: Uint8Array): void {
    const read = this.#read(portName, frame);
    if (read === undefined) this.#counts.discarded++;
    else if (this.#withinLimits(read.request, read.origin)) this.#answer(read.request, read.origin);
    else this.#counts.limited++;
    this.#reportSoon();
  }

  /** Undefined for what is malformed or of no use to a server. */
  #read(
    portName: string,
    frame: Uint8Array,
  ): { readonly request: ClientRequest; readonly origin: Origin } | undefined {
    const port = this.#ports.get(portName);
    const here = this.#config?.segments.find(({ ifName, ports }) =>
      ports.length === 0 ? ifName === portName : ports.includes(portName),
    );
    const udp = decodeUdp6(frame);
    const packet = udp.ok ? decodeDhcp6(udp.value.payload) : udp;
    if (port === undefined || here === undefined || !udp.ok || !packet.ok) return undefined;
    const { source, destination, sourceMac } = udp.value;
    const { relays, message } = packet.value;
    const multicast = isMulticast6(destination);
    const counted = COUNT_OF.get(message.type);
    // Answers of other servers, and what nobody could be answered.
    if (counted === undefined || isMulticast6(source) || source === 0n) return undefined;
    if (relays.some(({ type }) => type !== DHCP6.RELAY_FORW)) return undefined;
    if (relays.length === 0 && multicast && !isLinkLocal(source)) return undefined;
    if (relays.length > 0) this.#counts.relayForward++;
    this.#counts[counted]++;
    const segment = this.#segmentOf(here, packet.value);
    const mac = formatMac(sourceMac);
    const request = readRequest(packet.value, { mac, source, multicast });
    if (!request.ok || segment === undefined) return undefined;
    const origin = { port, segment, udp: udp.value, packet: packet.value };
    return { request: request.value, origin };
  }

  /** By the innermost relay's link address (RFC 8415 §13.1); undefined for a link that nobody here serves. */
  #segmentOf(here: Segment6Config, { relays }: Dhcp6Packet): Segment6Config | undefined {
    const link = relays.findLast(({ linkAddress }) => linkAddress !== 0n)?.linkAddress;
    if (link === undefined || isLinkLocal(link)) return here;
    return this.#config?.segments.find(({ prefixes }) =>
      prefixes.some(({ prefix }) => contains6(prefix, link)),
    );
  }

  #withinLimits(request: ClientRequest, { port, segment }: Origin): boolean {
    const { clientId } = request;
    const nowMs = this.#deps.clock.monoMs();
    const who = clientId ?? macBytes(request.macs[0] ?? formatMac(new Uint8Array(6)));
    if (!this.#answers.take(crc32(who), nowMs)) return false;
    const known = request.ias.some((ia) => {
      const duid = clientId ?? new Uint8Array(0);
      return this.#bindings.get(bindingKey({ ...ia, segment: segment.ifName, duid })) !== undefined;
    });
    return known || request.ias.length === 0 || port.newcomers.take(nowMs);
  }

  #answer(request: ClientRequest, origin: Origin): void {
    const outcome = answer(request, this.#world(request, origin, true));
    if (outcome.silent !== undefined) this.#counts[outcome.silent]++;
    else if (outcome.changes.length === 0) this.#send(outcome, origin);
    else if (this.#held >= MAX_HELD) this.#counts.limited++;
    else void this.#commit(request, outcome, origin);
  }

  #world(request: ClientRequest, { segment }: Origin, durable: boolean): World {
    const { clock, randomBytes, allowed } = this.#deps;
    const config = this.#config;
    return {
      config: config ?? NOTHING,
      ...{ segment, durable, bindings: this.#bindings, serverId: this.#serverId },
      ...{ bootMs: clock.boottimeMs(), wallMs: clock.wallMs() },
      random64: () => randomBytes(8).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n),
      allowed: () => allowed(segment.id, request.macs),
    };
  }

  /** In memory at once, so that nobody else gets it; answered when it is on disk, taken back when it cannot be. */
  async #commit(
    request: ClientRequest,
    outcome: Extract<Outcome, { readonly silent: undefined }>,
    origin: Origin,
  ): Promise<void> {
    const { store, bootId, log } = this.#deps;
    const before = outcome.changes.map(({ key }) => ({ key, binding: this.#bindings.get(key) }));
    this.#take(outcome.changes);
    this.#held++;
    const written = await store.commit(
      outcome.changes.map(
        ({ key, binding }): StoreChange => ({
          key: `${BINDING_PREFIX}${key}`,
          value: binding === undefined ? undefined : encodeBinding(binding, bootId),
        }),
      ),
    );
    this.#held--;
    if (this.#closed) return;
    if (written.ok) {
      if (this.#storeFault !== undefined) log.info({}, 'DHCPv6 bindings are durable again');
      this.#storeFault = undefined;
      this.#routesChanged();
      this.#send(outcome, origin);
      this.#reportSoon();
      return;
    }
    // What has changed again since then stands.
    const mine = new Map(outcome.changes.map(({ key, binding }) => [key, binding]));
    this.#take(before.filter(({ key }) => this.#bindings.get(key) === mine.get(key)));
    if (this.#storeFault === undefined) {
      log.error({ code: written.error.code }, `DHCPv6 bindings: ${written.error.message}`);
    }
    this.#storeFault = written.error.message;
    this.#reportSoon();
    const less = answer(request, this.#world(request, origin, false));
    if (less.silent === undefined && less.changes.length === 0) this.#send(less, origin);
    else this.#counts.notDurable++;
  }

  #take(changes: readonly BindingChange[]): void {
    for (const { key, binding } of changes) {
      if (binding === undefined) this.#bindings.delete(key);
      else this.#bindings.put(key, binding);
    }
  }

  /** To where the request came from: the client, or the outermost relay with all relays around it (§19.3). */
  #send(outcome: Extract<Outcome, { readonly silent: undefined }>, origin: Origin): void {
    const { port, packet, udp, segment } = origin;
    const mac = this.#deps.linkOf(segment.ifName)?.mac;
    const ownMac = mac === undefined ? udp.destinationMac : macBytes(mac);
    const source = this.#deps.linkLocalOf(segment.ifName);
    if (source === undefined || isMulticast6(udp.source)) {
      this.#counts.transmitFailure++;
      return;
    }
    const relayed = packet.relays.length > 0;
    const { type, options } = outcome;
    const payload = encodeDhcp6({
      relays: packet.relays.map((relay) => ({
        ...relay,
        type: DHCP6.RELAY_REPL,
        options: relay.options.filter(({ code }) => code === OPTION6.INTERFACE_ID),
      })),
      message: { type, transactionId: packet.message.transactionId, options },
    });
    const frame = encodeUdp6(
      {
        ...{ payload, sourceMac: ownMac, destinationMac: udp.sourceMac },
        ...{ source, destination: udp.source, sourcePort: SERVER_PORT6 },
        destinationPort: relayed ? SERVER_PORT6 : CLIENT_PORT6,
      },
      outcome.pool?.dscp ?? 0,
    );
    // What the port does not take it counts itself.
    if (!port.port.send(frame, 0, frame.length)) return;
    port.port.flush();
    this.#counts[type === DHCP6.ADVERTISE ? 'advertise' : 'reply']++;
    if (relayed) this.#counts.relayReply++;
  }

  /** Routes of delegations that ended. */
  #lookAgain(): void {
    this.#routesChanged();
    this.#again = this.#deps.clock.after(LOOK_MS, () => this.#lookAgain());
    this.#reportSoon();
  }

  #routesChanged(): void {
    const nowMs = this.#deps.clock.boottimeMs();
    const isRouted = (b: Binding): boolean =>
      b.kind === 'prefix' && b.state === 'bound' && b.direct && isLinkLocal(b.source);
    const routes = [...this.#bindings.all]
      .filter(isRouted)
      .flatMap((binding) =>
        binding.leases
          .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
          .map(({ prefix }) => ({ prefix, via: binding.source, ifName: binding.segment })),
      );
    const text = routes
      .map(({ prefix, via, ifName }) => `${prefix.address}/${prefix.prefixLen} ${via} ${ifName}`)
      .join();
    if (text === this.#routes) return;
    this.#routes = text;
    this.#deps.setRoutes(routes);
  }

  #poolReports(): readonly Pool6Report[] {
    const config = this.#config;
    return (config?.pools ?? []).map(({ id, enable, fault, segment }): Pool6Report => {
      if (!enable || config?.enable !== true) return { id, status: 'Disabled', reason: undefined };
      if (fault !== undefined) return { id, status: 'Error_Misconfigured', reason: fault };
      const broken = this.#faults.get(segment ?? '');
      const reason = broken ?? this.#storeFault;
      return { id, status: reason === undefined ? 'Enabled' : 'Error', reason };
    });
  }

  #reportSoon(): void {
    if (this.#closed) return;
    this.#reporting ??= this.#deps.clock.after(REPORT_MS, () => {
      this.#reporting = undefined;
      this.#deps.report(this.observed);
    });
  }
}

const NOTHING: Dhcp6ServerConfig = {
  ...{ enable: false, segments: [], pools: [], statics: [] },
  guard: { newClientsPerSec: 0, answersPerClient: 0, bindingsPerClient: 0 },
};
