/**
 * A ubus client: calls, lookups, events and subscriptions, and objects that others call. What was
 * registered once is registered again after each reconnect, so the owner never notices one; calls
 * that were waiting end with `connectionFailed`. File descriptors cannot be received.
 */
import { err, ok, type Result } from '../../base/result.ts';
import type { PeerCredentials } from '../../os/ports.ts';
import { type BlobmsgTable, field, int32, pick, string, table } from '../../wire/blobmsg.ts';
import {
  type FrameAttributes,
  SYSTEM_OBJECT,
  statusText,
  UBUS_ATTR,
  UBUS_STATUS,
  UBUS_TYPE,
} from '../../wire/ubus.ts';
import { type LinkOptions, type RequestOptions, UbusLink } from './link.ts';
import type { UbusObject } from './objects.ts';
import { UbusServing, writeCall, writeData, writeObject } from './serving.ts';

export interface UbusClientOptions extends LinkOptions {
  /** Who is behind a client id: `Broker.peerOf`, where the broker runs in this process. */
  readonly peerOf?: (clientId: number) => PeerCredentials | undefined;
  /** Calls being served at once; more are refused with `noMemory`. */
  readonly maxServing?: number;
}

/** A call that did not succeed. `status` is the server's, the broker's, or one that the client gave itself (timeout, connectionFailed). */
export interface UbusError {
  readonly kind: 'ubus';
  readonly status: number;
  readonly message: string;
}

export interface FoundObject {
  readonly path: string;
  readonly id: number;
  readonly signature: BlobmsgTable;
}

/** Undone by disposing. */
export interface Registration extends Disposable {
  /** True while the broker knows of it. */
  readonly active: boolean;
}

export interface ObjectRegistration extends Registration {
  /** Whether somebody subscribed to it. */
  readonly watched: boolean;
  /** Tells the subscribers, without waiting for answers. False when it was not sent. */
  notify(name: string, data: BlobmsgTable): boolean;
}

const failure = (status: number): UbusError => ({
  kind: 'ubus',
  status,
  message: statusText(status),
});

/** An object of ours at the broker, or one on its way there. */
interface Entry {
  /** 0 while the broker does not know it. */
  id: number;
  /** The broker took or refused it, on this connection. */
  tried: boolean;
  gone: boolean;
  watched: boolean;
  readonly object: UbusObject | undefined;
  /** Event or notification; undefined for objects with methods. */
  readonly heard: ((name: string, data: BlobmsgTable) => void) | undefined;
  /** Pattern of events, for listeners. */
  readonly pattern: string | undefined;
  /** Path of the object that is watched, for subscriptions. */
  readonly target: string | undefined;
  targetId: number;
}

const MAX_CACHED = 4096;
const NOTHING: BlobmsgTable = [];

export class UbusClient implements AsyncDisposable {
  readonly #options: UbusClientOptions;
  readonly #link: UbusLink;
  readonly #serving: UbusServing;
  readonly #entries = new Set<Entry>();
  readonly #byId = new Map<number, Entry>();
  /** Ids by path, kept only while the broker tells of changes. */
  readonly #ids = new Map<string, number>();
  readonly #watcher: Entry;
  #watching = false;
  #waiters: (() => void)[] = [];

