import t from 'tap';
import { fromHex } from '../../../src/base/bytes.ts';
import { SystemError } from '../../../src/base/errors.ts';
import { formatIpv4, ipv4, type Mac, parseIpv4 } from '../../../src/base/ip.ts';
import { err, ok } from '../../../src/base/result.ts';
import type {
  AddressPlan,
  ChildProcess,
  Link,
  PacketTaps,
  Processes,
  ProcessIdentity,
  Store,
} from '../../../src/os/ports.ts';
import type { ClientConfig, DhcpClientObserved } from '../../../src/services/dhcp-client/config.ts';
import { DhcpClientService } from '../../../src/services/dhcp-client/service.ts';
import { udhcpc, udhcpcArguments } from '../../../src/services/dhcp-client/udhcpc.ts';
import { DHCP, encodeDhcp4 } from '../../../src/wire/dhcp4.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

const MAC = '02:00:00:00:00:01' as Mac;
const link = (ifIndex: number, more: Partial<Link> = {}) =>
  ({
    ifIndex,
    name: 'wan0',
    mac: MAC,
    maxMtu: 1500,
    adminUp: true,
    carrier: true,
    ...more,
  }) as Link;

const CONFIG: ClientConfig = {
  id: 'dhcp4.1',
  enable: true,
  ifName: 'wan0',
  requestOptions: [3, 6],
  sentOptions: [],
  routeMetric: 100,
  discoverIntervalSec: 2,
  discoverPauseSec: 2,
  useResolvers: true,
};

class Child implements ChildProcess {
  readonly signals: string[] = [];
  readonly exited: Promise<void>;
  die: () => void = () => {};
  released = false;
  readonly identity: ProcessIdentity;
  readonly args: readonly string[];
  constructor(identity: ProcessIdentity, args: readonly string[]) {
    this.identity = identity;
    this.args = args;
    this.exited = new Promise((resolve) => {
      this.die = resolve;
    });
  }
  signal(name: string) {
    this.signals.push(name);
    if (name === 'SIGTERM' || name === 'SIGKILL') this.die();
    return true;
  }
  release() {
    this.released = true;
  }
}

/** The machine around the service: processes, wire, kernel addresses and disk, that a test can pull at. */
class World {
  readonly clock = new FakeClock();
  readonly log = new MemoryLog();
  readonly children: Child[] = [];
  /** Processes of an earlier daemon. */
  running: Child[] = [];
  links: Link[] = [link(2)];
  readonly disk = new Map<string, Uint8Array>();
  diskFull = false;
  plan: AddressPlan | undefined;
  installs = 0;
  taps = 0;
  reports: DhcpClientObserved[] = [];
  heard: ((frame: Uint8Array, outgoing: boolean) => void) | undefined;
  #pid = 100;

