import t, { type Test } from 'tap';
import { SystemError } from '#src/base/errors.ts';
import { ipv4, type Mac, macBytes, macOf } from '#src/base/ip.ts';
import { formatIp, type IpAddress } from '#src/base/ip6.ts';
import type { Neighbour, NeighbourBurst, Neighbours } from '#src/os/ports-neighbours.ts';
import type { HostEvent, HostLease, NeighborsObserved } from '#src/services/neighbors/config.ts';
import { decodeHost, encodeHost } from '#src/services/neighbors/record.ts';
import { NeighborsService } from '#src/services/neighbors/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { MemoryStore } from '../../state/memory-store.ts';

const A = (n: number) => ipv4(0xc0a80100 + n);
const M = (n: number): Mac => macOf(n);
const LAN = 3;
/** Nobody watches the LAN. */
const QUIET = {
  listen: false,
  scan: { enable: false, intervalSec: 900, passes: 1, waitMs: 0, ratePerSec: 100 },
  apart: [],
};

/** The kernel, as a test has it. */
class FakeKernel implements Neighbours {
  readonly rows = new Map<string, Neighbour>();
  readonly ports = new Map<Mac, number>();
  readonly checked: string[] = [];
  readonly resyncs = 0;
  failing: SystemError | undefined;
  #listeners = new Set<(burst: NeighbourBurst) => void>();

