/** The one message that the broker builds for every call: hot, so written byte by byte. */
import { align4, writeU32 } from '../../wire/blobmsg.ts';
import {
  type FrameAttributes,
  PREFIX_BYTES,
  UBUS_ATTR,
  UBUS_TYPE,
  writePrefix,
} from '../../wire/ubus.ts';
import type { BrokerOutput } from './broker-output.ts';
import type { BrokerClient, BrokerObject } from './broker-state.ts';

/** From here on an INVOKE is patched where it lies instead of copied. */
const PATCH_BYTES = 16_384;

/**
 * Sends INVOKE {[NO_REPLY] OBJID METHOD USER GROUP DATA?} of `client` to the owner of `object`.
 * `mayPatch`: the frame is not needed afterwards, so a large one is changed where it lies.
 */
export function forwardInvoke(
  output: BrokerOutput,
  attributes: FrameAttributes,
  client: BrokerClient,
  object: BrokerObject,
  seq: number,
  noReply: boolean,
  mayPatch: boolean,
): void {
  const { bytes } = attributes;
  const { identity } = client;
  const methodAt = attributes.at[UBUS_ATTR.method] ?? 0;
  const methodBytes = attributes.textEnd(UBUS_ATTR.method) - methodAt;
  const dataAt = attributes.at[UBUS_ATTR.data] ?? -1;
  const dataBytes = attributes.length[UBUS_ATTR.data] ?? 0;
  const headBytes =
    PREFIX_BYTES + (noReply ? 8 : 0) + 8 + align4(5 + methodBytes) + identity.length;
  const total = dataAt < 0 ? headBytes : headBytes + align4(4 + dataBytes);
  const gathered = total < PATCH_BYTES && !output.monitored;
  // In front of the data lie only this frame's own head and frames that are done with.
  const patched =
    !gathered && mayPatch && methodAt < dataAt && dataAt - 4 >= headBytes && dataBytes > 0;
  if (patched) output.release(); // of those frames, too
  const to = gathered ? output.batch : patched ? bytes : output.scratch(total);
  const at = gathered ? output.room(object.owner, total) : patched ? dataAt - 4 - headBytes : 0;

  let pos = at + PREFIX_BYTES + (noReply ? 8 : 0) + 8;
  // The method moves first: in a patched frame it may lie where the rest of the head goes.
  if (patched) to.copyWithin(pos + 4, methodAt, methodAt + methodBytes);
  else for (let i = 0; i < methodBytes; i++) to[pos + 4 + i] = bytes[methodAt + i] ?? 0;
  pos = blobEnd(to, pos, UBUS_ATTR.method, methodBytes + 1, methodBytes);
  to.set(identity, pos);
  pos += identity.length;
  if (dataAt >= 0) {
    if (!patched) to.set(bytes.subarray(dataAt, dataAt + dataBytes), pos + 4);
    blobEnd(to, pos, UBUS_ATTR.data, dataBytes, dataBytes);
  }
  pos = at + PREFIX_BYTES;
  if (noReply) {
    to[pos + 4] = 1;
    pos = blobEnd(to, pos, UBUS_ATTR.noReply, 1, 1);
  }
  writeU32(to, pos + 4, object.id);
  blobEnd(to, pos, UBUS_ATTR.objId, 4, 4);
  writePrefix(to, at, UBUS_TYPE.invoke, seq, client.id, total);
  if (!gathered) output.frame(object.owner, to, at, at + total);
}

/** Writes the word of a blob at `at` and zeros behind its first `written` bytes of data; gives its padded end. */
function blobEnd(
  bytes: Uint8Array,
  at: number,
  id: number,
  dataBytes: number,
  written: number,
): number {
  const length = 4 + dataBytes;
  writeU32(bytes, at, (id << 24) | length);
  const end = at + align4(length);
  for (let i = at + 4 + written; i < end; i++) bytes[i] = 0;
  return end;
}
