/** Events: patterns that objects registered, and delivery to them. */
import {
  BLOBMSG_ID,
  type BlobmsgTable,
  field,
  int32,
  readU32,
  string,
} from '../../wire/blobmsg.ts';
import { nulAt, type ScannedField, scanFields } from '../../wire/blobmsg-scan.ts';
import type { BlobWriter } from '../../wire/blobmsg-writer.ts';
import {
  FIRST_FREE_ID,
  type FrameAttributes,
  UBUS_ATTR,
  UBUS_STATUS,
  UBUS_TYPE,
} from '../../wire/ubus.ts';
import { decodeUtf8 } from '../../wire/utf8.ts';
import type { AclSet } from './acl.ts';
import type { BrokerOutput } from './broker-output.ts';
import { type BrokerClient, type BrokerObject, comparePaths, lowerBound } from './broker-state.ts';

interface EventPattern {
  /** Without the final `*`; named as `lowerBound` wants it. */
  readonly path: string;
  readonly prefix: boolean;
  readonly object: BrokerObject;
}

/** ubusd has no bound; one client must not be able to fill the memory. */
const MAX_PATTERNS = 4096;

export class BrokerEvents {
  readonly #output: BrokerOutput;
  readonly #sorted: EventPattern[] = [];
  /** Number of the event, so that an object gets it once. */
  #event = 0;
  /** `seq` of delivered events, over all clients. */
  #seq = 0;

  constructor(output: BrokerOutput) {
    this.#output = output;
  }

  get patterns(): number {
    return this.#sorted.length;
  }

  /** Method `register` {object, pattern} of object 1. */
  register(
    client: BrokerClient,
    attributes: FrameAttributes,
    objectOf: (id: number) => BrokerObject | undefined,
    acl: AclSet,
  ): number {
    const bytes = attributes.bytes;
    const objectId = find(attributes, 'object', BLOBMSG_ID.int32);
    const pattern = find(attributes, 'pattern', BLOBMSG_ID.string);
    if (objectId === undefined || pattern === undefined) return UBUS_STATUS.invalidArgument;
    const id = readU32(bytes, objectId.dataAt);
    if (id < FIRST_FREE_ID) return UBUS_STATUS.permissionDenied;
    const object = objectOf(id | 0);
    if (object === undefined) return UBUS_STATUS.notFound;
    if (object.owner !== client) return UBUS_STATUS.permissionDenied;
    const text = decodeUtf8(bytes, pattern.dataAt, nulAt(bytes, pattern.dataAt));
    if (text === '') return UBUS_STATUS.permissionDenied;
    const prefix = text.endsWith('*');
    const path = prefix ? text.slice(0, -1) : text;
    if (!client.bypass && !acl.allows(client.caller, 'listen', path)) {
      return UBUS_STATUS.permissionDenied;
    }
    if (client.patterns >= MAX_PATTERNS) return UBUS_STATUS.noMemory;
    client.patterns++;
    let at = lowerBound(this.#sorted, path);
    while (this.#sorted[at]?.path === path) at++;
    this.#sorted.splice(at, 0, { path, prefix, object });
    return UBUS_STATUS.ok;
  }

  /** Method `send` {id, data} of object 1. */
  send(client: BrokerClient, attributes: FrameAttributes, acl: AclSet): number {
    const bytes = attributes.bytes;
    const name = find(attributes, 'id', BLOBMSG_ID.string);
    const data = find(attributes, 'data', BLOBMSG_ID.table);
    if (name === undefined || data === undefined) return UBUS_STATUS.invalidArgument;
    const id = decodeUtf8(bytes, name.dataAt, nulAt(bytes, name.dataAt));
    if (id.startsWith('ubus.')) return UBUS_STATUS.permissionDenied;
    if (!client.bypass && !acl.allows(client.caller, 'send', id)) {
      return UBUS_STATUS.permissionDenied;
    }
    const receivers = this.#receivers(id, client);
    if (receivers.length === 0) return UBUS_STATUS.ok;
    this.#deliver(receivers, id, (writer) => {
      writer.blobRaw(UBUS_ATTR.data, bytes, data.dataAt, data.end);
    });
    return UBUS_STATUS.ok;
  }

  objectChanged(event: 'ubus.object.add' | 'ubus.object.remove', id: number, path: string): void {
    this.publish(event, [field('id', int32(id)), field('path', string(path))]);
  }

  /** An event of the broker itself. */
  publish(event: string, data: BlobmsgTable): void {
    if (this.#sorted.length === 0) return;
    const receivers = this.#receivers(event, undefined);
    if (receivers.length === 0) return;
    this.#deliver(receivers, event, (writer) => {
      const at = writer.begin(UBUS_ATTR.data);
      writer.fields(data);
      writer.end(at);
    });
  }

  forget(object: BrokerObject): void {
    for (let at = this.#sorted.length - 1; at >= 0; at--) {
      if (this.#sorted[at]?.object !== object) continue;
      this.#sorted.splice(at, 1);
      object.owner.patterns--;
    }
  }

  /** Objects that hear of `id`, in order of their patterns: each once, none of the sender. */
  #receivers(id: string, sender: BrokerClient | undefined): BrokerObject[] {
    const receivers: BrokerObject[] = [];
    this.#event++;
    for (const { path, prefix, object } of this.#sorted) {
      // Patterns that fit are prefixes of the id, so none of them is above it.
      if (comparePaths(path, id) > 0) break;
      if (path !== id && !(prefix && id.startsWith(path))) continue;
      if (object.owner === sender || object.eventSeen === this.#event) continue;
      object.eventSeen = this.#event;
      receivers.push(object);
    }
    return receivers;
  }

  #deliver(
    receivers: readonly BrokerObject[],
    id: string,
    data: (writer: BlobWriter) => void,
  ): void {
    for (const object of receivers) {
      const writer = this.#output.begin();
      writer.blobU32(UBUS_ATTR.objId, object.id);
      writer.blobString(UBUS_ATTR.method, id);
      data(writer);
      this.#seq = (this.#seq + 1) & 0xffff;
      this.#output.send(object.owner, UBUS_TYPE.invoke, this.#seq, 0);
    }
  }
}

/** The first field of DATA with this name and this very type, as blobmsg_parse takes it. */
function find(attributes: FrameAttributes, name: string, type: number): ScannedField | undefined {
  const at = attributes.at[UBUS_ATTR.data] ?? -1;
  if (at < 0) return undefined;
  const end = at + (attributes.length[UBUS_ATTR.data] ?? 0);
  return scanFields(attributes.bytes, at, end, false).fields.find(
    (field) => field.type === type && field.name === name,
  );
}
