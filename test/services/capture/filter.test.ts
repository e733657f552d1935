import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { LinuxCaptureEngine } from '#src/os/linux/capture-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { bpfText } from '#src/services/capture/bpf-text.ts';
import { FILTER_PROTOCOLS, FilterBuilder, filterText } from '#src/services/capture/filter.ts';
import { hostNames } from '#src/services/capture/filter-names.ts';

const engine = new LinuxCaptureEngine(loadNative());
const all = FilterBuilder.everything;
const { everything } = FilterBuilder;
const noPcap = engine.compileFilter('tcp').ok ? false : 'no libpcap here';

t.test('each part, and how they are joined', async (t) => {
  const cases: readonly (readonly [FilterBuilder, string])[] = [
    [all, ''],
    [all.protocol('tcp').port(443).host('192.168.1.1'), 'tcp and port 443 and host 192.168.1.1'],
    [all.portRange(8000, 8100, 'dst'), 'dst portrange 8000-8100'],
    [all.host('2001:DB8:0::1', 'src'), 'src host 2001:db8::1'],
    [all.host('02:00:00:00:00:01'), 'ether host 02:00:00:00:00:01'],
    [all.net('10.0.0.0/8').net('2001:db8::/32', 'dst').protocol('udp').not(all.port(53)), 'FAULT'],
    [all.net('10.0.0.0/8').not(all.port(53)), 'net 10.0.0.0/8 and not (port 53)'],
    [all.port(53).or(all.port(853)).host('1.1.1.1'), '((port 53) or (port 853)) and host 1.1.1.1'],
    [all.port(53).and(all.port(80).or(all.port(81))), 'port 53 and (((port 80) or (port 81)))'],
    [all.protocol('tcp').vlan(5).vlan(), 'vlan 5 and vlan and tcp'],
    [all.raw('tcp[13] & 2 != 0').port(80), '(tcp[13] & 2 != 0) and port 80'],
  ];
  for (const [builder, text] of cases) {
    const built = builder.build();
    if (text === 'FAULT') t.equal(built.ok, false);
    else t.same(built, { ok: true, value: text });
  }
});

t.test(
  'nonsense and injections are told apart, all at once, before anybody else sees them',
  async (t) => {
    const cases: readonly (readonly [FilterBuilder, RegExp])[] = [
      [all.protocol('tcp or 1'), /no protocol "tcp or 1"/],
      [all.port(65_536), /65536 is no port/],
      [all.port(1.5), /is no port/],
      [all.portRange(20, 10), /no range of ports/],
      [all.host('1.2.3.4 or host 5.6.7.8'), /is no address/],
      [all.host('example.org'), /is no address/],
      [all.net('10.0.0.1/8'), /not a network/],
      [all.net('10.0.0.0/33'), /is no network/],
      [all.vlan(4096), /no VLAN/],
      [all.raw('tcp) or (udp'), /brackets/],
      [all.raw('tcp\nudp'), /printable/],
      [all.raw(' '), /not empty/],
      [all.protocol('icmp').port(80), /icmp has no ports/],
      [all.protocol('arp').host('::1'), /arp has no IPv6/],
      [all.protocol('icmp6').host('1.2.3.4'), /icmp6 has no IPv4/],
      [all.protocol('tcp').protocol('udp'), /tcp and udp at once/],
      [all.host('1.2.3.4').host('::1'), /IPv4 and IPv6 addresses at once/],
      [all.not(all), /nothing behind "not"/],
      [all.or(all.port(1)), /nothing before "or"/],
      [all.port(1).or(all.vlan(1)), /VLAN cannot stand/],
      [all.raw(`${'tcp or '.repeat(600)}tcp`), /at most 4000/],
    ];
    for (const [builder, fault] of cases) {
      const built = builder.build();
      t.ok(!built.ok && built.error.some((text) => fault.test(text)), String(fault));
    }
    const built = all.port(-1).host('x').vlan(-1).build();
    t.equal(built.ok ? 0 : built.error.length, 3, 'all together');
  },
);

t.test('as the command line asks for it', async (t) => {
  t.same(
    filterText({
      protocols: ['tcp', 'udp'],
      ports: ['53', '1-2'],
      hosts: ['10.0.0.0/8'],
      vlan: 'any',
    }),
    {
      ok: true,
      value: 'vlan and (((tcp) or (udp))) and (((port 53) or (portrange 1-2))) and net 10.0.0.0/8',
    },
  );
  t.same(filterText({ from: ['1.2.3.4'], to: ['::1'] }).ok, false);
  t.same(filterText({}), { ok: true, value: '' });
  t.equal(filterText({ ports: ['http'] }).ok, false);
  t.equal(filterText({ vlan: 'x' }).ok, false);
});

