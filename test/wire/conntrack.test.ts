import t from 'tap';
import { fromHex } from '../../src/base/bytes.ts';
import { formatIpv4 } from '../../src/base/ip.ts';
import { conntrackDump, decodeConntrack } from '../../src/wire/conntrack.ts';

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0);

/** From a kernel 6.18: a ping and a datagram to 127.0.0.2, both hidden behind 192.0.2.18. */
const PING = hex(
  '020000003c00018014000180080001007f000001080002007f000002240002800500010001000000060004002f9f0000050005000800000005000600000000003c00028014000180080001007f00000208000200c00002122400028005000100010000000600040008d1000005000500000000000500060000000000080003000000019a080008000000000008000c00fb8846dd08000b0000000001080007000000001d',
);
const UDP = hex(
  '020000003400018014000180080001007f000001080002007f0000021c0002800500010011000000060002009f87000006000300000900003400028014000180080001007f00000208000200c00002121c000280050001001100000006000200000900000600030004d100000800030000000198080008000000000008000c001976b98a08000b0000000001080007000000001d',
);

t.test('flows as their answers are addressed', async (t) => {
  const ping = decodeConntrack(PING);
  t.match(ping, { ok: true, value: { protocol: 1, port: 2257 } });
  t.equal(ping.ok && formatIpv4(ping.value.address), '192.0.2.18');
  const udp = decodeConntrack(UDP);
  t.match(udp, { ok: true, value: { protocol: 17, port: 1233 } });
  t.equal(udp.ok && formatIpv4(udp.value.address), '192.0.2.18');
});

t.test('cut, it is refused until the reply is whole', async (t) => {
  for (const body of [PING, UDP]) {
    const first = new DataView(body.buffer).getUint16(4, true);
    const whole = 4 + first + new DataView(body.buffer).getUint16(4 + first, true);
    for (let n = 0; n < whole; n++) t.notOk(decodeConntrack(body.subarray(0, n)).ok, `${n} bytes`);
    t.ok(decodeConntrack(body.subarray(0, whole)).ok);
  }
});

t.test('the question', async (t) => {
  const asked = conntrackDump(7);
  const view = new DataView(asked.buffer);
  t.equal(view.getUint32(0, true), 20);
  t.equal(view.getUint16(4, true), 0x101, 'IPCTNL_MSG_CT_GET');
  t.equal(view.getUint16(6, true), 0x301, 'a dump');
  t.equal(view.getUint32(8, true), 7);
  t.equal(asked[16], 2, 'AF_INET');
});
