/** RFC 2131 §4.1 and §2: constructing and reading messages. */
import t from 'tap';
import { decodeDhcp4, encodeDhcp4 } from '../../../src/wire/dhcp4.ts';
import { bytes, decoded, ip, message, raw } from '../dhcp4.ts';

// §2, figure 1: where the fields lie.
t.test('the fields of the header', async (t) => {
  const wire = raw(bytes('ff'));
  const view = new DataView(wire.buffer);
  view.setUint16(8, 513);
  view.setUint32(12, ip('192.0.2.1'));
  view.setUint32(16, ip('192.0.2.2'));
  view.setUint32(20, ip('192.0.2.3'));
  view.setUint32(24, ip('192.0.2.4'));
  wire.set(bytes('7300'), 44);
  wire.set(bytes('6600'), 108);
  t.match(decoded(wire), {
    op: 2,
    xid: 0x12345678,
    secs: 513,
    ciaddr: ip('192.0.2.1'),
    yiaddr: ip('192.0.2.2'),
    siaddr: ip('192.0.2.3'),
    giaddr: ip('192.0.2.4'),
    chaddr: bytes('020000000001'),
    sname: bytes('73'),
    file: bytes('66'),
  });
});

// §2, figure 2: "B: BROADCAST flag", the leftmost of 16; the rest "MUST BE ZERO (reserved for future
// use)" and "ignored by servers and relay agents", so it says nothing to us either.
t.test('the broadcast flag', async (t) => {
  const wire = encodeDhcp4(message([], { broadcast: true }));
  t.same([wire[10], wire[11]], [0x80, 0]);
  for (const [flags, broadcast] of [
    [0x80, true],
    [0xff, true],
    [0x7f, false],
  ] as const) {
    wire[10] = flags;
    t.equal(decoded(wire).broadcast, broadcast);
  }
});

// 'op' is BOOTREQUEST (1) from a client and BOOTREPLY (2) from a server.
t.test('op is 1 or 2', async (t) => {
  const wire = raw(bytes('ff'));
  for (const op of [0, 3, 255]) {
    wire[0] = op;
    t.match(decodeDhcp4(wire), { ok: false, error: { field: 'op' } });
  }
});

// "The last option must always be the 'end' option." Servers exist that leave it out when the field is
// full, so its absence is borne; an option that runs over the end is not.
t.test('the end of the options', async (t) => {
  const wire = encodeDhcp4(message([[12, bytes('41')]]));
  t.equal(wire[243], 255);
  t.ok(decodeDhcp4(raw(bytes('0c0141'))).ok);
  t.notOk(decodeDhcp4(raw(bytes('0c0241'))).ok);
});
