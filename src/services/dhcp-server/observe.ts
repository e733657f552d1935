/**
 * What other servers on the segments do, as heard on the wire: their leases, and, where there should
 * be no other server, that they are there at all.
 */
import { type Ipv4, macOf } from '../../base/ip.ts';
import { DHCP } from '../../wire/dhcp4.ts';
import type { Dhcp4View } from '../../wire/dhcp4-view.ts';
import type { ForeignLease, RogueServer, ServerMode } from './config.ts';
import type { Requester } from './requester.ts';
import type { Segment } from './segment.ts';

const [REQUESTED_ADDRESS, LEASE_TIME, SERVER_ID] = [50, 51, 54];
const INFINITE = 0xffffffff;
const MAX_FOREIGN = 4096;
const MAX_ROGUES = 16;
/** What was only asked for is forgotten after that. */
const UNCONFIRMED_MS = 60 * 60_000;

/** Modes in which nobody else is to serve. */
const ALONE: ReadonlySet<ServerMode> = new Set(['open', 'selective']);

interface Kept {
  readonly lease: ForeignLease;
  readonly forgetAtMs: number;
}

export class Observer {
  /** By segment and MAC, the longest silent first. */
  readonly #foreign = new Map<string, Kept>();
  readonly #rogues = new Map<string, RogueServer>();

  /** An answer of another server. Gives a rogue that was not known, to be told of. */
  reply(segment: Segment, view: Dhcp4View, nowMs: number, wallMs: number): RogueServer | undefined {
    if (view.type !== DHCP.OFFER && view.type !== DHCP.ACK && view.type !== DHCP.NAK)
      return undefined;
    const server = view.has(SERVER_ID) ? view.ipOf(SERVER_ID) : view.sourceIp;
    const address = view.yiaddr;
    if (view.type === DHCP.ACK && address !== 0 && view.hlen === 6) {
      const sec = view.has(LEASE_TIME) ? view.ipOf(LEASE_TIME) : INFINITE;
      const expiresAtMs = sec === INFINITE ? Number.POSITIVE_INFINITY : nowMs + sec * 1000;
      this.#keep(segment, view, address, server, undefined, expiresAtMs, expiresAtMs);
    }
    return ALONE.has(segment.config.mode) ? this.#rogue(segment, view, server, wallMs) : undefined;
  }

  /** A client chose another server, or is done with it. */
  request(segment: Segment, who: Requester, nowMs: number): boolean {
    const { view } = who;
    if (!view.has(SERVER_ID) || view.hlen !== 6) return false;
    const server = view.ipOf(SERVER_ID);
    if (segment.isOwn(server)) return false;
    const key = keyOf(segment, view);
    if (view.type === DHCP.RELEASE || view.type === DHCP.DECLINE) return this.#foreign.delete(key);
    if (view.type !== DHCP.REQUEST || !view.has(REQUESTED_ADDRESS)) return false;
    const address = view.ipOf(REQUESTED_ADDRESS);
    const known = this.#foreign.get(key)?.lease;
    const same = known?.address === address && known.server === server;
    const expiresAtMs = same ? known.expiresAtMs : undefined;
    const forgetAtMs = expiresAtMs ?? nowMs + UNCONFIRMED_MS;
    this.#keep(segment, view, address, server, who.hostName(), expiresAtMs, forgetAtMs);
    return true;
  }

  /** The client chose a server that should not be there and was not heard yet: a switch keeps its offers from us. */
  suspects(segment: Segment, view: Dhcp4View): boolean {
    if (view.type !== DHCP.REQUEST || !view.has(SERVER_ID)) return false;
    if (!ALONE.has(segment.config.mode)) return false;
    const server = view.ipOf(SERVER_ID);
    if (segment.isOwn(server)) return false;
    for (const rogue of this.#rogues.values()) {
      if (rogue.segment === segment.config.id && rogue.server === server) return false;
    }
    return true;
  }

  foreign(nowMs: number): readonly ForeignLease[] {
    for (const [key, { forgetAtMs }] of this.#foreign) {
      if (forgetAtMs <= nowMs) this.#foreign.delete(key);
    }
    return [...this.#foreign.values()].map(({ lease }) => lease);
  }

  get rogues(): readonly RogueServer[] {
    return [...this.#rogues.values()];
  }

  /** Forgets what was heard on segments that are no more, and rogues where another server may be by now. */
  keepOnly(segments: readonly Segment[]): void {
    const modes = new Map(segments.map(({ config }) => [config.id, config.mode]));
    for (const [key, { lease }] of this.#foreign) {
      if (!modes.has(lease.segment)) this.#foreign.delete(key);
    }
    for (const [key, rogue] of this.#rogues) {
      const mode = modes.get(rogue.segment);
      if (mode === undefined || !ALONE.has(mode)) this.#rogues.delete(key);
    }
  }

  #keep(
    segment: Segment,
    view: Dhcp4View,
    address: Ipv4,
    server: Ipv4,
    hostName: string | undefined,
    expiresAtMs: number | undefined,
    forgetAtMs: number,
  ): void {
    const key = keyOf(segment, view);
    const known = this.#foreign.get(key)?.lease;
    this.#foreign.delete(key);
    const lease: ForeignLease = {
      segment: segment.config.id,
      mac: macOf(view.chaddrNumber()),
      address,
      server,
      hostName: hostName ?? known?.hostName,
      expiresAtMs,
    };
    this.#foreign.set(key, { lease, forgetAtMs });
    dropOldest(this.#foreign, MAX_FOREIGN);
  }

  #rogue(segment: Segment, view: Dhcp4View, server: Ipv4, wallMs: number): RogueServer | undefined {
    const mac = macOf(view.sourceMacNumber());
    const key = `${segment.config.id} ${server} ${mac}`;
    const known = this.#rogues.get(key);
    const rogue: RogueServer = {
      segment: segment.config.id,
      server,
      mac,
      firstWallMs: known?.firstWallMs ?? wallMs,
      lastWallMs: wallMs,
      offers: (known?.offers ?? 0) + (view.type === DHCP.OFFER ? 1 : 0),
    };
    this.#rogues.delete(key);
    this.#rogues.set(key, rogue);
    dropOldest(this.#rogues, MAX_ROGUES);
    return known === undefined ? rogue : undefined;
  }
}

const keyOf = (segment: Segment, view: Dhcp4View): string =>
  `${segment.config.id} ${view.chaddrNumber()}`;

function dropOldest(map: Map<string, unknown>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
