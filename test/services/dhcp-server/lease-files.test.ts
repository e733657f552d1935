/** Lease files of dnsmasq, ISC dhcpd and Kea, as they wrote them themselves, and ours as they should be. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatIpv4 } from '../../../src/base/ip.ts';
import {
  exportDnsmasq,
  exportIsc,
  exportJson,
} from '../../../src/services/dhcp-server/export-leases.ts';
import {
  adopt,
  type ImportedLease,
  importLeases,
} from '../../../src/services/dhcp-server/import-leases.ts';
import type { Lease } from '../../../src/services/dhcp-server/lease.ts';
import { someLease } from './some-leases.ts';

const golden = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../golden', name), 'utf8');

/** When the servers were asked. */
const WALL = Date.UTC(2026, 10, 20, 18, 30);
const NOW = { bootId: 'boot', bootMs: 1_000_000, wallMs: WALL };
const HOUR = 3_600_000;

const told = (l: ImportedLease): unknown[] => [
  formatIpv4(l.address),
  Buffer.from(l.chaddr).toString('hex'),
  l.clientId === undefined ? undefined : Buffer.from(l.clientId).toString('hex'),
  l.hostName,
];
/** What seven clients said; the sixth has an identifier of quotes, a backslash and a newline. */
const clients = (addresses: readonly string[]): unknown[] =>
  [
    ['01020000000001', 'laptop'],
    [undefined, undefined],
    ['ff0102030400010001aabbccdd020000000003', 'phone'],
    ['01020000000004', 'tablet'],
    [undefined, 'tv'],
    ['00225c220a2c', 'odd'],
    ['01020000000007', 'gone'],
  ].map(([id, name], i) => [addresses[i], `02000000000${i + 1}`, id, name]);
const byMac = (leases: readonly ImportedLease[]): ImportedLease[] =>
  leases.toSorted((a, b) => Buffer.compare(a.chaddr, b.chaddr));

t.test('dnsmasq', async (t) => {
  const { format, leases, faults } = importLeases(golden('leases.dnsmasq'), WALL);
  t.equal(format, 'dnsmasq');
  t.same(faults, []);
  const last = [145, 146, 147, 148, 205, 150, 100].map((n) => `192.0.2.${n}`);
  t.same(byMac(leases).map(told), clients(last));
  const [first, , , , endless] = byMac(leases);
  t.equal(first?.endsWallMs, 1_795_242_261_000);
  t.equal(endless?.endsWallMs, Number.POSITIVE_INFINITY);
});

t.test('ISC dhcpd', async (t) => {
  const { format, leases, faults } = importLeases(golden('leases.isc'), WALL);
  t.equal(format, 'isc');
  t.same(faults, []);
  const last = [100, 101, 102, 103, 104, 105, 106].map((n) => `192.0.2.${n}`);
  t.same(byMac(leases).map(told), clients(last));
  t.match(byMac(leases)[3], {
    vendorClass: 'MSFT 5.0',
    startsWallMs: Date.UTC(2026, 10, 20, 18, 28, 3),
    endsWallMs: Date.UTC(2026, 10, 21, 6, 28, 3),
    free: false,
    line: 43,
  });
  t.equal(byMac(leases)[4]?.endsWallMs, Number.POSITIVE_INFINITY);
});

t.test('Kea', async (t) => {
  const { format, leases, faults } = importLeases(golden('leases.kea.csv'), WALL);
  t.equal(format, 'kea');
  t.same(faults, []);
  const last = [100, 101, 102, 103, 104, 105, 106].map((n) => `192.0.2.${n}`);
  t.same(byMac(leases).map(told), clients(last));
  t.equal(leases[0]?.endsWallMs, 1_795_242_495_000);
  t.equal(leases[0]?.startsWallMs, 1_795_242_495_000 - 12 * HOUR);
});

/** Reasons by line. */
const reasons = (text: string): string[] =>
  importLeases(text, WALL).faults.map(({ line, reason }) => `${line}: ${reason}`);