  neighbours(): readonly Neighbour[] {
    return [...this.rows.values()];
  }
  portOf(mac: Mac): number | undefined {
    return this.ports.get(mac);
  }
  check(these: readonly Pick<Neighbour, 'ifIndex' | 'address'>[]): SystemError | undefined {
    this.checked.push(...these.map(({ ifIndex, address }) => `${ifIndex} ${formatIp(address)}`));
    return this.failing;
  }
  subscribe(listener: (burst: NeighbourBurst) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
  async [Symbol.asyncDispose](): Promise<void> {}

  get listeners(): number {
    return this.#listeners.size;
  }

  set(mac: Mac | undefined, address: IpAddress, state: Neighbour['state'], ifIndex = LAN): void {
    const row: Neighbour = { ifIndex, address, state, mac };
    this.rows.set(formatIp(address), row);
    this.tell({ changed: [row] });
  }
  tell(burst: Partial<NeighbourBurst>): void {
    const whole = { changed: [], gone: [], learned: [], resync: false, ...burst };
    for (const listener of this.#listeners) listener(whole);
  }
}

const leaseOf = (mac: Mac, address: IpAddress, hostName: string): HostLease => ({
  ...{ address, state: 'bound', chaddr: macBytes(mac), clientId: undefined, hostName },
  ...{ pool: 'P', firstWallMs: 1, lastWallMs: 1 },
});

/** The store takes a turn of the event loop, and the service may wait for its turn before. */
async function written(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
}

class House {
  readonly kernel = new FakeKernel();
  readonly clock = new FakeClock();
  readonly log = new MemoryLog();
  readonly links = [
    { ifIndex: LAN, name: 'br-lan', carrier: true },
    { ifIndex: 4, name: 'lan1', carrier: true },
  ];
  readonly events: string[] = [];
  leases: HostLease[] = [];
  looks = 0;
  reported: NeighborsObserved | undefined;
  readonly service: NeighborsService;

  constructor(t: Test, store = new MemoryStore()) {
    const house = this;
    this.service = new NeighborsService({
      ...{ neighbours: this.kernel, clock: this.clock, log: this.log, store },
      links: () => this.links,
      *leases() {
        house.looks++;
        yield* house.leases;
      },
      vendorOf: () => 'Somebody',
      ownNames: () => ['gatehouse'],
      report: (observed) => {
        this.reported = observed;
      },
      announce: ({ kind, host }: HostEvent) =>
        void this.events.push(`${kind} ${host.mac.slice(-2)}`),
    });
    t.teardown(() => this.service[Symbol.asyncDispose]());
  }

  start(): void {
    this.service.apply({
      interfaces: ['br-lan'],
      names: [],
      ownName: undefined,
      checkSec: 60,
      ...QUIET,
    });
  }

  get told(): string[] {
    return (this.reported?.hosts ?? []).map(
      ({ mac, name, active, port }) =>
        `${mac.slice(-2)} ${name ?? '-'} ${active ? 'active' : 'away'} ${port ?? '-'}`,
    );
  }
}

t.test('nothing is said before it is known whose hosts they are', async (t) => {
  const house = new House(t);
  house.kernel.set(M(1), A(1), 'reachable');
  house.service.leasesChanged();
  house.clock.advance(10_000);
  t.equal(house.reported, undefined);
  house.start();
  t.same(house.told, ['01 - active -'], 'then at once');
});

t.test('hosts come, are called by name, and go', async (t) => {
  const house = new House(t);
  let heard = 0;
  const subscription = house.service.namesChanged(() => heard++);
  house.start();
  house.kernel.ports.set(M(1), 4);
  house.kernel.set(M(1), A(1), 'stale');
  house.kernel.set(M(2), A(2), 'stale', 4);
  t.same(house.told, [], 'a burst is put together');
  house.clock.advance(50);
  t.same(house.told, ['01 - active lan1'], 'who is not of the LAN is nobody');
  house.leases = [leaseOf(M(1), A(1), 'pc')];
  house.service.leasesChanged();
  house.clock.advance(1000);
  t.same(house.told, ['01 pc active lan1']);
  t.same(house.service.addressesOf('pc'), [A(1)]);
  t.equal(house.service.nameOf(A(1)), 'pc');
  const before = heard;
  t.ok(before >= 1);
  house.clock.advance(60_000);
  t.same(house.kernel.checked, ['3 192.168.1.1']);
  house.kernel.set(undefined, A(1), 'failed');
  house.clock.advance(50);
  t.same(house.told, ['01 pc away lan1']);
  t.same(house.events, ['new 01', 'renamed 01', 'inactive 01']);
  t.equal(heard, before, 'names are the same');
  subscription[Symbol.dispose]();
});

t.test('leases are looked at once a second, however often they change', async (t) => {
  const house = new House(t);
  house.start();
  const before = house.looks;
  for (let i = 0; i < 100; i++) {
    house.service.leasesChanged();
    house.clock.advance(20);
  }
  house.clock.advance(1000);
  t.ok(house.looks - before <= 4, `${house.looks - before} looks in three seconds`);
  const old = leaseOf(M(1), A(1), 'pc');
  house.leases = [old, { ...leaseOf(M(2), A(2), 'nas'), lastWallMs: house.clock.wallMs() }];
  house.service.leasesChanged();
  house.clock.advance(2000);
  t.same(house.told, ['02 nas active -', '01 pc away -'], 'a new lease is a sign of life');
});

t.test('everything is read again after news were lost', async (t) => {
  const house = new House(t);
  house.start();
  house.kernel.rows.set('x', { ifIndex: LAN, address: A(1), state: 'reachable', mac: M(1) });
  house.kernel.tell({ resync: true });
  house.clock.advance(50);
  t.same(house.told, ['01 - active -']);
  house.kernel.rows.clear();
  house.kernel.tell({ resync: true });
  house.kernel.tell({ gone: [{ ifIndex: LAN, address: A(1) }] });
  house.clock.advance(50);
  t.same(house.told, ['01 - active -']);
  house.clock.advance(140_000);
  t.same(house.told, ['01 - away -']);
});

t.test('a cable that is out; a host that is heard at another port', async (t) => {
  const house = new House(t);
  house.start();
  house.kernel.ports.set(M(1), 4);
  house.kernel.set(M(1), A(1), 'reachable');
  house.clock.advance(50);
  house.links[1] = { ifIndex: 4, name: 'lan1', carrier: false };
  house.service.linksChanged();
  house.clock.advance(50);
  t.same(house.told, ['01 - away lan1']);
  house.links.push({ ifIndex: 5, name: 'lan2', carrier: true });
  house.kernel.ports.set(M(1), 5);
  house.kernel.tell({ learned: [M(1)] });
  house.clock.advance(50);
  t.same(house.told, ['01 - active lan2']);
});

t.test('a restart knows them all; what was last seen is written every ten minutes', async (t) => {
  const store = new MemoryStore();
  const first = new House(t, store);
  first.start();
  first.leases = [leaseOf(M(1), A(1), 'pc')];
  first.kernel.set(M(1), A(1), 'reachable');
  first.service.leasesChanged();
  first.clock.advance(6000);
  await written();
  t.equal(store.commits, 1, 'new hosts and names are written together');
  const since = first.reported?.hosts[0]?.firstSeenMs;
  first.clock.advance(500_000);
  t.equal(store.commits, 1);
  for (let i = 0; i < 100; i++) {
    first.kernel.set(M(1), A(1), i % 2 === 0 ? 'stale' : 'reachable');
    first.clock.advance(12_000);
    await written();
  }
  t.equal(store.commits, 3, 'twice in twenty minutes, while it changed a hundred times');
  await first.service[Symbol.asyncDispose]();
  await first.service[Symbol.asyncDispose]();
  t.equal(first.clock.pending, 0);
  t.equal(first.kernel.listeners, 0);
  const seen = first.reported?.hosts[0]?.lastSeenMs;

  const second = new House(t, store);
  second.start();
  t.same(second.told, ['01 pc away -']);
  t.match(second.reported?.hosts[0], { firstSeenMs: since, lastSeenMs: seen });
  t.same(second.events, []);
  t.same(second.service.addressesOf('pc'), [A(1)]);
});

t.test('a full disk: said, and tried again', async (t) => {
  const store = new MemoryStore();
  const house = new House(t, store);
  house.start();
  store.failing = 'ENOSPC';
  house.kernel.set(M(1), A(1), 'reachable');
  house.clock.advance(6000);
  await written();
  t.match(house.log.lines, [{ level: 'warn', message: 'hosts could not be stored' }]);
  store.failing = undefined;
  house.clock.advance(600_000);
  await written();
  t.equal(store.data.size, 1);
});

t.test('a check that fails is said', async (t) => {
  const house = new House(t);
  house.kernel.failing = new SystemError('no', 'EPERM');
  house.kernel.rows.set('x', { ifIndex: LAN, address: A(1), state: 'stale', mac: M(1) });
  house.start();
  t.match(house.log.lines, [{ message: 'neighbours could not be checked' }]);
});

t.test('what is stored is read back; what is not a host is left out', async (t) => {
  const host = {
    mac: M(1),
    ...{ firstSeenMs: 1, lastSeenMs: 2, sinceMs: 3, name: 'pc-2', wanted: 'pc', confirmed: true },
    ifName: 'br-lan',
    ...{ addresses: [A(1)], clientId: '0a0b', calls: 'pc' },
    stays: [
      { fromMs: 5, toMs: undefined },
      { fromMs: 1, toMs: 2 },
    ],
  };
  t.same(decodeHost(`neighbors/${M(1)}`, encodeHost(host)), { ok: true, value: host });
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  for (const bad of [null, [], 1, {}, { firstSeenMs: 1, lastSeenMs: 'x', sinceMs: 1 }]) {
    t.equal(decodeHost(`neighbors/${M(1)}`, text(bad)).ok, false);
  }
  t.equal(decodeHost('neighbors/x', encodeHost(host)).ok, false);
  t.equal(decodeHost(`neighbors/${M(1)}`, Uint8Array.of(0xff)).ok, false);
  const odd = {
    firstSeenMs: 1,
    lastSeenMs: 2,
    sinceMs: 3,
    name: '<b>',
    addresses: ['x', 7, '::1'],
    ...{ clientId: 'zz', calls: 'a b', stays: [1, [2], [3, 1], ['x', 'y']] },
  };
  t.match(decodeHost(`neighbors/${M(1)}`, text(odd)), {
    value: {
      name: undefined,
      addresses: [1n],
      confirmed: false,
      clientId: undefined,
      calls: undefined,
    },
  });
  const store = new MemoryStore();
  store.data.set('neighbors/x', text({}));
  const house = new House(t, store);
  t.equal(house.log.lines.length, 1);
});

t.test('two thousand hosts and a lease for everyone of a /16', async (t) => {
  const house = new House(t);
  house.start();
  for (let i = 1; i <= 2000; i++) house.kernel.set(M(i), ipv4(0x0a000000 + i), 'stale');
  house.leases = Array.from({ length: 65_000 }, (_, i) =>
    leaseOf(M(10_000 + i), ipv4(0x0a010000 + i), 'pc'),
  );
  house.service.leasesChanged();
  house.clock.advance(2000);
  t.equal(house.reported?.hosts.length, 2000);
  t.ok(
    house.reported?.hosts.every(({ active }) => active),
    'no lease displaced a host',
  );
  t.equal(house.reported?.full, true);
});

t.test('frames of somebody who is known to be there cost nothing but the note', async (t) => {
  const house = new House(t);
  house.kernel.ports.set(M(1), 4);
  house.start();
  const heard = { ifName: 'br-lan', mac: M(1), address: A(1), answered: true } as const;
  house.service.heard(heard);
  house.clock.advance(100);
  t.same(house.told, ['01 - active lan1']);
  const [reported, timers] = [house.reported, house.clock.pending];
  for (let i = 0; i < 1000; i++) t.equal(house.service.heard(heard), true);
  t.equal(house.clock.pending, timers, 'nothing is put together for them');
  house.clock.advance(100_000);
  house.service.heard(heard);
  house.clock.advance(50_000);
  t.equal(house.reported, reported, 'yet it is not taken for gone: it was heard meanwhile');
  t.same(house.events, ['new 01']);
  house.service.heard({ ...heard, address: A(2) });
  house.clock.advance(50);
  t.not(house.reported, reported, 'another address of it is told');
  house.clock.advance(600_000);
  t.same(house.told, ['01 - away lan1']);
  house.service.heard(heard);
  house.clock.advance(50);
  t.same(house.told, ['01 - active lan1'], 'and that it is back');
});
