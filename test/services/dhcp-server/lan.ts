/** A DHCP server on a LAN of the test's making: frames go in, what it sends is decoded. */
import type { SystemError } from '../../../src/base/errors.ts';
import {
  type Ipv4,
  ipv4,
  type Mac,
  macBytes,
  type PrefixLen,
  parseIpv4,
} from '../../../src/base/ip.ts';
import { ok, type Result } from '../../../src/base/result.ts';
import type { FrameHandlers, FramePort, FramePorts, Link, Route } from '../../../src/os/ports.ts';
import type {
  DhcpServerConfig,
  DhcpServerObserved,
  PoolConfig,
  SegmentConfig,
} from '../../../src/services/dhcp-server/config.ts';
import type { Lease, LeaseTable } from '../../../src/services/dhcp-server/lease.ts';
import {
  type DhcpServerDeps,
  DhcpServerService,
} from '../../../src/services/dhcp-server/service.ts';
import type { LeaseStore } from '../../../src/services/dhcp-server/store.ts';
import { DHCP, type Dhcp4Message, decodeDhcp4, encodeDhcp4 } from '../../../src/wire/dhcp4.ts';
import { decodeUdp4, encodeUdp4, type Udp4 } from '../../../src/wire/udp4.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

export const ip = (text: string): Ipv4 => {
  const parsed = parseIpv4(text);
  if (!parsed.ok) throw new TypeError(parsed.error.message);
  return parsed.value;
};

export const ips = (...list: readonly string[]): Uint8Array =>
  Uint8Array.from(list.flatMap((text) => text.split('.').map(Number)));

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export const mac = (n: number): Mac =>
  `00:16:3e:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}` as Mac;

export const SERVER = ip('192.168.1.1');
export const OWN_MAC = '02:00:00:00:00:fe' as Mac;

const POOL: PoolConfig = {
  id: 'pool1',
  enable: true,
  segment: 'lan',
  fault: undefined,
  vendorClass: undefined,
  clientId: undefined,
  userClass: undefined,
  chaddr: undefined,
  allowed: 'All',
  min: ip('192.168.1.100'),
  max: ip('192.168.1.199'),
  prefixLen: 24 as PrefixLen,
  reserved: [],
  leaseSec: 3600,
  routers: [],
  dnsServers: [SERVER],
  domain: 'lan',
  winsServers: [],
  dscp: 0,
  options: [],
  statics: [],
};

const SEGMENT: SegmentConfig = {
  id: 'lan',
  ifName: 'br-lan',
  ports: [],
  addresses: [{ address: SERVER, prefixLen: 24 as PrefixLen }],
  mode: 'open',
  authoritative: true,
  relayTo: undefined,
  probe: false,
};

export interface Setting {
  readonly segment?: Partial<SegmentConfig>;
  readonly pools?: readonly Partial<PoolConfig>[];
  readonly config?: Partial<DhcpServerConfig>;
}

const configOf = ({ segment, pools = [{}], config }: Setting): DhcpServerConfig => ({
  enable: true,
  segments: [{ ...SEGMENT, ...segment }],
  pools: pools.map((pool) => ({ ...POOL, ...pool })),
  rules: [],
  guard: { newClientsPerSec: 0, answersPerClient: 0, headroomPercent: 0 },
  ...config,
});

export const link = (ifIndex: number, name: string, more: Partial<Link> = {}): Link => ({
  ifIndex,
  name,
  mac: OWN_MAC,
  mtu: 1500,
  minMtu: 68,
  maxMtu: 9000,
  adminUp: true,
  carrier: true,
  operState: 'up',
  loopback: false,
  kind: undefined,
  master: undefined,
  stats: {} as Link['stats'],
  ...more,
});

/** What is written is on disk when the test says so. */
export class MemoryStore implements LeaseStore {
  readonly records: Lease[] = [];
  fault: string | undefined;
  closed = false;
  #listener: (upTo: number, error?: SystemError) => void = () => {};
  #ticket = 0;

  append(lease: Lease): number {
    if (this.fault !== undefined) return 0;
    this.records.push({ ...lease });
    return ++this.#ticket;
  }
  forget(lease: Lease): number {
    return this.append({ ...lease, state: 'free' });
  }
  onDurable(listener: (upTo: number, error?: SystemError) => void): void {
    this.#listener = listener;
  }
  resize(): void {}
  flush(error?: SystemError): void {
    if (error === undefined) this.#listener(this.#ticket);
    else this.#listener(this.#ticket, error);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    this.flush();
  }
}

