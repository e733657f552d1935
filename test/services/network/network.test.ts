import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { type Ipv4, ipv4, type PrefixLen, parseIpv4 } from '../../../src/base/ip.ts';
import { type Ipv6, ipv6, type PrefixLen6, parseIpv6 } from '../../../src/base/ip6.ts';
import { ok } from '../../../src/base/result.ts';
import type {
  Address,
  Address6,
  AddressPlan,
  AddressPlan6,
  Files,
  Link,
  Net,
  NetChange,
  NetEvent,
  Route,
  Route6,
} from '../../../src/os/ports.ts';
import type { NetworkConfig, NetworkObserved } from '../../../src/services/network/config.ts';
import { resolvConf } from '../../../src/services/network/resolv.ts';
import { NetworkService } from '../../../src/services/network/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

const ip = (text: string): Ipv4 => {
  const parsed = parseIpv4(text);
  return parsed.ok ? parsed.value : ipv4(0);
};
const ip6 = (text: string): Ipv6 => {
  const parsed = parseIpv6(text);
  return parsed.ok ? parsed.value : ipv6(0n);
};
const len = (n: number) => n as PrefixLen;

const link = (ifIndex: number, name: string, more: Partial<Link> = {}): Link => ({
  ifIndex,
  name,
  mac: undefined,
  mtu: 1500,
  minMtu: 68,
  maxMtu: 65535,
  adminUp: false,
  carrier: true,
  operState: 'down',
  loopback: false,
  kind: 'veth',
  master: undefined,
  stats: {} as Link['stats'],
  ...more,
});

/** A kernel of its own: it does what rtnetlink does with the changes, as far as this service can see. */
class KernelModel implements Net {
  linkRows: Link[] = [
    link(1, 'lo', { loopback: true }),
    link(2, 'wan0'),
    link(3, 'lan0'),
    link(4, 'lan1'),
  ];
  addressRows: Address[] = [];
  routeRows: Route[] = [];
  address6Rows: Address6[] = [];
  route6Rows: Route6[] = [];
  readonly log: string[] = [];
  readonly resyncs = 0;
  refuse: ((change: NetChange) => SystemError | undefined) | undefined;
  #listeners: ((events: readonly NetEvent[]) => void)[] = [];

  links = () => this.linkRows;
  addresses = () => this.addressRows;
  routes = () => this.routeRows;
  addresses6 = () => this.address6Rows;
  routes6 = () => this.route6Rows;
  refreshStats() {}

  apply(changes: readonly NetChange[]) {
    return changes.map((change) => {
      const error = this.refuse?.(change);
      if (error === undefined) this.#do(change);
      this.log.push(change.op);
      return error;
    });
  }

  tell(...events: NetEvent[]) {
    for (const listener of this.#listeners) listener(events);
  }

  subscribe(listener: (events: readonly NetEvent[]) => void): Disposable {
    this.#listeners.push(listener);
    return {
      [Symbol.dispose]: () => {
        this.#listeners = this.#listeners.filter((l) => l !== listener);
      },
    };
  }

  async [Symbol.asyncDispose]() {}

  #do(change: NetChange) {
    switch (change.op) {
      case 'address.add':
        this.addressRows.push(change.address);
        break;
      case 'address.del':
        this.addressRows = this.addressRows.filter((a) => a.address !== change.address.address);
        break;
      case 'address6.set':
      case 'address6.del':
        this.address6Rows = this.address6Rows.filter((a) => a.address !== change.address.address);
        if (change.op === 'address6.set') this.address6Rows.push(change.address);
        break;
      case 'route6.replace':
      case 'route6.del':
        this.route6Rows = this.route6Rows.filter((r) => r.destination !== change.route.destination);
        if (change.op === 'route6.replace') this.route6Rows.push(change.route);
        break;
      case 'route.replace':
      case 'route.del': {
        const { destination, prefixLen, metric } = change.route;
        this.routeRows = this.routeRows.filter(
          (r) => r.destination !== destination || r.prefixLen !== prefixLen || r.metric !== metric,
        );
        if (change.op === 'route.replace') this.routeRows.push(change.route);
        break;
      }
      case 'link.set':
        this.linkRows = this.linkRows.map((row) => {
          if (row.ifIndex !== change.ifIndex) return row;
          const { adminUp = row.adminUp, mtu = row.mtu } = change;
          const master = change.master === undefined ? row.master : change.master || undefined;
          return { ...row, adminUp, mtu, master };
        });
        break;
      case 'bridge.add':
        this.linkRows = [
          ...this.linkRows,
          link(100 + this.linkRows.length, change.name, { kind: 'bridge' }),
        ];
        break;
      case 'link.del':
        this.linkRows = this.linkRows.filter((row) => row.ifIndex !== change.ifIndex);
    }
  }
}

