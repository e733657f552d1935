import fc from 'fast-check';
import t from 'tap';
import { ipv4, type Mac, macBytes, macOf } from '#src/base/ip.ts';
import { formatIp, type IpAddress, ipv6, linkLocalOf } from '#src/base/ip6.ts';
import type { HostLease, NeighborsConfig } from '#src/services/neighbors/config.ts';
import { HostTable, type Settled } from '#src/services/neighbors/merge.ts';

const LAN = 'br-lan';
const CHECK_SEC = 60;
/** Silence after which a host counts as gone, at `CHECK_SEC`. */
const WINDOW_MS = 2 * CHECK_SEC * 1000 + 20_000;

/** Nobody watches the LAN. */
const QUIET = {
  listen: false,
  scan: { enable: false, intervalSec: 900, passes: 1, waitMs: 0, ratePerSec: 100 },
  apart: [],
};

const M = (n: number): Mac => macOf(n);
const A = (n: number) => ipv4(0xc0a80100 + n);
const V6 = (n: number) => ipv6((0x2001_0db8n << 96n) | BigInt(n));

interface ChangingLease extends HostLease {
  state: string;
  hostName: string | undefined;
  lastWallMs: number;
}

function leaseOf(mac: Mac, address: IpAddress, hostName?: string, firstWallMs = 1): ChangingLease {
  return {
    ...{ address, state: 'bound', chaddr: macBytes(mac), clientId: undefined },
    ...{ hostName, pool: 'P', firstWallMs, lastWallMs: firstWallMs },
  };
}

class House {
  readonly table: HostTable;
  monoMs = 1_000_000;
  wallMs = 5_000_000;
  readonly leases: ChangingLease[] = [];
  last: Settled | undefined;

  constructor(maxHosts = 100, names: readonly { mac: Mac; name: string }[] = []) {
    this.table = new HostTable({
      maxHosts,
      vendorOf: (mac) => `vendor of ${mac.slice(0, 8)}`,
      ownNames: () => ['gatehouse'],
    });
    this.configure(names);
  }

  configure(
    names: readonly { mac: Mac; name: string }[],
    more: Partial<NeighborsConfig> = {},
  ): void {
    this.table.configure({
      interfaces: [LAN],
      names,
      ownName: 'box',
      checkSec: CHECK_SEC,
      ...QUIET,
      ...more,
    });
  }

  get now() {
    return { monoMs: this.monoMs, wallMs: this.wallMs };
  }

  pass(ms: number): void {
    this.monoMs += ms;
    this.wallMs += ms;
  }

  hear(mac: Mac | undefined, address: IpAddress, state: string, ifName = LAN): void {
    this.table.neighbour({ ifName, address, mac, state }, this.now, true);
  }

  settle(): Settled {
    const look = this.table.lookAtLeases();
    for (const lease of this.leases) look.take(lease, this.now);
    look.end(this.now);
    this.last = this.table.settle(this.now);
    return this.last;
  }

  /** `mac name active addresses` of every host. */
  get told(): string[] {
    return this.table.hosts
      .map(({ mac, name, active, addresses }) => {
        const list = addresses.map(({ address }) => formatIp(address)).join(' ');
        return `${mac.slice(-2)} ${name ?? '-'} ${active ? 'active' : 'away'} ${list}`.trim();
      })
      .sort();
  }

  get events(): string[] {
    return (this.last?.events ?? []).map(({ kind, host }) => `${kind} ${host.mac.slice(-2)}`);
  }
}

t.test('one host for a MAC address, whatever addresses it has', async (t) => {
  const house = new House();
  house.hear(M(1), A(5), 'reachable');
  house.hear(M(1), V6(5), 'stale');
  house.hear(M(1), linkLocalOf(M(1)), 'stale');
  house.leases.push(leaseOf(M(1), A(5), 'pc'));
  t.match(house.settle(), { changed: true, namesChanged: true });
  t.same(house.told, [`01 pc active ${formatIp(linkLocalOf(M(1)))} 2001:db8::5 192.168.1.5`]);
  t.same(house.events, ['new 01']);
  t.same(house.table.addressesOf('PC').map(formatIp), ['2001:db8::5', '192.168.1.5']);
  t.equal(house.table.nameOf(V6(5)), 'pc');
  t.match(house.table.hosts[0], { vendor: 'vendor of 00:00:00', randomised: false });
  t.match(house.settle(), { changed: false, namesChanged: false, events: [] });
});

