import fc from 'fast-check';
import t from 'tap';
import { toHex } from '../../src/base/bytes.ts';
import { ipv4 } from '../../src/base/ip.ts';
import { type Arp, decodeArp, encodeArp } from '../../src/wire/arp.ts';

const PROBE: Arp = {
  op: 1,
  senderMac: Uint8Array.of(2, 0, 0, 0, 0, 0xfe),
  senderIp: ipv4(0),
  targetMac: new Uint8Array(6),
  targetIp: ipv4(0xc0a80164),
};

t.test('golden: a probe (RFC 5227 §2.1.1)', async (t) => {
  t.equal(
    toHex(encodeArp(PROBE)),
    'ffffffffffff0200000000fe080600010800060400010200000000fe00000000000000000000c0a80164',
  );
});

t.test('every message survives the round trip, padded or not', async (t) => {
  const mac = fc.uint8Array({ minLength: 6, maxLength: 6 });
  const ip = fc.integer({ min: 0, max: 0xffffffff }).map(ipv4);
  fc.assert(
    fc.property(
      fc.constantFrom<1 | 2>(1, 2),
      mac,
      ip,
      mac,
      ip,
      fc.nat(30),
      (op, senderMac, senderIp, targetMac, targetIp, padding) => {
        const sent: Arp = { op, senderMac, senderIp, targetMac, targetIp };
        const back = decodeArp(Uint8Array.from([...encodeArp(sent), ...new Uint8Array(padding)]));
        if (!back.ok || JSON.stringify(back.value) !== JSON.stringify(sent))
          throw new Error('differs');
      },
    ),
    { seed: 1 },
  );
  t.pass('as it was');
});

t.test('cut anywhere, or of another kind, it is refused', async (t) => {
  const frame = encodeArp(PROBE);
  for (let length = 0; length < frame.length; length++) {
    t.notOk(decodeArp(frame.subarray(0, length)).ok, `${length} bytes`);
  }
  const changed = (at: number, byte: number): string => {
    const bytes = frame.slice();
    bytes[at] = byte;
    const result = decodeArp(bytes);
    return result.ok ? 'read' : result.error.field;
  };
  t.equal(changed(12, 0x86), 'ethernet.type');
  t.equal(changed(15, 6), 'arp.types');
  t.equal(changed(21, 3), 'arp.op');
});