const CONFIG: NetworkConfig = {
  interfaces: [
    {
      id: 'Device.IP.Interface.1',
      enable: true,
      ipv4Enable: true,
      ifName: 'wan0',
      bridgePorts: [],
      mtu: undefined,
      ipv6Enable: true,
      acceptAdvertisements: undefined,
      addresses6: [],
      addresses: [],
    },
    {
      id: 'Device.IP.Interface.2',
      enable: true,
      ipv4Enable: true,
      ifName: 'br-lan',
      bridgePorts: ['lan0', 'lan1'],
      ipv6Enable: true,
      acceptAdvertisements: undefined,
      addresses6: [
        {
          id: 'Device.IP.Interface.2.IPv6Address.1',
          enable: true,
          address: ip6('fd00:0:0:2::1'),
          prefixLen: 64 as PrefixLen6,
        },
      ],
      mtu: undefined,
      addresses: [
        {
          id: 'Device.IP.Interface.2.IPv4Address.1',
          enable: true,
          address: ip('192.168.1.1'),
          prefixLen: len(24),
        },
      ],
    },
  ],
  routes: [],
  resolvers: [{ id: 'Device.DNS.Client.Server.1', enable: true, address: '192.0.2.53' }],
  resolverEnable: true,
  forwarding: true,
  forwarding6: true,
  ports: [],
};

const PLAN: AddressPlan = {
  ifName: 'wan0',
  address: ip('198.51.100.20'),
  prefixLen: len(24),
  broadcast: undefined,
  routes: [{ destination: ipv4(0), prefixLen: len(0), gateway: ip('198.51.100.1') }],
  metric: 100,
  mtu: 1400,
  resolvers: [ip('198.51.100.1')],
  searchDomains: ['isp.example'],
};

function house() {
  const kernel = new KernelModel();
  const clock = new FakeClock();
  const written = new Map<string, string>([['/proc/sys/net/ipv4/ip_forward', '0']]);
  const write = (path: string, text: string) => {
    written.set(path, text);
    return ok(undefined);
  };
  const files: Files = {
    writeAtomic: write,
    writeExisting: write,
    readText: (path) => ok(written.get(path) ?? ''),
  };
  const reports: NetworkObserved[] = [];
  const log = new MemoryLog();
  const service = new NetworkService({
    net: kernel,
    clock,
    log,
    files,
    resolvConfPath: '/run/resolv.conf',
    report: (observed) => reports.push(observed),
  });
  return { kernel, clock, written, reports, log, service };
}

t.test('a whole configuration is set in one call, and again changes nothing', async (t) => {
  const { kernel, service, written, clock, reports } = house();
  service.set('dhcp4.1', PLAN);
  t.same(kernel.log, [], 'nothing before the first configuration');
  t.same(service.apply(CONFIG), []);
  t.equal(
    kernel.linkRows.find((l) => l.name === 'lan1')?.master,
    kernel.linkRows.find((l) => l.name === 'br-lan')?.ifIndex,
  );
  t.ok(kernel.linkRows.filter((l) => l.name !== 'lo').every((l) => l.adminUp));
  t.equal(kernel.linkRows.find((l) => l.name === 'wan0')?.mtu, 1400);
  t.equal(kernel.addressRows.length, 2);
  t.equal(kernel.routeRows.length, 1);
  t.equal(written.get('/proc/sys/net/ipv4/ip_forward'), '1');
  t.match(
    written.get('/run/resolv.conf'),
    /search isp\.example\nnameserver 192\.0\.2\.53\nnameserver 198\.51\.100\.1\n/,
  );
  const before = kernel.log.length;
  t.same(service.apply(CONFIG), []);
  service.set('dhcp4.1', PLAN);
  t.equal(kernel.log.length, before, 'idempotent');
  clock.advance(1000);
  t.match(
    reports.at(-1)?.addresses.find((a) => a.ifName === 'wan0'),
    { owner: 'dhcp4.1' },
  );
  t.equal(reports.at(-1)?.restored, 0);
});

