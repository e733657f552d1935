/**
 * The clients of other people's machines against the daemon, all at once: from the first DISCOVER to
 * the NAK after a move. What they say and hear is read on the switch.
 */
import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { DhcpLan, POOL, SERVER } from '../lib/dhcp-lan.ts';
import type { Server } from '../lib/isp.ts';
import { noNamespaces } from '../lib/netns.ts';
import { type Kind, PROGRAMS, RealClient } from '../lib/real-clients.ts';

t.setTimeout(290_000);

const LEASE_SEC = 60;
/** Longer than any client waits before it does something. */
const MOST_MS = (LEASE_SEC + 10) * 1000;
const SECOND = 'Device.IP.Interface.4';
const OPTIONS = {
  26: '0578',
  42: 'c0a8017b',
  119: '04686f6d65076578616d706c6500036c616e00',
  121: '00c0a80101100a09c0a80102',
};

const rows: Record<string, string> = {
  [`${POOL}LeaseTime`]: String(LEASE_SEC),
  [`${POOL}DNSServers`]: '192.168.1.53,192.168.1.54',
  [`${POOL}DomainName`]: 'home.example',
  [`${SECOND}.Enable`]: 'true',
  [`${SECOND}.X_GATEHOUSE_Zone`]: 'Lan',
  [`${SECOND}.IPv4Address.1.Enable`]: 'true',
  [`${SECOND}.IPv4Address.1.IPAddress`]: '192.168.2.1',
  [`${SECOND}.IPv4Address.1.SubnetMask`]: '255.255.255.0',
  [`${SERVER}Pool.2.Enable`]: 'true',
  [`${SERVER}Pool.2.Order`]: '2',
  [`${SERVER}Pool.2.Interface`]: SECOND,
  [`${SERVER}Pool.2.MinAddress`]: '192.168.2.100',
  [`${SERVER}Pool.2.MaxAddress`]: '192.168.2.199',
};
for (const [i, [tag, value]] of Object.entries(OPTIONS).entries()) {
  rows[`${POOL}Option.${i + 1}.Enable`] = 'true';
  rows[`${POOL}Option.${i + 1}.Tag`] = tag;
  rows[`${POOL}Option.${i + 1}.Value`] = value;
}

/** One client on a node of its own, and what passes on the switch because of it. */
class Guest {
  readonly client: RealClient;
  readonly kind: Kind;
  readonly node: string;
  readonly #lan: DhcpLan;
  readonly #witness: Server;
  readonly #mac: string;
  #mark = 0;

  constructor(lan: DhcpLan, witness: Server, kind: Kind, node: string) {
    this.kind = kind;
    this.node = node;
    this.#lan = lan;
    this.#witness = witness;
    this.client = lan.use(new RealClient(lan.spaces, node, kind));
    this.#mac = lan.spaces.exec(node, 'cat', '/sys/class/net/eth0/address').trim();
  }

  mark(): void {
    this.#mark = this.#witness.lines.length;
  }

  /** Waits until it said, or was told, this since the mark; gives the address that it was about. */
  async seen(what: string): Promise<string> {
    const wanted = `${this.#mac} ${what}`;
    const heard = () => this.#witness.lines.slice(this.#mark).find((said) => said.includes(wanted));
    try {
      const line = await this.#lan.router.until(`${this.node}: ${what}`, heard, MOST_MS);
      return line.split(' ')[4] ?? '';
    } catch (cause) {
      const talk = this.talk.join(', ');
      throw new Error(`after ${talk}; it says ${this.client.said.slice(-1000)}`, { cause });
    }
  }

  /** Types and states since the mark, each said once in a row. */
  get talk(): string[] {
    return this.#witness.lines
      .slice(this.#mark)
      .filter((line) => line.includes(` ${this.#mac} `))
      .map((line) => line.split(' ').slice(2, 4).join(' '))
      .filter((said, i, all) => said !== all[i - 1]);
  }

  hasAddress(address: string): Promise<string> {
    const { client } = this;
    return this.#lan.router.until(`${this.node} has ${address}`, () =>
      client.addresses.includes(`${address}/`) ? address : undefined,
    );
  }

  /** Nothing that is sent to `address` on port 67 leaves the node's port any more. */
  block(address: string): void {
    const table = `netdev ${this.node}`;
    this.#nft(
      `add table ${table}; add chain ${table} c { type filter hook ingress device to-${this.node} priority 0; }; add rule ${table} c ip daddr ${address} udp dport 67 drop`,
    );
  }

  unblock(): void {
    this.#nft(`delete table netdev ${this.node}`);
  }

  #nft(rules: string): void {
    this.#lan.spaces.exec('sw', 'nft', rules);
  }
}

/** What it shows for the options, in its own way of writing them. */
const SHOWS: Readonly<Record<Kind, readonly RegExp[]>> = {
  udhcpc: [
    /router=192\.168\.1\.1 dns=192\.168\.1\.53 192\.168\.1\.54 domain=home\.example /,
    /search=home\.example lan routes=0\.0\.0\.0\/0 192\.168\.1\.1 10\.9\.0\.0\/16 192\.168\.1\.2 /,
    /ntp=192\.168\.1\.123 mtu=1400/,
  ],
  dhclient: [
    /router=192\.168\.1\.1 dns=192\.168\.1\.53 192\.168\.1\.54 domain=home\.example /,
    /search=home\.example\. lan\. routes=0 192 168 1 1 16 10 9 192 168 1 2 /,
    /ntp=192\.168\.1\.123 mtu=1400/,
  ],
  dhcpcd: [
    /dns=192\.168\.1\.53 192\.168\.1\.54 domain=home\.example /,
    /search=home\.example lan routes=0\.0\.0\.0\/0 192\.168\.1\.1 10\.9\.0\.0\/16 192\.168\.1\.2 /,
    /ntp=192\.168\.1\.123 mtu=1400/,
  ],
  networkd: [
    /^ROUTER=192\.168\.1\.1$/m,
    /^DNS=192\.168\.1\.53 192\.168\.1\.54$/m,
    /^NTP=192\.168\.1\.123$/m,
    /^MTU=1400$/m,
    /^DOMAINNAME=home\.example$/m,
    /^DOMAIN_SEARCH_LIST=home\.example lan$/m,
    /^CLASSLESS_ROUTES=0\.0\.0\.0\/0,192\.168\.1\.1 10\.9\.0\.0\/16,192\.168\.1\.2$/m,
  ],
};

