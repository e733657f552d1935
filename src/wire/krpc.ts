/**
 * KRPC, the messages of the DHT: BEP 5, with BEP 32 (`want`, `nodes6`), 33 (scrape), 42 (`ip`),
 * 43 (`ro`), 44 (`get`, `put`) and 51 (`sample_infohashes`). Unknown keys are passed over; a key that
 * is known has its type and length or the message is refused.
 */
import { err, ok, type Result } from '../base/result.ts';
import { BencodeDocument, type BencodeNode, type BencodeValue } from './bencode.ts';
import { type Bencodable, BencodeWriter, encodeBencode } from './bencode-writer.ts';

/** Codes of BEP 5 and BEP 44. */
export const KRPC_ERRORS = {
  generic: 201,
  server: 202,
  protocol: 203,
  unknownMethod: 204,
  valueTooLarge: 205,
  badSignature: 206,
  saltTooLarge: 207,
  casMismatch: 301,
  seqTooLow: 302,
} as const;

const ID_BYTES = 20;
/** BEP 44: of `v` as it is encoded, and of `salt`. */
export const MAX_ITEM_BYTES = 1000;
const MAX_SALT_BYTES = 64;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** BEP 33: 2,048 bits. */
const BLOOM_BYTES = 256;

/** What a datagram of a path with 1,500 bytes may hold, with some to spare for those who send more. */
const LIMITS = { maxBytes: 4096, maxDepth: 8, maxTokens: 600 };
const MAX_TRANSACTION_BYTES = 32;
const MAX_TOKEN_BYTES = 64;
const MAX_ERROR_BYTES = 512;
const MAX_INTERVAL_SEC = 21_600;

/** Address families of which nodes are asked for (BEP 32). */
export type Want = 'n4' | 'n6';

export type KrpcQuery =
  | { readonly method: 'ping' }
  | {
      readonly method: 'find_node' | 'sample_infohashes';
      readonly target: Uint8Array;
      readonly want: readonly Want[];
    }
  | {
      readonly method: 'get_peers';
      readonly infoHash: Uint8Array;
      readonly want: readonly Want[];
      readonly scrape: boolean;
      readonly noSeed: boolean;
    }
  | {
      readonly method: 'announce_peer';
      readonly infoHash: Uint8Array;
      readonly token: Uint8Array;
      /** The port that counts is the one that the datagram came from (`implied_port`). */
      readonly implied: boolean;
      /** Beside `implied` for those who do not know that, and libtorrent refuses without; others may leave it out. */
      readonly port: number | undefined;
      readonly seed: boolean;
    }
  | {
      readonly method: 'get';
      readonly target: Uint8Array;
      readonly want: readonly Want[];
      /** Only a newer item than this is wanted. */
      readonly seq: number | bigint | undefined;
    }
  | {
      readonly method: 'put';
      readonly token: Uint8Array;
      readonly value: BencodeValue;
      /** Undefined: the item is immutable. */
      readonly signed: SignedPut | undefined;
    };

export interface SignedPut {
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
  readonly seq: number | bigint;
  readonly salt: Uint8Array | undefined;
  readonly cas: number | bigint | undefined;
}

/** Of the answers to all methods: what is not said is undefined. */
export interface KrpcResponse {
  /** Compact nodes (26 and 38 bytes each). */
  readonly nodes?: Uint8Array | undefined;
  readonly nodes6?: Uint8Array | undefined;
  /** Compact peers, 6 or 18 bytes each. */
  readonly values?: readonly Uint8Array[] | undefined;
  readonly token?: Uint8Array | undefined;
  readonly bloomSeeds?: Uint8Array | undefined;
  readonly bloomPeers?: Uint8Array | undefined;
  readonly value?: BencodeValue | undefined;
  readonly key?: Uint8Array | undefined;
  readonly signature?: Uint8Array | undefined;
  readonly seq?: number | bigint | undefined;
  readonly samples?: Uint8Array | undefined;
  readonly num?: number | undefined;
  readonly intervalSec?: number | undefined;
}

interface Envelope {
  readonly transaction: Uint8Array;
  /** `v`: the program of the sender. */
  readonly version?: Uint8Array | undefined;
}

export type KrpcMessage = Envelope &
  (
    | {
        readonly type: 'query';
        readonly id: Uint8Array;
        /** BEP 43: not to be put into a routing table. */
        readonly readOnly: boolean;
        readonly query: KrpcQuery;
      }
    | {
        readonly type: 'response';
        readonly id: Uint8Array;
        readonly response: KrpcResponse;
        /** BEP 42: where the answer goes to, compact. */
        readonly ip?: Uint8Array | undefined;
      }
    | { readonly type: 'error'; readonly code: number; readonly message: Uint8Array }
  );

