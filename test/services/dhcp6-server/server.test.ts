import t from 'tap';
import { toHex } from '../../../src/base/bytes.ts';
import type { Mac } from '../../../src/base/ip.ts';
import { contains6, formatIpv6, formatPrefix6, linkLocalOf } from '../../../src/base/ip6.ts';
import { MESSAGES } from '../../../src/services/dhcp6-server/machine.ts';
import { DHCP6, type Dhcp6Option, type Dhcp6Relay } from '../../../src/wire/dhcp6.ts';
import { CODEC6, OPTION6, option6, STATUS6 } from '../../../src/wire/dhcp6-options.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryStore } from '../../state/memory-store.ts';
import {
  at,
  CLIENT,
  clientId,
  config,
  House,
  iaNa,
  iaOf,
  iaPd,
  oro,
  pool,
  prefix,
  ROUTER,
  segment,
  serverIdOf,
  statusOf,
  timed,
} from './house.ts';

const NA = OPTION6.IA_NA;
const PD = OPTION6.IA_PD;

/** SOLICIT and REQUEST; gives the REPLY and the address or prefix. */
async function acquire(house: House, wish = iaNa(1), last = 0x99) {
  const advertised = await house.say(DHCP6.SOLICIT, [clientId(last), wish, oro(23, 24)]);
  const offered = iaOf(advertised, wish.code).leases[0];
  const server = serverIdOf(advertised);
  const text = offered && formatIpv6(offered.address);
  const asked =
    wish.code === NA ? iaNa(1, ...(text ? [text] : [])) : iaPd(1, `${text}/${offered?.prefixLen}`);
  const reply = await house.say(DHCP6.REQUEST, [clientId(last), server, asked, oro(23, 24)]);
  const lease = iaOf(reply, wish.code).leases[0];
  return {
    advertised,
    reply,
    server,
    offered,
    lease,
    address: lease ? formatIpv6(lease.address) : '',
  };
}

t.test('acquire, renew, rebind, release', async (t) => {
  await using house = await new House().start();
  const { advertised, reply, server, offered, lease, address } = await acquire(house);
  t.equal(advertised?.message.type, DHCP6.ADVERTISE);
  t.equal(reply?.message.type, DHCP6.REPLY);
  t.ok(offered && contains6(prefix('fd00::/64'), offered.address));
  t.equal(lease?.address, offered?.address, 'what was offered');
  t.match(lease, { preferredSec: 3600, validSec: 7200 });
  t.match(iaOf(reply).ia, { iaid: 1, t1Sec: 1800, t2Sec: 2880 });
  t.same(option6(reply?.message.options ?? [], OPTION6.DNS_SERVERS, 'ips'), [at('fd00::1')]);
  t.same(option6(reply?.message.options ?? [], OPTION6.DOMAIN_LIST, 'domains'), ['lan']);
  t.equal(reply?.udp.source, linkLocalOf(ROUTER));
  t.equal(reply?.udp.destination, linkLocalOf(CLIENT));
  t.equal(reply?.udp.destinationPort, 546);
  t.ok(
    [...house.store.data.keys()].some((key) => key.includes('binding')),
    'durable',
  );

  house.clock.advance(1_800_000);
  const renewed = await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, address)]);
  t.match(iaOf(renewed).leases, [{ address: at(address), validSec: 7200 }]);
  const rebound = await house.say(DHCP6.REBIND, [clientId(), iaNa(1, address)]);
  t.match(iaOf(rebound).leases, [{ address: at(address), validSec: 7200 }]);
  const other = await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, 'fd00::1234')]);
  t.match(
    iaOf(other).leases.map((l) => [formatIpv6(l.address), l.validSec]),
    [
      [address, 7200],
      ['fd00::1234', 0],
    ],
    'what it does not have is over',
  );

  const released = await house.say(DHCP6.RELEASE, [clientId(), server, iaNa(1, address)]);
  t.equal(statusOf(released), STATUS6.Success);
  const late = await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, address)]);
  t.equal(iaOf(late).status, STATUS6.NoBinding);
  const again = await acquire(house);
  t.equal(again.address, address, 'the same again');
  house.clock.advance(100);
  t.match(house.observed?.counts, { solicit: 2, advertise: 2, request: 2, renew: 3, rebind: 1 });
});

