import { createHash } from 'node:crypto';
import { BugError } from '../../src/base/errors.ts';
import { Assembly } from '../../src/services/dht/peer-assembly.ts';
import { CONNECTING, type PeerEvent, stepPeer } from '../../src/services/dht/peer-machine.ts';
import { MAX_HELD_BYTES, type PeerMessage, PeerStream } from '../../src/wire/peer-stream.ts';
import {
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMetadataMessage,
} from '../../src/wire/peer-wire.ts';

/** What comes out of a stream in chunks of one size, with what the fetcher makes of it: machine and copy. */
function read(bytes: Uint8Array, size: number): string {
  const told = createHash('sha1');
  let state = stepPeer(CONNECTING, { type: 'opened' }).state;
  let copy: Assembly | undefined;
  const step = (event: PeerEvent): void => {
    const next = stepPeer(state, event);
    state = next.state;
    for (const effect of next.effects) {
      if (effect.type === 'reserve') {
        copy = new Assembly(effect.sizeBytes);
        step({ type: 'granted' });
      } else if (effect.type === 'ask' && copy !== undefined) {
        while (copy.outstanding < 4 && copy.next() !== undefined);
      }
    }
  };
  const stream = new PeerStream((message: PeerMessage) => {
    if (message.type === 'part') {
      copy?.append(message.bytes);
      told.update(message.bytes);
      if (message.last) step({ type: 'pieceEnds', whole: copy?.isWhole === true });
    } else {
      told.update(JSON.stringify(message));
      if (message.type === 'handshake')
        step({ type: 'handshake', sameTorrent: true, extended: message.handshake.extended });
      else if (message.type === 'extended')
        step({
          ...{ type: 'extended', utMetadata: message.handshake.utMetadata },
          sizeBytes: message.handshake.metadataSizeBytes,
        });
      else if (message.type === 'piece') {
        const { piece, totalBytes, dataBytes } = message;
        step({ type: 'pieceBegins', fault: copy?.begin(piece, totalBytes, dataBytes) });
      } else if (message.type === 'request') step({ type: 'requests', piece: message.piece });
      else step({ type: 'rejects' });
    }
    return state.name !== 'ended';
  });
  for (let at = 0; at < bytes.length && state.name !== 'ended'; at += size) {
    if (stream.push(bytes.subarray(at, at + size)) !== undefined) step({ type: 'broken' });
    if (stream.heldBytes > MAX_HELD_BYTES + size) throw new BugError('more is held than allowed');
  }
  if (copy !== undefined && copy.receivedBytes > bytes.length)
    throw new BugError('bytes from nowhere');
  if (copy?.isWhole === true) told.update(copy.join());
  return `${told.digest('hex')} ${state.name === 'ended' ? state.reason : state.name}`;
}

const hello = encodeHandshake({
  ...{ infoHash: new Uint8Array(20), peerId: new Uint8Array(20), extended: true },
});
const extended = (metadataSizeBytes: number): Uint8Array =>
  encodeExtendedHandshake({ utMetadata: 3, metadataSizeBytes, client: 'A 1' });
const piece = (n: number, totalBytes: number, length: number): Uint8Array =>
  encodeMetadataMessage(1, { type: 'data', piece: n, totalBytes, data: new Uint8Array(length) });

/** A peer's stream: nothing throws, little is held, and how it is cut makes no difference. */
export const target = {
  name: 'peer-stream',
  run(bytes: Uint8Array): void {
    if (read(bytes, bytes.length + 1) !== read(bytes, 7))
      throw new BugError('cut makes a difference');
  },
  seeds: (): Uint8Array[] =>
    [
      [hello, extended(40), piece(0, 40, 40)],
      [hello, Uint8Array.of(0, 0, 0, 1, 2, 0, 0, 0, 0), extended(60), piece(0, 60, 60)],
      [hello, extended(50), encodeMetadataMessage(1, { type: 'reject', piece: 0 })],
      [
        hello,
        extended(50),
        encodeMetadataMessage(1, { type: 'request', piece: 0 }),
        piece(0, 50, 50),
      ],
      [hello, extended(16_400), piece(1, 16_400, 16)],
      [hello, Uint8Array.of(0, 0, 0, 5, 4, 0, 0, 0, 9), extended(10), piece(0, 10, 10)],
    ].map((parts) => Uint8Array.from(Buffer.concat(parts))),
};
