/**
 * What the DNS server may ask of the native engine: types only, like `ports.ts`. The engine answers
 * from cache, compiled lists and local names on a thread of its own; what it cannot decide comes to
 * `EngineHandlers.queries`. Both ways compose answers alike: see `finish` below.
 *
 * **Names** are wire format (RFC 1035 §3.1, uncompressed, with the root's zero), lower case in keys.
 *
 * **finish.** What the cache and the local table hold is a whole response with ID 0, its question in
 * lower case, QR, RA, AA, AD and RCODE set as they hold, and without OPT. An answer is made of it so:
 * ID, RD and CD of the query; AD only if the query has DO or AD; the question's bytes as the client
 * wrote them; each TTL less the age in whole seconds, not below 0; and, when the query has an OPT,
 * one OPT behind all else (name root, size 1232, extended RCODE and version 0, the query's DO, then
 * the `options`). Is that longer than the limit (512 without OPT, else the client's size within 512
 * and 1232; 65535 on streams), the answer is header with TC, question, and OPT without options.
 */
import type { SystemError } from '../base/errors.ts';
import type { IpAddress } from '../base/ip6.ts';
import type { Result } from '../base/result.ts';

export interface DnsPrefix {
  readonly address: IpAddress;
  readonly prefixLen: number;
}

/**
 * How a blocked name is answered. `zero`: 0.0.0.0 for A, :: for AAAA, else no data. `nxdomain`:
 * NXDOMAIN. Both, where no record is given, with the SOA of RFC 6303 §3 (owner and MNAME the name
 * asked for, RNAME nobody.invalid, 1 3600 1200 604800 and `blockTtlSec`). `refused`: REFUSED alone.
 * Each with EDE 15 (RFC 8914) and the list's name, if the query has an OPT.
 */
export type BlockMode = 'zero' | 'nxdomain' | 'refused';

/** How the engine treats the clients of a group. Its number, 0 to 63, is its place in the policy. */
export interface EngineGroup {
  /** Bit i: list i of the compiled file counts. */
  readonly listMask: bigint;
  readonly blockMode: BlockMode;
  readonly blockTtlSec: number;
  /** Everything of its clients is decided in JavaScript. */
  readonly slow: boolean;
  /** A name that no hashed rule decides is not answered from the local table or, before its `passMask` says so, from the cache. */
  readonly hasPatterns: boolean;
  /** A name that a hashed rule blocks, not an important one, goes to JavaScript, too. */
  readonly hasAllowPatterns: boolean;
}

/** The whole of what the engine needs to know of policy; replaces what was there. */
export interface EnginePolicy {
  /** Above 0. Answers that passed under another generation are judged anew. */
  readonly generation: number;
  readonly groups: readonly EngineGroup[];
  /** The longest prefix decides; at most 65,536. */
  readonly clients: readonly (DnsPrefix & { readonly group: number })[];
  /** Group of everybody else. */
  readonly defaultGroup: number;
  /** Whoever is in none of these gets no answer at all. */
  readonly access: readonly DnsPrefix[];
  readonly limits: EngineLimits;
}

/** 0 is no limit. Clients are IPv4 addresses and IPv6 /64s. What goes beyond is dropped and counted. */
export interface EngineLimits {
  /** Queries a second of one client; it may save up those of two seconds. */
  readonly queriesPerSec: number;
  /** Of them, those that need JavaScript. */
  readonly missesPerSec: number;
  /** Equal answers over UDP a second to one IPv4 /24 or IPv6 /56; every other one beyond is sent truncated. */
  readonly sameAnswersPerSec: number;
}

/** To whom an answer over UDP goes. */
export interface EnginePeer {
  readonly client: IpAddress;
  readonly port: number;
  /** Interface of a link-local address, else 0. */
  readonly scopeId: number;
  readonly listener: number;
}

/** Why JavaScript is asked. `prefetch` wants no answer: the client has one. */
export type MissReason =
  /** The cache has nothing of it. */
  | 'unknown'
  /** The cache has an answer that policy has not passed for this group. */
  | 'unjudged'
  /** The cache has an answer that is past its TTL. */
  | 'stale'
  /** It was answered with less than a tenth of its TTL left. */
  | 'prefetch'
  /** A rule that only JavaScript decides, or a group that is `slow` or has patterns. */
  | 'complex'
  /** A local name of which this type is not in the table. */
  | 'local'
  /** What the strict short parse does not take: another opcode or class, several questions, ANY, an odd OPT, broken bytes. */
  | 'unusual';

export interface EngineQuery {
  readonly peer: EnginePeer;
  readonly group: number;
  readonly reason: MissReason;
  /** The datagram; the caller's to keep. At least 12 bytes, QR clear. */
  readonly wire: Uint8Array;
}

