/** Leases of another server's file: what is taken over, and what is not and why. */
import t from 'tap';
import { formatIpv4, type Ipv4, type PrefixLen, parseIpv4 } from '../../../src/base/ip.ts';
import { importLeases } from '../../../src/services/dhcp-server/import-leases.ts';
import { clientKey, LeaseTable, newLease } from '../../../src/services/dhcp-server/lease.ts';
import { takeOver } from '../../../src/services/dhcp-server/take-over.ts';

const NOW = { bootMs: 1_000_000, wallMs: Date.UTC(2026, 10, 20) };
const END = Math.floor(NOW.wallMs / 1000) + 3600;

function at(text: string): Ipv4 {
  const parsed = parseIpv4(text);
  if (!parsed.ok) throw new RangeError(text);
  return parsed.value;
}

const LAN = {
  ifName: 'lan0',
  addresses: [{ address: at('192.168.1.1'), prefixLen: 24 as PrefixLen }],
};

const row = (mac: string, address: string, name = '*'): string =>
  `${END} ${mac} ${address} ${name} *\n`;

t.test('what fits is taken over, the rest is told by line', (t) => {
  const table = new LeaseTable();
  const own = (mac: number, address: string) => {
    const chaddr = Uint8Array.of(2, 0, 0, 0, 0, mac);
    const lease = newLease('lan0', clientKey(1, chaddr, undefined), at(address));
    Object.assign(lease, { state: 'bound', chaddr });
    table.add(lease);
  };
  own(1, '192.168.1.50');
  own(2, '192.168.1.51');
  const text = [
    row('02:00:00:00:00:0a', '192.168.1.60', 'tv'),
    row('02:00:00:00:00:0b', '192.168.1.50'),
    row('02:00:00:00:00:02', '192.168.1.61'),
    row('02:00:00:00:00:0c', '10.0.0.5'),
    row('02:00:00:00:00:0d', '192.168.1.1'),
    'nonsense\n',
  ].join('');
  const { leases, faults } = takeOver(importLeases(text, NOW.wallMs), [LAN], table, NOW);
  t.same(
    leases.map(({ address, hostName, segment, state }) => [
      formatIpv4(address),
      hostName,
      segment,
      state,
    ]),
    [['192.168.1.60', 'tv', 'lan0', 'bound']],
  );
  t.equal(leases[0]?.expiresAtMs, NOW.bootMs + 3_600_000);
  t.same(
    faults.map(({ line }) => line),
    [2, 3, 4, 5, 6],
  );
  t.match(faults[0]?.reason, /on loan to somebody else/);
  t.match(faults[1]?.reason, /has 192\.168\.1\.51 here already/);
  t.match(faults[2]?.reason, /in no subnet/);
  t.match(faults[3]?.reason, /the box itself/);
  t.equal(table.size, 2, 'nothing is changed');
  t.end();
});
