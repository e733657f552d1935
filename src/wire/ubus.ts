/**
 * ubus messages: an 8-byte header (version, type, seq, peer, all big-endian) and one top blob whose
 * children are the attributes. `FrameAssembler` cuts a stream into frames, `FrameAttributes` finds
 * the attributes of one without decoding them (what a broker needs), and `decodeMessage` and
 * `encodeMessage` do all of it (what tools and tests need).
 */
import { decodeError, ok, type Result } from '../base/result.ts';
import {
  align4,
  type BlobmsgTable,
  decodeTable,
  LENGTH_MASK,
  MAX_BLOB_BYTES,
  readU32,
} from './blobmsg.ts';
import { BlobWriter } from './blobmsg-writer.ts';
import { decodeUtf8 } from './utf8.ts';

export const UBUS_TYPE = {
  hello: 0,
  status: 1,
  data: 2,
  ping: 3,
  lookup: 4,
  invoke: 5,
  addObject: 6,
  removeObject: 7,
  subscribe: 8,
  unsubscribe: 9,
  notify: 10,
  monitor: 11,
} as const;

export const UBUS_ATTR = {
  status: 1,
  objPath: 2,
  objId: 3,
  method: 4,
  objType: 5,
  signature: 6,
  data: 7,
  target: 8,
  active: 9,
  noReply: 10,
  subscribers: 11,
  user: 12,
  group: 13,
} as const;

/** Attributes of a MONITOR message; DATA holds the attributes of the message that was seen. */
export const UBUS_MONITOR_ATTR = {
  client: 0,
  peer: 1,
  send: 2,
  seq: 3,
  type: 4,
  data: 5,
} as const;

export const UBUS_STATUS = {
  ok: 0,
  invalidCommand: 1,
  invalidArgument: 2,
  methodNotFound: 3,
  notFound: 4,
  noData: 5,
  permissionDenied: 6,
  timeout: 7,
  notSupported: 8,
  unknownError: 9,
  connectionFailed: 10,
  noMemory: 11,
  parseError: 12,
  systemError: 13,
} as const;

const STATUS_TEXTS = [
  'Success',
  'Invalid command',
  'Invalid argument',
  'Method not found',
  'Not found',
  'No response',
  'Permission denied',
  'Request timed out',
  'Operation not supported',
  'Unknown error',
  'Connection failed',
  'Out of memory',
  'Parsing message data failed',
  'System error',
] as const;

/** As the `ubus` tool says it. */
export const statusText = (status: number): string =>
  STATUS_TEXTS[status] ?? `Unknown error: ${status}`;

/** The fixed header. */
export const HEADER_BYTES = 8;
/** Header and the word of the top blob: what must be there to know a frame's length. */
export const PREFIX_BYTES = 12;

/** Ids below are reserved for ubusd itself. */
export const FIRST_FREE_ID = 1024;

/** Objects of ubusd itself. */
export const SYSTEM_OBJECT = { event: 1, acl: 2, monitor: 3 } as const;

/** Header and top word of a frame of `totalBytes` in all. */
export function writePrefix(
  bytes: Uint8Array,
  at: number,
  type: number,
  seq: number,
  peer: number,
  totalBytes: number,
): void {
  const blob = totalBytes - HEADER_BYTES;
  bytes[at] = 0;
  bytes[at + 1] = type;
  bytes[at + 2] = seq >>> 8;
  bytes[at + 3] = seq;
  bytes[at + 4] = peer >>> 24;
  bytes[at + 5] = peer >>> 16;
  bytes[at + 6] = peer >>> 8;
  bytes[at + 7] = peer;
  bytes[at + 8] = 0;
  bytes[at + 9] = blob >>> 16;
  bytes[at + 10] = blob >>> 8;
  bytes[at + 11] = blob;
}

// ---- finding attributes ----------------------------------------------------------------------

const ATTRIBUTES = 14;

/** How libubox types an attribute: `word` has 4 bytes, `text` ends in NUL, `any` is not looked at. */
const SHAPES: readonly ('any' | 'word' | 'text')[] = [
  'any',
  'word',
  'text',
  'word',
  'text',
  'word',
  'any',
  'any',
  'any',
  'any',
  'any',
  'any',
  'text',
  'text',
];

/**
 * Where the attributes of one frame lie; made once and used for every frame. As in libubox the last
 * of equal ids wins, what has an unknown id or the wrong length for its type is as if absent, and a
 * broken child ends the search.
 */
