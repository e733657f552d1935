/** `gatehouse dhcp allow|deny|except|fix`: one word becomes rows that can be read and undone. */
import t from 'tap';
import type { Mac } from '../../src/base/ip.ts';
import { DhcpDevices } from '../../src/control/dhcp-devices.ts';
import type { LeaseView } from '../../src/services/dhcp-server/config.ts';
import { address, ORIGIN, router } from '../tr181/fixture.ts';

const TV = '02:00:5e:00:53:01' as Mac;
const PHONE = '02:00:5e:00:53:02' as Mac;
const RULES = 'Device.DHCPv4.Server.X_GATEHOUSE_Rule.';
const STATICS = 'Device.DHCPv4.Server.Pool.1.StaticAddress.';

async function house() {
  const b = await router();
  const leases = new Map<Mac, LeaseView>();
  const devices = new DhcpDevices({
    model: b.model,
    clock: b.clock,
    leaseOf: (mac) => leases.get(mac),
  });
  return { ...b, devices, leases };
}

t.test('the last word about a device counts, before all other rules', async (t) => {
  const b = await house();
  await b.model.add(RULES, { Enable: 'true', Action: 'Deny', Order: '1' }, ORIGIN);
  const denied = await b.devices.decide(TV, 'Deny', 0, ORIGIN);
  t.ok(denied.ok);
  const allowed = await b.devices.decide(TV, 'Allow', 0, ORIGIN);
  t.equal(allowed.ok && allowed.value.path, denied.ok && denied.value.path, 'the same row');
  t.equal(allowed.ok && allowed.value.revision, b.model.revision, 'to undo it');
  const { rules } = b.model.compileAll().dhcpServer;
  t.match(rules, [
    { action: 'allow', chaddr: { value: TV } },
    { action: 'deny', chaddr: undefined },
  ]);
  t.equal(rules.length, 2);
  t.ok((await b.devices.forget(TV, ORIGIN)).ok);
  t.equal(b.model.compileAll().dhcpServer.rules.length, 1);
  const again = await b.devices.forget(TV, ORIGIN);
  t.notOk(again.ok, 'nothing was said of it any more');
});

t.test('an exception ends by itself, and its row goes with the next word', async (t) => {
  const b = await house();
  await b.devices.decide(PHONE, 'Allow', 7200, ORIGIN);
  t.equal(b.model.compileAll().dhcpServer.rules[0]?.untilMs, b.clock.wallMs() + 7_200_000);
  b.clock.advance(7_201_000);
  await b.model.set([{ path: `${RULES}1.HostName`, value: '' }], ORIGIN);
  await b.devices.decide(TV, 'Deny', 0, ORIGIN);
  t.equal(b.get(`${RULES}*.Chaddr`), TV);
});

t.test('a static address: the one that the device has, or the one that is said', async (t) => {
  const b = await house();
  const none = await b.devices.fix(TV, undefined, undefined, ORIGIN);
  t.notOk(none.ok, 'it has no lease');
  b.leases.set(TV, { address: address('192.168.1.130') } as LeaseView);
  t.ok((await b.devices.fix(TV, undefined, 'tv', ORIGIN)).ok);
  t.equal(b.get(`${STATICS}1.Yiaddr`), '192.168.1.130');
  t.equal(b.get(`${STATICS}1.X_GATEHOUSE_HostName`), 'tv');
  t.ok((await b.devices.fix(TV, address('192.168.1.9'), undefined, ORIGIN)).ok);
  t.equal(b.get(`${STATICS}*.Yiaddr`), '192.168.1.9', 'the same row');
  const outside = await b.devices.fix(PHONE, address('10.0.0.1'), undefined, ORIGIN);
  t.match(outside, { ok: false, error: [{ message: /in the subnet of no pool/ }] });
  const taken = await b.devices.fix(PHONE, address('192.168.1.9'), undefined, ORIGIN);
  t.notOk(taken.ok, 'two devices cannot have one address');
});