/** They start with INIT-REBOOT where they had a lease. */
const KEEPS: ReadonlySet<Kind> = new Set(['dhclient', 'dhcpcd']);

async function acquire(t: Test, guest: Guest): Promise<string> {
  guest.mark();
  guest.client.start();
  const address = await guest.seen('ACK');
  t.match(address, /^192\.168\.1\.\d+$/, `${guest.node} acquires`);
  await guest.hasAddress(address);
  return address;
}

async function rebind(t: Test, guest: Guest, address: string): Promise<void> {
  guest.block('192.168.1.1');
  guest.mark();
  guest.client.renew();
  t.equal(await guest.seen('REQUEST rebinding'), address);
  t.equal(await guest.seen('ACK'), address, `${guest.node} rebinds`);
  guest.unblock();
}

/** All that a client does in its life, but for rebinding. */
async function life(t: Test, lan: DhcpLan, guest: Guest): Promise<void> {
  const { client, kind, node } = guest;
  const { router } = lan;
  const leases = async (state: string, address: string): Promise<boolean> => {
    const answer = await router.call('gatehouse.dhcp-server', 'leases', { all: true });
    const { leases: all } = answer['data'] as { leases: { address: string; state: string }[] };
    return all.some((lease) => lease.address === address && lease.state === state);
  };

  const address = await acquire(t, guest);
  await router.until(`${node} was told`, () =>
    SHOWS[kind].every((shown) => shown.test(client.told)),
  );
  t.pass(`${node} shows every option`);

  guest.mark();
  client.renew();
  t.equal(await guest.seen('REQUEST renewing'), address);
  t.equal(await guest.seen('ACK to-one'), address, `${node} renews`);
  if (kind === 'udhcpc' || kind === 'dhclient') await rebind(t, guest, address);

  await client.kill();
  guest.mark();
  client.start();
  // Who keeps nothing asks from the start, and gets what it had.
  if (KEEPS.has(kind)) t.equal(await guest.seen('REQUEST init-reboot'), address);
  t.equal(await guest.seen('ACK'), address, `${node} has the same address after a restart`);
  await guest.hasAddress(address);

  guest.mark();
  client.release();
  t.equal(await guest.seen('RELEASE'), address, `${node} releases`);
  await router.until(`${address} is free`, () => leases('free', address));
  await client.kill();

  // networkd 252 finds the conflict, but has no route for its DECLINE, and stays without an address.
  if (kind !== 'networkd') {
    // Somebody takes the address meanwhile, by hand.
    lan.spaces.exec(`x-${node}`, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
    guest.mark();
    client.start();
    t.equal(await guest.seen('DECLINE'), address, `${node} declines`);
    await router.until(`${address} is in quarantine`, () => leases('declined', address));
    guest.mark();
    const another = await guest.seen('ACK');
    t.not(another, address, 'and gets another');
    await guest.hasAddress(another);
  }

  if (kind !== 'udhcpc') await client.kill();
  lan.move(node, 1);
  guest.mark();
  if (kind === 'udhcpc') client.renew();
  else client.start();
  if (kind !== 'networkd') await guest.seen('NAK');
  const there = await guest.seen('ACK');
  t.match(there, /^192\.168\.2\.\d+$/, `${node} gets an address there after a move`);
  await guest.hasAddress(there);
  t.comment(`${node} after the move: ${guest.talk.join(', ')}`);
}

const KINDS = Object.keys(PROGRAMS) as Kind[];
const here = KINDS.filter((kind) => existsSync(PROGRAMS[kind]));

t.test(`real clients: ${here.join(', ')}`, { skip: noNamespaces() ?? false }, async (t) => {
  for (const kind of KINDS) {
    if (!here.includes(kind)) t.comment(`skipped: ${PROGRAMS[kind]} is not here`);
  }
  await using lan = new DhcpLan('real', { segments: 2, rows });
  // These two rebind when seven eighths of the lease are over, and not before.
  const slow = here.filter((kind) => kind === 'dhcpcd' || kind === 'networkd');
  for (const kind of here) for (const node of [kind, `x-${kind}`]) lan.plug(node);
  for (const kind of slow) lan.plug(`${kind}-b`);
  const witness = await lan.witness();
  await lan.start();
  const ports = Object.entries(await lan.router.get('Device.Ethernet.Interface.*.Name'));
  const second = ports.find(([, name]) => name === 'lan1')?.[0].replace(/\.Name$/, '') ?? '';
  t.same(await lan.router.set({ [`${SECOND}.LowerLayers`]: second }), []);
  await lan.served();
  await lan.served(`${SERVER}Pool.2.`);
  await Promise.all([
    ...here.map((kind) => life(t, lan, new Guest(lan, witness, kind, kind))),
    ...slow.map(async (kind) => {
      const guest = new Guest(lan, witness, kind, `${kind}-b`);
      await rebind(t, guest, await acquire(t, guest));
    }),
  ]);
  const { counts } = await lan.status();
  t.equal(counts.discarded, 0, 'nothing that a client sends is refused');
  t.comment(
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
  );
});