t.test('a prefix for a router below, with its route', async (t) => {
  await using house = await new House().start();
  const { lease, server } = await acquire(house, iaPd(1));
  t.equal(lease?.prefixLen, 60);
  const given = lease && formatPrefix6(lease as never);
  t.ok(lease && contains6(prefix('fd00:0:0:100::/56'), lease.address));
  t.match(house.routes, [{ via: linkLocalOf(CLIENT), ifName: 'lan0' }]);
  const longer = await house.say(DHCP6.SOLICIT, [clientId(7), iaPd(1, '::/62')]);
  t.equal(iaOf(longer, PD).leases[0]?.prefixLen, 62, 'RFC 8168: a longer one when asked for');
  const shorter = await house.say(DHCP6.SOLICIT, [clientId(7), iaPd(1, '::/48')]);
  t.equal(iaOf(shorter, PD).leases[0]?.prefixLen, 60);
  const had = new Set([given]);
  for (let i = 1; i < 16; i++) {
    const next = await acquire(house, iaPd(1), i);
    had.add(next.lease && formatPrefix6(next.lease as never));
  }
  t.equal(had.size, 16, 'all sixteen, none twice');
  const none = await house.say(DHCP6.SOLICIT, [clientId(0x77), iaPd(1)]);
  t.equal(iaOf(none, PD).status, STATUS6.NoPrefixAvail);
  await house.say(DHCP6.RELEASE, [clientId(), server, iaPd(1, given ?? '')]);
  t.equal(house.routes.length, 15);
  house.clock.advance(7_300_000);
  t.equal(house.routes.length, 0, 'ended');
});

t.test('every message × server id × way × binding', async (t) => {
  for (const [type, rule] of MESSAGES) {
    for (const bound of [false, true]) {
      await using house = await new House().start();
      const { server, address } = bound
        ? await acquire(house)
        : {
            server: serverIdOf(await house.say(DHCP6.SOLICIT, [clientId(1), iaNa(9)])),
            address: 'fd00::abcd',
          };
      const isInformation = type === DHCP6.INFORMATION_REQUEST;
      const ias = isInformation ? [] : [iaNa(1, address)];
      const say = (options: Parameters<House['say']>[1], how = {}) => house.say(type, options, how);
      const where = `${type} ${bound ? 'bound' : 'not bound'}`;
      const right = [clientId(), ...(rule.serverId === 'ours' ? [server] : []), ...ias, oro(23)];

      t.equal(
        (await say(right.filter(({ code }) => code !== 1))) === undefined,
        !isInformation,
        `${where}: no client id`,
      );
      const stranger = { code: OPTION6.SERVERID, value: Uint8Array.of(0, 3, 0, 1, 9) };
      t.equal(await say([clientId(), stranger, ...ias]), undefined, `${where}: another's`);
      if (rule.serverId === 'ours')
        t.equal(await say([clientId(), ...ias]), undefined, `${where}: no server id`);
      if (rule.serverId === 'never')
        t.equal(await say([clientId(), server, ...ias]), undefined, `${where}: a server id`);
      const direct = await say(right, { destination: linkLocalOf(ROUTER) });
      t.equal(
        direct && statusOf(direct),
        rule.unicast === 'discard' ? undefined : STATUS6.UseMulticast,
        `${where}: unicast`,
      );

      house.allowed = false;
      t.equal((await say(right)) === undefined, rule.gives, `${where}: refused`);
      house.allowed = true;
      if (bound && !rule.gives && type !== DHCP6.CONFIRM) continue;
      const answer = await say(right);
      const { leases, status } = iaOf(answer);
      const cell = `${where}: ${JSON.stringify([leases.map((l) => l.validSec), status ?? statusOf(answer)])}`;
      switch (type) {
        case DHCP6.SOLICIT:
          t.equal(answer?.message.type, DHCP6.ADVERTISE, cell);
          t.equal(leases[0]?.address, at(address), cell);
          break;
        case DHCP6.REQUEST:
        case DHCP6.REBIND:
          t.equal(leases[0]?.address, at(address), cell);
          t.equal(leases[0]?.validSec, 7200, cell);
          break;
        case DHCP6.RENEW:
          t.equal(status, bound ? undefined : STATUS6.NoBinding, cell);
          break;
        case DHCP6.RELEASE:
        case DHCP6.DECLINE:
          t.equal(status, STATUS6.NoBinding, cell);
          break;
        case DHCP6.CONFIRM:
          t.equal(statusOf(answer), STATUS6.Success, cell);
          break;
        default:
          t.equal(option6(answer?.message.options ?? [], 23, 'ips')?.length, 1, cell);
      }
    }
  }
});

