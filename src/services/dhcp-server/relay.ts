/**
 * A BOOTP relay agent (RFC 1542 §4) for a segment whose server is elsewhere: what clients say goes to
 * that server with the segment's own address as giaddr, its answers go back to the clients.
 */
import type { Clock } from '../../base/clock.ts';
import { contains, formatIpv4, type Ipv4, ipv4, macBytes, networkOf } from '../../base/ip.ts';
import type { Log } from '../../base/log.ts';
import type { FramePort, FramePorts, Link, Net, Route } from '../../os/ports.ts';
import { decodeArp, encodeArp } from '../../wire/arp.ts';
import { CLIENT_PORT, SERVER_PORT } from '../../wire/dhcp4.ts';
import { Dhcp4View } from '../../wire/dhcp4-view.ts';
import { encodeUdp4 } from '../../wire/udp4.ts';
import type { Entry } from './ports.ts';
import type { Segment } from './segment.ts';

export interface RelayDeps {
  readonly net: Pick<Net, 'links' | 'routes'>;
  readonly frames: FramePorts;
  readonly clock: Clock;
  readonly log: Log;
  /** The ways to the clients. */
  entries(): Iterable<Entry>;
  /** What the server said, for whoever keeps books. */
  heard(view: Dhcp4View): void;
}

const MAX_HOPS = 16;
/** How long the MAC of the next hop is believed (RFC 1122 §2.3.2.1). */
const NEIGHBOUR_MS = 60_000;
/** An unanswered ARP request is not followed by another for so long. */
const ARP_REST_MS = 1000;
const MAX_WAITING = 64;
const EVERYONE = 0xffffffff;

/** The way to the server: an interface, and who on it takes the packet on. */
interface Way {
  readonly link: Link;
  readonly mac: Uint8Array;
  readonly nextHop: Ipv4;
  readonly port: FramePort;
  readonly arp: FramePort;
}

export class Relay implements AsyncDisposable {
  readonly #deps: RelayDeps;
  readonly #segment: Segment;
  readonly #server: Ipv4;
  readonly #own: Ipv4;
  readonly #view = new Dhcp4View();
  #way: Way | undefined;
  #neighbour: { readonly mac: Uint8Array; readonly untilMs: number } | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #waiting: Uint8Array[] = [];
  #problem: string | undefined;

  /** `segment.config.relayTo` is given. */
  constructor(deps: RelayDeps, segment: Segment) {
    this.#deps = deps;
    this.#segment = segment;
    this.#server = segment.config.relayTo ?? ipv4(0);
    this.#own = segment.config.addresses[0]?.address ?? ipv4(0);
  }

  /** It does just what `segment` asks for. */
  serves({ config }: Segment): boolean {
    return config.relayTo === this.#server && config.addresses[0]?.address === this.#own;
  }