/** What the engine answered by itself. */
export interface EngineLogEntry {
  /** CLOCK_BOOTTIME. */
  readonly timeMs: number;
  readonly client: IpAddress;
  readonly group: number;
  readonly by: 'cache' | 'block' | 'local';
  readonly type: number;
  readonly rcode: number;
  /** The list that blocked it, by its place in the compiled file; undefined when none did. */
  readonly list: number | undefined;
  /** As asked, wire format. */
  readonly name: Uint8Array;
}

export interface EngineHandlers {
  /** At most 256 at a time; more come in the loop's next round. */
  queries(batch: readonly EngineQuery[]): void;
  /** At most once a second, when `setLog` asked for it; entries that did not fit are in `stats().logDropped`. */
  log(entries: readonly EngineLogEntry[]): void;
}

export interface DnsCacheKey {
  /** Lower case, wire format. */
  readonly name: Uint8Array;
  readonly type: number;
  /** DO and CD of the query. Class is IN. */
  readonly dnssecOk: boolean;
  readonly checkingDisabled: boolean;
}

export interface DnsCacheMeta {
  /** How long it is fresh, from `nowMs` on; TTLs in the wire are those to be sent at age 0. */
  readonly ttlSec: number;
  /** Policy looked at it, with its whole CNAME chain, and let it pass for these groups … */
  readonly passMask: bigint;
  /** … under this generation. */
  readonly generation: number;
  /** EDNS options for the OPT of answers made of it, such as an EDE; at most 512 bytes. */
  readonly options?: Uint8Array;
}

export interface DnsCacheEntry {
  readonly wire: Uint8Array;
  readonly ageSec: number;
  readonly ttlSec: number;
  readonly passMask: bigint;
  readonly generation: number;
  readonly options: Uint8Array;
}

/** Bounded in bytes: what nobody asked for again makes room first. Times are CLOCK_BOOTTIME. */
export interface DnsCache {
  /** False for what cannot be kept: no well-formed response to that question, or over 16 KiB. */
  put(key: DnsCacheKey, wire: Uint8Array, meta: DnsCacheMeta, nowMs: number): boolean;
  /** Stale ones too, as long as they are there. */
  get(key: DnsCacheKey, nowMs: number): DnsCacheEntry | undefined;
  /** Adds groups for which it passed; false when it is not there. A change of generation drops the old ones. */
  pass(key: DnsCacheKey, passMask: bigint, generation: number): boolean;
  /** Forgets one name in all types, or everything; how many went. */
  flush(name?: Uint8Array): number;
  /** All that is not `staleSec` past its TTL, written beside `path` and renamed, not synced: `load` takes only what is whole. How many. */
  dump(path: string, nowMs: number, wallMs: number): Result<number, SystemError>;
  /** What `dump` wrote, aged by the time since; passes are forgotten, and if the clock went back, all is stale. How many came back. */
  load(path: string, nowMs: number, wallMs: number): Result<number, SystemError>;
}

/** An answer by type for a local name. A name that is here, but not this type of it, is asked of JavaScript. */
export interface EngineLocal {
  readonly name: Uint8Array;
  readonly type: number;
  /** Response as in `finish`. */
  readonly wire: Uint8Array;
}

/** Rules of one suffix of a name, bit i for list i. `Exact` is the name itself, `Below` all names under it. */
export interface BlockRules {
  /** Offset of the suffix in the name. */
  readonly at: number;
  readonly blockExact: bigint;
  readonly blockBelow: bigint;
  readonly allowExact: bigint;
  readonly allowBelow: bigint;
  readonly importantBlockExact: bigint;
  readonly importantBlockBelow: bigint;
  readonly importantAllowExact: bigint;
  readonly importantAllowBelow: bigint;
  readonly complexExact: bigint;
  readonly complexBelow: bigint;
}

/**
 * What the hashed rules of the lists in a mask say of a name: important allow before important block
 * before allow before block, whatever the suffix. `complex` names the lists with a rule for it that
 * JavaScript decides; the other fields are what holds without it.
 */
export interface BlockMatch {
  readonly verdict: 'none' | 'allow' | 'block';
  readonly important: boolean;
  /** The lowest list with such a rule, and the offset of the longest suffix that it names; undefined for `none`. */
  readonly list: number | undefined;
  readonly at: number | undefined;
  readonly complex: bigint;
}

export interface BlockList {
  /** Whatever tells the lists of the configuration apart, above 0. */
  readonly id: number;
  /** For people; at most 91 bytes of UTF-8. */
  readonly name: string;
  /** Of the source that was compiled. */
  readonly sha256: Uint8Array;
}

