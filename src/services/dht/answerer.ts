/** What the node says to the queries of others: BEP 5, 32, 33, 42, 44 and 51. */
import type { IpPort } from '../../base/ip-port.ts';
import type { IpAddress } from '../../base/ip6.ts';
import { compactEndpoint } from '../../wire/dht-id.ts';
import {
  encodeKrpc,
  KRPC_ERRORS,
  type KrpcMessage,
  type KrpcQuery,
  type KrpcResponse,
  type Want,
} from '../../wire/krpc.ts';
import type { AddressPolicy } from './address-policy.ts';
import { familyOf } from './asker.ts';
import type { Family } from './config.ts';
import { K } from './distance.ts';
import type { ItemStore } from './item-store.ts';
import type { NodeTable } from './node-table.ts';
import type { PeerStore } from './peer-store.ts';
import type { Tokens } from './tokens.ts';

/** An answer to an address that nobody vouches for is at most so many times as long as the question. */
const AMPLIFICATION = 3;
/** Stays below what any path takes (RFC 8200 §5: 1,280 with headers). */
const MAX_ANSWER_BYTES = 1_200;
/** Both filters of a scrape (BEP 33), with their keys. */
const FILTER_BYTES = 2 * (256 + 4 + 6);
const MAX_VALUES = 50;
const PEER_BYTES = { 4: 8, 6: 21 } as const;
/** Verifying is dear: signatures a second, in all. */
const VERIFY_PER_SEC = 50;

export interface AnswererDeps {
  readonly tables: Readonly<Partial<Record<Family, NodeTable>>>;
  readonly peers: PeerStore;
  readonly items: ItemStore;
  readonly tokens: Tokens;
  readonly policy: AddressPolicy;
  readonly version: Uint8Array;
  /** The address answered us lately: a longer answer harms nobody else. */
  readonly verified: (address: IpAddress) => boolean;
}

type Query = KrpcMessage & { type: 'query' };
type Said =
  | { readonly response: KrpcResponse }
  | { readonly code: number; readonly message: string };

export class Answerer {
  readonly #deps: AnswererDeps;
  #verifications = 0;
  #verifyWindowMs = Number.NEGATIVE_INFINITY;

  constructor(deps: AnswererDeps) {
    this.#deps = deps;
  }

  /** The datagram to send back for a query of `size` bytes; undefined where even the least would be too long. */
  answer(message: Query, from: IpPort, size: number, nowMs: number): Uint8Array | undefined {
    const limit = this.limit(from.address, size);
    const said = this.#say(message.query, from, limit, nowMs);
    if ('code' in said) return this.error(message.transaction, said.code, said.message, limit);
    return this.#fit(message, from, said.response, limit);
  }