  constructor(options: UbusClientOptions) {
    this.#options = options;
    this.#link = new UbusLink(options, {
      online: () => this.#online(),
      offline: () => this.#offline(),
      message: (type, seq, peer, attributes) => this.#message(type, seq, peer, attributes),
    });
    this.#serving = new UbusServing(this.#link, options.log, options.peerOf, options.maxServing);
    this.#watcher = {
      ...entry(),
      pattern: 'ubus.object.*',
      heard: (name, data) => this.#objectChanged(name, data),
    };
    this.#entries.add(this.#watcher);
  }

  start(): void {
    this.#link.start();
  }

  get online(): boolean {
    return this.#link.online;
  }

  get outstanding(): number {
    return this.#link.outstanding;
  }

  /** Resolves once the broker took everything registered so far, or refused it (that is in the log). */
  ready(): Promise<void> {
    return this.#standing() ? Promise.resolve() : new Promise((r) => this.#waiters.push(r));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#link.stop();
    this.#entries.clear();
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  // ---- calling -------------------------------------------------------------------------------

  /** Calls a method of the object at `path`; members of several DATA are put together, as uhttpd does. */
  async call(
    path: string,
    method: string,
    data: BlobmsgTable = NOTHING,
    options: RequestOptions = {},
  ): Promise<Result<BlobmsgTable, UbusError>> {
    const cached = this.#ids.get(path);
    if (cached !== undefined) {
      const answer = await this.callId(cached, method, data, options);
      if (answer.ok || answer.error.status !== UBUS_STATUS.notFound) return answer;
      if (this.#ids.get(path) === cached) this.#ids.delete(path);
    }
    const found = await this.lookup(path, options);
    if (!found.ok) return found;
    const id = found.value[0]?.id;
    // Known to the broker, but not callable: hidden by the rules, or without a signature.
    if (id === undefined) return err(failure(UBUS_STATUS.notFound));
    this.#remember(path, id);
    return this.callId(id, method, data, options);
  }

  async callId(
    id: number,
    method: string,
    data: BlobmsgTable = NOTHING,
    options: RequestOptions = {},
  ): Promise<Result<BlobmsgTable, UbusError>> {
    let fields: BlobmsgTable = NOTHING;
    let broken = false;
    const status = await this.#link.request(
      UBUS_TYPE.invoke,
      id,
      (writer) => writeCall(writer, id, method, data),
      (attributes) => {
        const decoded = attributes.table(UBUS_ATTR.data);
        if (!decoded.ok) broken = true;
        else fields = fields.length === 0 ? decoded.value : [...fields, ...decoded.value];
      },
      options,
    );
    if (status !== UBUS_STATUS.ok) return err(failure(status));
    return broken ? err(failure(UBUS_STATUS.parseError)) : ok(fields);
  }

  /** Objects by path: one, all that begin alike (`name*`), or all (`*`). */
  async lookup(
    pattern: string,
    options: RequestOptions = {},
  ): Promise<Result<readonly FoundObject[], UbusError>> {
    const found: FoundObject[] = [];
    const status = await this.#link.request(
      UBUS_TYPE.lookup,
      0,
      (writer) => writer.blobString(UBUS_ATTR.objPath, pattern),
      (attributes) => {
        const signature = attributes.table(UBUS_ATTR.signature);
        found.push({
          path: attributes.text(UBUS_ATTR.objPath),
          id: attributes.u32(UBUS_ATTR.objId),
          signature: signature.ok ? signature.value : NOTHING,
        });
      },
      options,
    );
    return status === UBUS_STATUS.ok ? ok(found) : err(failure(status));
  }

  /** Sends an event to whoever listens. */
  async send(event: string, data: BlobmsgTable): Promise<Result<void, UbusError>> {
    const sent = await this.callId(SYSTEM_OBJECT.event, 'send', [
      field('id', string(event)),
      field('data', table(data)),
    ]);
    return sent.ok ? ok(undefined) : sent;
  }

  // ---- registering ---------------------------------------------------------------------------

  /** Serves an object, from now on and after every reconnect. */
  serve(object: UbusObject): ObjectRegistration {
    const added: Entry = { ...entry(), object };
    this.#add(added);
    return {
      get active() {
        return added.id !== 0;
      },
      get watched() {
        return added.watched;
      },
      notify: (name, data) => this.#notify(added, name, data),
      [Symbol.dispose]: () => this.#remove(added),
    };
  }

  /** Hears events whose name is `pattern`, or begins with it up to a final `*`. */
  listen(pattern: string, heard: (name: string, data: BlobmsgTable) => void): Registration {
    return this.#register({ ...entry(), heard, pattern });
  }

  /** Hears notifications of the object at `path`, whenever it exists. */
  subscribe(path: string, heard: (name: string, data: BlobmsgTable) => void): Registration {
    return this.#register({ ...entry(), heard, target: path });
  }

  #register(added: Entry): Registration {
    this.#add(added);
    return {
      get active() {
        return added.id !== 0 && (added.target === undefined || added.targetId !== 0);
      },
      [Symbol.dispose]: () => this.#remove(added),
    };
  }

  #add(added: Entry): void {
    this.#entries.add(added);
    if (this.#link.online) void this.#establish(added);
  }

  #remove(removed: Entry): void {
    removed.gone = true;
    this.#entries.delete(removed);
    this.#tellReady();
    const { id } = removed;
    if (id === 0) return;
    removed.id = 0;
    this.#byId.delete(id);
    void this.#link.request(
      UBUS_TYPE.removeObject,
      0,
      (writer) => writer.blobU32(UBUS_ATTR.objId, id),
      undefined,
    );
  }

  /** Brings one entry to the broker; problems are logged, and the next reconnect tries again. */
  async #establish(e: Entry): Promise<void> {
    const { generation } = this.#link;
    let id = 0;
    const status = await this.#link.request(
      UBUS_TYPE.addObject,
      0,
      (writer) => {
        if (e.object !== undefined) writeObject(writer, e.object);
      },
      (attributes) => {
        id = attributes.u32(UBUS_ATTR.objId);
        // At once: a call may come with the very same chunk.
        if (generation === this.#link.generation && !e.gone) {
          e.id = id;
          this.#byId.set(id, e);
        }
      },
    );
    if (generation !== this.#link.generation) return;
    if (e.gone && id !== 0) {
      e.id = id;
      this.#remove(e);
      return;
    }
    if (status !== UBUS_STATUS.ok) {
      if (status !== UBUS_STATUS.connectionFailed) {
        const path = e.object?.path ?? e.pattern ?? e.target;
        this.#options.log.error({ path, status: statusText(status) }, 'ubus refused an object');
      }
    } else if (e.pattern !== undefined) {
      await this.#listenFor(e, e.pattern);
    } else if (e.target !== undefined) {
      await this.#watch(e, e.target);
    }
    if (generation !== this.#link.generation) return;
    e.tried = true;
    this.#tellReady();
  }

  async #listenFor(e: Entry, pattern: string): Promise<void> {
    const answer = await this.callId(SYSTEM_OBJECT.event, 'register', [
      field('object', int32(e.id | 0)),
      field('pattern', string(pattern)),
    ]);
    if (e === this.#watcher) {
      // Without these events (the rules may forbid them) every call looks its object up.
      this.#watching = answer.ok;
      if (!answer.ok) this.#ids.clear();
    } else if (!answer.ok && answer.error.status !== UBUS_STATUS.connectionFailed) {
      this.#options.log.error({ pattern, status: answer.error.message }, 'ubus refused a listener');
    }
  }

  async #watch(e: Entry, path: string): Promise<void> {
    const found = await this.lookup(path);
    const target = found.ok ? found.value[0]?.id : undefined;
    if (target === undefined || e.gone || e.id === 0 || e.targetId === target) return;
    const status = await this.#link.request(
      UBUS_TYPE.subscribe,
      0,
      (writer) => {
        writer.blobU32(UBUS_ATTR.objId, e.id);
        writer.blobU32(UBUS_ATTR.target, target);
      },
      undefined,
    );
    if (status === UBUS_STATUS.ok) e.targetId = target;
  }

  #standing(): boolean {
    if (!this.#link.online) return false;
    for (const e of this.#entries) if (!e.tried) return false;
    return true;
  }

  #tellReady(): void {
    if (this.#waiters.length > 0 && this.#standing()) {
      for (const waiter of this.#waiters.splice(0)) waiter();
    }
  }

  // ---- the link ------------------------------------------------------------------------------

  #online(): void {
    this.#serving.lost = new AbortController();
    for (const e of this.#entries) void this.#establish(e);
  }

  #offline(): void {
    this.#serving.lost.abort();
    this.#ids.clear();
    this.#byId.clear();
    this.#watching = false;
    for (const e of this.#entries) {
      e.id = 0;
      e.tried = false;
      e.targetId = 0;
      e.watched = false;
    }
  }

  #objectChanged(event: string, data: BlobmsgTable): void {
    const path = pick(data, 'path', 'string');
    if (path === undefined) return;
    this.#ids.delete(path);
    if (event !== 'ubus.object.add') return;
    for (const e of this.#entries) if (e.target === path) void this.#watch(e, path);
  }

  #remember(path: string, id: number): void {
    if (!this.#watching) return;
    if (this.#ids.size >= MAX_CACHED) this.#ids.clear();
    this.#ids.set(path, id);
  }

  #notify({ id, watched }: Entry, name: string, data: BlobmsgTable): boolean {
    if (id === 0 || !watched) return false;
    const writer = this.#link.begin();
    writer.blobU32(UBUS_ATTR.objId, id);
    writer.blobString(UBUS_ATTR.method, name);
    writeData(writer, data);
    writer.blobU8(UBUS_ATTR.noReply, 1);
    this.#link.finish(writer, 0, UBUS_TYPE.notify, 0, id);
    return this.#link.flush(writer);
  }

  // ---- serving -------------------------------------------------------------------------------

  #message(type: number, seq: number, peer: number, attributes: FrameAttributes): void {
    const id = attributes.u32(UBUS_ATTR.objId);
    const e = this.#byId.get(id);
    if (e === undefined) return;
    if (type === UBUS_TYPE.notify) {
      e.watched = attributes.flag(UBUS_ATTR.active);
    } else if (type === UBUS_TYPE.unsubscribe) {
      e.targetId = 0;
    } else if (e.heard !== undefined) {
      const data = attributes.table(UBUS_ATTR.data);
      const noReply = peer === 0 || attributes.flag(UBUS_ATTR.noReply);
      if (data.ok) e.heard(attributes.text(UBUS_ATTR.method), data.value);
      if (!noReply) this.#serving.answer(id, seq, peer, { status: UBUS_STATUS.ok });
    } else if (e.object !== undefined) {
      this.#serving.call(e.object, id, seq, peer, attributes);
    }
  }
}

const entry = (): Entry => ({
  id: 0,
  tried: false,
  gone: false,
  watched: false,
  object: undefined,
  heard: undefined,
  pattern: undefined,
  target: undefined,
  targetId: 0,
});
