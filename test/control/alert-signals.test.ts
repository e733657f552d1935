import t from 'tap';
import { alertSignals, newsOfLan } from '../../src/control/alert-signals.ts';
import type { Observations } from '../../src/tr181/table.ts';

const target = (id: string, status: 'Waiting' | 'Up' | 'Lossy' | 'Down') => ({
  ...{ id, status, address: '192.0.2.1', backedOff: false },
  ...{ cause: status === 'Down' ? 'Timeout' : undefined, detail: '' },
});
const seen = (value: object) => value as Readonly<Partial<Observations>>;

t.test('targets by their names; of what is not known yet nothing is said', async (t) => {
  const targets = [target('T.1', 'Waiting'), target('T.2', 'Lossy'), target('T.3', 'Down')];
  const signals = alertSignals(seen({ monitor: { targets } }), new Map([['T.3', 'gw']]));
  t.match(signals, [
    { watch: 'Target', subject: 'T.2', name: 'T.2', bad: false, host: '192.0.2.1' },
    { watch: 'TargetLossy', subject: 'T.2', bad: true, reason: 'Lossy' },
    { watch: 'Target', subject: 'T.3', name: 'gw', bad: true, reason: 'Down, Timeout' },
    { watch: 'TargetLossy', subject: 'T.3', bad: true },
  ]);
  t.equal(signals.length, 4);
});

t.test('links and leases', async (t) => {
  const links = [
    { name: 'wan0', operState: 'lowerlayerdown' },
    { name: 'tun0', operState: 'unknown' },
  ];
  const clients = [
    { id: 'c1', status: 'Enabled', lease: undefined, reason: undefined },
    { id: 'c2', status: 'Disabled', lease: undefined, reason: undefined },
    { id: 'c3', status: 'Enabled', lease: {}, reason: undefined },
  ];
  t.match(alertSignals(seen({ network: { links }, dhcpClient: { clients } }), new Map()), [
    { watch: 'Link', subject: 'wan0', bad: true, reason: 'the link is lowerlayerdown' },
    { watch: 'Link', subject: 'tun0', bad: false },
    { watch: 'Lease', subject: 'c1', bad: true, reason: 'no server gives one' },
    { watch: 'Lease', subject: 'c3', bad: false },
  ]);
  t.same(alertSignals({}, new Map()), []);
});

t.test('a new device', async (t) => {
  const path = 'Device.Hosts.X_GATEHOUSE_HostChange!';
  const args = { Change: 'New', PhysAddress: '02:00:00:00:00:01', HostName: '', IPAddress: '' };
  t.match(newsOfLan({ kind: 'event', path, args }), {
    ...{ watch: 'NewDevice', name: '02:00:00:00:00:01', reason: 'a new device, 02:00:00:00:00:01' },
  });
  t.equal(newsOfLan({ kind: 'event', path, args: { ...args, Change: 'Active' } }), undefined);
  t.equal(newsOfLan({ kind: 'added', path: 'Device.Hosts.Host.1.' }), undefined);
  const other = { ...args, Device: '02:00:00:00:00:09' };
  t.equal(newsOfLan({ kind: 'event', path, args: other }), undefined, 'known by another MAC');
});

t.test('an address in the wrong hands', async (t) => {
  const path = 'Device.Hosts.X_GATEHOUSE_AddressConflict!';
  const args = { Kind: 'Spoof', IPAddress: '192.0.2.1', PhysAddress: 'aa', Reason: 'it says so' };
  t.match(newsOfLan({ kind: 'event', path, args }), {
    ...{ watch: 'AddressConflict', subject: '192.0.2.1 aa', name: '192.0.2.1', bad: true },
    reason: 'Spoof by aa: it says so',
  });
});