t.test('what is not of the link', async (t) => {
  await using house = await new House().start();
  const { server } = await acquire(house);
  const confirm = (...addresses: string[]) =>
    house.say(DHCP6.CONFIRM, [clientId(), iaNa(1, ...addresses)]);
  t.equal(statusOf(await confirm('fd00::5')), STATUS6.Success);
  t.equal(statusOf(await confirm('fd00::5', '2001:db8::5')), STATUS6.NotOnLink);
  t.equal(await confirm(), undefined, 'nothing to confirm');
  const request = await house.say(DHCP6.REQUEST, [clientId(5), server, iaNa(1, '2001:db8::5')]);
  t.equal(iaOf(request).status, STATUS6.NotOnLink);
  const rebind = await house.say(DHCP6.REBIND, [clientId(5), iaNa(1, '2001:db8::5')]);
  t.match(
    iaOf(rebind).leases.map((l) => l.validSec),
    [7200, 0],
    'a new one, and an end to the old one',
  );
});

t.test('decline', async (t) => {
  await using house = await new House().start();
  const { server, address } = await acquire(house);
  const answer = await house.say(DHCP6.DECLINE, [clientId(), server, iaNa(1, address)]);
  t.equal(statusOf(answer), STATUS6.Success);
  const next = await house.say(DHCP6.SOLICIT, [clientId(), iaNa(1, address)]);
  t.not(iaOf(next).leases[0]?.address, at(address), 'kept from everyone');
  house.clock.advance(86_400_000);
  const later = await house.say(DHCP6.SOLICIT, [clientId(), iaNa(1, address)]);
  t.equal(iaOf(later).leases[0]?.address, at(address), 'for a day');
  // A client that declines everything comes to an end.
  for (let i = 0; i < 20; i++) {
    const got = await acquire(house, iaNa(1), 5);
    if (got.address !== '')
      await house.say(DHCP6.DECLINE, [clientId(5), server, iaNa(1, got.address)]);
  }
  const end = await house.say(DHCP6.SOLICIT, [clientId(5), iaNa(1)]);
  t.equal(iaOf(end).status, STATUS6.NoAddrsAvail);
  t.ok((await acquire(house, iaNa(1), 6)).address, 'others do not suffer');
});

t.test('rapid commit, preference, temporary addresses, information', async (t) => {
  const wanted = config({ pools: [pool({ rapidCommit: true, preference: 200 })] });
  await using house = await new House().start(wanted);
  const rapid = { code: OPTION6.RAPID_COMMIT, value: new Uint8Array(0) };
  const reply = await house.say(DHCP6.SOLICIT, [clientId(), rapid, iaNa(1)]);
  t.equal(reply?.message.type, DHCP6.REPLY);
  t.ok(reply?.message.options.some(({ code }) => code === OPTION6.RAPID_COMMIT));
  t.equal(house.service.observed.bindings.length, 1);
  const offer = await house.say(DHCP6.SOLICIT, [clientId(3), iaNa(1)]);
  t.equal(option6(offer?.message.options ?? [], OPTION6.PREFERENCE, 'u8'), 200);
  t.equal(house.service.observed.bindings.length, 1, 'an offer binds nobody');
  const temporary = { code: OPTION6.IA_TA, value: Uint8Array.of(0, 0, 0, 7) };
  const refused = await house.say(DHCP6.SOLICIT, [clientId(3), temporary]);
  const ta = refused?.message.options.find(({ code }) => code === OPTION6.IA_TA)?.value;
  t.equal(ta && toHex(ta.subarray(0, 6)), '00000007000d');
  t.equal(ta && toHex(ta.subarray(8, 10)), '0002', 'NoAddrsAvail');
  const info = await house.say(DHCP6.INFORMATION_REQUEST, [oro(23, 24, 32)]);
  t.equal(option6(info?.message.options ?? [], 32, 'u32'), 7200);
  const withIa = await house.say(DHCP6.INFORMATION_REQUEST, [clientId(), iaNa(1)]);
  t.equal(withIa, undefined, 'RFC 8415 §16.12');
});

