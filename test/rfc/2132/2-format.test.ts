/** RFC 2132 §2: format of options. */
import t from 'tap';
import { decodeDhcp4 } from '../../../src/wire/dhcp4.ts';
import { readText } from '../../../src/wire/dhcp4-options.ts';
import { bytes, decoded, judged, option, raw, text } from '../dhcp4.ts';

// RFC 2131 §3: "The first four octets of the 'options' field of the DHCP message contain the (decimal)
// values 99, 130, 83 and 99, respectively".
t.test('the magic cookie', async (t) => {
  const wire = raw(bytes('0c0141 ff'));
  t.same([...wire.subarray(236, 240)], [99, 130, 83, 99]);
  wire[237] = 131;
  t.match(decodeDhcp4(wire), { ok: false, error: { field: 'magic' } });
});

// "Only options 0 and 255 are fixed length" (§3.1, §3.2: they have no length octet); pad may stand
// anywhere, and nothing behind end counts.
t.test('pad and end', async (t) => {
  const ack = decoded(raw(bytes('0000 0c0141 00 0f0142 ff 0f0143')));
  t.equal(option(ack, 12), '41');
  t.equal(option(ack, 15), '42');
});

// "Options containing NVT ASCII data SHOULD NOT include a trailing NULL; however, the receiver of such
// options MUST be prepared to delete trailing nulls if they exist. The receiver MUST NOT require that
// a trailing null be included".
t.test('trailing nulls', async (t) => {
  t.equal(readText(text('isp.example')), 'isp.example');
  t.equal(readText(text('isp.example\0')), 'isp.example');
  t.equal(readText(text('isp.example\0\0\0')), 'isp.example');
  t.equal(readText(text('\0\0')), '');
  t.equal(judged([[15, text('isp.example\0\0')]]).lease.domain, 'isp.example');
});

// Each option but those two has a length, so what nobody knows can be passed over; TR-181 wants to see it.
t.test('unknown options are kept as they are', async (t) => {
  const { lease } = judged([[224, bytes('deadbeef')]]);
  t.same(
    lease.options.find(({ code }) => code === 224),
    { code: 224, hex: 'deadbeef' },
  );
});