/** What a compiled file says of itself. */
export interface BlockFile {
  readonly lists: readonly BlockList[];
  /** 16 bytes. */
  readonly key: Uint8Array;
  readonly names: number;
  readonly sizeBytes: number;
  /** The compiler's own text. */
  readonly note: string;
}

/** Counted since the engine started. Everything that was received is in exactly one of `answered…`, `toJs` and the `dropped…` up to `droppedQueue`. */
export interface EngineStats {
  readonly received: number;
  readonly answeredCache: number;
  readonly answeredBlock: number;
  readonly answeredLocal: number;
  readonly toJs: number;
  /** From nobody that `access` names. */
  readonly droppedAccess: number;
  /** Shorter than a header, a response, or cut. */
  readonly droppedMalformed: number;
  readonly droppedClientRate: number;
  readonly droppedMissRate: number;
  readonly droppedSameAnswer: number;
  /** JavaScript did not keep up. */
  readonly droppedQueue: number;
  /** Answers that the kernel did not take. */
  readonly droppedSend: number;
  /** Datagrams that the kernel dropped since the socket was full; not in `received`. */
  readonly droppedKernel: number;
  /** Of the answers: cut to a header with TC. */
  readonly truncated: number;
  readonly prefetches: number;
  readonly sentFromJs: number;
  readonly logDropped: number;
  readonly cacheEntries: number;
  readonly cacheBytes: number;
  readonly cacheInserted: number;
  readonly cacheEvicted: number;
}

export type EngineAnswer =
  | {
      readonly kind: 'answer';
      readonly by: EngineLogEntry['by'];
      readonly wire: Uint8Array;
      /** Less than a tenth of its TTL is left, and it has not been said before. */
      readonly prefetch: boolean;
    }
  | { readonly kind: 'miss'; readonly group: number; readonly reason: MissReason }
  | { readonly kind: 'drop' };

export interface DnsEngine extends AsyncDisposable {
  readonly cache: DnsCache;
  /** Opens a UDP socket on an address that need not be there yet; the number of the listener. */
  listen(address: IpAddress, port: number, scopeId?: number): Result<number, SystemError>;
  /** The port of a listener that was opened on port 0. */
  portOf(listener: number): number;
  unlisten(listener: number): void;
  /** Queues an answer as it is, to leave at `flush`, or when many wait. */
  answer(peer: EnginePeer, wire: Uint8Array): void;
  flush(): void;
  setPolicy(policy: EnginePolicy): void;
  /** The whole table; at most 16 MiB. False, and nothing is changed, if it is more or an entry is no response to its question. */
  setLocal(entries: readonly EngineLocal[]): boolean;
  /** How long past its TTL an answer is `stale` and not `unknown`, and whether `prefetch` is asked for. */
  setCache(options: { readonly staleSec: number; readonly prefetch: boolean }): void;
  setLog(on: boolean): void;
  /** Takes a compiled file in the place of the one before, which stays if this one is not whole. `undefined` takes it away. */
  loadBlocks(path: string | undefined): Result<BlockFile | undefined, SystemError>;
  match(name: Uint8Array, listMask: bigint): BlockMatch;
  /** All rules for a name and its suffixes, longest first, for `why`. */
  rules(name: Uint8Array): readonly BlockRules[];
  /** What the engine says to a query that came another way than its own sockets; `limitBytes` 65535 for streams. */
  ask(wire: Uint8Array, client: IpAddress, limitBytes: number, nowMs: number): EngineAnswer;
  stats(): EngineStats;
}

/** Opens the engine; its cache is bounded by `cacheBytes` (at least 1 MiB). */
export interface DnsEngines {
  open(
    options: { readonly cacheBytes: number; readonly queueLength: number },
    handlers: EngineHandlers,
  ): Result<DnsEngine, SystemError>;
}

export type RuleKind = 'block' | 'allow' | 'importantBlock' | 'importantAllow' | 'complex';
export type RuleScope = 'exact' | 'below' | 'subtree';

/** Makes a compiled file, streaming: what it holds meanwhile is about the size of the file. */
export interface BlockBuilder extends Disposable {
  /** `name` is dotted text of ASCII, without a final dot; what is no name is refused and counted. */
  add(list: number, kind: RuleKind, scope: RuleScope, name: string): void;
  /** Written whole beside `path`, synced, renamed; done when the medium has it. */
  finish(path: string): Promise<Result<BuiltBlocks, SystemError>>;
}

export interface BuiltBlocks {
  readonly names: number;
  readonly refused: number;
  readonly sizeBytes: number;
}

export interface BlockBuilders {
  /** `key`: 16 random bytes of this box, the same for each build. At most 64 lists. */
  open(options: {
    readonly key: Uint8Array;
    readonly lists: readonly BlockList[];
    readonly note: string;
  }): Result<BlockBuilder, SystemError>;
}