t.test('a MAC address that a device made up has no vendor', async (t) => {
  const house = new House();
  house.hear(macOf(0x02_0000_000001), A(5), 'stale');
  house.settle();
  t.match(house.table.hosts, [{ vendor: undefined, randomised: true }]);
});

t.test('a lease alone makes nobody active; an ACK does, for a while', async (t) => {
  const house = new House();
  house.leases.push(leaseOf(M(1), A(5), 'pc'));
  house.settle();
  t.same(house.told, ['01 pc away 192.168.1.5']);
  const [lease] = house.leases;
  if (lease !== undefined) lease.lastWallMs = house.wallMs;
  house.settle();
  t.same(house.told, ['01 pc active 192.168.1.5']);
  t.same(house.events, ['active 01']);
  t.equal(house.last?.nextMs, house.monoMs + WINDOW_MS);
  house.pass(WINDOW_MS);
  house.settle();
  t.same(house.told, ['01 pc away 192.168.1.5']);
  t.same(house.events, ['inactive 01']);
});

t.test(
  'one that falls silent is checked; answering keeps it active, silence does not',
  async (t) => {
    const house = new House();
    house.hear(M(1), A(5), 'reachable');
    t.same(house.settle().checks, []);
    house.pass(30_000);
    house.hear(M(1), A(5), 'stale');
    const settled = house.settle();
    t.same(settled.checks, []);
    t.equal(settled.nextMs, house.monoMs + CHECK_SEC * 1000);
    house.pass(CHECK_SEC * 1000);
    t.match(house.settle().checks, [{ ifName: LAN, address: A(5) }]);
    t.same(house.settle().checks, [], 'once');
    house.hear(M(1), A(5), 'delay');
    house.hear(M(1), A(5), 'probe');
    t.same(house.settle().events, []);
    house.hear(M(1), A(5), 'reachable');
    t.same(house.settle().events, []);
    house.hear(M(1), A(5), 'stale');
    house.pass(CHECK_SEC * 1000);
    t.equal(house.settle().checks.length, 1);
    house.hear(undefined, A(5), 'failed');
    house.settle();
    t.same(house.told, ['01 - away 192.168.1.5']);
    house.pass(1000);
    house.hear(M(1), A(5), 'stale');
    house.settle();
    t.same(house.events, ['active 01'], 'it spoke again');
  },
);

t.test('an address that nobody answers for makes nobody inactive who has others', async (t) => {
  const house = new House();
  house.hear(M(1), A(5), 'reachable');
  house.hear(M(1), V6(5), 'reachable');
  house.settle();
  house.hear(M(1), A(5), 'stale');
  house.hear(undefined, V6(5), 'failed');
  t.match(house.settle(), { events: [] });
  house.pass(CHECK_SEC * 1000);
  t.match(house.settle().checks, [{ address: A(5) }], 'the other one is asked');
  house.hear(M(1), A(5), 'reachable');
  house.pass(3_600_001);
  house.settle();
  t.same(house.told, ['01 - active 192.168.1.5'], 'the one left behind is dropped in time');
});

t.test(
  'what stood in the kernel at the start is asked at once, and is no sign of life',
  async (t) => {
    const house = new House();
    const stale = { ifName: LAN, address: A(5), mac: M(1), state: 'stale' };
    house.table.replaceNeighbours([stale, { ...stale, mac: M(2), address: A(6) }], house.now);
    t.equal(house.settle().checks.length, 2);
    t.same(house.told, ['01 - away 192.168.1.5', '02 - away 192.168.1.6']);
  },
);