t.test('static bindings and conditions of pools', async (t) => {
  const byMac = {
    ...{ id: 's1', enable: true, duid: undefined, iaid: undefined, prefix: undefined },
    ...{ mac: '02:00:00:00:00:55' as Mac, address: at('fd00::5') },
  };
  const duid = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 0x66);
  const byDuid = { ...byMac, id: 's2', mac: undefined, duid, iaid: 4, address: at('fd00::6') };
  const wanted = config({
    statics: [
      byMac,
      byDuid,
      {
        ...byDuid,
        id: 's3',
        iaid: undefined,
        address: undefined,
        prefix: prefix('fd00:0:0:1f0::/60'),
      },
    ],
  });
  await using house = await new House().start(wanted);
  t.equal((await acquire(house, iaNa(1), 0x55)).address, 'fd00::5', 'MAC of the DUID');
  t.not((await acquire(house, iaNa(1, 'fd00::6'), 0x10)).address, 'fd00::6', "another's");
  const four = await house.say(DHCP6.SOLICIT, [clientId(0x66), iaNa(4), iaNa(5), iaPd(1)]);
  const all = (four?.message.options ?? []).filter(({ code }) => code === NA || code === PD);
  t.equal(all.length, 3);
  t.equal(iaOf(four).leases[0]?.address, at('fd00::6'));
  t.equal(iaOf(four, PD).leases[0]?.address, at('fd00:0:0:1f0::'));

  const only = (value: Uint8Array, exclude: boolean) =>
    house.service.apply(config({ pools: [pool({ duid: { value, exclude } })] }));
  only(duid, false);
  t.ok(await house.say(DHCP6.SOLICIT, [clientId(0x66), iaNa(1)]));
  t.equal(await house.say(DHCP6.SOLICIT, [clientId(0x67), iaNa(1)]), undefined);
  only(duid, true);
  t.equal(await house.say(DHCP6.SOLICIT, [clientId(0x66), iaNa(1)]), undefined);
  t.ok(await house.say(DHCP6.SOLICIT, [clientId(0x67), iaNa(1)]));
  const vendor = { code: 16, value: CODEC6.vendorClass.encode({ enterprise: 9, data: [duid] }) };
  house.service.apply(config({ pools: [pool({ vendorClass: { value: duid, exclude: false } })] }));
  t.ok(await house.say(DHCP6.SOLICIT, [clientId(1), iaNa(1), vendor]));
  t.equal(await house.say(DHCP6.SOLICIT, [clientId(1), iaNa(1)]), undefined);
  house.service.apply(
    config({ pools: [pool({ options: [{ code: 56, value: Uint8Array.of(1) }] })] }),
  );
  const ntp = await house.say(DHCP6.INFORMATION_REQUEST, [oro(56)]);
  t.same(ntp?.message.options.find(({ code }) => code === 56)?.value, Uint8Array.of(1));
});

t.test('relays', async (t) => {
  await using house = await new House().start();
  const relay = (change: Partial<Dhcp6Relay> = {}): Dhcp6Relay => ({
    ...{
      type: DHCP6.RELAY_FORW,
      hopCount: 0,
      linkAddress: at('fd00::fe'),
      peerAddress: at('fe80::77'),
    },
    options: [
      { code: OPTION6.INTERFACE_ID, value: Uint8Array.of(1, 2) },
      { code: 79, value: Uint8Array.of(0, 1, 2, 0, 0, 0, 0, 0x42) },
    ],
    ...change,
  });
  const how = { relays: [relay()], source: at('fd00::fe'), destination: linkLocalOf(ROUTER) };
  const answer = await house.say(DHCP6.SOLICIT, [clientId(), iaNa(1)], how);
  t.match(answer?.relays, [
    { type: DHCP6.RELAY_REPL, linkAddress: at('fd00::fe'), peerAddress: at('fe80::77') },
  ]);
  t.same(
    answer?.relays[0]?.options.map(({ code }) => code),
    [OPTION6.INTERFACE_ID],
  );
  t.equal(answer?.udp.destinationPort, 547);
  t.equal(answer?.udp.destination, at('fd00::fe'));
  t.equal(answer?.message.type, DHCP6.ADVERTISE);
  const elsewhere = { ...how, relays: [relay({ linkAddress: at('2001:db8::1') })] };
  t.equal(await house.say(DHCP6.SOLICIT, [clientId(), iaNa(1)], elsewhere), undefined);
  const server = serverIdOf(answer);
  await house.say(DHCP6.REQUEST, [clientId(), server, iaPd(1)], how);
  const [binding] = house.service.observed.bindings;
  t.match(binding, { direct: false, mac: '02:00:00:00:00:42', source: at('fe80::77') });
  t.same(house.routes, [], 'who is behind a relay is not on the link');
});

