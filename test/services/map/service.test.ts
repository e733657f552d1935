import t from 'tap';
import { fromHex } from '../../../src/base/bytes.ts';
import { SystemError } from '../../../src/base/errors.ts';
import { formatPrefix } from '../../../src/base/ip.ts';
import { parseIpv6Prefix } from '../../../src/base/ip6.ts';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type {
  AddressPlan,
  ChildProcess,
  Link,
  PlannedRoute6,
  Processes,
  RunResult,
} from '../../../src/os/ports.ts';
import type { MapConfig, MapObserved, MapOffer } from '../../../src/services/map/config.ts';
import { MapService } from '../../../src/services/map/service.ts';
import { NAT46_CONTROL } from '../../../src/services/map/translator.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';

const KEA = fromHex('00590015011018c00002002820010db800005d000406083400005b00094020010db8ffff0000');
const BAD = fromHex('0059000101');
if (KEA === undefined || BAD === undefined) throw new Error('hex');

const prefix6 = (text: string) => {
  const parsed = parseIpv6Prefix(text);
  if (!parsed.ok) throw new Error(text);
  return parsed.value;
};
const NONE: MapConfig = { enable: true, domains: [] };
const OFFER: MapOffer = {
  ...{ client: 'dhcp6.1', wan: 'wan0', mapT: [KEA], mapE: [], answer: '1' },
  delegated: [prefix6('2001:db8:12:3400::/56')],
};
const LINK = 'gh-mapd1';

class Child implements ChildProcess {
  readonly identity;
  readonly exited: Promise<void>;
  readonly signals: string[] = [];
  released = false;
  end: () => void = () => {};
  constructor(pid: number) {
    this.identity = { pid, startTicks: pid };
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }
  signal(name: string): boolean {
    this.signals.push(name);
    this.end();
    return true;
  }
  release(): void {
    this.released = true;
  }
}

/** A box whose kernel, nft and tayga do as they are told; what happened is in `events`, in order. */
class House {
  readonly clock = new FakeClock();
  readonly log = new MemoryLog();
  readonly files = new Map<string, string>();
  readonly events: string[] = [];
  readonly children: Child[] = [];
  readonly tables: string[] = [];
  readonly plans = new Map<string, AddressPlan>();
  readonly routes6 = new Map<string, readonly PlannedRoute6[]>();
  links: Link[] = [this.link('wan0', 2, 1500, true)];
  offers: readonly MapOffer[] = [];
  nftFails = false;
  taygaFails = false;
  observed: MapObserved | undefined;
  readonly service = new MapService({
    ...{ clock: this.clock, log: this.log, nft: 'nft', tayga: 'tayga', folder: '/run/map' },
    processes: {
      run: (file: string, args: readonly string[], { stdin }: { stdin?: string }) =>
        this.#run(file, args, stdin),
      spawn: () => {
        const child = new Child(100 + this.children.length);
        this.children.push(child);
        this.events.push('spawn');
        return ok(child);
      },
      findByArguments: () => new Map(),
      adopt: () => undefined,
    } as unknown as Processes,
    files: {
      readText: (path) => {
        const text = this.files.get(path);
        return text === undefined ? err(new SystemError(path, 'ENOENT')) : ok(text);
      },
      writeAtomic: (path, text) => {
        this.files.set(path, text);
        this.events.push(`write ${path}`);
        return ok(undefined);
      },
      writeExisting: (path, text) => {
        this.events.push(`${path}: ${text.trim()}`);
        const [verb, name = ''] = text.split(' ');
        if (verb === 'add') this.links.push(this.link(name.trim(), 9, 1500, false));
        return ok(undefined);
      },
    },
    directories: { remove: () => ok(undefined) },
    planner: {
      set: (owner, plan) => {
        this.events.push(plan === undefined ? `withdraw ${owner}` : `plan ${owner}`);
        if (plan === undefined) this.plans.delete(owner);
        else this.plans.set(owner, plan);
        return [];
      },
      setRoutes6: (owner, routes) => {
        this.routes6.set(owner, routes);
        return [];
      },
    },
    flows: { to: () => ok([]) },
    offers: () => this.offers,
    links: () => this.links,
    argumentsOf: () => [],
    report: (value) => {
      this.observed = value;
    },
  });