t.test('what someone else removes is put back; what they add is left alone', async (t) => {
  const { kernel, service, log } = house();
  service.apply(CONFIG);
  service.set('dhcp4.1', PLAN);
  kernel.addressRows = kernel.addressRows.filter((a) => a.address !== PLAN.address);
  kernel.tell({ what: 'address', ifIndex: 2 });
  t.ok(kernel.addressRows.some((a) => a.address === PLAN.address));
  kernel.routeRows = [];
  kernel.tell({ what: 'route', ifIndex: 2 });
  t.equal(kernel.routeRows.length, 1);
  t.equal(service.observed.restored, 2);
  t.equal(log.messages('warn').length, 2);
  const theirs: Address = {
    ifIndex: 2,
    address: ip('203.0.113.5'),
    prefixLen: len(24),
    broadcast: undefined,
    protocol: 0,
  };
  kernel.addressRows.push(theirs);
  kernel.tell({ what: 'address', ifIndex: 2 });
  t.ok(kernel.addressRows.includes(theirs));
});

t.test('a link that goes down takes its routes and gets them back when it is up', async (t) => {
  const { kernel, service } = house();
  service.apply(CONFIG);
  service.set('dhcp4.1', PLAN);
  kernel.linkRows = kernel.linkRows.map((l) => (l.name === 'wan0' ? { ...l, adminUp: false } : l));
  kernel.routeRows = [];
  kernel.tell({ what: 'link', ifIndex: 2 });
  t.ok(kernel.linkRows.find((l) => l.name === 'wan0')?.adminUp);
  t.equal(kernel.routeRows.length, 1);
});

t.test('someone who keeps removing is answered once a second', async (t) => {
  const { kernel, service, clock } = house();
  service.apply(CONFIG);
  service.set('dhcp4.1', PLAN);
  for (let i = 0; i < 200; i++) {
    kernel.routeRows = [];
    kernel.tell({ what: 'route', ifIndex: 2 });
  }
  t.ok(service.observed.restored <= 20, `${service.observed.restored} put back`);
  t.equal(kernel.routeRows.length, 0);
  clock.advance(1000);
  t.equal(kernel.routeRows.length, 1, 'and it still ends as it should be');
});

t.test('a plan that ends takes its address, routes and MTU with it', async (t) => {
  const { kernel, service, written } = house();
  service.apply(CONFIG);
  service.set('dhcp4.1', PLAN);
  kernel.log.length = 0;
  t.same(service.set('dhcp4.1', undefined), []);
  t.same(kernel.log.slice(-2), ['route.del', 'address.del']);
  t.equal(kernel.addressRows.length, 1);
  t.equal(kernel.linkRows.find((l) => l.name === 'wan0')?.mtu, 1500);
  t.notMatch(written.get('/run/resolv.conf'), /198\.51/);
});

t.test('a change of address adds before it deletes', async (t) => {
  const { kernel, service } = house();
  service.apply(CONFIG);
  service.set('dhcp4.1', PLAN);
  kernel.log.length = 0;
  service.set('dhcp4.1', { ...PLAN, address: ip('198.51.100.21') });
  t.same(kernel.log, ['address.add', 'route.replace', 'address.del']);
});