export class FrameAttributes {
  bytes: Uint8Array = new Uint8Array(0);
  /** Start of the data by id, -1 when absent. */
  readonly at = new Int32Array(ATTRIBUTES);
  readonly length = new Int32Array(ATTRIBUTES);

  /** `start` is that of the first attribute (after header and top word). */
  parse(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.at.fill(-1);
    for (let pos = start; pos + 4 <= end; ) {
      const size = readU32(bytes, pos) & LENGTH_MASK;
      if (size < 4 || pos + align4(size) > end) return;
      const id = (bytes[pos] ?? 0) & 0x7f;
      const shape = SHAPES[id];
      if (
        shape === 'any' ||
        (shape === 'word' && size === 8) ||
        (shape === 'text' && size > 4 && bytes[pos + size - 1] === 0)
      ) {
        this.at[id] = pos + 4;
        this.length[id] = size - 4;
      }
      pos += align4(size);
    }
  }

  has(id: number): boolean {
    return (this.at[id] ?? -1) >= 0;
  }

  /** Of an attribute that is there and has 4 bytes; 0 otherwise. */
  u32(id: number): number {
    const at = this.at[id] ?? -1;
    return at < 0 || (this.length[id] ?? 0) < 4 ? 0 : readU32(this.bytes, at);
  }

  flag(id: number): boolean {
    const at = this.at[id] ?? -1;
    return at >= 0 && (this.length[id] ?? 0) > 0 && this.bytes[at] !== 0;
  }

  /** UTF-8 text up to the first NUL; '' when absent. */
  text(id: number): string {
    const at = this.at[id] ?? -1;
    return at < 0 ? '' : decodeUtf8(this.bytes, at, this.textEnd(id));
  }

  /** Where the text of an attribute ends for C: at its first NUL. */
  textEnd(id: number): number {
    const at = this.at[id] ?? 0;
    const nul = this.bytes.indexOf(0, at);
    const end = at + (this.length[id] ?? 0) - 1;
    return nul < 0 || nul > end ? end : nul;
  }

  /** The blobmsg content of SIGNATURE or DATA; empty when absent. */
  table(id: number): Result<BlobmsgTable> {
    const at = this.at[id] ?? -1;
    return at < 0 ? ok([]) : decodeTable(this.bytes, at, at + (this.length[id] ?? 0));
  }
}

// ---- whole messages --------------------------------------------------------------------------

export type UbusAttribute =
  | { readonly id: number; readonly kind: 'u32'; readonly value: number }
  | { readonly id: number; readonly kind: 'u8'; readonly value: number }
  | { readonly id: number; readonly kind: 'string'; readonly value: string }
  | { readonly id: number; readonly kind: 'table'; readonly value: BlobmsgTable }
  /** SUBSCRIBERS. */
  | { readonly id: number; readonly kind: 'ids'; readonly value: readonly number[] }
  /** DATA of a MONITOR message. */
  | { readonly id: number; readonly kind: 'attributes'; readonly value: readonly UbusAttribute[] }
  /** Unknown ids, and data that is not of its type (DATA for object 3 is no blobmsg in practice). */
  | { readonly id: number; readonly kind: 'raw'; readonly value: Uint8Array };

export interface UbusMessage {
  readonly version: number;
  readonly type: number;
  readonly seq: number;
  readonly peer: number;
  readonly attributes: readonly UbusAttribute[];
}

type Kinds = Readonly<Record<number, UbusAttribute['kind']>>;

const KINDS: Kinds = {
  [UBUS_ATTR.status]: 'u32',
  [UBUS_ATTR.objPath]: 'string',
  [UBUS_ATTR.objId]: 'u32',
  [UBUS_ATTR.method]: 'string',
  [UBUS_ATTR.objType]: 'u32',
  [UBUS_ATTR.signature]: 'table',
  [UBUS_ATTR.data]: 'table',
  [UBUS_ATTR.target]: 'u32',
  [UBUS_ATTR.active]: 'u8',
  [UBUS_ATTR.noReply]: 'u8',
  [UBUS_ATTR.subscribers]: 'ids',
  [UBUS_ATTR.user]: 'string',
  [UBUS_ATTR.group]: 'string',
};

const MONITOR_KINDS: Kinds = {
  [UBUS_MONITOR_ATTR.client]: 'u32',
  [UBUS_MONITOR_ATTR.peer]: 'u32',
  [UBUS_MONITOR_ATTR.send]: 'u8',
  [UBUS_MONITOR_ATTR.seq]: 'u32',
  [UBUS_MONITOR_ATTR.type]: 'u32',
  [UBUS_MONITOR_ATTR.data]: 'attributes',
};

