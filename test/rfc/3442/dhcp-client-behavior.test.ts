/** RFC 3442, "DHCP Client Behavior". */
import t from 'tap';
import { bytes, decoded, ips, judged, raw, routes } from '../dhcp4.ts';

const CLASSLESS = bytes('10 0a11 c6336409');

// "DHCP clients that support this option MUST NOT install the routes specified in the Static Routes
// option (option code 33) if both a Static Routes option and the Classless Static Routes option are
// provided."
t.test('option 33 is not used beside option 121', async (t) => {
  const lease = judged([
    [33, ips('203.0.113.7', '198.51.100.8')],
    [121, CLASSLESS],
  ]);
  t.same(routes(lease), ['10.17.0.0/16 198.51.100.9']);
});

// "If the DHCP server returns both a Classless Static Routes option and a Router option, the DHCP
// client MUST ignore the Router option."
t.test('option 3 is ignored beside option 121', async (t) => {
  const lease = judged([
    [3, ips('198.51.100.1')],
    [121, CLASSLESS],
  ]);
  t.same(routes(lease), ['10.17.0.0/16 198.51.100.9'], 'so there is no default route');
});

// "After deriving a subnet number and subnet mask from each destination descriptor, the DHCP client
// MUST install a zero in any bit positions of the subnet number where the corresponding bit in the
// mask is zero." The RFC's example: 129.210.177.132 with 25 bits becomes 129.210.177.128.
t.test('bits outside the mask are cleared', async (t) => {
  t.same(routes(judged([[121, bytes('19 81d2b184 c6336401')]])), [
    '129.210.177.128/25 198.51.100.1',
  ]);
});

// A list of more than 255 bytes comes in several options, which are joined as RFC 3396 says.
t.test('a long list is joined before it is read', async (t) => {
  const list = Array.from({ length: 40 }, (_, i) => `18 0a00${(i + 16).toString(16)} c6336409`);
  const whole = bytes(list.join(''));
  const [first, second] = [whole.subarray(0, 253), whole.subarray(253)];
  const ack = decoded(
    raw(new Uint8Array([121, first.length, ...first, 121, second.length, ...second, 255])),
  );
  const value = ack.options.get(121) ?? new Uint8Array(0);
  const lease = judged([[121, value]]);
  t.equal(lease.lease.routes.length, 40);
  t.same(lease.remarks, []);
});
