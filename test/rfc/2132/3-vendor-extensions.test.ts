/** RFC 2132 §3.3, §3.5, §3.8: mask, routers, name servers; §5.1 and §5.8: MTU and static routes. */
import t from 'tap';
import { formatIpv4 } from '../../../src/base/ip.ts';
import { readIps, readU16 } from '../../../src/wire/dhcp4-options.ts';
import { bytes, ips, judged, routes } from '../dhcp4.ts';

// §3.5, §3.8: "The minimum length […] is 4 octets, and the length MUST always be a multiple of 4."
t.test('lists of addresses', async (t) => {
  t.notOk(readIps(new Uint8Array(0), 'router').ok);
  t.notOk(readIps(bytes('c633640100'), 'router').ok);
  t.ok(readIps(bytes('c6336401'), 'router').ok);
});

// §3.5: "Routers SHOULD be listed in order of preference."
t.test('the first router that can be reached is the default', async (t) => {
  t.same(routes(judged([[3, ips('198.51.100.2', '198.51.100.1')]])), ['0.0.0.0/0 198.51.100.2']);
  t.same(routes(judged([[3, ips('203.0.113.1', '198.51.100.1')]])), ['0.0.0.0/0 198.51.100.1']);
});

// §3.8: "Servers SHOULD be listed in order of preference."
t.test('name servers keep their order', async (t) => {
  const { lease } = judged([[6, ips('203.0.113.53', '198.51.100.53')]]);
  t.same(lease.dnsServers.map(formatIpv4), ['203.0.113.53', '198.51.100.53']);
});

// §3.3: "its length is 4 octets"; RFC 950: a mask is contiguous where it is to be a prefix.
t.test('masks', async (t) => {
  t.equal(judged([[1, ips('255.255.254.0')]]).lease.prefixLen, 23);
  t.equal(judged([[1, ips('255.0.255.0')]]).lease.prefixLen, 32);
});

// §5.1: "The MTU is specified as a 16-bit unsigned integer. The minimum legal value for the MTU is
// 68." What is below 1280 is legal and ignored: IPv6 would not work (RFC 8200 §5).
t.test('MTU', async (t) => {
  t.notOk(readU16(bytes('05'), 'mtu').ok);
  t.notOk(readU16(bytes('00000578'), 'mtu').ok);
  t.equal(judged([[26, bytes('0578')]]).lease.mtu, 1400);
  t.equal(judged([[26, bytes('0044')]]).lease.mtu, undefined);
});

// §5.8: "The default route (0.0.0.0) is an illegal destination for a static route."
t.test('no default route by option 33', async (t) => {
  const lease = judged([[33, ips('0.0.0.0', '198.51.100.1', '203.0.113.7', '198.51.100.1')]]);
  t.same(routes(lease), ['203.0.113.7/32 198.51.100.1']);
});

// §5.8: "The minimum length of this option is 8, and the length MUST be a multiple of 8."
t.test('half a pair is no route', async (t) => {
  t.same(routes(judged([[33, ips('203.0.113.7', '198.51.100.1', '203.0.113.8')]])), [
    '203.0.113.7/32 198.51.100.1',
  ]);
});