/** Why a message was refused. A query with a transaction is answered by `code`; nothing else is. */
export interface KrpcFault {
  readonly kind: 'krpc';
  readonly code: number;
  readonly field: string;
  readonly message: string;
  readonly offset: number;
  readonly transaction: Uint8Array | undefined;
}

const METHODS: Readonly<Record<string, (read: Fields) => KrpcQuery>> = {
  ping: () => ({ method: 'ping' }),
  find_node: (read) => ({
    method: 'find_node',
    target: read.string('target', ID_BYTES),
    want: read.want(),
  }),
  sample_infohashes: (read) => ({
    method: 'sample_infohashes',
    target: read.string('target', ID_BYTES),
    want: read.want(),
  }),
  get_peers: (read) => ({
    method: 'get_peers',
    infoHash: read.string('info_hash', ID_BYTES),
    want: read.want(),
    scrape: read.flag('scrape'),
    noSeed: read.flag('noseed'),
  }),
  announce_peer: (read) => {
    const implied = read.flag('implied_port');
    const infoHash = read.string('info_hash', ID_BYTES);
    const token = read.string('token', 1, MAX_TOKEN_BYTES);
    const port = read.port(implied);
    return {
      method: 'announce_peer',
      infoHash,
      token,
      implied,
      port,
      seed: read.flag('seed'),
    };
  },
  get: (read) => ({
    method: 'get',
    target: read.string('target', ID_BYTES),
    want: read.want(),
    seq: read.sequence('seq'),
  }),
  put: (read) => ({
    method: 'put',
    token: read.string('token', 1, MAX_TOKEN_BYTES),
    value: read.item(),
    signed: read.signed(),
  }),
};

/** Reads one message after the other; what it gives are views over the bytes it was given. */
export class KrpcReader {
  readonly #document = new BencodeDocument(LIMITS);

  read(bytes: Uint8Array): Result<KrpcMessage, KrpcFault> {
    const document = this.#document;
    const broken = document.load(bytes);
    if (broken !== undefined)
      return err({
        ...{ kind: 'krpc', code: KRPC_ERRORS.protocol, transaction: undefined },
        ...{ field: broken.field, message: broken.message, offset: broken.offset },
      });
    const top = new Fields(document, 0);
    const transaction = top.string('t', 1, MAX_TRANSACTION_BYTES);
    const type = document.text(document.get(0, 'y'));
    // Answers and errors are never answered, or two nodes would talk for ever.
    const answerable = type === 'q' && top.fault === undefined ? transaction : undefined;
    const message = this.#typed(type, top, transaction);
    return top.fault === undefined ? ok(message) : err({ ...top.fault, transaction: answerable });
  }

  #typed(type: string | undefined, top: Fields, transaction: Uint8Array): KrpcMessage {
    const version = top.optional('v', 0, MAX_TRANSACTION_BYTES);
    if (type === 'q') {
      const readOnly = top.flag('ro');
      const query = top.query();
      return { type: 'query', transaction, version, readOnly, ...query };
    }
    if (type === 'r') {
      const ip = top.optional('ip', 6, 18);
      const { id, response } = top.response();
      return { type: 'response', transaction, version, id, response, ip };
    }
    if (type !== 'e') top.refuse('y', 'not a type of message');
    return { type: 'error', transaction, version, ...top.error() };
  }
}

const NOTHING = new Uint8Array(0);

/** The fields of one dictionary; keeps the first fault, after which what it gives is not used. */
class Fields {
  readonly #document: BencodeDocument;
  readonly #node: BencodeNode;
  #fault: Omit<KrpcFault, 'transaction'> | undefined;

  constructor(document: BencodeDocument, node: BencodeNode) {
    this.#document = document;
    this.#node = node;
    if (document.kind(node) !== 'dictionary') this.refuse('message', 'not a dictionary');
  }

  get fault(): Omit<KrpcFault, 'transaction'> | undefined {
    return this.#fault;
  }

