/** RFC 3442, "Classless Route Option Format" and "Local Subnet Routes". */
import t from 'tap';
import { formatPrefix } from '../../../src/base/ip.ts';
import { readClasslessRoutes } from '../../../src/wire/dhcp4-options.ts';
import { bytes, judged, routes } from '../dhcp4.ts';

const ROUTER = 'c6336401';

// "Destination descriptors describe the IP subnet number and subnet mask of a particular destination
// using a compact encoding. […] one octet describing the width of the subnet mask, followed by all
// the significant octets of the subnet number." The table of examples is the RFC's.
t.test('destination descriptors', async (t) => {
  for (const [descriptor, subnet] of [
    ['00', '0.0.0.0/0'],
    ['08 0a', '10.0.0.0/8'],
    ['18 0a0000', '10.0.0.0/24'],
    ['10 0a11', '10.17.0.0/16'],
    ['18 0a1b81', '10.27.129.0/24'],
    ['19 0ae50080', '10.229.0.128/25'],
    ['20 0ac67a2f', '10.198.122.47/32'],
  ] as const) {
    const read = readClasslessRoutes(bytes(`${descriptor} ${ROUTER}`), 'routes');
    t.ok(read.ok, subnet);
    if (!read.ok) continue;
    t.same(
      read.value.map((r) => formatPrefix({ address: r.destination, prefixLen: r.prefixLen })),
      [subnet],
    );
  }
});

// "The width of the subnet mask describes the number of one bits in the mask, so for example a
// subnet with a subnet number of 10.0.127.0 and a netmask of 255.255.255.0 would have a subnet mask
// width of 24." No mask has more than 32 of them.
t.test('a width above 32 is none', async (t) => {
  t.notOk(readClasslessRoutes(bytes(`21 0a000000 ${ROUTER}`), 'routes').ok);
});

// "its minimum length is 5 bytes"
t.test('a route is never shorter than 5 bytes', async (t) => {
  for (const short of ['00', '00 c63364', '08 c6336401']) {
    t.notOk(readClasslessRoutes(bytes(short), 'routes').ok, short);
  }
});

// "the DHCP server MAY be configured to specify a router IP address of 0.0.0.0" for each further
// subnet on the link: such a destination is reached directly, and so are routers in it.
t.test('local subnets, and routers that stand in them', async (t) => {
  const local = '18 cb0071 00000000';
  const beyond = '08 0a cb007109';
  t.same(routes(judged([[121, bytes(`${local} ${beyond}`)]])), [
    '203.0.113.0/24 link',
    '10.0.0.0/8 203.0.113.9',
  ]);
  t.same(
    routes(judged([[121, bytes(`${beyond} ${local}`)]])),
    ['10.0.0.0/8 203.0.113.9', '203.0.113.0/24 link'],
    'in any order',
  );
  t.same(routes(judged([[121, bytes(beyond)]])), [], 'without it the router is nowhere');
});
