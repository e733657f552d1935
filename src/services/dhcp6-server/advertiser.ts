/** Runs the router advertisements of one segment, and listens for other routers on it. */
import type { Clock, Timer } from '../../base/clock.ts';
import { formatMac, macBytes } from '../../base/ip.ts';
import {
  ALL_NODES,
  formatPrefix6,
  type Ipv6,
  type Ipv6Prefix,
  parseIpv6Prefix,
} from '../../base/ip6.ts';
import type { Log } from '../../base/log.ts';
import type { FramePort, FramePorts, Link, Store } from '../../os/ports.ts';
import { decodeNd, encodeNd, type NdPacket, type RouterAdvertisement } from '../../wire/icmp6.ts';
import {
  type Asker,
  advertisementOf,
  deprecationMs,
  type GonePrefix,
  IDLE,
  nextMs,
  type Schedule,
  step,
} from './advertise.ts';
import type { AdvertiseConfig, AdvertiseReport, RogueRouter, Segment6Config } from './config.ts';

export interface AdvertiserDeps {
  readonly framePorts: FramePorts;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1. */
  random(): number;
  linkOf(ifName: string): Link | undefined;
  /** The interface's own link-local address, past duplicate detection. */
  linkLocalOf(ifName: string): Ipv6 | undefined;
  /** Something that is reported changed. */
  changed(): void;
}

const ADVERTISED_PREFIX = 'dhcp6-server/advertised/';
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const MAX_ROGUES = 32;

/** A segment that has a link-local address and carrier is served; one that has not is tried again at `linksChanged`. */
export class Advertiser implements AsyncDisposable {
  readonly #deps: AdvertiserDeps;
  readonly #ifName: string;
  readonly #rogues = new Map<Ipv6, RogueRouter>();
  #config: AdvertiseConfig;
  #segment: Segment6Config;
  #gone: readonly GonePrefix[] = [];
  #schedule: Schedule = IDLE;
  #port: { readonly port: FramePort; readonly ifIndex: number } | undefined;
  #timer: Timer | undefined;
  #fault: string | undefined;
  #remembered = '';
  #sent = 0;
  #solicitations = 0;
  #closed = false;

  constructor(deps: AdvertiserDeps, segment: Segment6Config, config: AdvertiseConfig) {
    this.#deps = deps;
    this.#ifName = segment.ifName;
    this.#segment = segment;
    this.#config = config;
    const now = deps.clock.boottimeMs();
    // What was told before a restart, or a crash, and is no more, is deprecated from now on.
    const key = `${ADVERTISED_PREFIX}${segment.ifName}`;
    for (const told of readTold(deps.store.get(key))) {
      if (!this.#isCurrent(told.prefix)) {
        this.#gone = [...this.#gone, { ...told, untilMs: now + deprecationMs(config) }];
      }
    }
    this.#start();
  }

  /** The whole wish anew. Prefixes that are missing in it are deprecated. */
  apply(segment: Segment6Config, config: AdvertiseConfig): void {
    const nowMs = this.#deps.clock.boottimeMs();
    const before = this.#segment.prefixes;
    this.#segment = segment;
    this.#config = config;
    const left = this.#gone.filter(
      ({ prefix, untilMs }) => !this.#isCurrent(prefix) && untilMs > nowMs,
    );
    const lost = before
      .filter(({ prefix }) => !this.#isCurrent(prefix))
      .map(({ prefix, onLink, autonomous, validUntilMs }) => ({
        ...{ prefix, onLink, autonomous },
        untilMs: nowMs + Math.max(0, Math.min(deprecationMs(config), validUntilMs - nowMs)),
      }));
    this.#gone = [...left, ...lost];
    this.#start();
  }

