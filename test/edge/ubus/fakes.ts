import { toHex } from '../../../src/base/bytes.ts';
import type { Broker } from '../../../src/edge/ubus/broker.ts';
import type { PeerCredentials, UnixConnection, UnixHandlers } from '../../../src/os/ports.ts';
import type { BlobmsgTable } from '../../../src/wire/blobmsg.ts';
import {
  decodeMessage,
  encodeMessage,
  UBUS_ATTR,
  UBUS_TYPE,
  type UbusAttribute,
  type UbusMessage,
} from '../../../src/wire/ubus.ts';
import { FrameAssembler } from '../../../src/wire/ubus-stream.ts';

export const ROOT: PeerCredentials = { pid: 1, uid: 0, gid: 0 };
export const PASSWD = 'root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:\nguest:x:1000:1000::/:\n';
export const GROUP = 'root:x:0:\ndaemon:x:1:\nguest:x:1000:\nnetdev:x:2000:guest\n';

/** The broker's end of a connection whose client is the test. */
export class FakeConnection implements UnixConnection {
  readonly peer: PeerCredentials;
  /** What the kernel has room for; the rest queues, up to `limit`. */
  room = Number.POSITIVE_INFINITY;
  limit = 1_048_576;
  queuedBytes = 0;
  isClosed = false;
  readonly #assembler = new FrameAssembler(1 << 24);
  readonly #frames: Uint8Array[] = [];

  constructor(peer: PeerCredentials = ROOT) {
    this.peer = peer;
  }

  write(bytes: Uint8Array): boolean {
    if (this.isClosed || this.queuedBytes + bytes.length > this.limit + this.room) return false;
    const taken = Math.min(this.room, bytes.length);
    this.room -= taken;
    this.queuedBytes += bytes.length - taken;
    this.#assembler.feed(bytes.slice());
    while (this.#assembler.next()) {
      this.#frames.push(this.#assembler.bytes.slice(this.#assembler.start, this.#assembler.end));
    }
    return true;
  }

  close(): void {
    this.isClosed = true;
  }

  end(): void {
    this.isClosed = true;
  }

  /** Frames since the last call. */
  take(): readonly Uint8Array[] {
    return this.#frames.splice(0);
  }
}

/** A client that speaks in messages. */
export class FakeClient {
  readonly connection: FakeConnection;
  readonly handlers: UnixHandlers;
  readonly id: number;
  #seq = 0;

  constructor(broker: Broker, peer: PeerCredentials = ROOT) {
    this.connection = new FakeConnection(peer);
    const handlers = broker.accept(this.connection);
    if (handlers === undefined) throw new TypeError('refused');
    this.handlers = handlers;
    this.id = this.take()[0]?.peer ?? 0;
  }

  /** What came since the last call. */
  take(): readonly UbusMessage[] {
    return this.connection.take().map((frame) => {
      const message = decodeMessage(frame);
      if (!message.ok) throw new TypeError(`${message.error.message}: ${toHex(frame)}`);
      return message.value;
    });
  }

  send(message: Partial<UbusMessage> & { readonly type: number }): void {
    const frame = encodeMessage({
      version: 0,
      seq: ++this.#seq,
      peer: 0,
      attributes: [],
      ...message,
    });
    if (frame === undefined) throw new TypeError('message too large');
    this.handlers.data(frame);
  }

  /** Sends, and gives all that came to this client. */
  request(type: number, attributes: readonly UbusAttribute[], peer = 0): readonly UbusMessage[] {
    this.send({ type, attributes, peer });
    return this.take();
  }

  addObject(path?: string, signature?: BlobmsgTable): number {
    const attributes: UbusAttribute[] = [];
    if (path !== undefined) attributes.push({ id: UBUS_ATTR.objPath, kind: 'string', value: path });
    if (signature !== undefined) {
      attributes.push({ id: UBUS_ATTR.signature, kind: 'table', value: signature });
    }
    const answer = this.request(UBUS_TYPE.addObject, attributes).find((m) => m.type === 2);
    return answer === undefined ? 0 : u32(answer, UBUS_ATTR.objId);
  }

  invoke(object: number, method: string, data?: BlobmsgTable): readonly UbusMessage[] {
    const attributes: UbusAttribute[] = [
      { id: UBUS_ATTR.objId, kind: 'u32', value: object },
      { id: UBUS_ATTR.method, kind: 'string', value: method },
    ];
    if (data !== undefined) attributes.push({ id: UBUS_ATTR.data, kind: 'table', value: data });
    return this.request(UBUS_TYPE.invoke, attributes, object);
  }

  leave(): void {
    this.handlers.closed(undefined);
  }
}

export function u32(message: UbusMessage | undefined, id: number): number {
  const found = message?.attributes.find((a) => a.id === id);
  return found?.kind === 'u32' ? found.value : -1;
}

export function text(message: UbusMessage | undefined, id: number): string | undefined {
  const found = message?.attributes.find((a) => a.id === id);
  return found?.kind === 'string' ? found.value : undefined;
}

/** The code of the one STATUS among `messages`. */
export function statusOf(messages: readonly UbusMessage[]): number {
  const statuses = messages.filter((m) => m.type === UBUS_TYPE.status);
  return statuses.length === 1 ? u32(statuses[0], UBUS_ATTR.status) : -1;
}

/** A repeatable source of ids. */
export function counting(start = 0x1000_0000): () => number {
  let next = start;
  return () => next++;
}
