/** The service with a machine around it that a test can pull at. */
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import type { Mac } from '../../../src/base/ip.ts';
import { formatPrefix6 } from '../../../src/base/ip6.ts';
import { err, ok } from '../../../src/base/result.ts';
import type {
  AddressPlan6,
  ChildProcess,
  Directories,
  Files,
  Link,
  PacketTaps,
  Processes,
  ProcessIdentity,
} from '../../../src/os/ports.ts';
import type { HookMessage } from '../../../src/services/client-programs/program.ts';
import type {
  Client6Config,
  Dhcp6ClientConfig,
  LanPrefix6,
} from '../../../src/services/dhcp6-client/config.ts';
import { dibbler } from '../../../src/services/dhcp6-client/dibbler.ts';
import { Dhcp6ClientService } from '../../../src/services/dhcp6-client/service.ts';
import { DHCP6 } from '../../../src/wire/dhcp6.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { MemoryStore } from '../../state/memory-store.ts';
import { at, frame, ia, lease, net, type Said, SERVER } from './talk.ts';

const CLIENT: Client6Config = {
  ...{ id: 'dhcp6.1', instance: 1, enable: true, ifName: 'wan0', requestAddresses: true },
  ...{ prefixHints: [net('::/0')], rapidCommit: false, requestedOptions: [], sentOptions: [] },
  ...{ suggestedT1Sec: undefined, suggestedT2Sec: undefined, useResolvers: true },
};
const CONFIG: Dhcp6ClientConfig = {
  clients: [CLIENT],
  lans: [{ id: 'Device.IP.Interface.2', ifName: 'lan0', subnet: 2, chosen: false }],
};
const ASKED = [ia('na', 256), ia('pd', 257)];
const given = (prefix = '2001:db8:1::/56') => [
  ia('na', 256, [lease('2001:db8::5')]),
  ia('pd', 257, [lease(prefix)]),
];

class World {
  readonly clock = new FakeClock();
  readonly store = new MemoryStore();
  readonly log = new MemoryLog();
  readonly files = new Map<string, string>();
  readonly plans = new Map<string, AddressPlan6>();
  readonly signals: string[] = [];
  running: ProcessIdentity[] = [];
  lan: readonly LanPrefix6[] = [];
  links: Link[] = [
    {
      ifIndex: 2,
      name: 'wan0',
      mac: '02:00:00:00:00:01' as Mac,
      adminUp: true,
      carrier: true,
    } as Link,
  ];
  linkLocal = true;
  heard: ((frame: Uint8Array, outgoing: boolean) => void) | undefined;
  starts = 0;
  #pid = 100;
  readonly #ends = new Map<number, () => void>();