  service(): DhcpClientService {
    const processes: Partial<Processes> = {
      spawn: (_file, args) => {
        const child = new Child({ pid: this.#pid++, startTicks: this.#pid * 7 }, args);
        this.children.push(child);
        return ok(child);
      },
      adopt: (identity) => this.running.find((child) => child.identity.pid === identity.pid),
      findByArguments: (args) =>
        new Map(args.map((arg) => [arg, this.running.map((child) => child.identity)])),
    };
    const taps: PacketTaps = {
      open: (_index, _filter, received) => {
        this.taps++;
        this.heard = received;
        return ok({
          dropped: 0,
          [Symbol.asyncDispose]: async () => {
            this.taps--;
          },
        });
      },
    };
    const store: Partial<Store> = {
      get: (key) => this.disk.get(key),
      commit: async (changes) => {
        if (this.diskFull) return err(new SystemError('disk full', 'ENOSPC'));
        for (const { key, value } of changes) {
          if (value === undefined) this.disk.delete(key);
          else this.disk.set(key, value);
        }
        return ok(undefined);
      },
    };
    return new DhcpClientService({
      clock: this.clock,
      log: this.log,
      processes: processes as Processes,
      taps,
      store: store as Store,
      planner: {
        set: (_owner, plan) => {
          this.plan = plan;
          this.installs++;
          return [];
        },
      },
      udhcpc: '/sbin/udhcpc',
      hookDir: '/run/hook',
      bootId: 'boot-1',
      linkHook: () => ok(undefined),
      linkOf: (name) => this.links.find((l) => l.name === name),
      surroundings: () => ({ foreign: [], maxMtu: 1500 }),
      argumentsOf: (p) => [
        'udhcpc',
        ...(this.running.find((c) => c.identity.pid === p.pid)?.args ?? []),
      ],
      refusedMessages: () => 0,
      report: (observed) => this.reports.push(observed),
    });
  }

  get child(): Child {
    const child = this.children.at(-1) ?? this.running.at(-1);
    if (child === undefined) throw new Error('no client was started');
    return child;
  }

  get address(): string | undefined {
    return this.plan && formatIpv4(this.plan.address);
  }

  /** A message of the hook, as udhcpc would cause it. */
  say(
    service: DhcpClientService,
    event: string,
    env: Record<string, string> = {},
    pid = this.child.identity.pid,
  ) {
    this.clock.advance(1);
    return service.hook({
      clientId: 'dhcp4.1',
      event,
      clientPid: pid,
      boottimeMs: this.clock.boottimeMs(),
      env: new Map(Object.entries({ interface: 'wan0', ...env })),
    });
  }

  bound(service: DhcpClientService, more: Record<string, string> = {}) {
    return this.say(service, 'bound', {
      ip: '198.51.100.20',
      subnet: '255.255.255.0',
      router: '198.51.100.1',
      lease: '100',
      serverid: '198.51.100.1',
      ...more,
    });
  }

  /** A DHCP message on the interface. */
  wire(
    type: number,
    more: {
      ciaddr?: string;
      broadcast?: boolean;
      xid?: number;
      lease?: number;
      chaddr?: string;
    } = {},
  ) {
    const outgoing = ![DHCP.OFFER, DHCP.ACK, DHCP.NAK, DHCP.FORCERENEW].includes(type as never);
    const ip = (text = '0.0.0.0') => {
      const parsed = parseIpv4(text);
      return parsed.ok ? parsed.value : ipv4(0);
    };
    const lease = new Uint8Array(4);
    new DataView(lease.buffer).setUint32(0, more.lease ?? 100);
    const payload = encodeDhcp4({
      op: outgoing ? 1 : 2,
      xid: more.xid ?? 7,
      secs: 0,
      broadcast: false,
      ciaddr: ip(more.ciaddr),
      yiaddr: ip(outgoing ? undefined : '198.51.100.20'),
      siaddr: ip(),
      giaddr: ip(),
      chaddr: fromHex(more.chaddr ?? '020000000001') ?? new Uint8Array(6),
      sname: new Uint8Array(0),
      file: new Uint8Array(0),
      options: new Map([
        [53, Uint8Array.of(type)],
        [1, Uint8Array.of(255, 255, 255, 0)],
        [51, lease],
      ]),
    });
    const frame = new Uint8Array(42 + payload.length);
    const view = new DataView(frame.buffer);
    view.setUint16(12, 0x0800);
    frame[14] = 0x45;
    view.setUint16(16, 28 + payload.length);
    frame[23] = 17;
    view.setUint32(30, more.broadcast === false ? 0xc6336401 : 0xffffffff);
    view.setUint16(34, outgoing ? 68 : 67);
    view.setUint16(36, outgoing ? 67 : 68);
    view.setUint16(38, 8 + payload.length);
    frame.set(payload, 42);
    this.heard?.(frame, outgoing);
  }
}

const settled = async () => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};

t.test('from start to bound; disable gives the lease back', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  t.same(world.child.args.slice(0, 5), ['-f', '-i', 'wan0', '-s', '/run/hook/dhcp4.1']);
  t.ok(await world.say(service, 'deconfig'));
  t.equal(world.installs, 0, 'deconfig of the start takes nothing away');
  world.wire(DHCP.DISCOVER);
  t.equal(service.observed.clients[0]?.dhcpStatus, 'Selecting');
  world.wire(DHCP.OFFER);
  world.wire(DHCP.REQUEST);
  t.equal(service.observed.clients[0]?.dhcpStatus, 'Requesting');
  t.ok(await world.bound(service));
  t.equal(world.address, '198.51.100.20');
  t.match(service.observed.clients[0], {
    status: 'Enabled',
    dhcpStatus: 'Bound',
    counts: { discover: 1, offer: 1, request: 1 },
    lease: { leaseSec: 100 },
  });
  t.equal(world.disk.size, 1, 'on disk before it was acknowledged');

  service.apply({ clients: [{ ...CONFIG, enable: false }] });
  t.same(world.child.signals, ['SIGUSR2']);
  t.equal(world.address, '198.51.100.20', 'the RELEASE still needs the address');
  world.wire(DHCP.RELEASE, { ciaddr: '198.51.100.20', broadcast: false });
  t.equal(world.plan, undefined);
  await settled();
  t.same(world.child.signals, ['SIGUSR2', 'SIGTERM']);
  t.match(service.observed.clients[0], { status: 'Disabled', pid: undefined, lease: undefined });
  t.equal(world.taps, 0);
  await service[Symbol.asyncDispose]();
  t.equal(world.clock.pending, 0, 'no timer is left');
});