t.test('what the kernel forgets, and what is not of the LAN', async (t) => {
  const house = new House();
  house.hear(M(1), A(5), 'reachable');
  house.hear(M(2), A(6), 'reachable', 'wan0');
  house.settle();
  house.table.gone(LAN, A(5));
  house.settle();
  t.same(house.told, ['01 - active 192.168.1.5'], 'forgetting says nothing');
  house.hear(undefined, A(5), 'incomplete');
  house.hear(undefined, A(5), 'failed');
  house.settle();
  t.same(house.told, ['01 - active 192.168.1.5'], 'nobody was asked for by name');
  house.pass(WINDOW_MS);
  house.settle();
  t.same(house.told, ['01 - away 192.168.1.5']);
});

t.test('a cable that is out, and a bridge that hears', async (t) => {
  const house = new House();
  house.hear(M(1), A(5), 'reachable');
  house.hear(M(2), A(6), 'reachable');
  house.table.setPort(M(1), 'lan1');
  house.table.setPort(M(2), 'lan2');
  house.settle();
  house.table.lost('lan1');
  house.settle();
  t.same(house.events, ['inactive 01']);
  house.table.heardAt(M(1), 'lan2', house.now);
  house.table.heardAt(M(3), 'lan2', house.now);
  house.settle();
  t.same(house.events, ['active 01']);
  t.match(
    house.table.hosts.find(({ mac }) => mac === M(1)),
    { port: 'lan2', ifName: LAN },
  );
});

t.test('an address goes from one host to another', async (t) => {
  const house = new House();
  house.hear(M(1), A(5), 'reachable');
  house.settle();
  house.hear(M(2), A(5), 'reachable');
  house.settle();
  t.same(house.told, ['01 - active', '02 - active 192.168.1.5']);
});

t.test('an address on loan is its client’s, whoever else uses it', async (t) => {
  const house = new House();
  house.leases.push(leaseOf(M(1), A(5), 'pc'), leaseOf(M(2), A(6), 'thief'));
  house.hear(M(2), A(5), 'reachable');
  house.settle();
  t.equal(house.table.nameOf(A(5)), 'pc');
  const [lease] = house.leases;
  if (lease !== undefined) lease.state = 'free';
  house.settle();
  t.equal(house.table.nameOf(A(5)), 'thief');
});

t.test('names: of the owner, of the older lease, and numbers that stay', async (t) => {
  const house = new House(100, [{ mac: M(3), name: 'nas' }]);
  house.leases.push(leaseOf(M(2), A(2), 'pc', 200), leaseOf(M(1), A(1), 'pc', 100));
  house.leases.push(leaseOf(M(3), A(3), 'whatever'), leaseOf(M(4), A(4), 'nas'));
  house.leases.push(leaseOf(M(5), A(7), 'gatehouse'), leaseOf(M(6), A(9), 'box'));
  house.settle();
  const names = () =>
    Object.fromEntries(house.table.hosts.map(({ mac, name }) => [mac.slice(-2), name]));
  t.same(names(), {
    '01': 'pc',
    '02': 'pc-2',
    '03': 'nas',
    '04': 'nas-2',
    '05': undefined,
    '06': undefined,
  });
  // The older one goes; its name is given to the other.
  for (const lease of house.leases) if (lease.address === A(1)) lease.state = 'free';
  house.hear(M(1), A(1), 'reachable');
  house.settle();
  t.match(names(), { '01': 'pc-3', '02': 'pc' });
  t.same(house.events.sort(), ['active 01', 'renamed 01', 'renamed 02']);
  house.leases.push(leaseOf(M(7), A(8), 'pc', 300));
  house.settle();
  t.match(names(), { '01': 'pc-3', '02': 'pc', '07': 'pc-2' });
});

t.test('stored and read again it is the same, but nobody is active', async (t) => {
  const house = new House();
  house.hear(M(1), A(5), 'reachable');
  house.leases.push(leaseOf(M(1), A(5), 'pc'), leaseOf(M(2), A(6), 'pc', 900));
  const stored = house.settle().toStore.map((host) => host.toStored());
  const again = new House();
  again.table.restore(stored);
  again.settle();
  t.same(again.told, ['01 pc away 192.168.1.5', '02 pc-2 away 192.168.1.6'].slice(0, 1));
  const third = new House();
  third.leases.push(...house.leases);
  third.table.restore(stored);
  third.settle();
  t.same(third.told, ['01 pc away 192.168.1.5', '02 pc-2 away 192.168.1.6']);
  t.same(third.events, [], 'nobody is new');
  t.match(
    third.table.hosts.find(({ mac }) => mac === M(1)),
    { firstSeenMs: 1 },
  );
});