export class FakePort implements FramePort {
  readonly ifIndex: number;
  readonly filter: string;
  readonly handlers: FrameHandlers;
  readonly sent: Uint8Array[] = [];
  readonly dropped = 0;
  readonly broken = 0;
  unsent = 0;
  open = true;

  constructor(ifIndex: number, filter: string, handlers: FrameHandlers) {
    this.ifIndex = ifIndex;
    this.filter = filter;
    this.handlers = handlers;
  }
  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.open) this.unsent++;
    else this.sent.push(bytes.slice(start, end));
    return this.open;
  }
  flush(): void {}
  async [Symbol.asyncDispose](): Promise<void> {
    this.open = false;
  }
}

export interface Answer {
  readonly udp: Udp4;
  readonly message: Dhcp4Message;
  readonly type: number;
}

export class Lan implements AsyncDisposable {
  readonly clock = new FakeClock({ monoMs: 1_000_000 });
  readonly log = new MemoryLog();
  readonly store = new MemoryStore();
  readonly ports: FakePort[] = [];
  links: Link[] = [link(1, 'br-lan')];
  routes: Route[] = [];
  recovered: Lease[] = [];
  held: Result<AsyncDisposable, SystemError> = ok({ async [Symbol.asyncDispose]() {} });
  opened: Result<LeaseStore, SystemError> = ok(this.store);
  reports: DhcpServerObserved[] = [];
  readonly service: DhcpServerService;

