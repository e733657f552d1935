/** Whatever clients, disk and owner do, in whatever order: no address is anybody's while it is somebody else's. */
import fc from 'fast-check';
import t from 'tap';
import { SystemError } from '../../../src/base/errors.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../../../src/base/ip.ts';
import { ok } from '../../../src/base/result.ts';
import { LeaseTable } from '../../../src/services/dhcp-server/lease.ts';
import { DHCP, type Dhcp4Message } from '../../../src/wire/dhcp4.ts';
import {
  type Answer,
  address as bytesOf,
  Client,
  ip,
  Lan,
  MemoryStore,
  mac,
  SERVER,
  type Setting,
  text,
} from './lan.ts';

const CLIENTS = 8;
const FIRST = ip('192.168.1.100');

interface Host {
  readonly client: Client;
  offer: Dhcp4Message | undefined;
  /** What it was acknowledged and may use. */
  has: { readonly address: Ipv4; readonly untilMs: number } | undefined;
}

type Step = readonly [what: number, who: number, where: number];

const row = { id: 's', enable: true, clientId: undefined, hostName: undefined };
const pool = { max: ip('192.168.1.105'), leaseSec: 600 };
const SETTINGS: readonly Setting[] = [
  { pools: [pool] },
  { pools: [{ ...pool, statics: [{ ...row, chaddr: mac(0), address: ip('192.168.1.102') }] }] },
  { pools: [{ ...pool, reserved: [ip('192.168.1.101')], max: ip('192.168.1.104') }] },
  // Two pools that overlap.
  { pools: [pool, { ...pool, id: 'pool2', min: ip('192.168.1.103'), max: ip('192.168.1.108') }] },
];

class World {
  lan = new Lan();
  readonly hosts: Host[];
  setting: Setting = SETTINGS[0] ?? {};
  /** Records that are on disk. */
  onDisk = 0;
  acks = 0;

  constructor() {
    this.hosts = Array.from({ length: CLIENTS }, (_, i) => ({
      // Some are known by an identifier.
      client: new Client(mac(i), i % 3 === 0 ? { 61: text(`\x01id${i}`) } : {}),
      offer: undefined,
      has: undefined,
    }));
  }

  async run([what, who, where]: Step): Promise<void> {
    const host = this.hosts[who];
    if (host === undefined) return;
    const { client } = host;
    const address = ipv4(FIRST + where);
    switch (what) {
      case 0:
        return this.talk(host, client.discover());
      case 1:
        return host.offer && this.talk(host, client.select(host.offer));
      case 2:
        return this.talk(host, client.reboot(address));
      case 3:
        return this.talk(host, client.renew(host.has?.address ?? address));
      case 4:
        return this.talk(host, client.rebind(host.has?.address ?? address));
      case 5:
        if (host.has?.address === address) host.has = undefined;
        return this.talk(host, client.release(address));
      case 6:
        if (host.has?.address === address) host.has = undefined;
        return this.talk(host, client.decline(address));
      case 7:
        // Somebody else speaks in its name.
        return this.talk(host, client.release(address, { sourceMac: mac(99) }));
      case 8:
        this.lan.clock.advance(where * 97_000);
        return;
      case 9:
        this.setting = SETTINGS[where % SETTINGS.length] ?? {};
        return await this.lan.apply(this.setting);
      case 10:
        return await this.restart();
      case 11:
        this.lan.store.fault = where < 3 ? 'EIO' : undefined;
        return;
      case 12:
        // All at once, in one batch.
        this.lan.hear(client.discover(), ...this.hosts.map((h) => h.client.discover()));
        return this.take();
      default: {
        const wish = where % 2 === 0 ? { options: { 50: bytesOf(address) } } : {};
        this.talk(host, client.discover(wish));
        if (host.offer !== undefined) this.talk(host, client.select(host.offer));
      }
    }
  }

  talk(host: Host, frame: Uint8Array): void {
    this.lan.hear(frame);
    const { store } = this.lan;
    const failing = store.fault !== undefined && store.records.length > this.onDisk;
    store.flush(failing ? new SystemError('write', 'EIO') : undefined);
    this.onDisk = store.records.length;
    this.take(host);
  }

  take(asked?: Host): void {
    for (const answer of this.lan.drain()) this.hear(answer, asked);
  }

  hear({ type, message }: Answer, asked: Host | undefined): void {
    const host = this.hosts.find((h) => h.client.mac.endsWith(`:0${message.chaddr[5]}`));
    if (host === undefined) throw new TypeError('an answer for nobody');
    if (type === DHCP.OFFER) host.offer = message;
    if (type === DHCP.NAK && host === asked) host.has = undefined;
    if (type !== DHCP.ACK) return;
    this.acks++;
    const sec = new DataView((message.options.get(51) ?? new Uint8Array(4)).buffer).getUint32(0);
    host.has = { address: message.yiaddr, untilMs: this.lan.clock.boottimeMs() + sec * 1000 };
  }

  /** The power fails: what is not on disk is gone. */
  async restart(): Promise<void> {
    const { clock, store, links } = this.lan;
    const table = new LeaseTable();
    for (const record of store.records.slice(0, this.onDisk)) {
      table.add({
        ...record,
        durableUntilMs: record.expiresAtMs,
        queuedForMs: Number.POSITIVE_INFINITY,
      });
    }
    const at = clock.boottimeMs();
    this.lan = new Lan();
    this.lan.clock.advance(at - this.lan.clock.boottimeMs());
    this.lan.links = links;
    this.lan.recovered = [...table];
    const kept = new MemoryStore();
    kept.records.push(...table);
    this.onDisk = kept.records.length;
    Object.assign(this.lan, { store: kept, opened: ok(kept) });
    for (const host of this.hosts) host.offer = undefined;
    await this.lan.apply(this.setting);
  }

  check(): void {
    const nowMs = this.lan.clock.boottimeMs();
    const users = new Map<Ipv4, string>();
    for (const { client, has } of this.hosts) {
      if (has === undefined || has.untilMs <= nowMs) continue;
      const other = users.get(has.address);
      if (other !== undefined) {
        throw new Error(`${formatIpv4(has.address)} is ${other}'s and ${client.mac}'s`);
      }
      users.set(has.address, client.mac);
    }
    const bound = new Map<Ipv4, string>();
    for (const lease of this.lan.service.leases()) {
      if (bound.has(lease.address)) throw new Error(`two leases on ${formatIpv4(lease.address)}`);
      bound.set(lease.address, lease.state);
      if (lease.address === SERVER) throw new Error('the server’s own address');
    }
    const { pools } = this.lan.service.observed;
    for (const { id, bound: said, size } of pools) {
      const real = [...this.lan.service.leases()].filter(
        (l) => l.pool === id && l.state === 'bound',
      );
      if (said !== real.length || said > size + 1)
        throw new Error(`${id}: ${said} of ${real.length}`);
    }
  }
}

t.test('never two on one address', async (t) => {
  let acks = 0;
  const step = fc.tuple(
    fc.integer({ min: 0, max: 20 }),
    fc.integer({ min: 0, max: CLIENTS - 1 }),
    fc.integer({ min: 0, max: 9 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const world = new World();
      await world.lan.apply(world.setting);
      for (const one of steps) {
        await world.run(one);
        world.check();
      }
      acks += world.acks;
      await world.lan.service[Symbol.asyncDispose]();
    }),
    { seed: 1, numRuns: 300 },
  );
  t.ok(acks > 2000, `${acks} leases were acknowledged on the way`);
});
