/**
 * The message broker of ubus (ubusd), apart from its sockets: what comes in by `accept`'s handlers
 * goes out by `UnixConnection.write`. It answers as ubusd does, message for message; the one gap is
 * file descriptors, which it neither takes nor passes on. INVOKE, DATA and STATUS are routed by
 * their top attributes alone; what they carry is never decoded.
 */
import { BugError } from '../../base/errors.ts';
import type { PeerCredentials, UnixConnection, UnixHandlers } from '../../os/ports.ts';
import { field, int32, readI32 } from '../../wire/blobmsg.ts';
import {
  FrameAttributes,
  PREFIX_BYTES,
  SYSTEM_OBJECT,
  UBUS_ATTR,
  UBUS_STATUS,
  UBUS_TYPE,
} from '../../wire/ubus.ts';
import type { Accounts } from './accounts.ts';
import { AclSet } from './acl.ts';
import { BrokerEvents } from './broker-events.ts';
import { forwardInvoke } from './broker-forward.ts';
import { LocalConnection } from './broker-local.ts';
import { BrokerLookup } from './broker-lookup.ts';
import { BrokerObjects, freeId } from './broker-objects.ts';
import { BrokerOutput } from './broker-output.ts';
import { BrokerClient, type BrokerObject, type ObjectType } from './broker-state.ts';
import { invokeSystem, type SystemContext } from './broker-system.ts';

export interface BrokerOptions {
  /** Random 32 bits for ids. */
  readonly randomU32: () => number;
  readonly accounts: Accounts;
  /** Root and this user are not checked against the rules. */
  readonly ownUid: number;
  /** Supplementary groups of a peer; none when left out. */
  readonly groupsOf?: (peer: PeerCredentials) => readonly number[];
}

export interface BrokerStats {
  readonly clients: number;
  readonly objects: number;
  readonly types: number;
  readonly patterns: number;
  /** Messages from and to clients since start. */
  readonly received: number;
  readonly sent: number;
  /** Messages lost because a client did not read. */
  readonly dropped: number;
  readonly droppedBytes: number;
  /** Connections closed because of an impossible length. */
  readonly malformed: number;
  /** Connections refused because uid or gid has no name. */
  readonly strangers: number;
}

/** Answered already, or to be answered by someone else. */
const NO_STATUS = -1;
/** ubusd has no bounds; one client must not be able to fill the memory. */
const MAX_OBJECTS = 4096;
const MAX_SUBSCRIPTIONS = 4096;

export class Broker {
  readonly #options: BrokerOptions;
  readonly #clients = new Map<number, BrokerClient>();
  readonly #output = new BrokerOutput();
  readonly #events: BrokerEvents;
  readonly #objects: BrokerObjects;
  readonly #lookup: BrokerLookup;
  readonly #attributes = new FrameAttributes();
  readonly #locals: LocalConnection[] = [];
  readonly #leaving: BrokerClient[] = [];
  #acl = new AclSet();
  #aclSequence = 0;
  #accounts: Accounts;
  #received = 0;
  #malformed = 0;
  #strangers = 0;
  /** Inside a message: nothing may come in between. */
  #routing = false;
  #draining = false;

  constructor(options: BrokerOptions) {
    this.#options = options;
    this.#accounts = options.accounts;
    this.#events = new BrokerEvents(this.#output);
    this.#objects = new BrokerObjects(this.#output, this.#events, options.randomU32);
    this.#lookup = new BrokerLookup(this.#objects, this.#output, () => this.#acl);
  }

  get stats(): BrokerStats {
    return {
      clients: this.#clients.size,
      objects: this.#objects.size,
      types: this.#objects.types,
      patterns: this.#events.patterns,
      received: this.#received,
      sent: this.#output.sent,
      dropped: this.#output.dropped,
      droppedBytes: this.#output.droppedBytes,
      malformed: this.#malformed,
      strangers: this.#strangers,
    };
  }

  /** Puts new rules (and names) in force and tells who listens; what was granted before is not taken back. */
  setAcl(acl: AclSet, accounts: Accounts = this.#accounts): void {
    this.#acl = acl;
    this.#accounts = accounts;
    this.#aclSequence++;
    this.#objects.forgetFiltered();
    this.#enter();
    this.#events.publish('ubus.acl.sequence', [field('sequence', int32(this.#aclSequence))]);
    this.#leave();
  }

  /** Who is behind a client id, as the kernel said; undefined when it is gone. */
  peerOf(clientId: number): PeerCredentials | undefined {
    return this.#clients.get(clientId | 0)?.connection.peer;
  }

