import { BugError } from '../../src/base/errors.ts';
import {
  decodeExtendedHandshake,
  decodeHandshake,
  decodeMetadataMessage,
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMetadataMessage,
} from '../../src/wire/peer-wire.ts';

/** Whatever a peer says: nothing throws, and no data is longer than what came. */
export const target = {
  name: 'peer-wire',
  run(bytes: Uint8Array): void {
    decodeHandshake(bytes);
    for (const payload of [bytes, bytes.subarray(6)]) {
      decodeExtendedHandshake(payload);
      const message = decodeMetadataMessage(payload);
      if (message.ok && message.value.type === 'data' && message.value.data.length > payload.length)
        throw new BugError('data from nowhere');
    }
  },
  seeds: (): Uint8Array[] => [
    encodeHandshake({
      infoHash: new Uint8Array(20),
      peerId: new Uint8Array(20),
      extended: true,
    }),
    encodeExtendedHandshake({ utMetadata: 3, metadataSizeBytes: 31_235, client: 'A 1' }),
    encodeMetadataMessage(3, { type: 'request', piece: 1 }),
    encodeMetadataMessage(3, { type: 'reject', piece: 1 }),
    encodeMetadataMessage(3, {
      type: 'data',
      piece: 1,
      totalBytes: 16_400,
      data: new Uint8Array(16),
    }),
  ],
};