t.test('what the kernel refuses is reported with its owner', async (t) => {
  const { kernel, service, clock, reports } = house();
  kernel.refuse = (change) =>
    change.op === 'address.add' && change.address.address === ip('192.168.1.1')
      ? new SystemError('no space', 'ENOSPC')
      : undefined;
  t.equal(service.apply(CONFIG).length, 1);
  clock.advance(100);
  t.match(
    reports.at(-1)?.items.find((item) => item.id.endsWith('IPv4Address.1')),
    { status: 'Error', reason: 'no space' },
  );
});

t.test('static routes: what makes no sense is Error_Misconfigured', async (t) => {
  const { service, kernel } = house();
  const route = (more: object) => ({
    id: 'Device.Routing.Router.1.IPv4Forwarding.1',
    enable: true,
    type: 'unicast' as const,
    destination: ip('10.0.0.0'),
    prefixLen: len(8),
    gateway: ip('192.168.1.254'),
    ifName: undefined,
    metric: 5,
    ...more,
  });
  const status = (more: object) => {
    service.apply({ ...CONFIG, routes: [route(more)] });
    return service.observed.items.find((item) => item.id.includes('Forwarding'))?.status;
  };
  t.equal(status({}), 'Enabled');
  t.match(kernel.routeRows, [{ metric: 5, gateway: ip('192.168.1.254'), onLink: false }]);
  t.equal(status({ prefixLen: undefined }), 'Error_Misconfigured');
  t.equal(status({ destination: ip('10.0.0.1') }), 'Error_Misconfigured');
  t.equal(status({ gateway: ip('203.0.113.9') }), 'Error_Misconfigured');
  t.equal(status({ type: 'blackhole' }), 'Enabled');
  t.equal(status({ enable: false }), 'Disabled');
  t.same(kernel.routeRows, []);
});