t.test('a client that is killed comes back at once and the address never leaves', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  await world.bound(service);
  for (let i = 1; i <= 20; i++) {
    world.child.die();
    await settled();
    t.equal(world.children.length, i + 1, 'started again');
    t.equal(world.address, '198.51.100.20');
    t.ok(world.child.args.includes('198.51.100.20'), 'asks for its address');
    await world.say(service, 'deconfig');
    t.equal(world.address, '198.51.100.20');
    await world.bound(service);
  }
  t.equal(service.observed.clients[0]?.restarts, 20);
  await service[Symbol.asyncDispose]();
});

t.test('a client that always dies is tried with growing pauses', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  const pauses: (number | undefined)[] = [];
  for (let i = 0; i < 8; i++) {
    const before = world.children.length;
    world.child.die();
    await settled();
    if (world.children.length === before) {
      pauses.push(world.clock.nextDelayMs);
      world.clock.advance(world.clock.nextDelayMs ?? 0);
    }
    t.equal(world.children.length, before + 1);
  }
  t.same(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]);
  await service[Symbol.asyncDispose]();
});

t.test('a silent server: renewal at T1, the address goes at expiry and not before', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  await world.bound(service);
  world.clock.advance(50_000);
  t.equal(service.observed.clients[0]?.dhcpStatus, 'Renewing');
  world.clock.advance(1500);
  await settled();
  t.same(world.child.signals, ['SIGUSR1'], 'udhcpc is told to ask');
  t.ok((await service.renew('dhcp4.1')).ok);
  t.same(world.child.signals, ['SIGUSR1'], 'once: a second signal would make it start over');
  await world.say(service, 'deconfig');
  t.equal(world.address, '198.51.100.20', 'udhcpc gave up early; the lease is still valid');
  world.clock.advance(48_000);
  t.equal(world.address, '198.51.100.20');
  world.clock.advance(600);
  t.equal(world.plan, undefined);
  await service[Symbol.asyncDispose]();
});

t.test('NAK takes the address away, a new lease gives another', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  await world.bound(service);
  await world.say(service, 'nak', { message: 'go away' });
  t.equal(world.plan, undefined);
  await world.bound(service, { ip: '198.51.100.30' });
  t.equal(world.address, '198.51.100.30');
  await service[Symbol.asyncDispose]();
});

t.test('an ACK that the hook is silent about is taken from the wire after a second', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  await world.bound(service);
  world.clock.advance(50_000);
  world.wire(DHCP.REQUEST, { ciaddr: '198.51.100.20', broadcast: false, xid: 9 });
  world.wire(DHCP.ACK, { xid: 9, lease: 500 });
  t.equal(service.observed.clients[0]?.dhcpStatus, 'Renewing');
  world.clock.advance(1000);
  t.match(service.observed.clients[0], { dhcpStatus: 'Bound', lease: { leaseSec: 500 } });
  world.wire(DHCP.ACK, { xid: 1, lease: 9 });
  world.wire(DHCP.NAK, { xid: 1 });
  world.wire(DHCP.NAK, { xid: 9, chaddr: '02000000ffff' });
  t.match(
    service.observed.clients[0],
    { dhcpStatus: 'Bound', counts: { nack: 0, discarded: 2 } },
    'answers to others count for nothing',
  );
  await service[Symbol.asyncDispose]();
});