  /** For what could not be read, too. */
  error(
    transaction: Uint8Array,
    code: number,
    message: string,
    limit: number,
  ): Uint8Array | undefined {
    const bytes = encodeKrpc({
      ...{ type: 'error', transaction, version: this.#deps.version, code },
      message: Uint8Array.from(message, (char) => char.charCodeAt(0)),
    });
    return bytes.length <= limit ? bytes : undefined;
  }

  /** How long the answer to a question of `size` bytes may be. */
  limit(address: IpAddress, size: number): number {
    return this.#deps.verified(address)
      ? MAX_ANSWER_BYTES
      : Math.min(MAX_ANSWER_BYTES, AMPLIFICATION * size);
  }

  #say(query: KrpcQuery, from: IpPort, limit: number, nowMs: number): Said {
    const { peers, items, tokens } = this.#deps;
    switch (query.method) {
      case 'ping':
        return { response: {} };
      case 'find_node':
        return { response: this.#nodes(query.target, query.want, from) };
      case 'get_peers': {
        const { infoHash, noSeed, scrape } = query;
        const family = familyOf(from);
        // Dear to make, and left out first: not made for whoever cannot be given them.
        const filters = scrape && limit > FILTER_BYTES ? peers.scrape(infoHash, nowMs) : undefined;
        return {
          response: {
            ...this.#nodes(infoHash, query.want, from),
            token: tokens.make(from.address, infoHash, nowMs),
            values: listed(peers.peersOf(infoHash, family, noSeed, MAX_VALUES, nowMs)),
            ...{ bloomSeeds: filters?.seeds, bloomPeers: filters?.peers },
          },
        };
      }
      case 'announce_peer': {
        const { infoHash, token, seed, implied, port } = query;
        if (!tokens.valid(token, from.address, infoHash, nowMs)) return BAD_TOKEN;
        const peer = { address: from.address, port: implied ? from.port : (port ?? from.port) };
        if (!this.#deps.policy.allows(peer))
          return { code: KRPC_ERRORS.protocol, message: 'not a port to be reached at' };
        peers.announce(infoHash, peer, seed, nowMs);
        return { response: {} };
      }
      case 'get': {
        const { target } = query;
        const item = items.get(target, nowMs);
        const { signed } = item ?? {};
        const newer = signed === undefined || query.seq === undefined || signed.seq > query.seq;
        return {
          response: {
            ...this.#nodes(target, query.want, from),
            token: tokens.make(from.address, target, nowMs),
            ...{ seq: signed?.seq, value: newer ? item?.value : undefined },
            ...(newer ? { key: signed?.key, signature: signed?.signature } : {}),
          },
        };
      }
      case 'put':
        return this.#put(query, from, nowMs);
      case 'sample_infohashes': {
        const { samples, intervalSec } = peers.samples(nowMs);
        const nodes = this.#nodes(query.target, query.want, from);
        return { response: { ...nodes, samples, intervalSec, num: peers.swarms } };
      }
    }
  }

  #put(query: KrpcQuery & { method: 'put' }, from: IpPort, nowMs: number): Said {
    const { items, tokens } = this.#deps;
    const { value, signed, token } = query;
    const target = items.targetOf({ value, signed });
    if (!tokens.valid(token, from.address, target, nowMs)) return BAD_TOKEN;
    const put = items.put(value, signed, nowMs, () => this.#mayVerify(nowMs));
    return put.ok ? { response: {} } : put.error;
  }

  #mayVerify(nowMs: number): boolean {
    if (nowMs - this.#verifyWindowMs >= 1000) {
      this.#verifyWindowMs = nowMs;
      this.#verifications = 0;
    }
    return ++this.#verifications <= VERIFY_PER_SEC;
  }

  /** BEP 32: of the families asked for, or of the one that asks. */
  #nodes(target: Uint8Array, want: readonly Want[], from: IpPort): KrpcResponse {
    const { tables } = this.#deps;
    const family = familyOf(from);
    const wants = (of: Family): boolean =>
      want.length === 0 ? of === family : want.includes(of === 4 ? 'n4' : 'n6');
    return {
      nodes: wants(4) ? tables[4]?.compact(target, K) : undefined,
      nodes6: wants(6) ? tables[6]?.compact(target, K) : undefined,
    };
  }

  /** Leaves out what does not fit: filters first, then nodes, then values; never the token. */
  #fit(
    { transaction, query }: Query,
    from: IpPort,
    whole: KrpcResponse,
    limit: number,
  ): Uint8Array | undefined {
    const { tables, version } = this.#deps;
    const family = familyOf(from);
    const id = (tables[family] ?? tables[4] ?? tables[6])?.own ?? new Uint8Array(20);
    const ip = compactEndpoint(from);
    const encode = (response: KrpcResponse): Uint8Array =>
      encodeKrpc({ type: 'response', transaction, version, id, response, ip });
    let bytes = encode(whole);
    let said = whole;
    const shrink = (next: KrpcResponse): void => {
      said = next;
      bytes = encode(said);
    };
    const over = (): number => bytes.length - limit;
    if (over() > 0 && said.bloomSeeds !== undefined)
      shrink({ ...said, bloomSeeds: undefined, bloomPeers: undefined });
    if (over() > 0 && query.method === 'get' && said.value !== undefined) {
      // Who gets the value needs no further nodes; who cannot get it does.
      const alone = encode({ ...said, nodes: undefined, nodes6: undefined });
      if (alone.length > limit)
        shrink({ ...said, value: undefined, key: undefined, signature: undefined });
    }
    if (over() > 0 && said.nodes6 !== undefined)
      shrink({ ...said, nodes6: fewer(said.nodes6, 38, over()) });
    if (over() > 0 && said.nodes !== undefined)
      shrink({ ...said, nodes: fewer(said.nodes, 26, over()) });
    if (over() > 0 && said.values !== undefined) {
      const keep = said.values.length - Math.ceil(over() / PEER_BYTES[family]);
      shrink({ ...said, values: listed(said.values.slice(0, Math.max(0, keep))) });
    }
    if (over() > 0 && said.samples !== undefined)
      shrink({ ...said, samples: fewer(said.samples, 20, over()) });
    return over() > 0 ? undefined : bytes;
  }
}

const BAD_TOKEN = { code: KRPC_ERRORS.protocol, message: 'bad token' } as const;

const listed = (values: readonly Uint8Array[]): readonly Uint8Array[] | undefined =>
  values.length === 0 ? undefined : values;

const fewer = (records: Uint8Array, size: number, over: number): Uint8Array =>
  records.subarray(0, Math.max(0, records.length - Math.ceil(over / size) * size));
