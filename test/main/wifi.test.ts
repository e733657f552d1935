/** `gatehouse.wifi` on the product's own model: what join and leave make of the rows. */
import t from 'tap';
import { wifiCommand } from '../../src/main/wifi-commands.ts';
import type { WifiCommand } from '../../src/main/wifi-lazy.ts';
import type { WifiObserved } from '../../src/services/wifi/config.ts';
import type { WifiService } from '../../src/services/wifi/service.ts';
import { layDownInitial } from '../../src/tr181/initial.ts';
import { bench, ORIGIN } from '../tr181/fixture.ts';

const SEEN: WifiObserved = {
  interfaces: [
    {
      ...{ ifName: 'wlan0', phy: 'phy0', blocked: undefined, state: 'off', reason: undefined },
      ...{ link: undefined, country: undefined, restarts: 0 },
    },
  ],
  profileFaults: new Map(),
};

async function box(radio: boolean) {
  const b = bench();
  const laid = await layDownInitial(b.model, { wan: 'eth0', lan: ['eth1'], overrides: {} });
  if (!laid.ok) throw new Error(laid.error.map(({ message }) => message).join('; '));
  if (radio) b.observed.publish('wifi', SEEN);
  const service = {
    observed: radio ? SEEN : { ...SEEN, interfaces: [] },
  } as unknown as WifiService;
  const run = (name: WifiCommand, args: Record<string, unknown> = {}) =>
    wifiCommand(name, { service, model: b.model, origin: ORIGIN }, args);
  const profiles = () =>
    b.model
      .compileAll()
      .wifi.endPoints.flatMap(({ profiles: all }) => all)
      .map(({ ssid, priority, mode, passphrase, psk, hidden }) => ({
        ...{ ssid, priority, mode, passphrase, psk, hidden },
      }));
  return { ...b, run, profiles };
}

t.test('joining, joining another, and leaving', async (t) => {
  const { run, profiles, model, get } = await box(true);
  t.match(await run('status'), { data: { interfaces: [{ interface: 'wlan0' }], networks: [] } });
  const joined = await run('join', {
    ssid: 'home',
    password: 'password',
    country: 'DE',
    hidden: 1,
  });
  t.match(joined, { status: 'success', data: { ssid: 'home' } });
  t.same(profiles(), [
    {
      ...{ ssid: 'home', priority: 0, mode: 'WPA2-Personal', passphrase: 'password' },
      ...{ psk: undefined, hidden: true },
    },
  ]);
  const { wifi, firewall, dhcpClient } = model.compileAll();
  t.same(wifi.radios, [{ ifName: 'wlan0', enable: true, country: 'DE' }]);
  t.same(firewall.wan, ['eth0', 'wlan0'], 'its interface is a WAN');
  t.equal(dhcpClient.clients[1]?.ifName, 'wlan0');
  const interfaces = get('Device.IP.InterfaceNumberOfEntries');

  t.match(await run('join', { ssid: 'cafe', password: '' }), { status: 'success' });
  t.match(await run('join', { ssid: 'home', password: 'AB'.repeat(32) }), { status: 'success' });
  t.same(
    profiles().map(({ ssid, priority, mode, psk }) => [ssid, priority, mode, psk]),
    [
      ['home', 0, 'WPA2-Personal', 'ab'.repeat(32)],
      ['cafe', 1, 'None', undefined],
    ],
    'the last that was joined comes first',
  );
  t.equal(profiles()[0]?.passphrase, undefined, 'the old password is gone');
  t.equal(get('Device.IP.InterfaceNumberOfEntries'), interfaces, 'one WAN is enough');

  t.match(await run('leave', { ssid: 'pub' }), { status: 'error', message: /home, cafe/ });
  t.match(await run('leave', { ssid: 'cafe' }), { data: { left: ['cafe'] } });
  t.match(await run('status'), { data: { networks: [{ ssid: 'home', priority: 0 }] } });
  t.match(await run('leave'), { data: { left: ['home'] } });
  t.same(model.compileAll().wifi.endPoints, [], 'with the last network goes the station');
  t.match(await run('leave'), { status: 'error', message: 'no network is known' });
  t.match(await run('join', { ssid: 'home', password: 'password' }), { status: 'success' });
});

t.test('what is refused', async (t) => {
  const { run, set } = await box(true);
  t.match(await run('join'), { status: 'error', message: 'ssid is missing' });
  t.match(await run('join', { ssid: 'x', country: 'de' }), { message: /two capital letters/ });
  t.match(await run('join', { ssid: 'x', password: 7 }), { status: 'error' });
  t.match(await run('join', { ssid: 'x', password: 'short' }), { message: /KeyPassphrase/ });
  t.match(await run('join', { ssid: 'ä'.repeat(17), password: 'password' }), {
    message: /32 bytes/,
  });
  t.match(await run('scan', { interface: 7 }), { status: 'error' });
  const bridge = 'Device.Ethernet.Interface.2,Device.WiFi.SSID.1';
  t.equal(await set('Device.IP.Interface.2.LowerLayers', bridge), 'done', 'it joins nothing');
  const bridged = await run('join', { ssid: 'x', password: 'password' });
  t.match(bridged, { message: /cannot be bridged/ });

  const none = await box(false);
  t.match(await none.run('join', { ssid: 'x', password: 'password' }), { message: /no Wi-Fi/ });
});