const anyBuilder = fc.letrec<{ filter: FilterBuilder; part: (to: FilterBuilder) => FilterBuilder }>(
  (tie) => ({
    part: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(...FILTER_PROTOCOLS).map((name) => (to: FilterBuilder) => to.protocol(name)),
      fc.nat(65_535).map((port) => (to: FilterBuilder) => to.port(port)),
      fc.tuple(fc.nat(65_535), fc.nat(65_535)).map(
        ([a, b]) =>
          (to: FilterBuilder) =>
            to.portRange(Math.min(a, b), Math.max(a, b), 'src'),
      ),
      fc.ipV4().map((address) => (to: FilterBuilder) => to.host(address, 'dst')),
      fc.ipV6().map((address) => (to: FilterBuilder) => to.host(address)),
      fc
        .constantFrom('10.0.0.0/8', '0.0.0.0/0', '1.2.3.4/32', '2001:db8::/32')
        .map((net) => (to: FilterBuilder) => to.net(net)),
      tie('filter').map((other) => (to: FilterBuilder) => to.not(other)),
      tie('filter').map((other) => (to: FilterBuilder) => to.and(other)),
      tie('filter').map((other) => (to: FilterBuilder) => to.or(other)),
    ),
    filter: fc
      .array(tie('part'), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.reduce((made, add) => add(made), everything)),
  }),
);

t.test('whatever is built, libpcap takes', { skip: noPcap }, async (t) => {
  let taken = 0;
  fc.assert(
    fc.property(anyBuilder.filter, (builder) => {
      const built = builder.build();
      if (!built.ok) return;
      const program = engine.compileFilter(built.value);
      // It sees itself what can never be, such as two addresses on one side.
      if (!program.ok && !/expression rejects all packets/.test(program.error.message))
        throw program.error;
      taken++;
    }),
    { numRuns: 500, seed: 1 },
  );
  t.ok(taken > 100, `${taken} filters`);
});

t.test('programs read as tcpdump prints them', { skip: noPcap }, async (t) => {
  if (spawnSync('tcpdump', ['--version']).status !== 0) return t.comment('skipped: no tcpdump');
  for (const filter of [
    'tcp port 443',
    'not ip6 and udp[8] & 7 > 3',
    'ip[0] * 3 + udp[ip[1] - 1] < 200 or ip[2] / 2 = ip[3] ^ 1',
    'vlan 5 and net 10.0.0.0/8',
    'tcp[tcp[12] >> 2] = 22',
  ]) {
    const program = engine.compileFilter(filter);
    if (!program.ok) return t.fail(program.error.message);
    const { stdout } = spawnSync('tcpdump', ['-y', 'EN10MB', '-d', filter], { encoding: 'utf8' });
    const theirs = stdout
      .trim()
      .split('\n')
      .map((line) =>
        line
          .replace(/^\(\d+\) /, '')
          .replace(/\s+/g, ' ')
          .trim(),
      );
    t.same(bpfText(program.value), theirs, filter);
  }
});

t.test('names of hosts are found wherever libpcap would look them up', async (t) => {
  const NAMES: Readonly<Record<string, readonly string[]>> = {
    'host example.org': ['example.org'],
    '(host nas) or (udp and dst gate)': ['nas', 'gate'],
    'src host a and not (b or 10.0.0.1)': ['a', 'b'],
    'net home and tcp port 80': ['home'],
    'gateway gw': ['gw'],
    'ether host desk': ['desk'],
    'host \\tcp': ['\\tcp'],
    'src or dst host x.example': ['x.example'],
    'port 80 and host 192.0.2.1 and y': ['y'],
  };
  for (const [text, names] of Object.entries(NAMES)) t.same(hostNames(text), names, text);
  for (const text of [
    ...['', 'tcp port https', 'port http or domain', 'portrange ftp-data-ftp', 'ip proto ospf'],
    ...['host 10.0.0.1 and udp', 'net 10', 'net 10.1 mask 255.255.0.0', 'src net 10.0.0.0/8'],
    ...[
      'host 2001:db8::1',
      'net 2001:db8::/32 or ::1',
      'host ::ffff:192.0.2.1',
      'net 2001:db8::/32',
    ],
    ...[
      'ether host 02:00:00:00:00:01 or 2-0-0-0-0-1',
      'ether src 0200.0000.0001',
      'ether host 020000000001',
    ],
    ...['host 10.0.0.1 and icmp[icmptype] == icmp-echo', 'tcp[tcpflags] & (tcp-syn|tcp-fin) != 0'],
    ...['dst host 10.0.0.1 and vlan 5 and pppoes', 'host 10.0.0.1 and (greater 100 or broadcast)'],
    ...['wlan addr1 02:00:00:00:00:01 and type mgt subtype beacon', 'inbound and on eth0'],
    ...['!(host 10.0.0.1||host 10.0.0.2)&&!arp', 'host 10.0.0.1 and not ether proto 0x88cc'],
  ])
    t.same(hostNames(text), [], text);
});