  refuse(field: string, message: string, code: number = KRPC_ERRORS.protocol): void {
    const offset = Math.max(0, this.#document.offset(this.#at(field)));
    this.#fault ??= { kind: 'krpc', code, field, message, offset };
  }

  string(field: string, min: number, max = min): Uint8Array {
    const bytes = this.optional(field, min, max);
    if (bytes === undefined) this.refuse(field, 'missing');
    return bytes ?? NOTHING;
  }

  optional(field: string, min: number, max = min): Uint8Array | undefined {
    const node = this.#at(field);
    if (node < 0) return undefined;
    const length = this.#document.length(node);
    if (length < min || length > max)
      this.refuse(field, length < 0 ? 'not a string' : 'not of its length');
    return this.#document.bytes(node);
  }

  /** 0 or 1, as an integer; 0 when missing. */
  flag(field: string): boolean {
    return this.#integer(field, 0, 1) === 1;
  }

  /** BEP 32: what is asked for beyond `n4` and `n6` is passed over. */
  want(): readonly Want[] {
    const node = this.#at('want');
    if (node < 0) return [];
    if (this.#document.kind(node) !== 'list') this.refuse('want', 'not a list');
    const found = new Set<Want>();
    for (const child of this.#document.children(node)) {
      const text = this.#document.text(child);
      if (text === undefined) this.refuse('want', 'not a string');
      if (text === 'n4' || text === 'n6') found.add(text);
    }
    return [...found];
  }

  port(mayBeMissing: boolean): number | undefined {
    const port = this.#integer('port', mayBeMissing ? 0 : 1, 65_535);
    if (port === undefined && !mayBeMissing) this.refuse('port', 'missing');
    return port;
  }

  /** Not negative, of up to 63 bits. */
  sequence(field: string): number | bigint | undefined {
    const node = this.#at(field);
    if (node < 0) return undefined;
    const value = this.#document.integer(node);
    if (value === undefined || value < 0) this.refuse(field, 'not a sequence number');
    return value;
  }

  item(): BencodeValue {
    const node = this.#at('v');
    if (node < 0) this.refuse('v', 'missing');
    if ((this.#document.raw(node)?.length ?? 0) > MAX_ITEM_BYTES)
      this.refuse('v', 'value too large', KRPC_ERRORS.valueTooLarge);
    return this.#document.value(node) ?? NOTHING;
  }

  signed(): SignedPut | undefined {
    const salt = this.optional('salt', 0, Number.POSITIVE_INFINITY);
    if ((salt?.length ?? 0) > MAX_SALT_BYTES)
      this.refuse('salt', 'salt too large', KRPC_ERRORS.saltTooLarge);
    const seq = this.sequence('seq');
    const cas = this.sequence('cas');
    const key = this.optional('k', PUBLIC_KEY_BYTES);
    const signature = this.optional('sig', SIGNATURE_BYTES);
    if (key === undefined && signature === undefined && seq === undefined) return undefined;
    if (key === undefined) this.refuse('k', 'missing');
    if (signature === undefined) this.refuse('sig', 'missing');
    if (seq === undefined) this.refuse('seq', 'missing');
    return { key: key ?? NOTHING, signature: signature ?? NOTHING, seq: seq ?? 0, salt, cas };
  }

  query(): { readonly id: Uint8Array; readonly query: KrpcQuery } {
    const inner = this.#inner('a');
    const id = inner.string('id', ID_BYTES);
    const name = this.#document.text(this.#at('q'));
    if (name === undefined) this.refuse('q', 'not a string');
    const method = Object.hasOwn(METHODS, name ?? '') ? METHODS[name ?? ''] : undefined;
    if (method === undefined) this.refuse('q', 'method unknown', KRPC_ERRORS.unknownMethod);
    const query: KrpcQuery = method?.(inner) ?? { method: 'ping' };
    this.#fault ??= inner.fault;
    return { id, query };
  }

  response(): { readonly id: Uint8Array; readonly response: KrpcResponse } {
    const inner = this.#inner('r');
    const id = inner.string('id', ID_BYTES);
    const response: KrpcResponse = {
      nodes: inner.#records('nodes', ID_BYTES + 6),
      nodes6: inner.#records('nodes6', ID_BYTES + 18),
      values: inner.#peers(),
      token: inner.optional('token', 0, MAX_TOKEN_BYTES * 4),
      bloomSeeds: inner.optional('BFsd', BLOOM_BYTES),
      bloomPeers: inner.optional('BFpe', BLOOM_BYTES),
      value: inner.#at('v') < 0 ? undefined : inner.item(),
      key: inner.optional('k', PUBLIC_KEY_BYTES),
      signature: inner.optional('sig', SIGNATURE_BYTES),
      seq: inner.sequence('seq'),
      samples: inner.#records('samples', ID_BYTES),
      num: inner.#integer('num', 0, Number.MAX_SAFE_INTEGER),
      intervalSec: inner.#integer('interval', 0, MAX_INTERVAL_SEC),
    };
    this.#fault ??= inner.fault;
    return { id, response };
  }

  error(): { readonly code: number; readonly message: Uint8Array } {
    const [code, message] = this.#document.children(this.#at('e'));
    const number = this.#document.integerIn(code ?? -1, 0, 65_535);
    const text = this.#document.bytes(message ?? -1);
    if (number === undefined || text === undefined || text.length > MAX_ERROR_BYTES)
      this.refuse('e', 'not a code and a text');
    return { code: number ?? 0, message: text ?? NOTHING };
  }

  #at(field: string): BencodeNode {
    return this.#document.get(this.#node, field);
  }

  #inner(field: string): Fields {
    const inner = new Fields(this.#document, this.#at(field));
    if (inner.fault !== undefined) this.refuse(field, 'not a dictionary');
    return inner;
  }

  #integer(field: string, min: number, max: number): number | undefined {
    const node = this.#at(field);
    if (node < 0) return undefined;
    const value = this.#document.integerIn(node, min, max);
    if (value === undefined) this.refuse(field, 'not an integer in its range');
    return value;
  }

  #records(field: string, size: number): Uint8Array | undefined {
    const bytes = this.optional(field, 0, LIMITS.maxBytes);
    if (bytes !== undefined && bytes.length % size !== 0) this.refuse(field, 'not whole records');
    return bytes;
  }

  #peers(): readonly Uint8Array[] | undefined {
    const node = this.#at('values');
    if (node < 0) return undefined;
    if (this.#document.kind(node) !== 'list') this.refuse('values', 'not a list');
    const peers: Uint8Array[] = [];
    for (const child of this.#document.children(node)) {
      const peer = this.#document.bytes(child);
      if (peer?.length === 6 || peer?.length === 18) peers.push(peer);
      else this.refuse('values', 'not a compact peer');
    }
    return peers;
  }
}

type Arguments = { readonly [key: string]: Bencodable | undefined };

const argumentsOf = (query: KrpcQuery): Arguments => {
  switch (query.method) {
    case 'ping':
      return {};
    case 'find_node':
    case 'sample_infohashes':
      return { target: query.target, want: listed(query.want) };
    case 'get_peers':
      return {
        info_hash: query.infoHash,
        noseed: query.noSeed ? 1 : undefined,
        scrape: query.scrape ? 1 : undefined,
        want: listed(query.want),
      };
    case 'announce_peer':
      return {
        implied_port: query.implied ? 1 : undefined,
        info_hash: query.infoHash,
        port: query.port,
        seed: query.seed ? 1 : undefined,
        token: query.token,
      };
    case 'get':
      return { seq: query.seq, target: query.target, want: listed(query.want) };
    case 'put': {
      const { key, signature, seq, salt, cas } = query.signed ?? {};
      return { cas, k: key, salt, seq, sig: signature, token: query.token, v: query.value };
    }
  }
};

const listed = (want: readonly Want[]): readonly Want[] | undefined =>
  want.length === 0 ? undefined : want;

/** Keys of an answer in their order, around `id`. */
const BEFORE_ID = [
  ['BFpe', 'bloomPeers'],
  ['BFsd', 'bloomSeeds'],
] as const satisfies readonly (readonly [string, keyof KrpcResponse])[];
const BEHIND_ID = [
  ['interval', 'intervalSec'],
  ['k', 'key'],
  ['nodes', 'nodes'],
  ['nodes6', 'nodes6'],
  ['num', 'num'],
  ['samples', 'samples'],
  ['seq', 'seq'],
  ['sig', 'signature'],
  ['token', 'token'],
  ['v', 'value'],
  ['values', 'values'],
] as const satisfies readonly (readonly [string, keyof KrpcResponse])[];

/** Written straight through: a node does it for every query of others. */
function encodeResponse(message: KrpcMessage & { readonly type: 'response' }): Uint8Array {
  const { ip, response, id, transaction, version } = message;
  const writer = new BencodeWriter(512).dictionary();
  const fields = (of: typeof BEFORE_ID | typeof BEHIND_ID): void => {
    for (const [key, field] of of) {
      const value = response[field];
      if (value !== undefined) writer.key(key).value(value);
    }
  };
  if (ip !== undefined) writer.key('ip').string(ip);
  writer.key('r').dictionary();
  fields(BEFORE_ID);
  writer.key('id').string(id);
  fields(BEHIND_ID);
  writer.end().key('t').string(transaction);
  if (version !== undefined) writer.key('v').string(version);
  return writer.key('y').key('r').end().view();
}

export function encodeKrpc(message: KrpcMessage): Uint8Array {
  const envelope = { t: message.transaction, v: message.version };
  switch (message.type) {
    case 'query':
      return encodeBencode({
        ...{ a: { id: message.id, ...argumentsOf(message.query) }, q: message.query.method },
        ...{ ro: message.readOnly ? 1 : undefined, ...envelope, y: 'q' },
      });
    case 'response':
      return encodeResponse(message);
    case 'error':
      return encodeBencode({ e: [message.code, message.message], ...envelope, y: 'e' });
  }
}