  // ---- connections ---------------------------------------------------------------------------

  /** A new connection; undefined refuses it, when its user or group has no name. */
  accept(connection: UnixConnection): UnixHandlers | undefined {
    const { peer } = connection;
    const user = this.#accounts.userName(peer.uid);
    const group = this.#accounts.groupName(peer.gid);
    if (user === undefined || group === undefined) {
      this.#strangers++;
      return undefined;
    }
    this.#enter();
    const handlers = this.#join(connection, user, group);
    this.#leave();
    return handlers;
  }

  /**
   * Attaches a client of this very process, without a socket: `opened` gets the connection on
   * which it writes and gives the handlers that the broker calls, never from inside a `write`
   * of its own unless the broker is idle.
   */
  attach(
    peer: PeerCredentials,
    opened: (connection: UnixConnection) => UnixHandlers,
  ): UnixConnection {
    const local = new LocalConnection(peer, (connection) => this.#locals.push(connection));
    local.handlers = opened(local.near);
    const user = this.#accounts.userName(peer.uid) ?? String(peer.uid);
    const group = this.#accounts.groupName(peer.gid) ?? String(peer.gid);
    this.#enter();
    local.far = this.#join(local, user, group);
    this.#leave();
    return local.near;
  }

  #join(connection: UnixConnection, user: string, group: string): UnixHandlers {
    const { peer } = connection;
    const client = new BrokerClient(
      freeId(this.#options.randomU32, this.#clients),
      connection,
      { uid: peer.uid, gid: peer.gid, groups: this.#options.groupsOf?.(peer) ?? [] },
      user,
      group,
      peer.uid === 0 || peer.uid === this.#options.ownUid,
    );
    this.#clients.set(client.id, client);
    this.#output.begin();
    this.#output.send(client, UBUS_TYPE.hello, 0, client.id);
    return {
      data: (chunk) => this.#receive(client, chunk),
      closed: () => this.#closed(client),
      drained: () => {
        if (client.lookups.length === 0 || client.closed) return;
        this.#enter();
        this.#lookup.resume(client);
        this.#leave();
      },
    };
  }

  #receive(client: BrokerClient, chunk: Uint8Array): void {
    if (client.closed) return;
    this.#enter();
    const { assembler } = client;
    assembler.feed(chunk);
    while (assembler.next()) {
      this.#received++;
      this.#message(client, assembler.bytes, assembler.start, assembler.end);
      // The next frame may be gathered where this one lies.
      if (assembler.bytes !== chunk) this.#output.release();
    }
    if (assembler.failed !== undefined && !client.closed) {
      this.#malformed++;
      this.#output.flush();
      client.connection.close();
      this.#remove(client);
    }
    this.#leave();
  }

  #closed(client: BrokerClient): void {
    if (this.#routing) {
      this.#leaving.push(client);
      return;
    }
    this.#enter();
    this.#remove(client);
    this.#leave();
  }

