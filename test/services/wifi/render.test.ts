import t from 'tap';
import type { WifiProfileConfig } from '../../../src/services/wifi/config.ts';
import { profileFault, renderSupplicant } from '../../../src/services/wifi/render.ts';
import { rfkillText } from '../../../src/services/wifi/rfkill.ts';

const PSK = 'c'.repeat(64);
const profile = (more: Partial<WifiProfileConfig>): WifiProfileConfig => ({
  ...{ id: 'p', enable: true, ssid: 'net', hidden: false, priority: 0, mode: 'WPA2-Personal' },
  ...{ passphrase: undefined, psk: undefined },
  ...more,
});
const keyOf = (password: string, ssid: string): string => `key(${password},${ssid})`;
const render = (...profiles: WifiProfileConfig[]): string =>
  renderSupplicant({ profiles, country: 'DE' }, '/run/wifi', keyOf);

t.test("wpa_supplicant's configuration", async (t) => {
  t.equal(
    render(profile({ ssid: 'a"\n}', psk: PSK, hidden: true, priority: 3 })),
    `ctrl_interface=/run/wifi\nupdate_config=0\np2p_disabled=1\nsae_pwe=2\ncountry=DE\nnetwork={\n  ssid=61220a7d\n  scan_ssid=1\n  priority=252\n  key_mgmt=WPA-PSK WPA-PSK-SHA256\n  proto=RSN\n  psk=${PSK}\n  ieee80211w=1\n}\n`,
    'whatever a name holds, it is hex',
  );
  t.match(
    render(profile({ ssid: 'ä', passphrase: 'password' })),
    /ssid=c3a4\n[\s\S]*psk=key\(password,ä\)\n/,
  );
  t.match(render(profile({ mode: 'None' })), /key_mgmt=NONE\n}/);
  const wpa3 = render(profile({ mode: 'WPA3-Personal', passphrase: 'pass"\nx' }));
  t.match(wpa3, /key_mgmt=SAE\n.*\n {2}sae_password=70617373220a78\n {2}ieee80211w=2\n/);
  t.notMatch(wpa3, 'psk=');
  const both = render(profile({ mode: 'WPA3-Personal-Transition', passphrase: 'password' }));
  t.match(
    both,
    /key_mgmt=SAE WPA-PSK WPA-PSK-SHA256\n.*\n {2}psk=.*\n {2}sae_password=.*\n {2}ieee80211w=1/,
  );
  t.notMatch(
    renderSupplicant({ profiles: [], country: undefined }, '/f', keyOf),
    /country|network/,
  );
});

t.test('what cannot be joined', async (t) => {
  t.equal(profileFault(profile({ psk: PSK })), undefined);
  t.equal(profileFault(profile({ passphrase: 'password' })), undefined);
  t.equal(profileFault(profile({ mode: 'None' })), undefined);
  t.match(profileFault(profile({ ssid: '', mode: 'None' })), 'SSID');
  t.match(profileFault(profile({})), 'no password');
  t.match(profileFault(profile({ mode: 'WPA3-Personal', psk: PSK })), 'KeyPassphrase');
});

t.test('switching a radio (struct rfkill_event)', async (t) => {
  t.same([...Buffer.from(rfkillText(2, true))], [2, 0, 0, 0, 1, 2, 1, 0]);
  t.same([...Buffer.from(rfkillText(127, false))], [127, 0, 0, 0, 1, 2, 0, 0]);
  t.throws(() => rfkillText(128, true));
});
