/**
 * Fetches the metadata of torrents from their peers (BEP 9): many peers at once, each asked for all
 * of it, so that the first whole copy with the right hash wins and a wrong one convicts exactly
 * one. A connection belongs to one torrent (BEP 3), so what is shared is the fetch: whoever wants a
 * torrent that is being fetched joins in. All fetches share one throttle and one memory.
 */
import { toHex } from '../../base/bytes.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import type { Log } from '../../base/log.ts';
import { err, ok } from '../../base/result.ts';
import type { TcpSockets } from '../../os/ports-tcp.ts';
import { BencodeDocument, TORRENT_LIMITS } from '../../wire/bencode.ts';
import { OUR_UT_METADATA } from '../../wire/peer-stream.ts';
import {
  encodeExtendedHandshake,
  encodeHandshake,
  PEER_LIMITS,
  renameHandshake,
} from '../../wire/peer-wire.ts';
import { type Digests, isNamedBy, readInfoBytes } from '../../wire/torrent.ts';
import type { FetchFailure, MetadataCounters, MetadataLimits } from './metadata-config.ts';
import { type FetchOptions, type FetchOwner, MetadataFetch } from './metadata-fetch.ts';
import { Peer, type PeerOwner } from './metadata-peer.ts';
import type { EndReason } from './peer-machine.ts';
import { ConnectThrottle } from './peer-throttle.ts';
import { RoundTrip, type RoundTripLimits } from './round-trip.ts';

/** Between two looks at who is late. */
const SWEEP_MS = 200;
/** Until the first came, long enough for one SYN sent again (after a second) on a slow line. */
const CONNECTING: RoundTripLimits = { firstMs: 3500, leastMs: 1000, mostMs: 8000 };
const LARGE_BYTES = 1 << 20;
const COMMON_BYTES = 1 << 16;

export interface MetadataDeps {
  readonly tcp: TcpSockets;
  readonly clock: Clock;
  readonly log: Log;
  readonly digests: Digests;
  /** Twenty bytes: what we are called by peers. */
  readonly peerId: Uint8Array;
  readonly limits: MetadataLimits;
  mayReach(endpoint: IpPort, isPrivate: boolean): boolean;
}

export class MetadataFetcher implements AsyncDisposable, FetchOwner, PeerOwner {
  readonly tcp: TcpSockets;
  readonly document = new BencodeDocument(PEER_LIMITS);
  readonly #deps: MetadataDeps;
  readonly #throttle: ConnectThrottle;
  readonly #roundTrip = new RoundTrip(CONNECTING);
  readonly introduction = encodeExtendedHandshake({
    ...{ utMetadata: OUR_UT_METADATA, metadataSizeBytes: undefined, client: undefined },
  });
  readonly #handshake: Uint8Array;
  /** For copies of the common sizes: its memory stays as large as the largest made it. */
  readonly #copies = new BencodeDocument(TORRENT_LIMITS);
  /** By infohash. */
  readonly #fetches = new Map<string, MetadataFetch>();
  /** Those that have somebody to ask, in the order in which they take turns. */
  readonly #ready = new Set<MetadataFetch>();
  readonly #waiting = new Map<Peer, number>();
  readonly #ends: Partial<Record<EndReason, number>> = {};
  #timer: Timer | undefined;
  #usedBytes = 0;
  #mostBytes = 0;
  #fetched = 0;
  #failed = 0;
  #connections = 0;
  #poisoned = 0;
  #dropped = 0;
  #pumping = false;
  #closed = false;

  constructor(deps: MetadataDeps) {
    this.#deps = deps;
    this.tcp = deps.tcp;
    this.#throttle = new ConnectThrottle(deps.limits);
    const { peerId } = deps;
    this.#handshake = encodeHandshake({ infoHash: new Uint8Array(20), peerId, extended: true });
  }