  link(name: string, ifIndex: number, mtu: number, adminUp: boolean): Link {
    return { name, ifIndex, mtu, adminUp } as Link;
  }

  /** The network carries out a plan. */
  carryOut(): void {
    for (const { ifName, mtu = 1500 } of this.plans.values()) {
      this.links = this.links.map((link) =>
        link.name === ifName ? { ...link, mtu, adminUp: true } : link,
      );
    }
    this.service.linksChanged();
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }

  async #run(
    file: string,
    args: readonly string[],
    stdin: string | undefined,
  ): Promise<Result<RunResult, SystemError>> {
    if (file === 'tayga') {
      if (this.taygaFails) return err(new SystemError('tayga: not found', 'ENOENT'));
      const name = /([^/]+)\.conf$/.exec(args.at(-1) ?? '')?.[1] ?? '';
      this.events.push(`${args[0]} ${name}`);
      if (args[0] === '--mktun') this.links.push(this.link(name, 7, 1500, false));
      else this.links = this.links.filter((link) => link.name !== name);
    } else if (stdin !== undefined) {
      if (this.nftFails) return ok({ code: 1, stdout: '', stderr: 'no memory\n' });
      this.events.push('table');
      this.tables.push(stdin);
    }
    return ok({ code: 0, stdout: 'listed', stderr: '' });
  }
}

/** With what DHCPv6 told in effect. */
async function standing(): Promise<House> {
  const house = new House();
  house.offers = [OFFER];
  await house.service.apply(NONE);
  house.carryOut();
  await house.settle();
  return house;
}

t.test('link, table, address, and the translator when its link is up', async (t) => {
  const house = new House();
  house.offers = [OFFER];
  t.same(await house.service.apply(NONE), []);
  t.same(house.events, [
    'write /run/map/gh-mapd1.conf',
    '--mktun gh-mapd1',
    'table',
    `plan map.${LINK}`,
  ]);
  const plan = house.plans.get(`map.${LINK}`);
  t.equal(plan && formatPrefix(plan), '192.0.2.18/32');
  t.equal(house.routes6.get(`map.${LINK}`)?.length, 2);
  t.match(house.observed?.domains[0], { status: 'Enabled', engine: 'tayga', mtu: 1480 });
  house.carryOut();
  await house.settle();
  t.equal(house.events.at(-1), 'spawn');
  // The same again changes nothing.
  const before = house.events.length;
  house.offers = [{ ...OFFER, answer: '2' }];
  house.service.offersChanged();
  await house.service.apply(NONE);
  await house.settle();
  const after = new Set(house.events.slice(before));
  t.same([...after], [`plan map.${LINK}`], 'a plan may be given twice');
  await house.service[Symbol.asyncDispose]();
  t.equal(house.clock.pending, 0);
  t.match(house.children[0], { released: true, signals: [] }, 'it lives on');
});

t.test('what nft refuses is told and tried again', async (t) => {
  const house = new House();
  house.offers = [OFFER];
  house.nftFails = true;
  t.match(await house.service.apply(NONE), [/nft: no memory; the kernel needs/]);
  t.match(house.observed?.domains[0], { status: 'Error', reason: /no memory/ });
  t.notOk(house.events.includes(`plan map.${LINK}`), 'nothing leaves without its ports');
  house.nftFails = false;
  house.clock.advance(1000);
  await house.settle();
  t.match(house.observed?.domains[0], { status: 'Enabled', reason: undefined });
  await house.service[Symbol.asyncDispose]();
});

t.test('without tayga the reason says so, and it is tried again', async (t) => {
  const house = new House();
  house.offers = [OFFER];
  house.taygaFails = true;
  t.match(await house.service.apply(NONE), [/gh-mapd1: tayga: not found/]);
  t.match(house.observed?.domains[0], { status: 'Error', reason: /not found/ });
  house.taygaFails = false;
  house.clock.advance(1000);
  await house.settle();
  t.match(house.observed?.domains[0], { status: 'Enabled' });
  await house.service[Symbol.asyncDispose]();
});

