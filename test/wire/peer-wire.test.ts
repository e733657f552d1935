/** Handshake, extended handshake and ut_metadata (BEP 3, 10, 9). */
import fc from 'fast-check';
import t from 'tap';
import {
  decodeExtendedHandshake,
  decodeHandshake,
  decodeMetadataMessage,
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMetadataMessage,
  HANDSHAKE_BYTES,
} from '../../src/wire/peer-wire.ts';

const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

t.test('a handshake is the 68 bytes of BEP 3', async (t) => {
  const [infoHash, peerId] = [new Uint8Array(20).fill(1), new Uint8Array(20).fill(2)];
  const bytes = encodeHandshake({ infoHash, peerId, extended: true });
  t.same(bytes.subarray(0, 28), ascii('\x13BitTorrent protocol\0\0\0\0\0\x10\0\0'));
  t.same(decodeHandshake(bytes), { ok: true, value: { infoHash, peerId, extended: true } });
  for (let length = 0; length < HANDSHAKE_BYTES; length++)
    if (decodeHandshake(bytes.subarray(0, length)).ok) t.fail(`${length}`);
  bytes[3] = 0;
  t.match(decodeHandshake(bytes), { ok: false, error: { field: 'pstr', offset: 3 } });
});

t.test('the examples of BEP 9 and BEP 10', async (t) => {
  t.same(decodeExtendedHandshake(ascii('d1:md11:ut_metadatai3ee13:metadata_sizei31235ee')), {
    ok: true,
    value: { utMetadata: 3, metadataSizeBytes: 31235, client: undefined },
  });
  t.same(decodeMetadataMessage(ascii('d8:msg_typei0e5:piecei0ee')), {
    ok: true,
    value: { type: 'request', piece: 0 },
  });
  t.same(decodeMetadataMessage(ascii('d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxx')), {
    ok: true,
    value: { type: 'data', piece: 0, totalBytes: 34256, data: ascii('xxxx') },
  });
  t.same(decodeMetadataMessage(ascii('d8:msg_typei2e5:piecei0ee')), {
    ok: true,
    value: { type: 'reject', piece: 0 },
  });
  t.same(decodeMetadataMessage(ascii('d8:msg_typei9ee')), { ok: true, value: { type: 'unknown' } });
});

t.test('what is no message is refused', async (t) => {
  for (const bad of [
    '',
    'd',
    'i0e',
    'de',
    'd8:msg_typei0ee',
    'd8:msg_typei0e5:piecei-1ee',
    'd8:msg_typei0e5:piecei0eex',
    'd8:msg_typei1e5:piecei0eexxxx',
    'd8:msg_type99999999999999:',
    `d8:msg_type${'l'.repeat(600)}${'e'.repeat(600)}e`,
  ])
    t.notOk(decodeMetadataMessage(ascii(bad)).ok, bad.slice(0, 40));
  t.match(
    decodeExtendedHandshake(ascii('d1:mi1e13:metadata_sizei-5e1:vi1ee')),
    { ok: true, value: { utMetadata: undefined, metadataSizeBytes: undefined } },
    'fields of a wrong type are as if they were not there',
  );
});

t.test('what is written is read again', async () => {
  fc.assert(
    fc.property(
      fc.nat(1000),
      fc.nat(2 ** 24),
      fc.uint8Array({ maxLength: 16_384 }),
      fc.integer({ min: 1, max: 255 }),
      (piece, totalBytes, data, id) => {
        const bytes = encodeMetadataMessage(id, { type: 'data', piece, totalBytes, data });
        const back = decodeMetadataMessage(bytes.subarray(6));
        const shaken = encodeExtendedHandshake({
          utMetadata: id,
          metadataSizeBytes: totalBytes,
          client: 'Gatehouse',
        });
        const hello = decodeExtendedHandshake(shaken.subarray(6));
        return (
          new DataView(bytes.buffer).getUint32(0) === bytes.length - 4 &&
          bytes[4] === 20 &&
          bytes[5] === id &&
          back.ok &&
          back.value.type === 'data' &&
          back.value.piece === piece &&
          back.value.totalBytes === totalBytes &&
          Buffer.compare(back.value.data, data) === 0 &&
          hello.ok &&
          hello.value.utMetadata === id &&
          hello.value.metadataSizeBytes === totalBytes
        );
      },
    ),
    { seed: 1, numRuns: 300 },
  );
});