  /** On a disk of the test's own, or on `store`. */
  constructor(openStore?: DhcpServerDeps['openStore']) {
    const frames: FramePorts = {
      open: (ifIndex, filter, handlers) => {
        const port = new FakePort(ifIndex, filter, handlers);
        this.ports.push(port);
        return ok(port);
      },
    };
    this.service = new DhcpServerService({
      net: { links: () => this.links, routes: () => this.routes },
      frames,
      udp: { hold: () => this.held },
      clock: this.clock,
      log: this.log,
      random32: () => 0x12345678,
      openStore:
        openStore ??
        (async (leases: LeaseTable) => {
          for (const lease of this.recovered) leases.add(lease);
          return this.opened;
        }),
      report: (observed) => void this.reports.push(observed),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
  }

  async apply(setting: Setting): Promise<void> {
    this.service.apply(configOf(setting));
    // The store is opened off the turn.
    for (let i = 0; i < 5; i++) await Promise.resolve();
    this.drain();
  }

  port(ifIndex = 1, filter = 'dhcp4'): FakePort {
    const port = this.ports.find((p) => p.open && p.ifIndex === ifIndex && p.filter === filter);
    if (port === undefined) throw new TypeError(`no ${filter} port on ${ifIndex}`);
    return port;
  }

  /** What the server sent since the last look. */
  drain(ifIndex = 1): Answer[] {
    const port = this.ports.find((p) => p.open && p.ifIndex === ifIndex && p.filter === 'dhcp4');
    const answers = (port?.sent.splice(0) ?? []).map(answerOf);
    // Now and then it looks for other servers, as a client.
    return answers.filter(({ message }) => message.op === 2);
  }

  /** Frames in one batch, and what is answered once the disk has its leases. */
  send(...frames: readonly Uint8Array[]): Answer[] {
    this.hear(...frames);
    this.store.flush();
    return this.drain();
  }

  hear(...frames: readonly Uint8Array[]): void {
    this.hearOn(1, ...frames);
  }

  hearOn(ifIndex: number, ...frames: readonly Uint8Array[]): void {
    const port = this.port(ifIndex);
    for (const frame of frames) {
      // Somewhere in a larger buffer, as the kernel's batches are.
      const bytes = new Uint8Array(frame.length + 100).fill(0xee);
      bytes.set(frame, 50);
      port.handlers.frame(bytes, 50, 50 + frame.length);
    }
    port.handlers.batchEnd?.();
  }

  /** DISCOVER and REQUEST; the address, or undefined when one was not answered. */
  lease(client: Client, more: Partial<Ask> = {}): Ipv4 | undefined {
    const [offer] = this.send(client.discover(more));
    if (offer === undefined) return undefined;
    const [ack] = this.send(client.select(offer.message, more));
    return ack?.type === DHCP.ACK ? ack.message.yiaddr : undefined;
  }
}

export function answerOf(frame: Uint8Array): Answer {
  const udp = decodeUdp4(frame);
  if (!udp.ok) throw new TypeError(udp.error.message);
  const message = decodeDhcp4(udp.value.payload);
  if (!message.ok) throw new TypeError(`${message.error.field}: ${message.error.message}`);
  return { udp: udp.value, message: message.value, type: message.value.options.get(53)?.[0] ?? 0 };
}

export interface Ask {
  readonly type: number;
  readonly ciaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly broadcast: boolean;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly sourceMac: Mac;
  readonly options: Readonly<Record<number, Uint8Array>>;
}

const NONE = ipv4(0);
const EVERYONE = ipv4(0xffffffff);

export class Client {
  readonly mac: Mac;
  readonly options: Readonly<Record<number, Uint8Array>>;
  xid = 0x1000;

  constructor(mac: Mac, options: Readonly<Record<number, Uint8Array>> = {}) {
    this.mac = mac;
    this.options = options;
  }

  message(type: number, more: Partial<Ask> = {}): Uint8Array {
    const options = new Map<number, Uint8Array>();
    if (type !== 0) options.set(53, Uint8Array.of(type));
    for (const set of [this.options, more.options ?? {}]) {
      for (const [code, value] of Object.entries(set)) options.set(Number(code), value);
    }
    const payload = encodeDhcp4({
      op: 1,
      xid: this.xid++,
      secs: 0,
      broadcast: more.broadcast ?? false,
      ciaddr: more.ciaddr ?? NONE,
      yiaddr: NONE,
      siaddr: NONE,
      giaddr: more.giaddr ?? NONE,
      chaddr: macBytes(this.mac),
      sname: new Uint8Array(0),
      file: new Uint8Array(0),
      options,
    });
    const unicast = more.destination !== undefined && more.destination !== EVERYONE;
    return encodeUdp4({
      destinationMac: unicast ? macBytes(OWN_MAC) : new Uint8Array(6).fill(255),
      sourceMac: macBytes(more.sourceMac ?? this.mac),
      source: more.source ?? more.ciaddr ?? NONE,
      destination: more.destination ?? EVERYONE,
      sourcePort: 68,
      destinationPort: 67,
      payload,
    });
  }

  discover(more: Partial<Ask> = {}): Uint8Array {
    return this.message(DHCP.DISCOVER, more);
  }

  /** SELECTING: takes the offer. */
  select(offer: Dhcp4Message, more: Partial<Ask> = {}): Uint8Array {
    const server = offer.options.get(54) ?? new Uint8Array(4);
    return this.message(DHCP.REQUEST, {
      ...more,
      options: { ...more.options, 50: address(offer.yiaddr), 54: server },
    });
  }

  reboot(wanted: Ipv4, more: Partial<Ask> = {}): Uint8Array {
    return this.message(DHCP.REQUEST, {
      ...more,
      options: { ...more.options, 50: address(wanted) },
    });
  }

  renew(ciaddr: Ipv4, more: Partial<Ask> = {}): Uint8Array {
    return this.message(DHCP.REQUEST, { ciaddr, destination: SERVER, ...more });
  }

  rebind(ciaddr: Ipv4, more: Partial<Ask> = {}): Uint8Array {
    return this.message(DHCP.REQUEST, { ciaddr, ...more });
  }

  release(ciaddr: Ipv4, more: Partial<Ask> = {}): Uint8Array {
    const options = { 54: address(SERVER), ...more.options };
    return this.message(DHCP.RELEASE, { ciaddr, destination: SERVER, ...more, options });
  }

  decline(wanted: Ipv4, more: Partial<Ask> = {}): Uint8Array {
    const options = { 50: address(wanted), 54: address(SERVER), ...more.options };
    return this.message(DHCP.DECLINE, { ...more, options });
  }
}

export const address = (a: Ipv4): Uint8Array =>
  Uint8Array.of(a >>> 24, (a >>> 16) & 255, (a >>> 8) & 255, a & 255);
