/** What the DHT is for: peers found and announced, items got and put, infohashes sampled; both families at once. */
import { toHex } from '../../base/bytes.ts';
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type BencodeValue, decodeBencode } from '../../wire/bencode.ts';
import { encodeBencode } from '../../wire/bencode-writer.ts';
import { readEndpoint } from '../../wire/dht-id.ts';
import type { KrpcQuery, KrpcResponse, Want } from '../../wire/krpc.ts';
import { bloomCount, joinBloom } from './bloom.ts';
import type { Family } from './config.ts';
import { ID_BYTES } from './distance.ts';
import {
  type DhtItem,
  ITEM_LIMITS,
  itemHolds,
  itemTarget,
  mutableTarget,
  signedBytes,
} from './item-store.ts';
import type { DhtCrypto, DhtNode } from './node.ts';
import { type Found, type FoundNode, namedNodes, type SearchStep } from './searcher.ts';

const MAX_PEERS = 1_000;

/** Of one operation, over both families. */
export interface Step {
  readonly asked: number;
  readonly answered: number;
  /** Bits that the closest node shares with what is looked for; undefined before one answered. */
  readonly sharedBits: number | undefined;
  /** Peers found so far. */
  readonly peers: number;
}

/** How whoever began an operation stays in touch with it. */
export interface Watch {
  readonly progress?: ((step: Step) => void) | undefined;
  /** Ends it with what was found; nobody is told or given anything any more. */
  readonly signal?: AbortSignal | undefined;
}

export interface PeersFound {
  readonly peers: readonly IpPort[];
  /** Estimates of BEP 33; undefined when nobody had filters. */
  readonly seeds: number | undefined;
  readonly leeches: number | undefined;
  readonly searches: readonly Found[];
}

export interface Stored {
  readonly target: Uint8Array;
  /** Nodes that keep it. */
  readonly stored: number;
  /** Why others do not, as they said. */
  readonly refusals: readonly string[];
}

export interface Sampled {
  readonly hashes: readonly Uint8Array[];
  readonly num: number | undefined;
  readonly intervalSec: number;
  readonly nodes: readonly { readonly id: Uint8Array; readonly endpoint: IpPort }[];
}

export class DhtOperations {
  readonly #node: DhtNode;
  readonly #crypto: DhtCrypto;
  readonly #nowMs: () => number;

  constructor(node: DhtNode, crypto: DhtCrypto, nowMs: () => number) {
    this.#node = node;
    this.#crypto = crypto;
    this.#nowMs = nowMs;
  }

  findNode(target: Uint8Array, watch: Watch = {}): Promise<readonly Found[]> {
    return this.#everywhere(target, (want) => ({ method: 'find_node', target, want }), watch);
  }