t.test('what is wrong with a line of dnsmasq is said, and the others are taken over', async (t) => {
  const text = [
    '1795242262 02:00:00:00:00:01 192.0.2.1 good *',
    '1795242262 02:00:00:00:00:02 192.0.2.256 a *',
    '1795242262 02:00:00:00:00 192.0.2.3 a *',
    '1795242262 0:0 192.0.2.4 a *',
    'soon 02:00:00:00:00:05 192.0.2.5 a *',
    '1795242262 02:00:00:00:00:06 192.0.2.6 a',
    '1795242262 02:00:00:00:00:07 192.0.2.7 bad_name *',
    '1795242262 02:00:00:00:00:08 192.0.2.8 a zz',
    '1795242262 02:00:00:00:00:09 224.0.0.1 a *',
    '1795242262 20- 192.0.2.10 ib 01:02:03',
    '1795242262 20- 192.0.2.11 ib *',
    '',
    'duid 00:01:00:01',
    '1795242262 12345 2001:db8::1 six 00:01',
  ].join('\n');
  t.same(reasons(text), [
    '2: not an IPv4 address: "192.0.2.256"',
    '3: an Ethernet address has 6 bytes, not 5',
    '4: not a hardware address: "0:0"',
    '5: not five fields: end, MAC, address, name, client id',
    '6: not five fields: end, MAC, address, name, client id',
    '7: taken over without its name, which is no host name: "bad_name"',
    '8: not a client identifier: "zz"',
    '9: 224.0.0.1 is no address of a host',
    '11: neither hardware address nor client identifier',
    '14: an IPv6 lease is not taken over',
  ]);
  const { leases } = importLeases(text, WALL);
  t.same(
    leases.map((l) => [formatIpv4(l.address), l.htype]),
    [
      ['192.0.2.1', 1],
      ['192.0.2.7', 1],
      ['192.0.2.10', 32],
    ],
  );
  const [noClock] = importLeases('3600 02:00:00:00:00:01 192.0.2.1 * *\n', WALL).leases;
  t.equal(noClock?.endsWallMs, WALL + HOUR, 'dnsmasq without a clock writes lengths');
});

t.test('a lease file of dhcpd: later blocks, states, comments, and what is cut', async (t) => {
  const lease = (address: string, body: string): string => `lease ${address} {\n${body}\n}\n`;
  const active = 'ends never; hardware ethernet 2:0:0:0:0:a; binding state active;';
  const text = [
    '# a comment with { and "\n',
    lease('192.0.2.1', 'ends 5 2026/11/20 10:00:00; hardware ethernet 02:00:00:00:00:01;'),
    lease('192.0.2.1', 'ends epoch 1795242262; # Fri\n hardware ethernet 02:00:00:00:00:02;'),
    lease('192.0.2.2', `${active} client-hostname "A.example.com"; on expiry { set x = "}"; }`),
    lease('192.0.2.3', 'ends 5 2026/11/20 10:00:00; binding state free; uid "\\001\\"\\\\x";'),
    lease('192.0.2.4', 'ends 5 2026/11/20 10:00:00; binding state free;'),
    lease('192.0.2.5', 'ends never; binding state abandoned; hardware ethernet 2:0:0:0:0:5;'),
    lease('192.0.2.6', 'ends 5 2026/13/20 10:00:00; hardware ethernet 2:0:0:0:0:6;'),
    lease('192.0.2.7', 'ends never; hardware carrier-pigeon 1:2;'),
    lease('192.0.2.8', 'hardware ethernet 2:0:0:0:0:8;'),
    lease('192.0.2.9', 'ends never; binding state odd; hardware ethernet 2:0:0:0:0:9;'),
    lease('192.0.2.10', `${active.replace(':a;', ':b;')} uid 1:2:3;`),
    'host x { dynamic; hardware ethernet 2:0:0:0:0:1; }\nia-na "x" { }\nnonsense;\n',
    'lease 192.0.2.2 {\n  ends never; hardware ether',
  ].join('');
  const { leases, faults } = importLeases(text, WALL);
  t.same(
    faults.map(({ reason }) => reason),
    [
      '192.0.2.5: abandoned, since somebody else uses it',
      '192.0.2.6: not a time: 5 2026/13/20 10:00:00',
      '192.0.2.7: not a hardware address: carrier-pigeon 1:2',
      '192.0.2.8: no end',
      '192.0.2.9: unknown state "odd"',
      'an IPv6 lease is not taken over',
      'unknown statement "nonsense"',
      '192.0.2.2: the lease is not whole',
    ],
  );
  t.same(leases.map(told), [
    ['192.0.2.1', '020000000002', undefined, undefined],
    ['192.0.2.2', '02000000000a', undefined, 'a'],
    ['192.0.2.3', '', '01225c78', undefined],
    ['192.0.2.10', '02000000000b', '010203', undefined],
  ]);
  t.equal(leases[0]?.endsWallMs, 1_795_242_262_000);
  t.equal(leases[2]?.free, true);
});