/** Decodes one whole frame. Attributes that are not what their id says come as `raw`. */
export function decodeMessage(bytes: Uint8Array): Result<UbusMessage> {
  if (bytes.length < PREFIX_BYTES) return decodeError('truncated header', 'header', bytes.length);
  const blob = readU32(bytes, HEADER_BYTES) & LENGTH_MASK;
  if (blob < 4 || HEADER_BYTES + blob !== bytes.length) {
    return decodeError('length does not fit the frame', 'blob', HEADER_BYTES);
  }
  const type = bytes[1] ?? 0;
  const attributes = decodeAttributes(
    bytes,
    PREFIX_BYTES,
    bytes.length,
    type === UBUS_TYPE.monitor ? MONITOR_KINDS : KINDS,
  );
  if (!attributes.ok) return attributes;
  return ok({
    version: bytes[0] ?? 0,
    type,
    seq: ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0),
    peer: readU32(bytes, 4),
    attributes: attributes.value,
  });
}

function decodeAttributes(
  bytes: Uint8Array,
  start: number,
  end: number,
  kinds: Kinds,
): Result<readonly UbusAttribute[]> {
  const attributes: UbusAttribute[] = [];
  for (let at = start; at < end; ) {
    const size = at + 4 <= end ? readU32(bytes, at) & LENGTH_MASK : 0;
    if (size < 4 || at + size > end) return decodeError('bad length', 'attribute', at);
    const id = (bytes[at] ?? 0) & 0x7f;
    attributes.push(decodeAttribute(id, bytes, at + 4, at + size, kinds[id] ?? 'raw'));
    at += align4(size);
  }
  return ok(attributes);
}

function decodeAttribute(
  id: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  kind: UbusAttribute['kind'],
): UbusAttribute {
  const size = end - start;
  switch (kind) {
    case 'u32':
      if (size === 4) return { id, kind, value: readU32(bytes, start) };
      break;
    case 'u8':
      if (size === 1) return { id, kind, value: bytes[start] ?? 0 };
      break;
    case 'string':
      if (size > 0 && bytes[end - 1] === 0) {
        return { id, kind, value: decodeUtf8(bytes, start, end - 1) };
      }
      break;
    case 'table': {
      const fields = decodeTable(bytes, start, end);
      if (fields.ok) return { id, kind, value: fields.value };
      break;
    }
    case 'ids': {
      const value: number[] = [];
      for (let at = start; at + 8 <= end && readU32(bytes, at) === 8; at += 8) {
        value.push(readU32(bytes, at + 4));
      }
      if (value.length * 8 === size) return { id, kind, value };
      break;
    }
    case 'attributes': {
      const nested = decodeAttributes(bytes, start, end, KINDS);
      if (nested.ok) return { id, kind, value: nested.value };
      break;
    }
    case 'raw':
      break;
  }
  return { id, kind: 'raw', value: bytes.slice(start, end) };
}

/** The frame of a message, or undefined when it is larger than a message may be. */
export function encodeMessage(message: UbusMessage): Uint8Array | undefined {
  const writer = new BlobWriter(256);
  writer.u32(((message.version << 24) | (message.type << 16) | message.seq) >>> 0);
  writer.u32(message.peer);
  const top = writer.begin(0);
  for (const attribute of message.attributes) encodeAttribute(writer, attribute);
  writer.end(top);
  const tooLarge = writer.length - HEADER_BYTES > MAX_BLOB_BYTES;
  return writer.failed || tooLarge ? undefined : writer.toBytes();
}

function encodeAttribute(writer: BlobWriter, attribute: UbusAttribute): void {
  const at = writer.begin(attribute.id);
  switch (attribute.kind) {
    case 'u32':
      writer.u32(attribute.value);
      break;
    case 'u8':
      writer.u8(attribute.value);
      break;
    case 'string':
      writer.text(attribute.value);
      break;
    case 'raw':
      writer.raw(attribute.value, 0, attribute.value.length);
      break;
    case 'table':
      writer.fields(attribute.value);
      break;
    case 'ids':
      for (const id of attribute.value) writer.blobU32(0, id);
      break;
    case 'attributes':
      for (const inner of attribute.value) encodeAttribute(writer, inner);
      break;
  }
  writer.end(at);
}