t.test('a new MTU of the WAN: other MSS, and the translator learns it', async (t) => {
  const house = await standing();
  t.match(house.tables.at(-1), /maxseg size set 1440/);
  house.links = house.links.map((link) => (link.name === 'wan0' ? { ...link, mtu: 1400 } : link));
  house.service.linksChanged();
  await house.settle();
  house.carryOut();
  await house.settle();
  t.match(house.tables.at(-1), /maxseg size set 1340/);
  t.same(house.children[0]?.signals, ['SIGTERM']);
  t.equal(house.children.length, 2);
  t.equal(house.observed?.domains[0]?.mtu, 1380);
  t.equal(house.observed?.domains[0]?.restarts, 0, 'nobody died');
  await house.service[Symbol.asyncDispose]();
});

t.test('another prefix: the address goes before it comes again', async (t) => {
  const house = await standing();
  const before = house.events.length;
  house.offers = [{ ...OFFER, delegated: [prefix6('2001:db8:56:7800::/56')], mapT: [KEA] }];
  house.service.offersChanged();
  await house.settle();
  // The port parameters of the rule say PSID 0x34, the new prefix 0x78.
  t.match(house.observed?.domains[0], { status: 'Error_Misconfigured', reason: /PSID is 120/ });
  t.same(house.events.slice(before), [`withdraw map.${LINK}`, `--rmtun ${LINK}`, 'table']);
  t.same(house.children[0]?.signals, ['SIGTERM']);
  t.match(
    house.tables.at(-1),
    /^table inet gatehouse_map \{\}\ndelete table inet gatehouse_map\n$/,
  );
  await house.service[Symbol.asyncDispose]();
  t.equal(house.clock.pending, 0);
});

t.test('malformed options count once for each answer', async (t) => {
  const house = new House();
  house.offers = [{ ...OFFER, mapT: [BAD] }];
  await house.service.apply(NONE);
  await house.service.apply(NONE);
  t.equal(house.observed?.refusedOptions, 1);
  t.match(house.observed?.refusal, /option 95/);
  house.offers = [{ ...OFFER, mapT: [BAD], mapE: [BAD], answer: '2' }];
  house.service.offersChanged();
  await house.settle();
  t.equal(house.observed?.refusedOptions, 3);
  t.same(house.observed?.domains, []);
  await house.service[Symbol.asyncDispose]();
});

t.test('a translator that dies is started again, later each time', async (t) => {
  const house = await standing();
  house.children[0]?.end();
  await house.settle();
  t.equal(house.children.length, 2, 'at once after good health');
  house.children[1]?.end();
  await house.settle();
  t.equal(house.children.length, 2);
  t.match(house.observed?.domains[0], { status: 'Error', reason: /tayga ended/, restarts: 2 });
  house.clock.advance(1000);
  await house.settle();
  t.equal(house.children.length, 3);
  t.match(house.observed?.domains[0], { status: 'Enabled' });
  await house.service[Symbol.asyncDispose]();
});

t.test('links of an earlier daemon that nobody wants go', async (t) => {
  const house = new House();
  house.links.push(house.link('gh-map7', 8, 1500, true));
  await house.service.apply(NONE);
  t.ok(house.events.includes('--rmtun gh-map7'));
  await house.service[Symbol.asyncDispose]();
});

t.test('with nat46 the kernel translates', async (t) => {
  const house = new House();
  house.files.set(NAT46_CONTROL, '');
  house.offers = [OFFER];
  await house.service.apply(NONE);
  house.carryOut();
  await house.settle();
  t.same(house.events.slice(0, 2), [
    `${NAT46_CONTROL}: add ${LINK}`,
    `${NAT46_CONTROL}: config ${LINK} local.style MAP local.v4 192.0.2.0/24 local.v6 2001:db8::/40 local.ea-len 16 local.psid-offset 6 local.fmr-flag 1 remote.style RFC6052 remote.v4 0.0.0.0/0 remote.v6 2001:db8:ffff::/64`,
  ]);
  t.equal(house.children.length, 0);
  t.match(house.observed?.domains[0], { status: 'Enabled', engine: 'nat46' });
  house.offers = [];
  house.service.offersChanged();
  await house.settle();
  t.ok(house.events.includes(`${NAT46_CONTROL}: del ${LINK}`));
  await house.service[Symbol.asyncDispose]();
});