t.test('never an answer to a multicast address, or to nobody', async (t) => {
  await using house = await new House().start();
  for (const source of ['ff02::1', '::', '2001:db8::1'])
    t.equal(
      await house.say(DHCP6.SOLICIT, [clientId(), iaNa(1)], { source: at(source) }),
      undefined,
      source,
    );
  for (const type of [DHCP6.ADVERTISE, DHCP6.REPLY, DHCP6.RECONFIGURE, 99])
    t.equal(await house.say(type, [clientId(), iaNa(1)]), undefined, `${type}`);
  t.equal(
    await house.say(DHCP6.SOLICIT, [clientId(), clientId(2), iaNa(1)]),
    undefined,
    'two clients',
  );
  t.equal(await house.say(DHCP6.SOLICIT, [clientId(), iaNa(1), iaNa(1)]), undefined, 'an IA twice');
  house.hear('dhcp6Server', new Uint8Array(60));
  house.clock.advance(100);
  t.equal(house.observed?.counts.discarded, 10);
});

t.test('the disk', async (t) => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  let server: Dhcp6Option = { code: 2, value: new Uint8Array(0) };
  let address = '';
  {
    await using house = await new House(store, clock).start();
    ({ server, address } = await acquire(house));
    store.failing = 'ENOSPC';
    clock.advance(3_600_000);
    const renewed = await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, address)]);
    t.match(iaOf(renewed).leases, [{ address: at(address), validSec: 3600, preferredSec: 3600 }]);
    const stranger = await house.say(DHCP6.REQUEST, [clientId(5), server, iaNa(1)]);
    t.equal(stranger, undefined, 'nobody new');
    t.equal(house.service.observed.bindings.length, 1);
    clock.advance(100);
    t.match(house.observed, { storeFault: /No space/, counts: { notDurable: 1 } });
    t.equal(house.observed?.pools[0]?.status, 'Error');
    store.failing = undefined;
    const again = await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, address)]);
    t.match(iaOf(again).leases, [{ validSec: 7200 }]);
    t.equal(house.service.observed.storeFault, undefined);
  }
  {
    await using house = await new House(store, clock).start();
    clock.setWall(clock.wallMs() + 10 * 365 * 86_400_000);
    const renewed = await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, address)]);
    t.match(iaOf(renewed).leases, [{ address: at(address), validSec: 7200 }], 'the same server');
    const taken = await house.say(DHCP6.SOLICIT, [clientId(5), iaNa(1, address)]);
    t.not(iaOf(taken).leases[0]?.address, at(address));
  }
  // After a reboot, with a clock ten years ahead: kept for its client while others are free.
  const reboot = new FakeClock({ monoMs: 5_000, wallMs: clock.wallMs() + 1e12 });
  {
    await using house = await new House(store, reboot, 'boot-2').start();
    const other = await acquire(house, iaNa(1), 5);
    t.not(other.address, address);
    const mine = await acquire(house);
    t.equal(mine.address, address);
  }
  {
    // A clock that went back: never longer than its length from the reboot on.
    const back = new FakeClock({ monoMs: 1_000_000, wallMs: 0 });
    await using house = await new House(store, back, 'boot-3').start();
    const [binding] = house.service.observed.bindings;
    t.equal(binding?.leases[0]?.expiresAtMs, 7_200_000);
  }
  {
    await using house = await new House(new MemoryStore(), clock, 'boot-3', 7).start();
    t.equal(
      await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, address)]),
      undefined,
      'another server',
    );
    const mine = serverIdOf(await house.say(DHCP6.SOLICIT, [clientId(), iaNa(1)]));
    t.equal(mine.value.length, 18);
    t.equal(toHex(mine.value.subarray(0, 2)), '0004');
    const lost = await house.say(DHCP6.RENEW, [clientId(), mine, iaNa(1, address)]);
    t.equal(iaOf(lost).status, STATUS6.NoBinding);
  }
});

