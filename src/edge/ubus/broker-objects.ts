/** Objects, their types and subscriptions: the registry of the broker. */
import { align4 } from '../../wire/blobmsg.ts';
import { scanFields } from '../../wire/blobmsg-scan.ts';
import { FIRST_FREE_ID, UBUS_ATTR, UBUS_TYPE } from '../../wire/ubus.ts';
import type { BrokerEvents } from './broker-events.ts';
import type { BrokerOutput } from './broker-output.ts';
import {
  type BrokerClient,
  BrokerObject,
  lowerBound,
  type ObjectMethod,
  ObjectType,
  type Subscription,
} from './broker-state.ts';

type NamedObject = BrokerObject & { readonly path: string };

/** A random u32 from 1024 on that is no key of `taken`, as a signed number. */
export function freeId(randomU32: () => number, taken: ReadonlyMap<number, unknown>): number {
  for (let tries = 0; tries < 1000; tries++) {
    const id = randomU32() >>> 0;
    if (id >= FIRST_FREE_ID && !taken.has(id | 0)) return id | 0;
  }
  // A source that repeats itself is no reason to hang.
  let id = FIRST_FREE_ID;
  while (taken.has(id)) id++;
  return id;
}

export class BrokerObjects {
  readonly #byId = new Map<number, BrokerObject>();
  readonly #types = new Map<number, ObjectType>();
  readonly #output: BrokerOutput;
  readonly #events: BrokerEvents;
  readonly #randomU32: () => number;
  /** Objects with a path, in order of strcmp. */
  readonly sorted: NamedObject[] = [];

  constructor(output: BrokerOutput, events: BrokerEvents, randomU32: () => number) {
    this.#output = output;
    this.#events = events;
    this.#randomU32 = randomU32;
  }

  get size(): number {
    return this.#byId.size;
  }

  get types(): number {
    return this.#types.size;
  }

  find(id: number): BrokerObject | undefined {
    return this.#byId.get(id);
  }

  hasPath(path: string): boolean {
    return this.sorted[lowerBound(this.sorted, path)]?.path === path;
  }

  type(id: number): ObjectType | undefined {
    return this.#types.get(id);
  }

  /** Undefined when the signature is none: ubusd then registers the object without a type. */
  createType(bytes: Uint8Array, start: number, end: number): ObjectType | undefined {
    const methods = parseSignature(bytes, start, end);
    if (methods === undefined) return undefined;
    const type = new ObjectType(freeId(this.#randomU32, this.#types), methods);
    this.#types.set(type.id, type);
    return type;
  }

  add(owner: BrokerClient, path: string | undefined, type: ObjectType | undefined): BrokerObject {
    const object = new BrokerObject(freeId(this.#randomU32, this.#byId), owner, path, type);
    this.#byId.set(object.id, object);
    if (type !== undefined) type.users++;
    if (hasPath(object)) {
      this.sorted.splice(lowerBound(this.sorted, object.path), 0, object);
      this.#events.objectChanged('ubus.object.add', object.id, object.path);
    }
    owner.objects.push(object);
    return object;
  }

  /** What others see of it, in ubusd's order: subscriptions end, events stop, the path is free. */
  remove(object: BrokerObject): void {
    for (const s of object.targets.toReversed()) this.unsubscribe(s);
    for (const s of object.subscribers.toReversed()) {
      const writer = this.#output.begin();
      writer.blobU32(UBUS_ATTR.objId, s.subscriber.id);
      writer.blobU32(UBUS_ATTR.target, object.id);
      s.subscriber.invokeSeq = (s.subscriber.invokeSeq + 1) & 0xffff;
      this.#output.send(s.subscriber.owner, UBUS_TYPE.unsubscribe, s.subscriber.invokeSeq, 0);
      this.unsubscribe(s);
    }
    this.#events.forget(object);
    if (hasPath(object)) {
      this.#events.objectChanged('ubus.object.remove', object.id, object.path);
      this.sorted.splice(lowerBound(this.sorted, object.path), 1);
    }
    object.gone = true;
    this.#byId.delete(object.id);
    without(object.owner.objects, object);
    const { type } = object;
    if (type !== undefined && --type.users === 0) this.#types.delete(type.id);
  }

  // ---- subscriptions -------------------------------------------------------------------------

  /** Duplicates are not looked for: two subscriptions bring two notifications. */
  subscribe(subscriber: BrokerObject, target: BrokerObject): void {
    const subscription: Subscription = { subscriber, target };
    subscriber.owner.subscriptions++;
    target.subscribers.push(subscription);
    subscriber.targets.push(subscription);
    if (target.subscribers.length === 1) this.#notifyActive(target);
  }

  unsubscribe(subscription: Subscription): void {
    const { subscriber, target } = subscription;
    subscriber.owner.subscriptions--;
    without(target.subscribers, subscription);
    without(subscriber.targets, subscription);
    if (target.subscribers.length === 0) this.#notifyActive(target);
  }

  #notifyActive(target: BrokerObject): void {
    const writer = this.#output.begin();
    writer.blobU32(UBUS_ATTR.objId, target.id);
    writer.blobU8(UBUS_ATTR.active, target.subscribers.length > 0 ? 1 : 0);
    target.invokeSeq = (target.invokeSeq + 1) & 0xffff;
    this.#output.send(target.owner, UBUS_TYPE.notify, target.invokeSeq, 0);
  }

  /** Filtered signatures are made anew after the rules changed. */
  forgetFiltered(): void {
    for (const object of this.sorted) object.filtered.clear();
  }
}

const hasPath = (object: BrokerObject): object is NamedObject => object.path !== undefined;

function without<T>(list: T[], item: T): void {
  const at = list.lastIndexOf(item);
  if (at >= 0) list.splice(at, 1);
}

function parseSignature(
  bytes: Uint8Array,
  start: number,
  end: number,
): readonly ObjectMethod[] | undefined {
  const { fields, broken } = scanFields(bytes, start, end, true);
  if (broken) return undefined;
  return fields.map(({ name, start: from, end: to }) => {
    const padded = new Uint8Array(align4(to - from));
    padded.set(bytes.subarray(from, to));
    return { name, bytes: padded };
  });
}