  /** Opens what can be opened now, and closes what is gone. */
  linksChanged(): void {
    const link = this.#deps.linkOf(this.#ifName);
    const ready = link?.carrier && this.#deps.linkLocalOf(this.#ifName) !== undefined;
    if (this.#port !== undefined && (!ready || link?.ifIndex !== this.#port.ifIndex)) this.#stop();
    if (this.#port === undefined && ready) this.#start();
  }

  /** Tells the hosts that this is no router any more (RFC 4861 §6.2.5). */
  cease(): void {
    this.#send(this.#advertisement(true), undefined);
    this.#stop();
  }

  get report(): AdvertiseReport {
    return {
      id: this.#config.id,
      status: this.#fault === undefined ? 'Enabled' : 'Error',
      ...{ reason: this.#fault, sent: this.#sent, solicitations: this.#solicitations },
    };
  }

  get rogues(): Iterable<RogueRouter> {
    return this.#rogues.values();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#stop();
  }

  #start(): void {
    if (this.#closed) return;
    this.#fault = this.#open();
    if (this.#fault === undefined) {
      void this.#remember();
      this.#step({ kind: 'changed' });
    }
    this.#deps.changed();
  }

  /** Why it cannot advertise, for people. */
  #open(): string | undefined {
    const link = this.#deps.linkOf(this.#ifName);
    if (link?.mac === undefined || this.#deps.linkLocalOf(this.#ifName) === undefined) {
      return `${this.#ifName} has no link-local address`;
    }
    if (!link.carrier) return `${this.#ifName} has no carrier`;
    if (this.#port !== undefined) return undefined;
    const opened = this.#deps.framePorts.open(link.ifIndex, 'icmp6Router', {
      frame: (bytes, start, end) => this.#heard(bytes.slice(start, end)),
    });
    if (!opened.ok) return opened.error.message;
    this.#port = { port: opened.value, ifIndex: link.ifIndex };
    return undefined;
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#schedule = IDLE;
    void this.#port?.port[Symbol.asyncDispose]();
    this.#port = undefined;
  }

  #step(event: Parameters<typeof step>[1]): void {
    if (this.#port === undefined) return;
    const { clock, random } = this.#deps;
    const nowMs = clock.boottimeMs();
    const next = step(this.#schedule, event, nowMs, this.#config, random);
    this.#schedule = next.state;
    if (next.toAll) this.#send(this.#advertisement(false), undefined);
    for (const asker of next.to) this.#send(this.#advertisement(false), asker);
    this.#timer?.cancel();
    const dueMs = nextMs(this.#schedule);
    this.#timer = clock.after(Math.max(0, dueMs - nowMs), () => this.#step({ kind: 'timer' }));
  }

  #advertisement(ceasing: boolean): RouterAdvertisement {
    const nowMs = this.#deps.clock.boottimeMs();
    this.#gone = this.#gone.filter(({ untilMs }) => untilMs > nowMs);
    void this.#remember();
    const mac = macBytes(this.#deps.linkOf(this.#ifName)?.mac ?? formatMac(new Uint8Array(6)));
    const { prefixes } = this.#segment;
    return advertisementOf(this.#config, prefixes, this.#gone, mac, nowMs, ceasing);
  }

  #send(advertisement: RouterAdvertisement, to: Asker | undefined): void {
    const source = this.#deps.linkLocalOf(this.#ifName);
    const mac = this.#deps.linkOf(this.#ifName)?.mac;
    if (this.#port === undefined || source === undefined || mac === undefined) return;
    const packet: NdPacket = {
      sourceMac: macBytes(mac),
      destinationMac: to?.mac ?? ALL_NODES_MAC,
      ...{ source, destination: to?.address ?? ALL_NODES },
      body: { kind: 'advertisement', advertisement },
    };
    const frame = encodeNd(packet);
    if (this.#port.port.send(frame, 0, frame.length)) this.#sent++;
    this.#port.port.flush();
  }

  #heard(frame: Uint8Array): void {
    const packet = decodeNd(frame);
    if (!packet.ok) return;
    const { body, source, sourceMac } = packet.value;
    if (body.kind === 'solicitation') {
      this.#solicitations++;
      const from = source === 0n ? undefined : { address: source, mac: sourceMac };
      this.#step({ kind: 'solicited', from });
    } else if (source !== this.#deps.linkLocalOf(this.#ifName)) {
      this.#rogue(source, sourceMac, body.advertisement);
    }
  }

  #rogue(router: Ipv6, sourceMac: Uint8Array, advertisement: RouterAdvertisement): void {
    const { clock, log, changed } = this.#deps;
    const known = this.#rogues.get(router);
    if (known === undefined && this.#rogues.size >= MAX_ROGUES) return;
    const mac = formatMac(sourceMac);
    const lastWallMs = clock.wallMs();
    const prefixes = advertisement.options.flatMap((option) =>
      option.kind === 'prefix' ? [option.prefix] : [],
    );
    const { lifetimeSec } = advertisement;
    this.#rogues.set(router, {
      ...{ segment: this.#segment.id, router, mac, lifetimeSec, prefixes: prefixes.slice(0, 8) },
      ...{ firstWallMs: known?.firstWallMs ?? lastWallMs, lastWallMs },
    });
    if (known !== undefined) return;
    log.warn({ interface: this.#ifName, mac }, 'another router advertises itself here');
    changed();
  }

  #isCurrent(prefix: Ipv6Prefix): boolean {
    const name = formatPrefix6(prefix);
    return this.#segment.prefixes.some((other) => formatPrefix6(other.prefix) === name);
  }

  /** What hosts are being told, so that it can be taken back after a crash. Written when it changes. */
  async #remember(): Promise<void> {
    const { store, log } = this.#deps;
    const told = [...this.#segment.prefixes, ...this.#gone].map(
      ({ prefix, onLink, autonomous }) => [formatPrefix6(prefix), onLink, autonomous],
    );
    const text = JSON.stringify(told);
    if (text === this.#remembered) return;
    this.#remembered = text;
    const value = told.length === 0 ? undefined : new TextEncoder().encode(text);
    const done = await store.commit([{ key: `${ADVERTISED_PREFIX}${this.#ifName}`, value }]);
    if (done.ok) return;
    this.#remembered = '';
    log.error({ code: done.error.code }, `advertised prefixes: ${done.error.message}`);
  }
}

function readTold(bytes: Uint8Array | undefined): readonly Omit<GonePrefix, 'untilMs'>[] {
  let read: unknown;
  try {
    read = JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array(0)));
  } catch {
    return [];
  }
  if (!Array.isArray(read)) return [];
  return (read as readonly unknown[]).flatMap((item) => {
    const [text, onLink, autonomous] = Array.isArray(item) ? (item as readonly unknown[]) : [];
    const prefix = parseIpv6Prefix(typeof text === 'string' ? text : '');
    return prefix.ok
      ? [{ prefix: prefix.value, onLink: onLink === true, autonomous: autonomous === true }]
      : [];
  });
}