t.test('renumbering', async (t) => {
  await using house = await new House().start();
  const { server, address } = await acquire(house);
  const now = house.clock.boottimeMs();
  const both = [timed('fd00::/64', now - 1, now + 600_000), timed('2001:db8::/64')];
  const link = both.map((p) => ({ ...p, onLink: true, autonomous: true }));
  house.service.apply(
    config({ segments: [segment({ prefixes: link })], pools: [pool({ addresses: both })] }),
  );
  const renewed = await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, address)]);
  const [old, young] = iaOf(renewed).leases;
  t.match(old, { address: at(address), preferredSec: 0, validSec: 600 }, 'deprecated');
  t.match(young, { preferredSec: 3600 });
  t.ok(young && contains6(prefix('2001:db8::/64'), young.address));
  t.equal(iaOf(renewed).ia?.t1Sec, 1800);
  const fresh = await house.say(DHCP6.SOLICIT, [clientId(5), iaNa(1)]);
  t.equal(iaOf(fresh).leases.length, 1, 'nothing new from a deprecated prefix');
  house.service.apply(
    config({
      segments: [segment({ prefixes: link.slice(1) })],
      pools: [pool({ addresses: both.slice(1) })],
    }),
  );
  const gone = await house.say(DHCP6.RENEW, [clientId(), server, iaNa(1, address)]);
  t.match(
    iaOf(gone)
      .leases.map((l) => [formatIpv6(l.address), l.validSec])
      .at(-1),
    [address, 0],
  );
});

t.test('limits and ports', async (t) => {
  const wanted = config({
    guard: { newClientsPerSec: 5, answersPerClient: 12, bindingsPerClient: 2 },
  });
  await using house = await new House().start(wanted);
  let served = 0;
  for (let i = 0; i < 50; i++) if (await house.say(DHCP6.SOLICIT, [clientId(i), iaNa(1)])) served++;
  t.equal(served, 10);
  house.clock.advance(1000);
  const { server, address } = await acquire(house, iaNa(1), 0x70);
  const three = await house.say(DHCP6.REQUEST, [clientId(0x70), server, iaNa(2), iaNa(3)]);
  const statuses = (three?.message.options ?? []).flatMap(({ code, value }) => {
    const ia = code === NA ? CODEC6.ia.decode(value) : undefined;
    return ia?.ok ? [option6(ia.value.options, 13, 'status')?.code] : [];
  });
  t.same(statuses, [undefined, STATUS6.NoAddrsAvail], 'two bindings for one client');
  let renewed = 0;
  for (let i = 0; i < 50; i++)
    if (await house.say(DHCP6.RENEW, [clientId(0x70), server, iaNa(1, address)])) renewed++;
  t.equal(renewed, 9, 'twelve answers in ten seconds');
  house.clock.advance(10_000);
  t.ok(await house.say(DHCP6.RENEW, [clientId(0x70), server, iaNa(1, address)]));
  t.ok(house.service.observed.counts.limited > 50);

  t.equal(house.openPorts, 1);
  house.service.apply(config({ enable: false }));
  t.equal(house.openPorts, 0);
  house.service.apply(
    config({ segments: [segment({ ifName: 'br-lan', ports: ['lan0', 'lan1'] })] }),
  );
  house.plug('lan1');
  house.plug('br-lan');
  house.service.linksChanged();
  t.equal(house.openPorts, 2, 'the members of a bridge');
  house.refusePorts = true;
  house.service.apply(config({ enable: false }));
  t.same(house.service.apply(config()), ['no port for you']);
  t.equal(house.service.observed.pools[0]?.status, 'Error');
  await house.service[Symbol.asyncDispose]();
  t.equal(house.clock.pending, 0, 'nothing is left');
});
