/**
 * LOOKUP: what is registered, in order of paths. The DATA frame of each object is made once and
 * then copied with a new header; clients that the rules restrict get frames of their own, kept by
 * rights. A list of everything stops when the client does not read and goes on when it does.
 */
import { UBUS_ATTR, UBUS_STATUS, UBUS_TYPE, writePrefix } from '../../wire/ubus.ts';
import type { AclSet } from './acl.ts';
import type { BrokerObjects } from './broker-objects.ts';
import type { BrokerOutput } from './broker-output.ts';
import {
  type BrokerClient,
  type BrokerObject,
  lowerBound,
  type ObjectMethod,
  type PendingLookup,
} from './broker-state.ts';

/** ubusd has no bound; lookups beyond it are dropped like any message to a client that does not read. */
const MAX_PENDING = 256;
/**
 * With this much unread the rest of a list waits; more than an adapter holds back within one turn,
 * so `drained` is sure to come.
 */
const PAUSE_BYTES = 524_288;
/** Kinds of callers whose filtered frames are kept. */
const MAX_FILTERED = 32;

export class BrokerLookup {
  readonly #objects: BrokerObjects;
  readonly #output: BrokerOutput;
  readonly #acl: () => AclSet;

  constructor(objects: BrokerObjects, output: BrokerOutput, acl: () => AclSet) {
    this.#objects = objects;
    this.#output = output;
    this.#acl = acl;
  }

  /** Answers now, STATUS included, or when the client's queue is empty. */
  request(client: BrokerClient, seq: number, peer: number, path: string | undefined): void {
    const lookup: PendingLookup = { seq, peer, path, after: undefined };
    if (client.lookups.length === 0 && client.connection.queuedBytes < PAUSE_BYTES) {
      if (!this.#answer(client, lookup)) client.lookups.push(lookup);
    } else if (client.lookups.length < MAX_PENDING) {
      client.lookups.push(lookup);
    } else {
      client.dropped++;
      this.#output.dropped++;
    }
  }

  /** The client's queue became empty. */
  resume(client: BrokerClient): void {
    while (!client.closed && client.connection.queuedBytes < PAUSE_BYTES) {
      const lookup = client.lookups[0];
      if (lookup === undefined || !this.#answer(client, lookup)) return;
      client.lookups.shift();
      this.#output.flush();
    }
  }

  /** False when it has to go on later. */
  #answer(client: BrokerClient, lookup: PendingLookup): boolean {
    const { path, seq, peer } = lookup;
    const status =
      path === undefined ? this.#all(client, lookup) : this.#some(client, lookup, path);
    if (status === undefined) return false;
    this.#output.status(client, seq, peer, status);
    return true;
  }

  #all(client: BrokerClient, lookup: PendingLookup): number | undefined {
    const { sorted } = this.#objects;
    const output = this.#output;
    let writes = output.writes;
    let at = 0;
    if (lookup.after !== undefined) {
      at = lowerBound(sorted, lookup.after);
      if (sorted[at]?.path === lookup.after) at++;
    }
    for (; at < sorted.length; at++) {
      const object = sorted[at];
      if (object === undefined) break;
      if (writes !== output.writes) {
        writes = output.writes;
        if (client.connection.queuedBytes >= PAUSE_BYTES) return undefined;
      }
      this.#object(client, lookup, object);
      lookup.after = object.path;
    }
    return UBUS_STATUS.ok;
  }

  #some(client: BrokerClient, lookup: PendingLookup, path: string): number {
    if (path === '') return UBUS_STATUS.invalidArgument;
    const { sorted } = this.#objects;
    if (!path.endsWith('*')) {
      const object = sorted[lowerBound(sorted, path)];
      if (object?.path !== path) return UBUS_STATUS.notFound;
      this.#object(client, lookup, object);
      return UBUS_STATUS.ok;
    }
    const prefix = path.slice(0, -1);
    let found = false;
    for (let at = lowerBound(sorted, prefix); at < sorted.length; at++) {
      const object = sorted[at];
      if (object === undefined || !object.path.startsWith(prefix)) break;
      found = true;
      this.#object(client, lookup, object);
    }
    return found ? UBUS_STATUS.ok : UBUS_STATUS.notFound;
  }

  #object(client: BrokerClient, { seq, peer }: PendingLookup, object: BrokerObject): void {
    const entry = client.bypass ? this.#whole(object) : this.#permitted(client, object);
    if (entry === undefined) return;
    writePrefix(entry, 0, UBUS_TYPE.data, seq, peer, entry.length);
    this.#output.frame(client, entry, 0, entry.length);
  }

  #whole(object: BrokerObject): Uint8Array | undefined {
    if (object.type === undefined) return undefined;
    object.entry ??= this.#entry(object, object.type.id, object.type.methods);
    return object.entry;
  }

  /** Only the methods that the client may call; nothing when there are some but none for it. */
  #permitted(client: BrokerClient, object: BrokerObject): Uint8Array | undefined {
    const { filtered, type, path } = object;
    if (type === undefined || path === undefined) return undefined;
    const kept = filtered.get(client.rightsKey);
    if (kept !== undefined || filtered.has(client.rightsKey)) return kept;
    const acl = this.#acl();
    const methods = type.methods.filter(({ name }) => acl.allowsCall(client.caller, path, name));
    const hidden = methods.length === 0 && type.methods.length > 0;
    const entry = hidden ? undefined : this.#entry(object, type.id, methods);
    if (filtered.size >= MAX_FILTERED) filtered.clear();
    filtered.set(client.rightsKey, entry);
    return entry;
  }

  #entry(
    object: BrokerObject,
    typeId: number,
    methods: readonly ObjectMethod[],
  ): Uint8Array | undefined {
    const writer = this.#output.begin();
    writer.blobString(UBUS_ATTR.objPath, object.path ?? '');
    writer.blobU32(UBUS_ATTR.objId, object.id);
    writer.blobU32(UBUS_ATTR.objType, typeId);
    const at = writer.begin(UBUS_ATTR.signature);
    for (const { bytes } of methods) writer.raw(bytes, 0, bytes.length);
    writer.end(at);
    return writer.failed ? undefined : writer.toBytes();
  }
}
