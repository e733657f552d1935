import fc from 'fast-check';
import t from 'tap';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { bool, field, string } from '../../src/wire/blobmsg.ts';
import {
  decodeMessage,
  encodeMessage,
  FrameAttributes,
  PREFIX_BYTES,
  statusText,
  UBUS_ATTR,
  UBUS_TYPE,
  type UbusMessage,
} from '../../src/wire/ubus.ts';
import { FrameAssembler } from '../../src/wire/ubus-stream.ts';

const bytes = (hex: string): Uint8Array => fromHex(hex.replaceAll(' ', '')) ?? new Uint8Array();

const INVOKE: UbusMessage = {
  version: 0,
  type: UBUS_TYPE.invoke,
  seq: 0x0102,
  peer: 0xfedcba98,
  attributes: [
    { id: UBUS_ATTR.objId, kind: 'u32', value: 0xfedcba98 },
    { id: UBUS_ATTR.method, kind: 'string', value: 'echo' },
    { id: UBUS_ATTR.data, kind: 'table', value: [field('on', bool(true))] },
  ],
};
const INVOKE_HEX =
  '00050102 fedcba98 0000002c 03000008 fedcba98 04000009 6563686f 00000000 07000014 8700000d 00026f6e 00000000 01000000';

const GOLDEN: readonly (readonly [string, UbusMessage, string])[] = [
  [
    'HELLO',
    { version: 0, type: 0, seq: 0, peer: 0x8b8a2b5f, attributes: [] },
    '00000000 8b8a2b5f 00000004',
  ],
  ['INVOKE', INVOKE, INVOKE_HEX],
  [
    'STATUS of a notification',
    {
      version: 0,
      type: UBUS_TYPE.status,
      seq: 3,
      peer: 5,
      attributes: [
        { id: UBUS_ATTR.objId, kind: 'u32', value: 5 },
        { id: UBUS_ATTR.subscribers, kind: 'ids', value: [0x400, 0x401] },
        { id: UBUS_ATTR.status, kind: 'u32', value: 0 },
      ],
    },
    '00010003 00000005 00000028 03000008 00000005 0b000014 00000008 00000400 00000008 00000401 01000008 00000000',
  ],
  [
    'MONITOR',
    {
      version: 0,
      type: UBUS_TYPE.monitor,
      seq: 1,
      peer: 0,
      attributes: [
        { id: 0, kind: 'u32', value: 7 },
        { id: 2, kind: 'u8', value: 1 },
        { id: 5, kind: 'attributes', value: [{ id: 2, kind: 'string', value: 'a' }] },
      ],
    },
    '000b0001 00000000 00000020 00000008 00000007 02000005 01000000 0500000c 02000006 61000000',
  ],
  [
    'DATA that is no blobmsg, for the monitor, and an unknown attribute',
    {
      version: 1,
      type: UBUS_TYPE.invoke,
      seq: 1,
      peer: 3,
      attributes: [
        { id: UBUS_ATTR.data, kind: 'raw', value: bytes('03000008 00000003') },
        { id: 20, kind: 'raw', value: bytes('ff') },
      ],
    },
    '01050001 00000003 00000018 0700000c 03000008 00000003 14000005 ff000000',
  ],
];

t.test('golden bytes', (t) => {
  for (const [what, message, hex] of GOLDEN) {
    t.equal(toHex(encodeMessage(message) ?? new Uint8Array()), hex.replaceAll(' ', ''), what);
    t.same(decodeMessage(bytes(hex)), { ok: true, value: message }, what);
  }
  t.end();
});

t.test('a frame that is cut anywhere is refused', (t) => {
  const whole = bytes(INVOKE_HEX);
  for (let length = 0; length < whole.length; length++) {
    t.notOk(decodeMessage(whole.subarray(0, length)).ok);
  }
  t.end();
});

t.test('a message above the limit is not encoded', (t) => {
  const value = [field('a', string('x'.repeat(1_048_576)))];
  t.equal(
    encodeMessage({ ...INVOKE, attributes: [{ id: UBUS_ATTR.data, kind: 'table', value }] }),
    undefined,
  );
  t.end();
});

