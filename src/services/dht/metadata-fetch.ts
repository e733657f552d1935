/** One torrent whose metadata is wanted: who may be asked for it, who was, and what came of it. */
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import type { Result } from '../../base/result.ts';
import { shortHash, type TorrentId } from '../../wire/magnet.ts';
import type { Fetched, FetchFailure, FetchProgress } from './metadata-config.ts';
import type { Peer } from './metadata-peer.ts';
import type { EndReason } from './peer-machine.ts';

const MAX_KNOWN = 4096;
const MAX_ATTEMPTS = 2;
const RETRY_MS = 2000;

/** Those after which a peer may do better the next time. */
const WORTH_ANOTHER: ReadonlySet<EndReason> = new Set<EndReason>([
  'unreachable',
  'silent',
  'left',
  'rejected',
  'stopped',
]);

interface Candidate {
  readonly endpoint: IpPort;
  readonly attempts: number;
  readonly fromMs: number;
}

export interface FetchOptions {
  readonly id: TorrentId;
  readonly timeoutMs: number;
  /** The owner says that the swarm is one of his own networks. */
  readonly private: boolean;
}

export interface FetchOwner {
  mayReach(endpoint: IpPort, isPrivate: boolean): boolean;
  /** A peer came, or none is to come: see what can be done. */
  changed(fetch: MetadataFetch): void;
  nowMs(): number;
}

/** IPv4 is what nearly all are. */
const keyOf = (at: IpPort): number | string =>
  typeof at.address === 'number' ? at.address * 65_536 + at.port : formatIpPort(at);

export class MetadataFetch {
  readonly options: FetchOptions;
  /** Of its owner. */
  readonly key: string;
  /** What peers call it. */
  readonly hash: Uint8Array;
  readonly startedMs: number;
  readonly peers = new Set<Peer>();
  readonly result: Promise<Result<Fetched, FetchFailure>>;
  readonly #owner: FetchOwner;
  readonly #resolve: (result: Result<Fetched, FetchFailure>) => void;
  /** Who may be asked, with what came of the last attempt. */
  readonly #seen = new Map<number | string, EndReason | undefined>();
  readonly #candidates: Candidate[] = [];
  readonly #convicted: IpPort[] = [];
  #waiting: 'more' | 'noMore' = 'more';
  #unfit = 0;
  #dropped = 0;
  #tried = 0;
  #over = false;

  constructor(options: FetchOptions, key: string, owner: FetchOwner) {
    this.options = options;
    this.key = key;
    this.hash = shortHash(options.id);
    this.#owner = owner;
    this.startedMs = owner.nowMs();
    const { promise, resolve } = Promise.withResolvers<Result<Fetched, FetchFailure>>();
    this.result = promise;
    this.#resolve = resolve;
  }

  get deadlineMs(): number {
    return this.startedMs + this.options.timeoutMs;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Peers that found no place. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Peers to be asked, as they become known. */
  add(endpoints: Iterable<IpPort>): void {
    for (const endpoint of endpoints) {
      if (!this.#owner.mayReach(endpoint, this.options.private)) {
        this.#unfit += 1;
        continue;
      }
      const key = keyOf(endpoint);
      if (this.#seen.has(key)) continue;
      if (this.#seen.size >= MAX_KNOWN) {
        this.#dropped += 1;
        continue;
      }
      this.#seen.set(key, undefined);
      this.#candidates.push({ endpoint, attempts: 0, fromMs: 0 });
    }
    this.#owner.changed(this);
  }

  /** No further peers will be told: with the last of them it ends. */
  noMorePeers(): void {
    this.#waiting = 'noMore';
    this.#owner.changed(this);
  }

  /** Nobody is left, and nobody is to come. */
  get isExhausted(): boolean {
    return this.#waiting === 'noMore' && this.#candidates.length === 0 && this.peers.size === 0;
  }

  hasCandidate(nowMs: number): boolean {
    return !this.#over && this.#candidates.some(({ fromMs }) => fromMs <= nowMs);
  }

  /** The next to be asked, who belongs to `peers` from then on; undefined when there is none now. */
  take(nowMs: number): { readonly endpoint: IpPort; readonly attempts: number } | undefined {
    const at = this.#candidates.findIndex(({ fromMs }) => fromMs <= nowMs);
    const [candidate] = at < 0 ? [] : this.#candidates.splice(at, 1);
    if (candidate?.attempts === 0) this.#tried += 1;
    return candidate;
  }

  /** What came of one. */
  ended(endpoint: IpPort, attempts: number, reason: EndReason, nowMs: number): void {
    this.#seen.set(keyOf(endpoint), reason);
    if (this.#over || attempts + 1 >= MAX_ATTEMPTS || !WORTH_ANOTHER.has(reason)) return;
    this.#candidates.push({
      endpoint,
      attempts: attempts + 1,
      fromMs: nowMs + RETRY_MS * (attempts + 1),
    });
  }

  convict(endpoint: IpPort): void {
    this.#convicted.push(endpoint);
  }

  progress(): FetchProgress {
    let [connecting, receivedBytes] = [0, 0];
    let sizeBytes: number | undefined;
    for (const { state, receivedBytes: bytes } of this.peers) {
      if (state.name === 'connecting') connecting += 1;
      if (state.name === 'fetching' && bytes >= receivedBytes) {
        receivedBytes = bytes;
        sizeBytes = state.sizeBytes;
      }
    }
    return {
      ...{ known: this.#seen.size, unfit: this.#unfit, tried: this.#tried },
      ...{ connecting, talking: this.peers.size - connecting, receivedBytes, sizeBytes },
      ...{ ends: this.#ends(), convicted: [...this.#convicted] },
    };
  }

  #ends(): FetchProgress['ends'] {
    const ends: Partial<Record<EndReason, number>> = {};
    for (const reason of this.#seen.values())
      if (reason !== undefined) ends[reason] = (ends[reason] ?? 0) + 1;
    return ends;
  }

  /** Once; what is told later is told to nobody. */
  end(result: Result<Fetched, FetchFailure>): void {
    if (this.#over) return;
    this.#over = true;
    this.#candidates.length = 0;
    this.#resolve(result);
  }
}
