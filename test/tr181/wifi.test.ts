import t from 'tap';
import type { WifiObserved } from '../../src/services/wifi/config.ts';
import { layDownInitial } from '../../src/tr181/initial.ts';
import { bench, ORIGIN } from './fixture.ts';

const END = 'Device.WiFi.EndPoint.1.';
const PROFILE = `${END}Profile.1.`;

async function box() {
  const b = bench();
  const laid = await layDownInitial(b.model, {
    ...{ wan: 'eth0', lan: ['eth1'], wifi: 'wlan0' },
    overrides: {
      ...{ [`${END}Enable`]: 'true', [`${PROFILE}Enable`]: 'true', [`${PROFILE}SSID`]: 'net' },
      [`${PROFILE}Security.KeyPassphrase`]: 'three words',
      'Device.WiFi.Radio.1.RegulatoryDomain': 'DE',
    },
  });
  if (!laid.ok) throw new Error(laid.error.map(({ message }) => message).join('; '));
  return b;
}

const JOINED: WifiObserved = {
  interfaces: [
    {
      ...{ ifName: 'wlan0', phy: 'phy0', blocked: undefined, state: 'joined', reason: undefined },
      ...{ country: 'DE', restarts: 2 },
      link: {
        ...{
          ssid: 'net',
          bssid: '02:00:00:00:00:01',
          frequencyMhz: 5180,
          keyManagement: 'WPA2-PSK',
        },
        ...{ profile: PROFILE.slice(0, -1), signalDbm: -52, linkSpeedMbps: 54 },
      },
    },
  ],
  profileFaults: new Map(),
};

t.test('what is laid down with a Wi-Fi: a second WAN on it', async (t) => {
  const { model, get } = await box();
  const { wifi, network, firewall, dhcpClient } = model.compileAll();
  t.same(wifi, {
    radios: [{ ifName: 'wlan0', enable: true, country: 'DE' }],
    endPoints: [
      {
        ...{ id: 'Device.WiFi.EndPoint.1', enable: true, ifName: 'wlan0' },
        profiles: [
          {
            ...{ id: PROFILE.slice(0, -1), enable: true, ssid: 'net', hidden: false, priority: 0 },
            ...{ mode: 'WPA2-Personal', passphrase: 'three words', psk: undefined },
          },
        ],
      },
    ],
  });
  t.same(network.ports, [
    { ifName: 'eth0', enable: true },
    { ifName: 'eth1', enable: true },
    { ifName: 'wlan0', enable: true },
  ]);
  t.same(
    [firewall.wan, firewall.masquerade],
    [
      ['eth0', 'wlan0'],
      ['eth0', 'wlan0'],
    ],
  );
  t.same(
    dhcpClient.clients.map(({ ifName, routeMetric }) => [ifName, routeMetric]),
    [
      ['eth0', 10],
      ['wlan0', 20],
    ],
    'behind the cable',
  );
  t.equal(get('Device.IP.Interface.4.Name'), 'wlan0');
});

t.test('secrets are written and not read', async (t) => {
  const { get, set, model, audit } = await box();
  t.equal(get(`${PROFILE}Security.KeyPassphrase`), '');
  t.equal(await set(`${PROFILE}Security.PreSharedKey`, 'AB'.repeat(32)), 'done');
  t.equal(get(`${PROFILE}Security.PreSharedKey`), '');
  t.equal(model.compileAll().wifi.endPoints[0]?.profiles[0]?.psk, 'ab'.repeat(32));
  t.notMatch(JSON.stringify(audit), /three words|ABAB/i);
  t.not(await set(`${PROFILE}Security.PreSharedKey`, 'ab'), 'done', 'not half a key');
  t.not(await set(`${PROFILE}Security.KeyPassphrase`, 'seven77'), 'done', 'too short');
  t.not(await set(`${PROFILE}SSID`, 'ä'.repeat(17)), 'done', '34 bytes');
  t.equal(await set(`${PROFILE}SSID`, 'ä'.repeat(16)), 'done');
  t.not(await set('Device.WiFi.Radio.1.RegulatoryDomain', 'de'), 'done');
  t.not(
    await set(
      'Device.IP.Interface.2.LowerLayers',
      'Device.Ethernet.Interface.2,Device.WiFi.SSID.1',
    ),
    'done',
    'no bridge',
  );
});

t.test('what is seen', async (t) => {
  const { get, set, observed, model } = await box();
  t.equal(get(`${END}Status`), 'Error');
  t.match(get(`${END}X_GATEHOUSE_Reason`), 'no Wi-Fi');
  t.equal(get('Device.WiFi.Radio.1.Status'), 'NotPresent', 'its row stays while it is away');
  observed.publish('wifi', JOINED);
  for (const [path, value] of Object.entries({
    [`${END}Status`]: 'Enabled',
    [`${END}X_GATEHOUSE_State`]: 'joined',
    [`${END}X_GATEHOUSE_Restarts`]: '2',
    [`${END}ProfileReference`]: 'Device.WiFi.EndPoint.1.Profile.1',
    [`${END}SSIDReference`]: 'Device.WiFi.SSID.1',
    [`${END}Stats.SignalStrength`]: '-52',
    [`${END}Stats.LastDataUplinkRate`]: '54000',
    [`${PROFILE}Status`]: 'Active',
    'Device.WiFi.SSID.1.SSID': 'net',
    'Device.WiFi.SSID.1.LowerLayers': 'Device.WiFi.Radio.1',
    'Device.WiFi.SSID.1.Upstream': 'true',
    'Device.WiFi.Radio.1.Channel': '36',
    'Device.WiFi.Radio.1.OperatingFrequencyBand': '5GHz',
    'Device.WiFi.Radio.1.X_GATEHOUSE_Country': 'DE',
  })) {
    t.equal(get(path), value, path);
  }
  const wrong = 'the password is not the right one';
  const refused = JOINED.interfaces.map((one) => ({
    ...one,
    ...{ state: 'refused' as const, reason: wrong, link: undefined, blocked: 'soft' as const },
  }));
  observed.publish('wifi', { ...JOINED, interfaces: refused });
  t.equal(get(`${END}Status`), 'Error');
  t.equal(get(`${END}X_GATEHOUSE_Reason`), wrong);
  t.equal(get(`${PROFILE}Status`), 'Available');
  t.equal(get('Device.WiFi.Radio.1.X_GATEHOUSE_Blocked'), 'Soft');
  const profileFaults = new Map([[PROFILE.slice(0, -1), 'it has no password']]);
  observed.publish('wifi', { ...JOINED, profileFaults });
  t.equal(get(`${PROFILE}Status`), 'Error');
  t.equal(get(`${END}Status`), 'Error_Misconfigured');
  t.equal(await set(`${END}Enable`, 'false'), 'done');
  t.equal(get(`${END}Status`), 'Disabled');
  t.equal(await set('Device.WiFi.Radio.1.Enable', 'false'), 'done');
  t.match(model.compileAll().network.ports.at(-1), { ifName: 'wlan0', enable: false });
  t.ok((await model.del([END], ORIGIN)).ok);
});