t.test(
  'a lease file of Kea: the last line counts, what was deleted or declined is gone',
  async (t) => {
    const [head = ''] = golden('leases.kea.csv').split('\n');
    const text = [
      head,
      '192.0.2.1,02:00:00:00:00:01,,3600,1795242495,1,0,0,one,0,',
      '192.0.2.1,02:00:00:00:00:01,,7200,1795249695,1,0,0,two,0,,1',
      '192.0.2.2,02:00:00:00:00:02,,3600,1795242495,1,0,0,,0,',
      '192.0.2.2,02:00:00:00:00:02,,0,1795242495,1,0,0,,0,',
      '192.0.2.3,02:00:00:00:00:03,,3600,1795242495,1,0,0,,0,',
      '192.0.2.3,,,3600,1795242495,1,0,0,,1,',
      '192.0.2.4,02:00:00:00:00:04,,4294967295,1795242495,1,0,0,,2,',
      '192.0.2.5,02:00:00:00:00:05,,x,1795242495,1,0,0,,0,',
      '192.0.2.6,mac,,3600,1795242495,1,0,0,,0,',
      '192.0.2.7,02:00:00:00:00:07,,3600,1795242495,1,0,0,,9,',
    ].join('\n');
    t.same(reasons(text), [
      '7: 192.0.2.3 is declined: somebody else uses it',
      '9: not a line of a Kea lease file',
      '10: not a hardware address or client identifier: "mac "',
      '11: unknown state "9"',
    ]);
    t.same(
      importLeases(text, WALL).leases.map((l) => [l.line, l.hostName, l.endsWallMs, l.free]),
      [
        [3, 'two', 1_795_249_695_000, false],
        [8, undefined, Number.POSITIVE_INFINITY, true],
      ],
    );
  },
);

t.test(
  'of two leases of one client the later is taken, a bound one before a free one',
  async (t) => {
    const one =
      '1795242262 02:00:00:00:00:01 192.0.2.1 * *\n1795242262 02:00:00:00:00:01 192.0.2.2 * *';
    t.same(reasons(one), ['1: its client has another lease, in line 2']);
    const block = (n: number, state: string): string =>
      `lease 192.0.2.${n} { ends never; binding state ${state}; hardware ethernet 2:0:0:0:0:1; }\n`;
    const both = importLeases(block(1, 'active') + block(2, 'free'), WALL);
    t.same(
      both.leases.map(({ line }) => line),
      [1],
    );
  },
);

t.test('an imported lease goes on where it was', async (t) => {
  const text = '1795242262 02:00:00:00:00:01 192.0.2.1 one 01:02:00:00:00:00:01\n';
  const [row] = importLeases(text, WALL).leases;
  if (row === undefined) return void t.fail('not read');
  const lease = adopt(row, 'lan0', NOW);
  t.match(lease, { state: 'bound', segment: 'lan0', hostName: 'one', journalFile: 0 });
  t.equal(lease.expiresAtMs, NOW.bootMs + (1_795_242_262_000 - WALL));
  t.equal(lease.key, `i${String.fromCharCode(1, 2, 0, 0, 0, 0, 1)}`);
  const late = adopt(row, 'lan0', { ...NOW, wallMs: 1_795_242_262_000 });
  t.equal(late.state, 'free', 'one that is over is kept for its client');
  t.equal(adopt({ ...row, endsWallMs: Number.POSITIVE_INFINITY }, 'lan0', NOW).leaseSec, Infinity);
  const old = adopt({ ...row, startsWallMs: WALL - HOUR }, 'lan0', NOW);
  t.equal(old.bootMs, NOW.bootMs - HOUR);
  t.equal(adopt({ ...row, startsWallMs: WALL + HOUR }, 'lan0', NOW).lastWallMs, WALL);
});

const leases: readonly Lease[] = [
  someLease(2, { expiresAtMs: NOW.bootMs + HOUR, lastWallMs: WALL, vendorClass: 'a "b" \\c' }),
  someLease(1, { expiresAtMs: Number.POSITIVE_INFINITY, lastWallMs: WALL, hostName: undefined }),
  someLease(3, { state: 'free', expiresAtMs: 0, lastWallMs: WALL - HOUR, vendorClass: undefined }),
  someLease(4, { state: 'declined', chaddr: new Uint8Array(0), clientId: undefined }),
  someLease(5, {
    expiresAtMs: NOW.bootMs + HOUR,
    lastWallMs: WALL,
    htype: 32,
    chaddr: new Uint8Array(0),
    clientId: Uint8Array.of(0, 0x22, 0x5c, 0x0a, 0xff),
  }),
];

