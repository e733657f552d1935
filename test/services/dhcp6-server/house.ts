/** A DHCPv6 server on a link of the test's own: frames in and out, a clock, a store. */
import { SystemError } from '../../../src/base/errors.ts';
import { formatMac, type Mac, macBytes } from '../../../src/base/ip.ts';
import {
  ALL_DHCP_SERVERS,
  type Ipv6,
  type Ipv6Prefix,
  linkLocalOf,
  parseIpv6,
  parseIpv6Prefix,
} from '../../../src/base/ip6.ts';
import { err, ok } from '../../../src/base/result.ts';
import type { FrameFilter, FrameHandlers, FramePort, Link } from '../../../src/os/ports.ts';
import type {
  AdvertiseConfig,
  Dhcp6ServerConfig,
  Dhcp6ServerObserved,
  Pool6Config,
  Segment6Config,
} from '../../../src/services/dhcp6-server/config.ts';
import {
  type DelegatedRoute,
  Dhcp6ServerService,
} from '../../../src/services/dhcp6-server/service.ts';
import {
  type Dhcp6Option,
  type Dhcp6Packet,
  type Dhcp6Relay,
  decodeDhcp6,
  encodeDhcp6,
} from '../../../src/wire/dhcp6.ts';
import { CODEC6, OPTION6, option6 } from '../../../src/wire/dhcp6-options.ts';
import { decodeUdp6, encodeUdp6, type Udp6 } from '../../../src/wire/udp6.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { MemoryStore } from '../../state/memory-store.ts';

