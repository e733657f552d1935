/** The frame ports of one segment, opened and closed as its links come and go. */
import type { Clock } from '../../base/clock.ts';
import { formatMac, type Mac, macBytes } from '../../base/ip.ts';
import { TokenBucket } from '../../base/limits.ts';
import type { FrameHandlers, FramePort, FramePorts, Link } from '../../os/ports.ts';
import type { Ingress } from './machine.ts';
import { Prober } from './probe.ts';
import type { Segment } from './segment.ts';

/** One way in, with the port that the answers leave by. */
export interface Entry extends Ingress {
  segment: Segment;
  readonly mac: Uint8Array;
  readonly newClients: TokenBucket;
  readonly ifName: string;
  readonly ifIndex: number;
  readonly port: FramePort;
}

export interface PortsDeps {
  readonly frames: FramePorts;
  readonly clock: Clock;
  received(entry: Entry, bytes: Uint8Array, start: number, end: number): void;
  batchEnd(): void;
}

export class SegmentPorts implements AsyncDisposable {
  readonly #deps: PortsDeps;
  #segment: Segment;
  #newClientsPerSec: number;
  readonly #entries = new Map<string, Entry>();
  #prober: Prober | undefined;
  #probedLink = '';
  /** Why a port is missing, for people. */
  fault: string | undefined;
  #unsentBefore = 0;

  constructor(deps: PortsDeps, segment: Segment, newClientsPerSec: number) {
    this.#deps = deps;
    this.#segment = segment;
    this.#newClientsPerSec = newClientsPerSec;
  }

  get entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  get prober(): Prober | undefined {
    return this.#prober;
  }

  /** Frames that the kernel did not take, since the start. */
  get unsent(): number {
    let sum = this.#unsentBefore;
    for (const { port } of this.#entries.values()) sum += port.unsent;
    return sum;
  }

  /** Serves `segment`, which is of the same interface, from now on. */
  use(segment: Segment, newClientsPerSec: number): void {
    const rate = newClientsPerSec !== this.#newClientsPerSec;
    this.#segment = segment;
    this.#newClientsPerSec = newClientsPerSec;
    for (const [name, entry] of this.#entries) {
      if (rate) this.#close(name, entry);
      else entry.segment = segment;
    }
  }

  /** Opens what can be opened and closes what is gone. */
  follow(links: readonly Link[]): void {
    const { config } = this.#segment;
    const link = links.find(({ name }) => name === config.ifName);
    this.fault =
      link === undefined
        ? `there is no interface ${config.ifName}`
        : link.adminUp
          ? undefined
          : `the interface ${config.ifName} is down`;
    const mac = link?.adminUp ? link.mac : undefined;
    const names = config.ports.length > 0 ? config.ports : [config.ifName];
    const wanted = new Map<string, number>();
    for (const { name, ifIndex, adminUp } of links) {
      if (mac !== undefined && adminUp && names.includes(name)) wanted.set(name, ifIndex);
    }
    for (const [name, entry] of this.#entries) {
      if (wanted.get(name) !== entry.ifIndex || formatMac(entry.mac) !== mac) {
        this.#close(name, entry);
      }
    }
    for (const [name, ifIndex] of wanted) {
      if (mac !== undefined && !this.#entries.has(name)) this.#open(name, ifIndex, mac);
    }
    this.#followProber(link?.ifIndex ?? 0, mac);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [name, entry] of this.#entries) this.#close(name, entry);
    await this.#prober?.[Symbol.asyncDispose]();
    this.#prober = undefined;
  }

  #open(name: string, ifIndex: number, mac: Mac): void {
    let entry: Entry | undefined;
    const handlers: FrameHandlers = {
      frame: (bytes, start, end) => {
        if (entry !== undefined) this.#deps.received(entry, bytes, start, end);
      },
      batchEnd: () => this.#deps.batchEnd(),
    };
    const port = this.#deps.frames.open(ifIndex, 'dhcp4', handlers);
    if (!port.ok) {
      this.fault = port.error.message;
      return;
    }
    entry = {
      segment: this.#segment,
      mac: macBytes(mac),
      newClients: new TokenBucket(this.#newClientsPerSec),
      ifName: name,
      ifIndex,
      port: port.value,
    };
    this.#entries.set(name, entry);
  }

  #close(name: string, entry: Entry): void {
    this.#unsentBefore += entry.port.unsent;
    this.#entries.delete(name);
    void entry.port[Symbol.asyncDispose]();
  }

  /** Addresses of a bridge are probed through all its ports at once, so through the bridge. */
  #followProber(ifIndex: number, mac: Mac | undefined): void {
    const { probe, mode } = this.#segment.config;
    const wanted = probe && mode !== 'passThrough' ? mac : undefined;
    const link = `${ifIndex} ${mac}`;
    if (this.#prober !== undefined && (wanted === undefined || this.#probedLink !== link)) {
      void this.#prober[Symbol.asyncDispose]();
      this.#prober = undefined;
    }
    if (wanted === undefined || this.#prober !== undefined) return;
    let prober: Prober | undefined;
    const port = this.#deps.frames.open(ifIndex, 'arp', {
      frame: (bytes, start, end) => prober?.heard(bytes.subarray(start, end)),
    });
    if (!port.ok) {
      this.fault = port.error.message;
      return;
    }
    prober = new Prober(this.#deps.clock, port.value, macBytes(wanted));
    this.#prober = prober;
    this.#probedLink = link;
  }
}
