/** What the broker knows of its clients and their objects. Ids are kept as signed 32-bit numbers: small integers to the engine, so cheap to compare and to look up. */
import type { UnixConnection } from '../../os/ports.ts';
import { BlobWriter } from '../../wire/blobmsg-writer.ts';
import { UBUS_ATTR } from '../../wire/ubus.ts';
import { FrameAssembler } from '../../wire/ubus-stream.ts';
import type { Caller } from './acl.ts';

export interface PendingLookup {
  readonly seq: number;
  readonly peer: number;
  /** Undefined: all objects. */
  readonly path: string | undefined;
  /** Path of the last object sent of all. */
  after: string | undefined;
}

export class BrokerClient {
  readonly id: number;
  readonly connection: UnixConnection;
  readonly caller: Caller;
  readonly user: string;
  readonly group: string;
  /** Root and the broker's own user are not checked. */
  readonly bypass: boolean;
  /** Clients with equal keys have equal rights: the key under which filtered signatures are kept. */
  readonly rightsKey: string;
  /** USER and GROUP as they go into each forwarded message. */
  readonly identity: Uint8Array;
  readonly assembler = new FrameAssembler();
  /** Oldest first; ubusd walks them newest first. */
  readonly objects: BrokerObject[] = [];
  /** Lookups that wait for the client to read. */
  readonly lookups: PendingLookup[] = [];
  patterns = 0;
  subscriptions = 0;
  closed = false;
  /** Messages that did not fit into its queue. */
  dropped = 0;
  /** Whom it called, was answered by, and answered last: saves a lookup per message. */
  lastCalled: BrokerObject | undefined;
  lastOwn: BrokerObject | undefined;
  lastAnswered: BrokerClient | undefined;

  constructor(
    id: number,
    connection: UnixConnection,
    caller: Caller,
    user: string,
    group: string,
    bypass: boolean,
  ) {
    this.id = id;
    this.connection = connection;
    this.caller = caller;
    this.user = user;
    this.group = group;
    this.bypass = bypass;
    this.rightsKey = `${caller.uid}:${caller.gid}:${caller.groups.join(',')}`;
    const writer = new BlobWriter(64);
    writer.blobString(UBUS_ATTR.user, user);
    writer.blobString(UBUS_ATTR.group, group);
    this.identity = writer.toBytes();
  }
}

export interface ObjectMethod {
  readonly name: string;
  /** The blobmsg that describes it, padded. */
  readonly bytes: Uint8Array;
}

/** A signature, shared by the objects that were registered with it; gone with the last of them. */
export class ObjectType {
  readonly id: number;
  readonly methods: readonly ObjectMethod[];
  users = 0;

  constructor(id: number, methods: readonly ObjectMethod[]) {
    this.id = id;
    this.methods = methods;
  }
}

export interface Subscription {
  readonly subscriber: BrokerObject;
  readonly target: BrokerObject;
}

export class BrokerObject {
  readonly id: number;
  readonly owner: BrokerClient;
  readonly path: string | undefined;
  readonly type: ObjectType | undefined;
  /** Who watches it and whom it watches; oldest first, ubusd walks both newest first. */
  readonly subscribers: Subscription[] = [];
  readonly targets: Subscription[] = [];
  /** Counter of NOTIFY and UNSUBSCRIBE messages about it. */
  invokeSeq = 0;
  /** Number of the event that it got last: one event comes once, however many patterns fit. */
  eventSeen = 0;
  gone = false;
  /** Its DATA frame for LOOKUP, seq and peer still empty; made when first asked for. */
  entry: Uint8Array | undefined;
  /** The same for clients with fewer rights; undefined when they may not see it. */
  readonly filtered = new Map<string, Uint8Array | undefined>();

  constructor(
    id: number,
    owner: BrokerClient,
    path: string | undefined,
    type: ObjectType | undefined,
  ) {
    this.id = id;
    this.owner = owner;
    this.path = path;
    this.type = type;
  }
}

/** Order of strcmp(3): by bytes of UTF-8, so by code point, where JavaScript compares UTF-16. */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? rotate(x) - rotate(y) : x - y;
  }
  return a.length - b.length;
}

/** Puts surrogates (code points above U+FFFF) behind U+E000 to U+FFFF. */
const rotate = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);

/** Index of the first of `sorted` that is not below `path`. */
export function lowerBound(sorted: readonly { readonly path: string }[], path: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = sorted[middle];
    if (at !== undefined && comparePaths(at.path, path) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