  /** Finds the way to the server, again after links or routes changed. */
  follow(): void {
    const route = this.#route();
    const link = this.#deps.net.links().find(({ ifIndex }) => ifIndex === route?.ifIndex);
    const nextHop = route?.gateway ?? this.#server;
    const same = link?.ifIndex === this.#way?.link.ifIndex && link?.mac === this.#way?.link.mac;
    if (same && this.#way?.nextHop === nextHop) return;
    this.#leave();
    if (link === undefined || link.mac === undefined || this.#own === 0) {
      this.#say(`there is no way to the DHCP server ${formatIpv4(this.#server)}`);
      return;
    }
    const port = this.#deps.frames.open(link.ifIndex, 'dhcp4', {
      frame: (bytes, start, end) => this.#reply(bytes, start, end),
      batchEnd: () => {
        for (const entry of this.#deps.entries()) entry.port.flush();
      },
    });
    if (!port.ok) {
      this.#say(port.error.message);
      return;
    }
    const arp = this.#deps.frames.open(link.ifIndex, 'arp', {
      frame: (bytes, start, end) => this.#heardArp(bytes.subarray(start, end)),
    });
    if (!arp.ok) {
      void port.value[Symbol.asyncDispose]();
      this.#say(arp.error.message);
      return;
    }
    this.#problem = undefined;
    const mac = macBytes(link.mac);
    this.#way = { link, mac, nextHop, port: port.value, arp: arp.value };
  }

  /** Passes on what a client, or a relay before us, says. */
  request(view: Dhcp4View): void {
    if (this.#way === undefined || view.hops >= MAX_HOPS) return;
    const payload = view.bytes.slice(view.at, view.end);
    payload[3] = view.hops + 1;
    if (view.giaddr === 0) new DataView(payload.buffer).setUint32(24, this.#own);
    const neighbour = this.#neighbour;
    if (neighbour !== undefined && neighbour.untilMs > this.#deps.clock.monoMs()) {
      this.#send(this.#way, neighbour.mac, payload);
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(payload);
    this.#ask(this.#way);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave();
  }

  #route(): Route | undefined {
    let best: Route | undefined;
    for (const route of this.#deps.net.routes()) {
      const prefix = { address: route.destination, prefixLen: route.prefixLen };
      if (route.type !== 'unicast' || route.ifIndex === undefined) continue;
      if (networkOf(prefix) !== route.destination || !contains(prefix, this.#server)) continue;
      const longer = route.prefixLen - (best?.prefixLen ?? -1);
      if (longer > 0 || (longer === 0 && route.metric < (best?.metric ?? 0))) best = route;
    }
    return best;
  }

  #ask(way: Way): void {
    const nowMs = this.#deps.clock.monoMs();
    if (nowMs - this.#askedAtMs < ARP_REST_MS) return;
    this.#askedAtMs = nowMs;
    const frame = encodeArp({
      op: 1,
      senderMac: way.mac,
      senderIp: this.#own,
      targetMac: new Uint8Array(6),
      targetIp: way.nextHop,
    });
    way.arp.send(frame, 0, frame.length);
    way.arp.flush();
  }

  #heardArp(frame: Uint8Array): void {
    const way = this.#way;
    const arp = decodeArp(frame);
    if (way === undefined || !arp.ok || arp.value.op !== 2) return;
    if (arp.value.senderIp !== way.nextHop) return;
    const mac = arp.value.senderMac;
    this.#neighbour = { mac, untilMs: this.#deps.clock.monoMs() + NEIGHBOUR_MS };
    for (const payload of this.#waiting.splice(0)) this.#send(way, mac, payload);
  }

  #send(way: Way, destinationMac: Uint8Array, payload: Uint8Array): void {
    const frame = encodeUdp4({
      destinationMac,
      sourceMac: way.mac,
      source: this.#own,
      destination: this.#server,
      sourcePort: SERVER_PORT,
      destinationPort: SERVER_PORT,
      payload,
    });
    way.port.send(frame, 0, frame.length);
    way.port.flush();
  }

  /** An answer of the server for a client of the segment (RFC 1542 §4.1.2). */
  #reply(bytes: Uint8Array, start: number, end: number): void {
    const view = this.#view;
    if (!view.read(bytes, start, end) || view.op !== 2 || view.hlen !== 6) return;
    if (view.giaddr !== this.#own || view.destinationIp !== this.#own) return;
    if (view.sourceIp !== this.#server) return;
    this.#deps.heard(view);
    const toAll = view.broadcast || view.yiaddr === 0;
    for (const { port, mac } of this.#deps.entries()) {
      const frame = encodeUdp4({
        destinationMac: toAll ? new Uint8Array(6).fill(255) : view.chaddr(),
        sourceMac: mac,
        source: this.#own,
        destination: toAll ? ipv4(EVERYONE) : view.yiaddr,
        sourcePort: SERVER_PORT,
        destinationPort: CLIENT_PORT,
        payload: view.bytes.slice(view.at, view.end),
      });
      port.send(frame, 0, frame.length);
    }
  }

  #leave(): void {
    void this.#way?.port[Symbol.asyncDispose]();
    void this.#way?.arp[Symbol.asyncDispose]();
    this.#way = undefined;
    this.#neighbour = undefined;
    this.#waiting = [];
    this.#askedAtMs = Number.NEGATIVE_INFINITY;
  }

  #say(problem: string): void {
    if (this.#problem !== problem) {
      this.#deps.log.warn({ problem, ifName: this.#segment.name }, 'requests are not relayed');
    }
    this.#problem = problem;
  }
}