  readonly #child = (identity: ProcessIdentity): ChildProcess => {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ends.set(identity.pid, resolve);
    return {
      identity,
      exited: promise,
      signal: (name) => {
        this.signals.push(name);
        this.end(identity.pid);
        return true;
      },
      release: () => {},
    };
  };

  get pid(): number {
    return this.running.at(-1)?.pid ?? 0;
  }

  /** Its process is gone. */
  end(pid = this.pid): void {
    this.running = this.running.filter((one) => one.pid !== pid);
    this.#ends.get(pid)?.();
  }

  async service(more: { readonly asRoot?: boolean; readonly none?: boolean } = {}) {
    const processes: Partial<Processes> = {
      spawn: () => {
        this.starts++;
        const identity = { pid: this.#pid++, startTicks: this.#pid };
        this.running.push(identity);
        return ok(this.#child(identity));
      },
      adopt: (identity) => this.#child(identity),
      findByArguments: (args) => new Map(args.map((arg) => [arg, [...this.running]])),
    };
    const taps: PacketTaps = {
      open: (_index, _filter, received) => {
        this.heard = received;
        return ok({ dropped: 0, [Symbol.asyncDispose]: async () => {} });
      },
    };
    const files: Partial<Files> = {
      readText: (path) => {
        const text = this.files.get(path);
        return text === undefined ? err(new SystemError(path, 'ENOENT')) : ok(text);
      },
      writeAtomic: (path, text) => {
        this.files.set(path, text);
        return ok(undefined);
      },
    };
    const directories: Partial<Directories> = {
      make: () => ok(undefined),
      remove: (path) => {
        this.files.delete(path);
        return ok(undefined);
      },
    };
    const service = new Dhcp6ClientService({
      ...{ clock: this.clock, log: this.log, store: this.store, bootId: 'boot-1', taps },
      processes: processes as Processes,
      files: files as Files,
      directories: directories as Directories,
      planner: {
        set6: (owner, plan) => {
          if (plan === undefined) this.plans.delete(owner);
          else this.plans.set(owner, plan);
          return [];
        },
      },
      program: more.none ? undefined : { face: dibbler, file: '/usr/sbin/dibbler-client' },
      ...{ asRoot: more.asRoot ?? false, hookDir: '/run/hook', workDir: '/run/dhcp6' },
      randomBytes: (count) => new Uint8Array(count).map((_, i) => i),
      linkHook: () => ok(undefined),
      linkOf: (name) => this.links.find((link) => link.name === name),
      linkLocalOf: () => (this.linkLocal ? at('fe80::1') : undefined),
      argumentsOf: () => ['/usr/sbin/dibbler-client', 'run', '-w', '/run/dhcp6/dhcp6.1'],
      lanChanged: (prefixes) => {
        this.lan = prefixes;
      },
      report: () => {},
    });
    await service.identify();
    return service;
  }

  /** One message on the wire, and what follows from it. */
  async say(service: Dhcp6ClientService, said: Said): Promise<void> {
    const incoming = said.type === DHCP6.ADVERTISE || said.type === DHCP6.REPLY;
    this.heard?.(frame({ duid: service.observed.duid, ...said }), !incoming);
    await settle();
  }

  async bind(service: Dhcp6ClientService, prefix?: string): Promise<void> {
    await this.say(service, { type: DHCP6.REQUEST, server: SERVER, options: ASKED });
    await this.say(service, { type: DHCP6.REPLY, options: given(prefix) });
  }

  get subnets(): readonly string[] {
    return this.lan.map(({ ifName, subnet }) => `${ifName} ${formatPrefix6(subnet)}`);
  }
}

/** Everything that is under way has come to its end, the disk too. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise<void>((done) => setImmediate(done));
};

const message = (
  world: World,
  env: Readonly<Record<string, string>>,
  boottimeMs?: number,
): HookMessage => ({
  ...{ clientId: 'dhcp6.1', event: 'add', clientPid: world.pid },
  boottimeMs: boottimeMs ?? world.clock.boottimeMs(),
  env: new Map(Object.entries({ SRV_MESSAGE: 'REPLY', CLNT_MESSAGE: 'REQUEST', ...env })),
});

t.test('it starts once the link is ready, and hands out what it gets', async (t) => {
  const world = new World();
  world.linkLocal = false;
  await using service = await world.service();
  service.apply(CONFIG);
  t.equal(world.starts, 0, 'duplicate detection is under way');
  world.linkLocal = true;
  service.linksChanged();
  t.equal(world.starts, 1);
  await world.bind(service);
  t.same(world.subnets, ['lan0 2001:db8:1:2::/64']);
  t.match(world.plans.get('lan6')?.addresses, [
    { ifName: 'lan0', address: at('2001:db8:1:2::1'), prefixLen: 64 },
  ]);
  t.match(world.plans.get('dhcp6.1'), {
    addresses: [{ ifName: 'wan0', address: at('2001:db8::5'), prefixLen: 128 }],
    unreachable: [net('2001:db8:1::/56')],
  });
  t.match(service.observed.clients[0], {
    status: 'Enabled',
    state: 'Bound',
    pid: world.pid,
    restarts: 0,
  });
  // Time alone ends it.
  world.clock.advance(1_300_000);
  await settle();
  t.same(world.subnets, []);
  t.equal(world.plans.size, 0);
  t.ok(
    world.signals.every((name) => name === 'SIGKILL'),
    'nothing is released',
  );
});

t.test('death of the program takes nothing away', async (t) => {
  const world = new World();
  await using service = await world.service();
  service.apply(CONFIG);
  await world.bind(service);
  world.end();
  await settle();
  t.equal(world.starts, 2);
  t.match(service.observed.clients[0], { restarts: 1, state: 'Init' });
  t.same(world.subnets, ['lan0 2001:db8:1:2::/64']);
  t.match(
    world.files.get('/run/dhcp6/dhcp6.1/client.conf'),
    /prefix 2001:db8:1:: \/ 56/,
    'it is asked for again',
  );
});

t.test(
  'death of the daemon neither; the program is taken over, and what it missed is asked for',
  async (t) => {
    const world = new World();
    const first = await world.service();
    first.apply(CONFIG);
    await world.bind(first);
    await first[Symbol.asyncDispose]();
    const duid = first.observed.duid;
    {
      await using second = await world.service();
      second.recover(CONFIG);
      t.same(
        world.subnets,
        ['lan0 2001:db8:1:2::/64'],
        'before anything is compared with what is wanted',
      );
      second.apply(CONFIG);
      t.equal(world.starts, 1, 'taken over');
      t.same(second.observed.duid, duid);
      t.match(second.observed.clients[0], { state: 'Bound' });
    }
    // The hook told the next one of an answer that nobody saw.
    world.clock.advance(10_000);
    const spooled = message(world, {
      ADDR1: '2001:db8::5',
      ADDR1VALID: '900',
      PREFIX1: '2001:db8:2::',
      PREFIX1LEN: '56',
      PREFIX1VALID: '900',
    });
    world.clock.advance(1000);
    await using third = await world.service();
    third.recover(CONFIG);
    third.apply(CONFIG);
    t.ok(await third.hook(spooled));
    await settle();
    t.same(world.subnets, ['lan0 2001:db8:2:2::/64']);
    world.clock.advance(0);
    await settle();
    t.equal(world.starts, 2, 'the rest is asked for');
    t.notOk(await third.hook({ ...spooled, clientPid: 7 }), 'a stranger');
  },
);

t.test('after a reboot nothing is held, and the same is asked for', async (t) => {
  const world = new World();
  const first = await world.service();
  first.apply(CONFIG);
  await world.bind(first);
  await first[Symbol.asyncDispose]();
  const key = [...world.store.entries('dhcp6-client/lease/')][0];
  const text = new TextDecoder().decode(key?.[1]).replace('sboot-1', 'sboot-0');
  await world.store.commit([
    { key: 'dhcp6-client/lease/dhcp6.1', value: new TextEncoder().encode(text) },
  ]);
  world.running = [];
  world.lan = [];
  await using second = await world.service();
  second.recover(CONFIG);
  t.same(world.subnets, []);
  second.apply(CONFIG);
  t.match(
    world.files.get('/run/dhcp6/dhcp6.1/client.conf'),
    /address 2001:db8::5[\s\S]*prefix 2001:db8:1:: \/ 56/,
  );
});

t.test('the hook says nothing new of an answer that was seen', async (t) => {
  const world = new World();
  await using service = await world.service();
  service.apply(CONFIG);
  await world.bind(service);
  const late = message(world, { PREFIX1: '2001:db8:9::', PREFIX1LEN: '56', PREFIX1VALID: '900' });
  t.ok(await service.hook(late));
  t.same(world.subnets, ['lan0 2001:db8:1:2::/64']);
  world.clock.advance(3000);
  t.ok(await service.hook({ ...late, boottimeMs: world.clock.boottimeMs() }));
  await settle();
  t.same(world.subnets, ['lan0 2001:db8:9:2::/64'], 'of one that was not seen it is heard');
});

t.test('disabled it gives everything back; what is no longer asked for goes', async (t) => {
  const world = new World();
  await using service = await world.service();
  service.apply(CONFIG);
  await world.bind(service);
  service.apply({ ...CONFIG, clients: [{ ...CLIENT, prefixHints: [] }] });
  await settle();
  t.same(world.subnets, []);
  t.ok(world.plans.has('dhcp6.1'), 'the address stays');
  await world.say(service, { type: DHCP6.SOLICIT, options: [ia('na', 256)] });
  service.apply({ ...CONFIG, clients: [{ ...CLIENT, enable: false }] });
  await settle();
  t.equal(world.signals.at(-1), 'SIGTERM', 'the signal by which it releases');
  t.equal(world.plans.size, 0);
  t.match(service.observed.clients[0], { status: 'Disabled', lease: undefined });
  t.match(service.renew('dhcp6.1'), { ok: false });
  t.match(service.renew('dhcp6.9'), { ok: false });
});

t.test('trap 4: as root dibbler is not started; without a program it is said', async (t) => {
  for (const [more, why] of [
    [{ asRoot: true }, /resolv.conf/],
    [{ none: true }, /no DHCPv6 client program/],
  ] as const) {
    const world = new World();
    await using service = await world.service(more);
    service.apply(CONFIG);
    t.equal(world.starts, 0);
    t.match(service.observed.clients[0], { status: 'Error', reason: why });
  }
});

t.test(
  'a server that contradicts itself makes it start anew every five seconds at most',
  async (t) => {
    const world = new World();
    await using service = await world.service();
    service.apply(CONFIG);
    await world.bind(service);
    for (let i = 0; i < 50; i++) {
      const options = [ia('pd', 257, [lease(`2001:db8:${i + 2}::/56`)])];
      await world.say(service, {
        type: DHCP6.RENEW,
        xid: i,
        server: SERVER,
        options: [ia('pd', 257)],
      });
      await world.say(service, { type: DHCP6.REPLY, xid: i, options });
      world.clock.advance(1000);
      await settle();
    }
    t.ok(world.starts <= 12, `${world.starts} starts in 50 s`);
    t.ok(world.lan.length <= 8);
  },
);