t.test('attributes as libubox finds them', (t) => {
  const found = new FrameAttributes();
  const parse = (hex: string) => {
    const body = bytes(hex);
    found.parse(body, 0, body.length);
    return found;
  };
  t.equal(parse('03000008 00000001 03000008 00000002').u32(UBUS_ATTR.objId), 2, 'the last wins');
  t.notOk(parse('03000007 00000100').has(UBUS_ATTR.objId), 'a wrong length is as if absent');
  t.notOk(parse('04000006 61620000').has(UBUS_ATTR.method), 'no NUL: as if absent');
  t.notOk(parse('03000008 000000').has(UBUS_ATTR.objId), 'truncated');
  t.notOk(parse('03000003 03000008 00000001').has(UBUS_ATTR.objId), 'ends at a broken child');
  t.equal(parse('13000008 00000009 03000008 00000002').u32(UBUS_ATTR.objId), 2, 'unknown id');
  t.equal(parse('04000008 61006200').text(UBUS_ATTR.method), 'a', 'C text ends at its NUL');
  t.equal(parse('08000006 00010000').u32(UBUS_ATTR.target), 0, 'TARGET is not checked, nor read');
  t.same(parse('').table(UBUS_ATTR.data), { ok: true, value: [] });
  t.notOk(parse('07000008 00000001').table(UBUS_ATTR.data).ok);
  t.equal(parse('').text(UBUS_ATTR.method), '');
  t.equal(parse('0a000005 01000000').flag(UBUS_ATTR.noReply), true);
  t.end();
});

t.test('status texts', (t) => {
  t.equal(statusText(6), 'Permission denied');
  t.equal(statusText(77), 'Unknown error: 77');
  t.end();
});

/** All frames that come out when `stream` arrives in these pieces. */
function assemble(stream: Uint8Array, cuts: readonly number[], maxBlobBytes?: number) {
  const assembler = new FrameAssembler(maxBlobBytes);
  const frames: string[] = [];
  const ends = [...new Set([...cuts, stream.length])].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    // A chunk is worth nothing after its turn: what must be kept has to be copied.
    const chunk = stream.slice(from, end);
    assembler.feed(chunk);
    while (assembler.next()) {
      frames.push(toHex(assembler.bytes.subarray(assembler.start, assembler.end)));
    }
    chunk.fill(0xee);
    from = end;
  }
  return { frames, failed: assembler.failed };
}

t.test('frames come out alike however the stream is cut', (t) => {
  const frame = fc
    .uint8Array({ maxLength: 60 })
    .map((body) => [...bytes('0003000100000000'), 0, 0, 0, 4 + body.length, ...body]);
  fc.assert(
    fc.property(
      fc.array(frame, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat({ max: 400 }), { maxLength: 12 }),
      (frames, cuts) => {
        const stream = Uint8Array.from(frames.flat());
        const inside = cuts.map((cut) => cut % (stream.length + 1));
        t.same(assemble(stream, inside), {
          frames: frames.map((f) => toHex(Uint8Array.from(f))),
          failed: undefined,
        });
      },
    ),
    { seed: 3, numRuns: 200 },
  );
  const big = new Uint8Array(300_000);
  big.set(bytes('000300010000000000049'.padEnd(24, '0')), 0);
  big[9] = (big.length - 8) >>> 16;
  big[10] = (big.length - 8) >>> 8;
  big[11] = big.length - 8;
  t.equal(PREFIX_BYTES, 12);
  t.same(assemble(big, [5, 70_000, 200_000]).frames, [toHex(big)]);
  t.end();
});

t.test('an impossible length ends the stream', (t) => {
  const ping = '000300010000000000000004';
  t.same(assemble(bytes(`${ping}000300010000000000000003${ping}`), []), {
    frames: [ping],
    failed: 'short',
  });
  t.same(assemble(bytes('000300010000000000100001'), []).failed, 'oversize');
  t.same(assemble(bytes('000300010000000000100000'), []).failed, undefined);
  t.same(assemble(bytes('000300010000000000100001'), [4, 9]).failed, 'oversize');
  t.end();
});
