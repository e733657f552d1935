/** What a peer says comes out alike, however its bytes are cut, and nothing is kept that need not be. */
import fc from 'fast-check';
import t from 'tap';
import { MAX_HELD_BYTES, type PeerMessage, PeerStream } from '#src/wire/peer-stream.ts';
import {
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMetadataMessage,
} from '#src/wire/peer-wire.ts';

const [infoHash, peerId] = [new Uint8Array(20).fill(1), new Uint8Array(20).fill(2)];
const HELLO = encodeHandshake({ infoHash, peerId, extended: true });
const HAVE = Uint8Array.of(0, 0, 0, 5, 4, 0, 0, 0, 9);
const ALIVE = new Uint8Array(4);
const EXTENDED = encodeExtendedHandshake({ utMetadata: 3, metadataSizeBytes: 20_000, client: 'A' });
const OTHER_EXTENSION = Uint8Array.of(0, 0, 0, 4, 20, 77, 1, 2);
const piece = (n: number, length: number): Uint8Array =>
  encodeMetadataMessage(1, {
    ...{ type: 'data', piece: n, totalBytes: 20_000 },
    data: Uint8Array.from({ length }, (_, i) => (i * 7 + n) & 255),
  });

const joined = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const WHOLE = joined([
  ...[HELLO, EXTENDED, HAVE, ALIVE, OTHER_EXTENSION, piece(0, 16_384)],
  ...[encodeMetadataMessage(1, { type: 'request', piece: 1 }), HAVE, piece(1, 3616)],
  encodeMetadataMessage(1, { type: 'reject', piece: 0 }),
]);

/** All that is told, parts of a piece joined; and the most that was kept. */
function read(chunks: Iterable<Uint8Array>) {
  const told: unknown[] = [];
  let data: Uint8Array[] = [];
  let held = 0;
  const stream = new PeerStream((message: PeerMessage) => {
    if (message.type === 'handshake')
      told.push({ ...message.handshake, infoHash: message.handshake.infoHash.slice() });
    else if (message.type === 'part') {
      data.push(message.bytes.slice());
      if (message.last) {
        told.push(Buffer.concat(data).toString('hex'));
        data = [];
      }
    } else told.push(message);
    return true;
  });
  for (const chunk of chunks) {
    // The chunk is the reader's for the call alone.
    const lent = chunk.slice();
    const error = stream.push(lent);
    lent.fill(0xee);
    held = Math.max(held, stream.heldBytes);
    if (error !== undefined) return { told, held, error };
  }
  return { told, held, error: undefined };
}

t.test('one chunk, single bytes and any cut say the same', async (t) => {
  const whole = read([WHOLE]);
  t.equal(whole.error, undefined);
  t.match(whole.told, [
    { extended: true },
    { type: 'extended', handshake: { utMetadata: 3, metadataSizeBytes: 20_000, client: 'A' } },
    { type: 'piece', piece: 0, totalBytes: 20_000, dataBytes: 16_384 },
    /^00070e/,
    { type: 'request', piece: 1 },
    { type: 'piece', piece: 1, dataBytes: 3616 },
    /^01080f/,
    { type: 'reject', piece: 0 },
  ]);
  t.equal(whole.told.length, 8);
  const text = JSON.stringify(whole.told.slice(1));
  const bytes = read(Array.from(WHOLE, (byte) => Uint8Array.of(byte)));
  t.equal(JSON.stringify(bytes.told.slice(1)), text);
  t.ok(bytes.held < 100, 'never a whole piece');
  fc.assert(
    fc.property(fc.array(fc.nat(WHOLE.length), { maxLength: 12 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), WHOLE.length];
      const chunks = at.slice(1).map((end, i) => WHOLE.subarray(at[i], end));
      return JSON.stringify(read(chunks).told.slice(1)) === text;
    }),
    { numRuns: 60, seed: 1 },
  );
});

t.test('what breaks the rules ends the stream, with what and where', async (t) => {
  const frame = (length: number, ...bytes: number[]): Uint8Array => {
    const out = new Uint8Array(4 + bytes.length);
    new DataView(out.buffer).setUint32(0, length);
    out.set(bytes, 4);
    return out;
  };
  const text = (id: number, body: string): Uint8Array =>
    frame(2 + body.length, 20, id, ...Buffer.from(body, 'latin1'));
  for (const [what, bytes, field] of [
    ['endless message', frame(0xffffffff, 20), 'length'],
    ['more than a megabyte', frame((1 << 20) + 1, 5), 'length'],
    ['huge extended handshake', frame(MAX_HELD_BYTES + 3, 20, 0), 'length'],
    ['huge piece', frame(2 + 1024 + 16_385, 20, 1), 'length'],
    ['empty extended handshake', joined([frame(2, 20, 0), ALIVE]), 'value'],
    ['empty metadata message', joined([frame(2, 20, 1), ALIVE]), 'ut_metadata'],
    ['no dictionary', text(1, 'hello world'), 'ut_metadata'],
    ['data behind a request', text(1, 'd8:msg_typei0e5:piecei0eex'), 'ut_metadata'],
    ['a piece of nothing', text(1, 'd8:msg_typei1e5:piecei0e10:total_sizei5ee'), 'ut_metadata'],
    ['handshake that is no dictionary', text(0, 'le'), 'extended handshake'],
  ] as const)
    t.match(read([HELLO, bytes]).error, { kind: 'decode', field }, what);
  t.match(read([Buffer.from('GET / HTTP/1.1\r\n')]).error, { field: 'pstr' }, 'not waited for');
  t.match(read([Buffer.from('\x13BitTorrent protocoL')]).error, { field: 'pstr', offset: 19 });
});

t.test('a message of a later version is passed over; the reader may stop at any', async (t) => {
  const later = Buffer.from('\0\0\0\x14\x14\x01d8:msg_typei9eexxx', 'latin1');
  const { told, error } = read([
    HELLO,
    later,
    HAVE,
    encodeMetadataMessage(1, { type: 'reject', piece: 4 }),
  ]);
  t.equal(error, undefined);
  t.match(told, [{}, { type: 'reject', piece: 4 }]);
  let seen = 0;
  const stream = new PeerStream(() => {
    seen += 1;
    return false;
  });
  t.equal(stream.push(WHOLE), undefined);
  t.equal(seen, 1);
});