t.test('resolv.conf: three servers are read, the rest is there for people', async (t) => {
  const text = resolvConf(
    ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'],
    ['a.example', 'b'.repeat(300)],
  );
  t.equal(text.match(/^nameserver/gm)?.length, 3);
  t.match(text, /^# nameserver 4\.4\.4\.4$/m);
  t.match(text, /^search a\.example$/m);
});

t.test('IPv6: addresses, routes of delegated prefixes, what the kernel is told', async (t) => {
  const { kernel, service, written } = house();
  t.same(service.apply(CONFIG), []);
  t.match(kernel.address6Rows, [{ address: ip6('fd00:0:0:2::1'), prefixLen: 64, protocol: 71 }]);
  t.equal(written.get('/proc/sys/net/ipv6/conf/all/forwarding'), '1');
  t.equal(written.get('/proc/sys/net/ipv6/conf/br-lan/disable_ipv6'), '0');
  const route = {
    ...{ destination: ip6('fd00:0:0:100::'), prefixLen: 60 as PrefixLen6, ifName: 'br-lan' },
    gateway: ip6('fe80::9'),
  };
  t.same(service.setRoutes6('dhcp6-server', [route]), []);
  t.match(kernel.route6Rows, [{ gateway: ip6('fe80::9'), metric: 1024, protocol: 71 }]);
  const before = kernel.log.length;
  service.apply(CONFIG);
  t.equal(kernel.log.length, before, 'idempotent');

  kernel.address6Rows = [];
  kernel.route6Rows = [];
  kernel.tell({ what: 'address', ifIndex: 5 });
  t.equal(kernel.address6Rows.length + kernel.route6Rows.length, 2, 'put back');
  const theirs: Address6 = {
    ...{ ifIndex: 105, address: ip6('fd99::1'), prefixLen: 64 as PrefixLen6, dad: 'done' },
    ...{ preferredSec: Infinity, validSec: Infinity, protocol: 0 },
  };
  const linkLocal: Address6 = { ...theirs, ifIndex: 104, address: ip6('fe80::1') };
  const bridge = kernel.linkRows.find((l) => l.name === 'br-lan');
  kernel.address6Rows.push(theirs, { ...linkLocal, ifIndex: bridge?.ifIndex ?? 0 });
  t.equal(service.linkLocalOf('br-lan'), ip6('fe80::1'));
  t.equal(service.linkLocalOf('lan1'), undefined);
  kernel.tell({ what: 'address', ifIndex: 5 });
  t.ok(kernel.address6Rows.includes(theirs), "somebody else's");

  const item = () =>
    service.observed.items.find((i) => i.id === 'Device.IP.Interface.2.IPv6Address.1');
  t.equal(item()?.status, 'Enabled');
  kernel.address6Rows = kernel.address6Rows.map((a) => ({ ...a, dad: 'failed' }));
  t.match(item(), { status: 'Error', reason: /another host/ });

  service.setRoutes6('dhcp6-server', []);
  t.equal(kernel.route6Rows.length, 0);
  const off = CONFIG.interfaces.map((i) => ({ ...i, ipv6Enable: false }));
  t.same(service.apply({ ...CONFIG, interfaces: off, forwarding6: false }), []);
  t.equal(written.get('/proc/sys/net/ipv6/conf/br-lan/disable_ipv6'), '1');
  t.equal(written.get('/proc/sys/net/ipv6/conf/all/forwarding'), '0');
  t.equal(kernel.address6Rows.filter((a) => a.protocol === 71).length, 0);
  t.equal(item()?.status, 'Disabled');
});

t.test('IPv6 with an end: lifetimes follow the plan, and all of it goes with it', async (t) => {
  const { kernel, service, clock, written } = house();
  const wan = CONFIG.interfaces.map((i) =>
    i.ifName === 'wan0' ? { ...i, acceptAdvertisements: 1024 } : i,
  );
  service.apply({ ...CONFIG, interfaces: wan });
  t.equal(written.get('/proc/sys/net/ipv6/conf/wan0/accept_ra'), '2');
  t.equal(written.get('/proc/sys/net/ipv6/conf/wan0/ra_defrtr_metric'), '1024');
  const now = clock.boottimeMs();
  const plan = (preferredSec: number, validSec: number): AddressPlan6 => ({
    addresses: [
      {
        ...{ ifName: 'br-lan', address: ip6('2001:db8:0:1::1'), prefixLen: 64 as PrefixLen6 },
        ...{ preferredUntilMs: now + preferredSec * 1000, validUntilMs: now + validSec * 1000 },
      },
    ],
    unreachable: [{ address: ip6('2001:db8::'), prefixLen: 56 as PrefixLen6 }],
    resolvers: [ip6('2001:db8::53')],
    searchDomains: ['isp.example'],
  });
  const mine = () => kernel.address6Rows.find((a) => a.address === ip6('2001:db8:0:1::1'));
  t.same(service.set6('dhcp6.1', plan(60, 120)), []);
  t.match(mine(), { preferredSec: 60, validSec: 120, protocol: 71, prefixRoute: false });
  const routes = () => kernel.route6Rows.map((r) => `${r.type} ${r.prefixLen} ${r.ifIndex}`);
  const bridge = kernel.linkRows.find(({ name }) => name === 'br-lan')?.ifIndex;
  // The kernel has routes that lead nowhere on the loopback.
  t.same(routes(), [`unicast 64 ${bridge}`, 'unreachable 56 1']);
  t.match(service.observed.resolvers.at(-1), { address: '2001:db8::53', owner: 'dhcp6.1' });
  t.match(written.get('/run/resolv.conf') ?? [...written.values()].join('\n'), /2001:db8::53/);

  const { restored } = service.observed;
  service.set6('dhcp6.1', plan(600, 1200));
  t.match(mine(), { preferredSec: 600, validSec: 1200 });
  t.equal(service.observed.restored, restored, 'a renewal puts nothing back');
  const before = kernel.log.length;
  kernel.tell({ what: 'address', ifIndex: 5 });
  t.equal(kernel.log.length, before, 'nor is anything done twice');

  // dibbler-client sets its addresses itself, and so takes the mark off.
  kernel.address6Rows = kernel.address6Rows.map((a) => ({ ...a, protocol: 0 }));
  service.set6('dhcp6.1', undefined);
  t.equal(mine(), undefined);
  t.same(routes(), []);
});