  get counters(): MetadataCounters {
    return {
      ...{ fetched: this.#fetched, failed: this.#failed, connections: this.#connections },
      ...{ ends: { ...this.#ends }, poisoned: this.#poisoned, peersDropped: this.#dropped },
      ...{ open: this.#throttle.open, mostOpen: this.#throttle.mostOpen },
      ...{ memoryBytes: this.#usedBytes, mostMemoryBytes: this.#mostBytes },
    };
  }

  /** Begins to fetch, or joins the fetch of the same torrent. It ends in time, whatever comes. */
  fetch(options: FetchOptions): MetadataFetch {
    const { id } = options;
    const key = [id.v1, id.v2].map((hash) => (hash === undefined ? '' : toHex(hash))).join();
    const running = this.#fetches.get(key);
    if (running?.options.private === options.private) return running;
    const fetch = new MetadataFetch(options, key, this);
    if (this.#closed || running !== undefined || this.#fetches.size >= this.#deps.limits.maxFetches)
      fetch.end(err({ reason: 'full', message: 'too many torrents are being fetched' }));
    else this.#fetches.set(key, fetch);
    this.#arm();
    return fetch;
  }

  /** Ends one before its time. */
  cancel(fetch: MetadataFetch): void {
    this.#fail(fetch, { reason: 'ended', message: 'it was called off' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const fetch of [...this.#fetches.values()]) this.cancel(fetch);
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  // ---- what a fetch and a peer ask of their owner ----------------------------------------------

  mayReach(endpoint: IpPort, isPrivate: boolean): boolean {
    return this.#deps.mayReach(endpoint, isPrivate);
  }

  changed(fetch: MetadataFetch): void {
    const nowMs = this.nowMs();
    this.#settle(fetch, nowMs);
    this.#pump(nowMs);
  }

  nowMs(): number {
    return this.#deps.clock.monoMs();
  }

  get connectMs(): number {
    return this.#roundTrip.timeoutMs;
  }

  stands(rttMs: number, nowMs: number): void {
    this.#roundTrip.measured(rttMs);
    this.#throttle.opened();
    this.#pump(nowMs);
  }

  reserve(peer: Peer, sizeBytes: number): void {
    this.#waiting.set(peer, sizeBytes);
    this.#grant();
  }

  handshake(hash: Uint8Array): Uint8Array {
    renameHandshake(this.#handshake, hash);
    return this.#handshake;
  }

  ended(peer: Peer, reason: EndReason): void {
    const nowMs = this.nowMs();
    this.#throttle.ended(peer.stood);
    this.#waiting.delete(peer);
    this.#usedBytes -= peer.grantedBytes;
    peer.grantedBytes = 0;
    this.#ends[reason] = (this.#ends[reason] ?? 0) + 1;
    const { fetch } = peer;
    fetch.peers.delete(peer);
    fetch.ended(peer.endpoint, peer.attempts, reason, nowMs);
    const copy = reason === 'delivered' ? peer.copy() : undefined;
    if (copy !== undefined && !fetch.isOver) this.#judge(fetch, peer, copy, nowMs);
    this.#grant();
    this.#settle(fetch, nowMs);
    this.#pump(nowMs);
  }

  // ---- its own ---------------------------------------------------------------------------------

  /** The copy is right and the fetch at its end, or it is wrong and the peer convicted. */
  #judge(fetch: MetadataFetch, { endpoint }: Peer, copy: Uint8Array, nowMs: number): void {
    const { log } = this.#deps;
    const digests = new OnceEach(this.#deps.digests);
    if (!isNamedBy(copy, fetch.options.id, digests)) {
      this.#poisoned += 1;
      fetch.convict(endpoint);
      log.info({ peer: formatIpPort(endpoint) }, 'a peer gave metadata of another hash');
      return;
    }
    const document = copy.length <= COMMON_BYTES ? this.#copies : undefined;
    const { info, faults } = readInfoBytes(copy, digests, document);
    const tookMs = nowMs - fetch.startedMs;
    this.#fetched += 1;
    fetch.end(ok({ infoBytes: copy, info, faults, from: endpoint, tookMs }));
    this.#forget(fetch);
  }

  #fail(fetch: MetadataFetch, failure: FetchFailure): void {
    if (fetch.isOver) return;
    this.#failed += 1;
    fetch.end(err(failure));
    this.#forget(fetch);
  }

  #forget(fetch: MetadataFetch): void {
    this.#dropped += fetch.dropped;
    this.#ready.delete(fetch);
    this.#fetches.delete(fetch.key);
    for (const peer of [...fetch.peers]) peer.tell({ type: 'stop' });
    this.#arm();
  }

  /** It ends where nobody is left, or takes its turn. */
  #settle(fetch: MetadataFetch, nowMs: number): void {
    if (fetch.isOver) return;
    if (fetch.isExhausted)
      this.#fail(fetch, { reason: 'nobody', message: 'no peer that is left has its metadata' });
    else this.#enlist(fetch, nowMs);
  }

  #enlist(fetch: MetadataFetch, nowMs: number): void {
    if (fetch.peers.size < this.#deps.limits.peersAtOnce && fetch.hasCandidate(nowMs))
      this.#ready.add(fetch);
  }

  /** Starts as many connections as may be, the fetches taking turns. */
  #pump(nowMs: number): void {
    // A connection may fail before it began, and lead here again.
    if (this.#pumping) return;
    this.#pumping = true;
    for (const fetch of this.#ready) {
      if (!this.#throttle.begin(nowMs)) break;
      this.#ready.delete(fetch);
      if (!this.#start(fetch, nowMs)) this.#throttle.ended(false);
      // Behind all others.
      this.#enlist(fetch, nowMs);
    }
    this.#pumping = false;
  }

  #start(fetch: MetadataFetch, nowMs: number): boolean {
    const candidate = fetch.take(nowMs);
    if (candidate === undefined) return false;
    this.#connections += 1;
    const peer = new Peer(fetch, candidate, this);
    fetch.peers.add(peer);
    peer.connect();
    return true;
  }

  /** Memory for whoever claims the least, as far as there is some: a large claim costs its maker time alone. */
  #grant(): void {
    if (this.#waiting.size === 0) return;
    const { memoryBytes } = this.#deps.limits;
    const waiting =
      this.#waiting.size === 1 ? this.#waiting : [...this.#waiting].sort(([, a], [, b]) => a - b);
    for (const [peer, sizeBytes] of waiting) {
      const most = sizeBytes > LARGE_BYTES ? memoryBytes / 2 : memoryBytes;
      // A copy alone is always possible: the cap of one is far below the whole.
      if (this.#usedBytes + sizeBytes > Math.max(most, sizeBytes)) continue;
      this.#waiting.delete(peer);
      peer.grantedBytes = sizeBytes;
      this.#usedBytes += sizeBytes;
      this.#mostBytes = Math.max(this.#mostBytes, this.#usedBytes);
      peer.tell({ type: 'granted' });
    }
  }

  #arm(): void {
    if (this.#closed || this.#timer !== undefined || this.#fetches.size === 0) return;
    this.#timer = this.#deps.clock.after(SWEEP_MS, () => {
      this.#timer = undefined;
      this.#sweep(this.nowMs());
      this.#arm();
    });
  }

  /** Who is late goes; whose turn has come begins. */
  #sweep(nowMs: number): void {
    for (const fetch of [...this.#fetches.values()]) {
      if (nowMs >= fetch.deadlineMs) {
        const { tried } = fetch.progress();
        this.#fail(fetch, {
          reason: 'late',
          message: `not in time: ${tried} ${tried === 1 ? 'peer was' : 'peers were'} asked`,
        });
        continue;
      }
      for (const peer of [...fetch.peers]) {
        if (nowMs >= peer.dueMs) peer.tell({ type: 'time' });
        else if (this.#waiting.size > 0 && this.#holdsUp(peer, nowMs))
          peer.tell({ type: 'lagging' });
      }
      this.#settle(fetch, nowMs);
    }
    this.#pump(nowMs);
  }

  #holdsUp(peer: Peer, nowMs: number): boolean {
    return (
      peer.grantedBytes > 0 &&
      nowMs - peer.beganMs > LAG_MS &&
      peer.lags(nowMs, peer.fetch.deadlineMs)
    );
  }
}

/** Of one copy that is looked at twice: is it the one, and what is in it. */
class OnceEach implements Digests {
  readonly #digests: Digests;
  #one: Uint8Array | undefined;
  #two: Uint8Array | undefined;

  constructor(digests: Digests) {
    this.#digests = digests;
  }

  sha1(bytes: Uint8Array): Uint8Array {
    this.#one ??= this.#digests.sha1(bytes);
    return this.#one;
  }

  sha256(bytes: Uint8Array): Uint8Array {
    this.#two ??= this.#digests.sha256(bytes);
    return this.#two;
  }
}

/** As long a peer may show what it can before it has to make room. */
const LAG_MS = 5000;