t.test('when it is full', async (t) => {
  const house = new House(3);
  house.leases.push(leaseOf(M(1), A(1)), leaseOf(M(2), A(2)));
  house.settle();
  house.hear(M(3), A(3), 'reachable');
  house.leases.push(leaseOf(M(4), A(4)));
  house.settle();
  t.equal(house.table.hosts.length, 3);
  t.equal(house.table.full, true, 'a lease displaces nobody');
  house.leases.splice(0);
  for (const n of [5, 6]) house.hear(M(n), A(n), 'reachable');
  house.settle();
  t.same(
    house.table.hosts.map(({ mac }) => mac.slice(-2)).sort(),
    ['03', '05', '06'],
    'those that were never heard make room',
  );
  house.hear(M(7), A(7), 'reachable');
  t.equal(house.table.full, true, 'those that are here stay');
  house.hear(undefined, A(3), 'failed');
  house.settle();
  house.hear(M(7), A(7), 'reachable');
  t.same(house.settle().forgotten, [M(3)]);
});

const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('hear' as const),
      mac: fc.option(fc.integer({ min: 1, max: 9 }), { nil: 0, freq: 4 }),
      address: fc.integer({ min: 1, max: 6 }),
      six: fc.boolean(),
      state: fc.constantFrom('incomplete', 'reachable', 'stale', 'delay', 'probe', 'failed'),
    }),
  },
  fc.record({ kind: fc.constant('gone' as const), address: fc.integer({ min: 1, max: 6 }) }),
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('lease' as const),
      mac: fc.integer({ min: 1, max: 9 }),
      address: fc.integer({ min: 1, max: 6 }),
      name: fc.constantFrom(undefined, 'pc', 'pc-2', 'wpad'),
    }),
  },
  fc.record({ kind: fc.constant('free' as const), which: fc.nat(5) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 30_000, 200_000) }),
  fc.record({ kind: fc.constant('lost' as const) }),
  fc.record({ kind: fc.constant('fix' as const), mac: fc.integer({ min: 1, max: 9 }) }),
);

t.test('whatever is heard: bounds hold, names are one host’s, silence is absence', async () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const house = new House(5);
      for (const e of events) {
        if (e.kind === 'hear') {
          house.hear(
            e.mac === 0 ? undefined : M(e.mac),
            e.six ? V6(e.address) : A(e.address),
            e.state,
          );
        } else if (e.kind === 'gone') house.table.gone(LAN, A(e.address));
        else if (e.kind === 'lease') {
          house.leases.push(leaseOf(M(e.mac), A(e.address), e.name, house.wallMs));
        } else if (e.kind === 'free') {
          const lease = house.leases[e.which];
          if (lease !== undefined) lease.state = 'free';
        } else if (e.kind === 'pass') house.pass(e.ms);
        else if (e.kind === 'lost') house.table.lost(LAN);
        else house.configure([{ mac: M(e.mac), name: 'nas' }]);
        const settled = house.settle();
        const { hosts } = house.table;
        if (hosts.length > 5) return false;
        const names = hosts.flatMap(({ name }) => name ?? []);
        if (new Set(names).size !== names.length || names.includes('wpad')) return false;
        for (const host of hosts) {
          if (host.addresses.length > 16) return false;
          if (host.firstSeenMs > host.lastSeenMs) return false;
          if (host.active && house.wallMs - host.lastSeenMs >= WINDOW_MS) return false;
          for (const address of host.name === undefined ? [] : house.table.addressesOf(host.name)) {
            // Whoever has it on loan, or was heard with it last, may have no name.
            const name = house.table.nameOf(address);
            if (name === undefined) continue;
            if (!house.table.addressesOf(name).includes(address)) return false;
          }
        }
        if (settled.nextMs <= house.monoMs) return false;
        const again = house.settle();
        if (again.changed || again.events.length > 0 || again.checks.length > 0) return false;
      }
      return true;
    }),
    { seed: 4, numRuns: 2000 },
  );
});
