/** The serving half of a ubus client: calls that come in, and their answers. */
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { PeerCredentials } from '../../os/ports.ts';
import {
  BLOBMSG_ID,
  type BlobmsgField,
  type BlobmsgTable,
  field,
  int32,
  table,
} from '../../wire/blobmsg.ts';
import type { BlobWriter } from '../../wire/blobmsg-writer.ts';
import { type FrameAttributes, UBUS_ATTR, UBUS_STATUS, UBUS_TYPE } from '../../wire/ubus.ts';
import type { UbusLink } from './link.ts';
import { refuse, type UbusObject, type UbusReply, type UbusRequest } from './objects.ts';

const MAX_SERVING = 1024;

export class UbusServing {
  readonly #link: UbusLink;
  readonly #log: Log;
  readonly #peerOf: ((clientId: number) => PeerCredentials | undefined) | undefined;
  readonly #maxServing: number;
  #serving = 0;
  /** Aborted when the connection is lost, and replaced when there is a new one. */
  lost = new AbortController();

  constructor(
    link: UbusLink,
    log: Log,
    peerOf: ((clientId: number) => PeerCredentials | undefined) | undefined,
    maxServing = MAX_SERVING,
  ) {
    this.#link = link;
    this.#log = log;
    this.#peerOf = peerOf;
    this.#maxServing = maxServing;
  }

  /** A call that came for `object`. */
  call(
    object: UbusObject,
    id: number,
    seq: number,
    peer: number,
    attributes: FrameAttributes,
  ): void {
    const answered = this.#handle(object, peer, attributes);
    if (!(answered instanceof Promise)) {
      this.answer(id, seq, peer, answered);
      return;
    }
    const { generation } = this.#link;
    this.#serving++;
    answered
      .catch((thrown: unknown) => {
        this.#log.error({ path: object.path, error: errorMessage(thrown) }, 'call failed');
        return refuse(UBUS_STATUS.unknownError);
      })
      .then((late) => {
        this.#serving--;
        if (generation === this.#link.generation) this.answer(id, seq, peer, late);
      });
  }

  #handle(
    object: UbusObject,
    peer: number,
    attributes: FrameAttributes,
  ): UbusReply | Promise<UbusReply> {
    const name = attributes.text(UBUS_ATTR.method);
    const method = Object.hasOwn(object.methods, name) ? object.methods[name] : undefined;
    if (method === undefined) return refuse(UBUS_STATUS.methodNotFound);
    if (!attributes.has(UBUS_ATTR.data)) return refuse(UBUS_STATUS.invalidArgument);
    const data = attributes.table(UBUS_ATTR.data);
    if (!data.ok) return refuse(UBUS_STATUS.unknownError);
    if (this.#serving >= this.#maxServing) {
      return refuse(UBUS_STATUS.noMemory);
    }
    const request: UbusRequest = {
      method: name,
      data: data.value,
      user: attributes.text(UBUS_ATTR.user),
      group: attributes.text(UBUS_ATTR.group),
      peer: this.#peerOf?.(peer),
      signal: this.lost.signal,
    };
    return method.handle(request);
  }

  /** DATA, where there is some, and STATUS in one write. */
  answer(id: number, seq: number, peer: number, { status, data }: UbusReply): void {
    const link = this.#link;
    let writer = link.begin();
    let at = 0;
    if (data !== undefined) {
      writer.blobU32(UBUS_ATTR.objId, id);
      writeData(writer, data);
      link.finish(writer, 0, UBUS_TYPE.data, seq, peer);
      at = writer.length;
      if (!writer.failed) link.next(writer);
    }
    let code = status;
    if (writer.failed) {
      // The answer is larger than a message may be.
      writer = link.begin();
      at = 0;
      code = UBUS_STATUS.noMemory;
    }
    writer.blobU32(UBUS_ATTR.status, code);
    writer.blobU32(UBUS_ATTR.objId, id);
    link.finish(writer, at, UBUS_TYPE.status, seq, peer);
    link.flush(writer);
  }
}

export function writeData(writer: BlobWriter, data: BlobmsgTable): void {
  const at = writer.begin(UBUS_ATTR.data);
  writer.fields(data);
  writer.end(at);
}

export function writeCall(
  writer: BlobWriter,
  id: number,
  method: string,
  data: BlobmsgTable,
): void {
  writer.blobU32(UBUS_ATTR.objId, id);
  writer.blobString(UBUS_ATTR.method, method);
  writeData(writer, data);
}

export function writeObject(writer: BlobWriter, object: UbusObject): void {
  writer.blobString(UBUS_ATTR.objPath, object.path);
  const at = writer.begin(UBUS_ATTR.signature);
  writer.fields(signatureOf(object));
  writer.end(at);
}

/** Methods as tables of argument name → blobmsg type id. */
const signatureOf = (object: UbusObject): BlobmsgTable =>
  Object.entries(object.methods).map(
    ([name, { policy }]): BlobmsgField =>
      field(
        name,
        table(Object.entries(policy).map(([arg, type]) => field(arg, int32(BLOBMSG_ID[type])))),
      ),
  );