t.test(
  'what is recovered is told at once, and nothing is started before it is applied',
  async (t) => {
    const world = new World();
    const first = world.service();
    first.apply({ clients: [CONFIG] });
    await world.bound(first);
    await first[Symbol.asyncDispose]();
    world.children.length = 0;
    const second = world.service();
    second.recover({ clients: [CONFIG] });
    t.equal(second.observed.clients[0]?.lease?.leaseSec, 100);
    t.equal(world.address, '198.51.100.20');
    second.linksChanged();
    t.equal(world.children.length, 0);
    second.apply({ clients: [CONFIG] });
    t.equal(world.children.length, 1);
    await second[Symbol.asyncDispose]();
  },
);

t.test(
  'a restarted daemon adopts the running client and its lease: no signal, no removal',
  async (t) => {
    const world = new World();
    const first = world.service();
    first.apply({ clients: [CONFIG] });
    await world.bound(first);
    const child = world.child;
    await first[Symbol.asyncDispose]();
    t.ok(child.released);
    t.equal(world.address, '198.51.100.20');

    world.running = [child];
    world.children.length = 0;
    world.plan = undefined;
    world.clock.setWall(Date.UTC(2036, 0, 1));
    const second = world.service();
    second.apply({ clients: [CONFIG] });
    t.equal(world.children.length, 0, 'none was started');
    t.same(child.signals, []);
    t.equal(world.address, '198.51.100.20', 'whatever became of the wall clock');
    t.match(second.observed.clients[0], { dhcpStatus: 'Bound', pid: child.identity.pid });
    world.clock.advance(200_000);
    t.equal(world.plan, undefined, 'and it still ends on time');
    await second[Symbol.asyncDispose]();
  },
);

t.test('strays and clients with other arguments are ended, the lease is kept', async (t) => {
  const world = new World();
  const first = world.service();
  first.apply({ clients: [CONFIG] });
  await world.bound(first);
  await first[Symbol.asyncDispose]();
  const old = world.child;
  const stray = new Child({ pid: 999, startTicks: 1 }, ['-f', '-i', 'other']);
  world.running = [stray, old];
  world.children.length = 0;
  const second = world.service();
  second.apply({ clients: [{ ...CONFIG, requestOptions: [3, 6, 42] }] });
  t.same([stray.signals, old.signals], [['SIGTERM'], ['SIGTERM']]);
  t.equal(world.children.length, 1);
  t.ok(world.child.args.includes('198.51.100.20'));
  t.equal(world.address, '198.51.100.20');
  await second[Symbol.asyncDispose]();
});

t.test('after a reboot nothing is recovered, and the last address is asked for', async (t) => {
  const world = new World();
  const first = world.service();
  first.apply({ clients: [CONFIG] });
  await world.bound(first);
  await first[Symbol.asyncDispose]();
  for (const [key, value] of world.disk) {
    const text = new TextDecoder().decode(value).replace('boot-1', 'boot-0');
    world.disk.set(key, new TextEncoder().encode(text));
  }
  world.plan = undefined;
  const second = world.service();
  second.apply({ clients: [CONFIG] });
  t.equal(world.plan, undefined);
  t.same(world.child.args.slice(-2), ['-r', '198.51.100.20']);
  await second[Symbol.asyncDispose]();
});

t.test('a record that cannot be read costs the lease, not the daemon', async (t) => {
  for (const bytes of [
    '',
    '{}',
    '{"v":1}',
    '{"v":1,"bootId":"b","ifName":"wan0","lease":{}}',
    'null',
  ]) {
    const world = new World();
    world.disk.set('dhcp4/dhcp4.1', new TextEncoder().encode(bytes));
    const service = world.service();
    service.apply({ clients: [CONFIG] });
    t.equal(world.children.length, 1, bytes);
    await service[Symbol.asyncDispose]();
  }
});