t.test('what is exported for dnsmasq and dhcpd is read as it was', async (t) => {
  const dnsmasq = importLeases(exportDnsmasq(leases, NOW), WALL);
  t.same(dnsmasq.faults, []);
  t.same(dnsmasq.leases.map(told), [
    ['10.0.0.1', '020000000001', undefined, undefined],
    ['10.0.0.2', '020000000002', '01020000000002', 'host-2'],
    ['10.0.0.5', '', '00225c0aff', 'host-5'],
  ]);
  t.same(
    dnsmasq.leases.map((l) => l.endsWallMs),
    [Number.POSITIVE_INFINITY, WALL + HOUR, WALL + HOUR],
  );
  const isc = importLeases(exportIsc(leases, NOW), WALL);
  t.same(
    isc.faults.map(({ reason }) => reason),
    ['10.0.0.4: abandoned, since somebody else uses it'],
  );
  t.same(
    isc.leases.map((l) => [...told(l), l.free, l.htype]),
    [
      ['10.0.0.1', '020000000001', undefined, undefined, false, 1],
      ['10.0.0.2', '020000000002', '01020000000002', 'host-2', false, 1],
      ['10.0.0.3', '020000000003', undefined, 'host-3', true, 1],
      // dhcpd tells the hardware type with the address alone.
      ['10.0.0.5', '', '00225c0aff', 'host-5', false, 1],
    ],
  );
  t.equal(isc.leases[1]?.vendorClass, 'a "b" \\c');
  t.equal(isc.leases[1]?.startsWallMs, WALL);
});

t.test('the text of the exports', async (t) => {
  const [lease] = leases;
  if (lease === undefined) return;
  t.equal(
    exportDnsmasq([lease], NOW),
    '1795203000 02:00:00:00:00:02 10.0.0.2 host-2 01:02:00:00:00:00:02\n',
  );
  t.equal(
    exportIsc([lease], NOW),
    [
      'authoring-byte-order little-endian;',
      'lease 10.0.0.2 {',
      '  starts 5 2026/11/20 18:30:00;',
      '  ends 5 2026/11/20 19:30:00;',
      '  cltt 5 2026/11/20 18:30:00;',
      '  binding state active;',
      '  next binding state free;',
      '  hardware ethernet 02:00:00:00:00:02;',
      '  uid "\\001\\002\\000\\000\\000\\000\\002";',
      '  set vendor-class-identifier = "a \\042b\\042 \\134c";',
      '  client-hostname "host-2";',
      '}',
      '',
    ].join('\n'),
  );
  t.same(JSON.parse(exportJson(leases.slice(0, 2), NOW)), [
    {
      address: '10.0.0.1',
      state: 'bound',
      hardwareType: 1,
      hardwareAddress: '02:00:00:00:00:01',
      clientId: null,
      hostName: null,
      vendorClass: 'udhcp 1.36.1',
      interface: 'lan0',
      pool: 'Device.DHCPv4.Server.Pool.1',
      ends: null,
      firstSeen: '2026-01-01T00:00:00.000Z',
      lastSeen: '2026-11-20T18:30:00.000Z',
    },
    {
      address: '10.0.0.2',
      state: 'bound',
      hardwareType: 1,
      hardwareAddress: '02:00:00:00:00:02',
      clientId: '01:02:00:00:00:00:02',
      hostName: 'host-2',
      vendorClass: 'a "b" \\c',
      interface: 'lan0',
      pool: 'Device.DHCPv4.Server.Pool.1',
      ends: '2026-11-20T19:30:00.000Z',
      firstSeen: '2026-01-01T00:00:00.000Z',
      lastSeen: '2026-11-20T18:30:00.000Z',
    },
  ]);
  const far = someLease(1, { expiresAtMs: 2 ** 60, lastWallMs: 2 ** 32 * 1000 });
  t.match(exportIsc([far], NOW), /starts 0 2106\/02\/07 06:28:16;/);
  t.match(exportJson([far], NOW), /"ends": "\+275760-09-13/);
});