  #remove(client: BrokerClient): void {
    if (client.closed) return;
    client.closed = true;
    this.#output.removeMonitor(client);
    for (const object of client.objects.toReversed()) this.#objects.remove(object);
    client.lookups.length = 0;
    client.lastCalled = client.lastOwn = client.lastAnswered = undefined;
    this.#clients.delete(client.id);
  }

  #enter(): void {
    if (this.#routing) throw new BugError('the broker was entered from inside a message');
    this.#routing = true;
  }

  /** Sends what gathered, then lets local clients have theirs, whose answers may bring more. */
  #leave(): void {
    this.#output.flush();
    for (let c = this.#leaving.pop(); c !== undefined; c = this.#leaving.pop()) {
      this.#remove(c);
      this.#output.flush();
    }
    this.#routing = false;
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let l = this.#locals.shift(); l !== undefined; l = this.#locals.shift()) l.deliver();
    } finally {
      this.#draining = false;
    }
  }

  // ---- messages ------------------------------------------------------------------------------

  #message(client: BrokerClient, bytes: Uint8Array, start: number, end: number): void {
    const output = this.#output;
    if (output.monitored) output.copyToMonitors(client, bytes, start, false);
    const type = bytes[start + 1] ?? 0;
    const attributes = this.#attributes;
    attributes.parse(bytes, start + PREFIX_BYTES, end);
    if (type === UBUS_TYPE.data || type === UBUS_TYPE.status) {
      this.#relay(client, bytes, start, end, type);
      return;
    }
    const seq = ((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0);
    const peer = readI32(bytes, start + 4);
    const status =
      type === UBUS_TYPE.invoke
        ? this.#invoke(client, bytes, seq, peer)
        : this.#other(client, bytes, start, end, type, seq, peer);
    if (status !== NO_STATUS) output.status(client, seq, peer, status);
  }

  #other(
    client: BrokerClient,
    bytes: Uint8Array,
    start: number,
    end: number,
    type: number,
    seq: number,
    peer: number,
  ): number {
    switch (type) {
      case UBUS_TYPE.ping:
        bytes[start + 1] = UBUS_TYPE.data;
        this.#output.frame(client, bytes, start, end);
        return UBUS_STATUS.ok;
      case UBUS_TYPE.lookup: {
        const attributes = this.#attributes;
        const path = attributes.has(UBUS_ATTR.objPath)
          ? attributes.text(UBUS_ATTR.objPath)
          : undefined;
        this.#lookup.request(client, seq, peer, path);
        return NO_STATUS;
      }
      case UBUS_TYPE.addObject:
        return this.#addObject(client, seq, peer);
      case UBUS_TYPE.removeObject:
        return this.#removeObject(client, seq, peer);
      case UBUS_TYPE.subscribe:
        return this.#subscribe(client);
      case UBUS_TYPE.unsubscribe:
        return this.#unsubscribe(client);
      case UBUS_TYPE.notify:
        return this.#notify(client, seq, peer);
      default:
        return UBUS_STATUS.invalidCommand;
    }
  }

  /** DATA and STATUS of a server go to the caller that the header names; all else is dropped. */
  #relay(client: BrokerClient, bytes: Uint8Array, start: number, end: number, type: number): void {
    const { at } = this.#attributes;
    const idAt = at[UBUS_ATTR.objId] ?? -1;
    const payloadAt = (type === UBUS_TYPE.status ? at[UBUS_ATTR.status] : at[UBUS_ATTR.data]) ?? -1;
    if (idAt < 0 || payloadAt < 0) return;
    const id = readI32(bytes, idAt);
    let object = client.lastOwn;
    if (object === undefined || object.id !== id || object.gone) {
      object = this.#objects.find(id);
      if (object?.owner !== client) return;
      client.lastOwn = object;
    }
    const to = readI32(bytes, start + 4);
    let caller = client.lastAnswered;
    if (caller === undefined || caller.id !== to || caller.closed) {
      caller = this.#clients.get(to);
      if (caller === undefined) return;
      client.lastAnswered = caller;
    }
    bytes[start + 4] = id >>> 24;
    bytes[start + 5] = id >>> 16;
    bytes[start + 6] = id >>> 8;
    bytes[start + 7] = id;
    this.#output.pass(caller, bytes, start, end);
  }

  #invoke(client: BrokerClient, bytes: Uint8Array, seq: number, peer: number): number {
    const attributes = this.#attributes;
    const idAt = attributes.at[UBUS_ATTR.objId] ?? -1;
    if (idAt < 0 || !attributes.has(UBUS_ATTR.method)) return UBUS_STATUS.invalidArgument;
    const id = readI32(bytes, idAt);
    let object = client.lastCalled;
    if (object === undefined || object.id !== id || object.gone) {
      if (id > 0 && id <= SYSTEM_OBJECT.monitor) {
        return invokeSystem(this.#system(), client, id, seq, peer);
      }
      object = this.#objects.find(id);
      if (object === undefined) return UBUS_STATUS.notFound;
      client.lastCalled = object;
    }
    if (
      !client.bypass &&
      object.path !== undefined &&
      !this.#acl.allowsCall(client.caller, object.path, attributes.text(UBUS_ATTR.method))
    ) {
      return UBUS_STATUS.permissionDenied;
    }
    forwardInvoke(this.#output, attributes, client, object, seq, false, true);
    return NO_STATUS;
  }

  #addObject(client: BrokerClient, seq: number, peer: number): number {
    const attributes = this.#attributes;
    const objects = this.#objects;
    if (client.objects.length >= MAX_OBJECTS) return UBUS_STATUS.noMemory;
    const path = attributes.has(UBUS_ATTR.objPath) ? attributes.text(UBUS_ATTR.objPath) : undefined;
    if (path !== undefined) {
      const allowed = client.bypass || this.#acl.allows(client.caller, 'publish', path);
      if (!allowed || objects.hasPath(path)) return UBUS_STATUS.invalidArgument;
    }
    const signatureAt = attributes.at[UBUS_ATTR.signature] ?? -1;
    let type: ObjectType | undefined;
    if (attributes.has(UBUS_ATTR.objType)) {
      type = objects.type(attributes.u32(UBUS_ATTR.objType) | 0);
    } else if (signatureAt >= 0) {
      const end = signatureAt + (attributes.length[UBUS_ATTR.signature] ?? 0);
      type = objects.createType(attributes.bytes, signatureAt, end);
    }
    const object = objects.add(client, path, type);
    const writer = this.#output.begin();
    writer.blobU32(UBUS_ATTR.objId, object.id);
    if (signatureAt >= 0 && type !== undefined) writer.blobU32(UBUS_ATTR.objType, type.id);
    this.#output.send(client, UBUS_TYPE.data, seq, peer);
    return UBUS_STATUS.ok;
  }

  /** The object that the message names, if it is the client's own; else the status, `others` for one of somebody else. */
  #own(client: BrokerClient, others: number): BrokerObject | number {
    const attributes = this.#attributes;
    if (!attributes.has(UBUS_ATTR.objId)) return UBUS_STATUS.invalidArgument;
    const object = this.#objects.find(attributes.u32(UBUS_ATTR.objId) | 0);
    if (object === undefined) return UBUS_STATUS.notFound;
    return object.owner === client ? object : others;
  }

  #removeObject(client: BrokerClient, seq: number, peer: number): number {
    const object = this.#own(client, UBUS_STATUS.permissionDenied);
    if (typeof object === 'number') return object;
    const writer = this.#output.begin();
    writer.blobU32(UBUS_ATTR.objId, object.id);
    if (object.type?.users === 1) writer.blobU32(UBUS_ATTR.objType, object.type.id);
    this.#output.send(client, UBUS_TYPE.data, seq, peer);
    this.#objects.remove(object);
    return UBUS_STATUS.ok;
  }

  #subscribe(client: BrokerClient): number {
    const attributes = this.#attributes;
    if (!attributes.has(UBUS_ATTR.target)) return UBUS_STATUS.invalidArgument;
    const object = this.#own(client, UBUS_STATUS.invalidArgument);
    if (typeof object === 'number') return object;
    const target = this.#objects.find(attributes.u32(UBUS_ATTR.target) | 0);
    if (target === undefined) return UBUS_STATUS.notFound;
    const { owner, path } = target;
    if (owner === client) return UBUS_STATUS.invalidArgument;
    const allowed =
      path === undefined
        ? owner.user === client.user || owner.group === client.group
        : client.bypass || this.#acl.allows(client.caller, 'subscribe', path);
    if (!allowed) return UBUS_STATUS.notFound;
    if (client.subscriptions >= MAX_SUBSCRIPTIONS) return UBUS_STATUS.noMemory;
    this.#objects.subscribe(object, target);
    return UBUS_STATUS.ok;
  }

  #unsubscribe(client: BrokerClient): number {
    const attributes = this.#attributes;
    if (!attributes.has(UBUS_ATTR.target)) return UBUS_STATUS.invalidArgument;
    const object = this.#own(client, UBUS_STATUS.invalidArgument);
    if (typeof object === 'number') return object;
    const target = attributes.u32(UBUS_ATTR.target) | 0;
    const subscription = object.targets.findLast((s) => s.target.id === target);
    if (subscription === undefined) return UBUS_STATUS.notFound;
    this.#objects.unsubscribe(subscription);
    return UBUS_STATUS.ok;
  }

  #notify(client: BrokerClient, seq: number, peer: number): number {
    const attributes = this.#attributes;
    if (!attributes.has(UBUS_ATTR.method)) return UBUS_STATUS.invalidArgument;
    const object = this.#own(client, UBUS_STATUS.permissionDenied);
    if (typeof object === 'number') return object;
    const noReply = attributes.flag(UBUS_ATTR.noReply);
    const subscribers = object.subscribers.toReversed();
    if (!noReply) {
      const writer = this.#output.begin();
      writer.blobU32(UBUS_ATTR.objId, object.id);
      const list = writer.begin(UBUS_ATTR.subscribers);
      for (const { subscriber } of subscribers) writer.blobU32(0, subscriber.id);
      writer.end(list);
      writer.blobU32(UBUS_ATTR.status, UBUS_STATUS.ok);
      this.#output.send(client, UBUS_TYPE.status, seq, peer);
    }
    for (const { subscriber } of subscribers) {
      forwardInvoke(this.#output, attributes, client, subscriber, seq, noReply, false);
    }
    return NO_STATUS;
  }

  #system(): SystemContext {
    return {
      attributes: this.#attributes,
      output: this.#output,
      objects: this.#objects,
      events: this.#events,
      acl: this.#acl,
      aclSequence: this.#aclSequence,
    };
  }
}