  async getPeers(
    infoHash: Uint8Array,
    options: Watch & { readonly scrape?: boolean } = {},
  ): Promise<PeersFound> {
    const peers = new Map<string, IpPort>();
    let filters: { readonly seeds: Uint8Array; readonly peers: Uint8Array } | undefined;
    const take = (compact: Uint8Array): void => {
      const peer = readEndpoint(compact);
      if (peer === undefined || peers.size >= MAX_PEERS || !this.#node.mayReach(peer)) return;
      const key = formatIpPort(peer);
      if (peers.has(key)) return;
      peers.set(key, peer);
    };
    // What others announced to us counts as well.
    for (const family of [4, 6] as const)
      for (const compact of this.#node.peers.peersOf(infoHash, family, false, 100, this.#nowMs()))
        take(compact);
    const scrape = options.scrape ?? false;
    const query = (want: readonly Want[]): KrpcQuery => ({
      ...{ method: 'get_peers', infoHash, want, scrape, noSeed: false },
    });
    const heard = ({ values, bloomSeeds, bloomPeers }: KrpcResponse): void => {
      for (const compact of values ?? []) take(compact);
      if (bloomSeeds === undefined || bloomPeers === undefined) return;
      filters ??= { seeds: new Uint8Array(256), peers: new Uint8Array(256) };
      joinBloom(filters.seeds, bloomSeeds);
      joinBloom(filters.peers, bloomPeers);
    };
    const searches = await this.#everywhere(infoHash, query, options, heard, () => peers.size);
    return {
      ...{ peers: [...peers.values()], searches },
      seeds: filters && Math.round(bloomCount(filters.seeds)),
      leeches: filters && Math.round(bloomCount(filters.peers)),
    };
  }

  /** With `implied` the port is the one that we talk from, as others see it behind an address translation. */
  async announce(
    infoHash: Uint8Array,
    port: number,
    seed: boolean,
    { implied = false, ...watch }: Watch & { readonly implied?: boolean } = {},
  ): Promise<PeersFound & Stored> {
    const result = await this.getPeers(infoHash, watch);
    const told = await this.#tell(result.searches, watch, (token) => ({
      ...{ method: 'announce_peer', infoHash, token, implied, port, seed },
    }));
    return { ...result, target: infoHash, ...told };
  }

  getImmutable(target: Uint8Array, watch: Watch = {}): Promise<DhtItem | undefined> {
    return this.#get(target, undefined, watch);
  }

  /** The newest that is signed rightly. */
  getMutable(
    key: Uint8Array,
    salt: Uint8Array | undefined,
    watch: Watch = {},
  ): Promise<DhtItem | undefined> {
    return this.#get(mutableTarget(key, salt, this.#crypto.sha1), salt, watch);
  }

  /**
   * Of an item that is whole already: one of our own, or one to be put again. With `cas` only where
   * the one with that number is (BEP 44).
   */
  async put(
    item: DhtItem,
    { cas, ...watch }: Watch & { readonly cas?: number | bigint | undefined } = {},
  ): Promise<Result<Stored, string>> {
    if (encodeBencode(item.value).length > ITEM_LIMITS.maxBytes)
      return err(`an item has at most ${ITEM_LIMITS.maxBytes} bytes`);
    const target = itemTarget(item, this.#crypto.sha1);
    const searches = await this.#everywhere(
      target,
      (want) => ({ method: 'get', target, want, seq: undefined }),
      watch,
    );
    const { value, signed } = item;
    const told = await this.#tell(searches, watch, (token) => ({
      ...{ method: 'put', token, value },
      signed: signed && { ...signed, cas },
    }));
    return ok({ target, ...told });
  }

  sign(
    seed: Uint8Array,
    salt: Uint8Array | undefined,
    value: BencodeValue,
    seq: number | bigint,
  ): DhtItem {
    const { key, signature } = this.#crypto.sign(seed, signedBytes(value, seq, salt));
    return { value, signed: { key, signature, seq, salt } };
  }

  /** BEP 51; undefined when it does not answer, or does not know the query. */
  sample(to: IpPort, target: Uint8Array): Promise<Sampled | undefined> {
    return new Promise((resolve) => {
      const want: readonly Want[] = [typeof to.address === 'number' ? 'n4' : 'n6'];
      const family: Family = typeof to.address === 'number' ? 4 : 6;
      this.#node.asker.ask(
        to,
        { method: 'sample_infohashes', target, want },
        {
          answered: ({ response }) => {
            const { samples, num, intervalSec } = response;
            const named = namedNodes(family === 4 ? response.nodes : response.nodes6, family);
            const hashes = Array.from({ length: (samples?.length ?? 0) / ID_BYTES }, (_, i) =>
              (samples ?? target).slice(i * ID_BYTES, (i + 1) * ID_BYTES),
            );
            resolve({
              ...{ hashes, num, intervalSec: intervalSec ?? 0 },
              nodes: named
                .filter(({ endpoint }) => this.#node.mayReach(endpoint))
                .map(({ id, endpoint }) => ({ id: id.slice(), endpoint })),
            });
          },
          refused: () => resolve(undefined),
          lost: () => resolve(undefined),
        },
      );
    });
  }

  async #get(
    target: Uint8Array,
    salt: Uint8Array | undefined,
    watch: Watch,
  ): Promise<DhtItem | undefined> {
    let best = this.#node.items.get(target, this.#nowMs());
    const refused = new Set<string>();
    const heard = ({ value, key, signature, seq }: KrpcResponse): void => {
      if (value === undefined) return;
      const whole = key !== undefined && signature !== undefined && seq !== undefined;
      const signed = whole ? { key, signature, seq, salt } : undefined;
      if (best?.signed !== undefined && (signed === undefined || signed.seq <= best.signed.seq))
        return;
      const item: DhtItem = { value, signed };
      // The same from eight nodes is verified once, and so is what is wrong.
      const print = toHex(
        this.#crypto.sha1(encodeBencode([value, seq ?? 0, signature ?? '', key ?? ''])),
      );
      if ((best !== undefined && signed === undefined) || refused.has(print)) return;
      if (!itemHolds(item, target, this.#crypto)) {
        if (refused.size < 64) refused.add(print);
        return;
      }
      best = copied(item);
    };
    const query = (want: readonly Want[]): KrpcQuery => ({
      ...{ method: 'get', target, want, seq: undefined },
    });
    await this.#everywhere(target, query, watch, heard);
    return best;
  }

  #everywhere(
    target: Uint8Array,
    query: (want: readonly Want[]) => KrpcQuery,
    { progress, signal }: Watch,
    heard: (response: KrpcResponse) => void = () => {},
    peers: () => number = () => 0,
  ): Promise<readonly Found[]> {
    const steps = new Map<Family, SearchStep>();
    const stepped = (family: Family, step: SearchStep): void => {
      steps.set(family, step);
      progress?.({ ...joined([...steps.values()]), peers: peers() });
    };
    return Promise.all(
      Object.values(this.#node.tables).map(({ family }) =>
        this.#node.searcher.search({
          ...{ family, target, query, signal },
          heard: (answer) => heard(answer.response),
          progress: progress && ((step) => stepped(family, step)),
        }),
      ),
    );
  }

  async #tell(
    searches: readonly Found[],
    { signal }: Watch,
    query: (token: Uint8Array) => KrpcQuery,
  ): Promise<Omit<Stored, 'target'>> {
    if (signal?.aborted === true) return { stored: 0, refusals: [] };
    const nodes: readonly FoundNode[] = searches.flatMap(({ closest }) => closest);
    return this.#node.searcher.tell(nodes, query);
  }
}

function joined(steps: readonly SearchStep[]): SearchStep {
  const bits = steps.flatMap((step) => step.sharedBits ?? []);
  return {
    asked: steps.reduce((sum, { asked }) => sum + asked, 0),
    answered: steps.reduce((sum, { answered }) => sum + answered, 0),
    sharedBits: bits.length === 0 ? undefined : Math.max(...bits),
  };
}

function copied({ value, signed }: DhtItem): DhtItem {
  const copy = decodeBencode(encodeBencode(value), ITEM_LIMITS);
  return {
    value: copy.ok ? copy.value : value,
    signed: signed && {
      ...{ key: signed.key.slice(), signature: signed.signature.slice(), seq: signed.seq },
      salt: signed.salt,
    },
  };
}