t.test('links: none, gone, replaced, and a cable that comes back', async (t) => {
  const world = new World();
  world.links = [];
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  t.match(service.observed.clients[0], { status: 'Error', reason: /no interface wan0/ });
  t.equal(world.children.length, 0);
  world.links = [link(2, { adminUp: false, carrier: false })];
  service.linksChanged();
  t.equal(world.children.length, 0, 'not on a link that is down');
  world.links = [link(2)];
  service.linksChanged();
  t.equal(world.children.length, 1);
  await world.bound(service);

  world.links = [link(2, { carrier: false })];
  service.linksChanged();
  t.equal(world.address, '198.51.100.20', 'a pulled cable takes nothing away');
  world.links = [link(2)];
  service.linksChanged();
  await settled();
  t.equal(world.children.length, 2, 'the cable came back: it starts over');
  t.ok(world.child.args.includes('198.51.100.20'), 'and asks for the address');
  t.equal(world.address, '198.51.100.20', 'that it keeps meanwhile');
  await world.bound(service);

  const old = world.child;
  world.links = [link(9)];
  service.linksChanged();
  t.equal(world.plan, undefined, 'the interface was replaced: the address went with it');
  await settled();
  t.same(old.signals, ['SIGTERM']);
  t.equal(world.children.length, 3);
  t.equal(world.taps, 1);
  await service[Symbol.asyncDispose]();
});

t.test('another interface: the old lease is given back before the new client starts', async (t) => {
  const world = new World();
  world.links = [link(2), link(3, { name: 'wan1' })];
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  await world.bound(service);
  const old = world.child;
  service.apply({ clients: [{ ...CONFIG, ifName: 'wan1' }] });
  t.equal(world.children.length, 1);
  world.wire(DHCP.RELEASE, { ciaddr: '198.51.100.20', broadcast: false });
  await settled();
  await settled();
  t.same(old.signals, ['SIGUSR2', 'SIGTERM']);
  t.equal(world.children.length, 2);
  t.same(world.child.args.slice(1, 3), ['-i', 'wan1']);
  await service[Symbol.asyncDispose]();
});

t.test('a full disk: the lease is used all the same, and it is said', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  world.diskFull = true;
  t.ok(await world.bound(service));
  t.equal(world.address, '198.51.100.20');
  t.match(world.log.messages('error').join(), /lease not stored/);
  await service[Symbol.asyncDispose]();
});

t.test('messages for nobody are refused', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  t.notOk(await world.say(service, 'bound', { ip: '198.51.100.66' }, 4242), 'a stranger process');
  t.notOk(await world.say(service, 'dance'), 'an unknown event');
  t.equal(world.plan, undefined);
  t.match(await service.renew('dhcp4.7'), { ok: false, error: /no DHCP client/ });
  await service[Symbol.asyncDispose]();
});

t.test('a refused lease is an error with its reason', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  await world.bound(service, { ip: '127.0.0.1' });
  t.match(service.observed.clients[0], { status: 'Error', reason: /127\.0\.0\.1 cannot be/ });
  await world.bound(service);
  t.match(service.observed.clients[0], { status: 'Enabled', reason: undefined });
  await service[Symbol.asyncDispose]();
});

t.test('names that udhcpc found unfit are not taken for names', async (t) => {
  const world = new World();
  const service = world.service();
  service.apply({ clients: [CONFIG] });
  await world.bound(service, { domain: 'bad', hostname: 'bad' });
  t.equal(service.observed.clients[0]?.lease?.domain, undefined);
  t.match(service.observed.clients[0]?.reason, /hostname ignored.*|domain ignored/);
  await service[Symbol.asyncDispose]();
});

t.test('the command line is exactly what was asked', async (t) => {
  const args = udhcpcArguments(
    {
      ...CONFIG,
      ifName: 'wan0',
      sentOptions: [
        { code: 60, hex: '4748' },
        { code: 61, hex: '01ff' },
      ],
    },
    '/run/hook/dhcp4.1',
    ipv4(0xc6336414),
  );
  t.same(args, [
    ...['-f', '-i', 'wan0', '-s', '/run/hook/dhcp4.1', '-t', '3', '-T', '2', '-A', '2', '-o'],
    ...[
      '-O',
      '3',
      '-O',
      '6',
      '-V',
      '',
      '-C',
      '-x',
      '0x3c:4748',
      '-x',
      '0x3d:01ff',
      '-r',
      '198.51.100.20',
    ],
  ]);
  t.ok(
    udhcpc.same(args, { args: args.slice(0, -2), files: [], stale: [] }, () => undefined),
    'the requested address makes no difference',
  );
  t.notOk(udhcpc.same(args, { args: args.slice(0, -4), files: [], stale: [] }, () => undefined));
});