export const at = (text: string): Ipv6 => {
  const parsed = parseIpv6(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};
export const prefix = (text: string): Ipv6Prefix => {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return parsed.value;
};

export const ROUTER = '02:00:00:00:00:01' as Mac;
export const CLIENT = '02:00:00:00:00:99' as Mac;
const ALL_MAC = Uint8Array.of(0x33, 0x33, 0, 1, 0, 2);

export const advertise = (change: Partial<AdvertiseConfig> = {}): AdvertiseConfig => ({
  ...{ id: 'Device.RouterAdvertisement.InterfaceSetting.1' },
  ...{ minIntervalSec: 200, maxIntervalSec: 600, managed: false, other: true, hopLimit: 64 },
  ...{ preference: 'medium', lifetimeSec: 0, reachableMs: 0, retransMs: 0, mtu: 0 },
  ...{ preferredLimitSec: 2700, validLimitSec: 5400, routes: [], captivePortal: undefined },
  ...{
    dnsServers: [at('fd00::1')],
    dnsGiven: true,
    domains: ['lan'],
    pref64: undefined,
    options: [],
  },
  ...change,
});

export const timed = (text: string, preferredUntilMs = Infinity, validUntilMs = Infinity) => ({
  ...{ prefix: prefix(text), preferredUntilMs, validUntilMs },
});

export const segment = (change: Partial<Segment6Config> = {}): Segment6Config => ({
  ...{ id: 'Device.IP.Interface.2', ifName: 'lan0', ports: [], advertise: undefined },
  prefixes: [{ ...timed('fd00::/64'), onLink: true, autonomous: true }],
  ...change,
});

export const pool = (change: Partial<Pool6Config> = {}): Pool6Config => ({
  ...{ id: 'Device.DHCPv6.Server.Pool.1', enable: true, segment: 'Device.IP.Interface.2' },
  ...{ fault: undefined, duid: undefined, vendorClass: undefined, userClass: undefined },
  ...{ source: undefined, addresses: [timed('fd00::/64')], wholeLink: false },
  delegation: { prefixes: [timed('fd00:0:0:100::/56')], length: prefix('::/60').prefixLen },
  ...{ preferredSec: 3600, validSec: 7200, preference: 0, rapidCommit: false, dscp: 0 },
  ...{ dnsServers: [at('fd00::1')], dnsGiven: true, domains: ['lan'], options: [] },
  ...change,
});

export const config = (change: Partial<Dhcp6ServerConfig> = {}): Dhcp6ServerConfig => ({
  ...{ enable: true, segments: [segment()], pools: [pool()], statics: [] },
  guard: { newClientsPerSec: 0, answersPerClient: 0, bindingsPerClient: 8 },
  ...change,
});

interface FakePort {
  readonly filter: FrameFilter;
  readonly handlers: FrameHandlers;
}

export class House implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly log = new MemoryLog();
  readonly sent: Uint8Array[] = [];
  readonly links: Link[] = [];
  readonly service: Dhcp6ServerService;
  allowed = true;
  refusePorts = false;
  routes: readonly DelegatedRoute[] = [];
  observed: Dhcp6ServerObserved | undefined;
  readonly #ports = new Map<number, Set<FakePort>>();
  #seed: number;
  #transaction = 1;

  constructor(store = new MemoryStore(), clock = new FakeClock(), bootId = 'boot-1', seed = 1) {
    this.#seed = seed;
    this.store = store;
    this.clock = clock;
    this.plug('lan0');
    this.service = new Dhcp6ServerService({
      ...{ store, clock, bootId, log: this.log },
      framePorts: {
        open: (ifIndex, filter, handlers) => {
          if (this.refusePorts) return err(new SystemError('no port for you', 'EPERM'));
          return ok(this.#open(ifIndex, filter, handlers));
        },
      },
      randomBytes: (count) => Uint8Array.from({ length: count }, () => this.#next()),
      linkOf: (ifName) => this.links.find(({ name }) => name === ifName),
      linkLocalOf: (ifName) => {
        const link = this.links.find(({ name }) => name === ifName);
        return link?.mac === undefined ? undefined : linkLocalOf(link.mac);
      },
      allowed: () => this.allowed,
      setRoutes: (routes) => {
        this.routes = routes;
      },
      report: (observed) => {
        this.observed = observed;
      },
    });
  }

  plug(name: string, mac = ROUTER): void {
    const stats = { rxBytes: 0n, txBytes: 0n, rxPackets: 0n, txPackets: 0n, rxErrors: 0n };
    this.links.push({
      ...{ ifIndex: this.links.length + 2, name, mac, mtu: 1500, minMtu: 68, maxMtu: 65535 },
      ...{ adminUp: true, carrier: true, operState: 'up', loopback: false, kind: undefined },
      master: undefined,
      stats: {
        ...stats,
        txErrors: 0n,
        rxDropped: 0n,
        txDropped: 0n,
        multicast: 0n,
        collisions: 0n,
      },
    });
  }

  async start(wanted = config()): Promise<this> {
    const recovered = await this.service.recover();
    if (!recovered.ok) throw recovered.error;
    this.service.apply(wanted);
    return this;
  }

  /** A frame on the link, as the filter would let it through. */
  hear(filter: FrameFilter, frame: Uint8Array, ifName = 'lan0'): void {
    const ifIndex = this.links.find(({ name }) => name === ifName)?.ifIndex ?? 0;
    for (const port of this.#ports.get(ifIndex) ?? []) {
      if (port.filter === filter) port.handlers.frame(frame, 0, frame.length);
    }
  }

  /** Says something to the server and gives what it answers, once the disk has had its turn. */
  async say(
    type: number,
    options: readonly Dhcp6Option[],
    how: {
      readonly mac?: Mac;
      readonly source?: Ipv6;
      readonly destination?: Ipv6;
      readonly relays?: readonly Dhcp6Relay[];
    } = {},
  ): Promise<(Dhcp6Packet & { readonly udp: Udp6 }) | undefined> {
    const { mac = CLIENT, source = linkLocalOf(mac), relays = [] } = how;
    const transactionId = this.#transaction++;
    const frame = encodeUdp6({
      ...{ sourceMac: macBytes(mac), destinationMac: ALL_MAC, source },
      destination: how.destination ?? ALL_DHCP_SERVERS,
      sourcePort: relays.length > 0 ? 547 : 546,
      destinationPort: 547,
      payload: encodeDhcp6({ relays, message: { type, transactionId, options } }),
    });
    this.sent.length = 0;
    this.hear('dhcp6Server', frame);
    for (let i = 0; i < 4; i++) await new Promise<void>((done) => setImmediate(done));
    const [answer] = this.sent;
    if (answer === undefined) return undefined;
    const udp = decodeUdp6(answer);
    const packet = udp.ok ? decodeDhcp6(udp.value.payload) : udp;
    if (!udp.ok || !packet.ok) throw new Error('an answer that does not decode');
    if (packet.value.message.transactionId !== transactionId)
      throw new Error('another transaction');
    if (formatMac(udp.value.destinationMac) !== mac) throw new Error('to another MAC');
    return { ...packet.value, udp: udp.value };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
  }

  #next(): number {
    this.#seed = (this.#seed * 75 + 74) % 65_537;
    return this.#seed & 255;
  }

  #open(ifIndex: number, filter: FrameFilter, handlers: FrameHandlers): FramePort {
    const ports = this.#ports.get(ifIndex) ?? new Set();
    this.#ports.set(ifIndex, ports);
    const port = { filter, handlers };
    ports.add(port);
    return {
      ...{ dropped: 0, unsent: 0, broken: 0 },
      send: (bytes, start, end) => this.sent.push(bytes.slice(start, end)) > 0,
      flush: () => {},
      [Symbol.asyncDispose]: async () => void ports.delete(port),
    };
  }

  get openPorts(): number {
    return [...this.#ports.values()].reduce((sum, ports) => sum + ports.size, 0);
  }
}

export const clientId = (last = 0x99): Dhcp6Option => ({
  code: OPTION6.CLIENTID,
  value: Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, last),
});
export const oro = (...codes: number[]): Dhcp6Option => ({
  code: OPTION6.ORO,
  value: CODEC6.codes.encode(codes),
});
export const iaNa = (iaid: number, ...addresses: string[]): Dhcp6Option => ({
  code: OPTION6.IA_NA,
  value: CODEC6.ia.encode({
    ...{ iaid, t1Sec: 0, t2Sec: 0 },
    options: addresses.map((text) => ({
      code: OPTION6.IAADDR,
      value: CODEC6.iaAddress.encode({
        ...{ address: at(text), preferredSec: 0, validSec: 0, options: [] },
      }),
    })),
  }),
});
export const iaPd = (iaid: number, ...prefixes: string[]): Dhcp6Option => ({
  code: OPTION6.IA_PD,
  value: CODEC6.ia.encode({
    ...{ iaid, t1Sec: 0, t2Sec: 0 },
    options: prefixes.map((text) => ({
      code: OPTION6.IAPREFIX,
      value: CODEC6.iaPrefix.encode({ ...prefix(text), preferredSec: 0, validSec: 0, options: [] }),
    })),
  }),
});

export const serverIdOf = (packet: Dhcp6Packet | undefined): Dhcp6Option => {
  const found = packet?.message.options.find(({ code }) => code === OPTION6.SERVERID);
  if (found === undefined) throw new Error('no server id');
  return found;
};

/** What an answer says of its first IA. */
export function iaOf(packet: Dhcp6Packet | undefined, code: number = OPTION6.IA_NA) {
  const ia = option6(packet?.message.options ?? [], code, 'ia');
  const leases = (ia?.options ?? []).flatMap((option) => {
    if (option.code === OPTION6.IAADDR) {
      const read = CODEC6.iaAddress.decode(option.value);
      return read.ok ? [{ ...read.value, prefixLen: 128 }] : [];
    }
    const read = CODEC6.iaPrefix.decode(option.value);
    return option.code === OPTION6.IAPREFIX && read.ok ? [read.value] : [];
  });
  const status = option6(ia?.options ?? [], OPTION6.STATUS_CODE, 'status')?.code;
  return { ia, leases, status };
}
export const statusOf = (packet: Dhcp6Packet | undefined): number | undefined =>
  option6(packet?.message.options ?? [], OPTION6.STATUS_CODE, 'status')?.code;
