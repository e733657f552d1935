import t from 'tap';
import {
  decodeScanResults,
  decodeWpaFields,
  decodeWpaMessage,
  decodeWpaSsid,
  decodeWpaWords,
  wifiChannelOf,
  wpaSsidText,
} from '../../src/wire/wpa-control.ts';
import { target } from '../fuzz/wpa-control.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

t.test('answers and events', async (t) => {
  t.same(decodeWpaMessage(bytes('OK\n')), { type: 'answer', text: 'OK\n' });
  t.same(decodeWpaMessage(bytes('<3>CTRL-EVENT-SCAN-RESULTS ')), {
    ...{ type: 'event', name: 'CTRL-EVENT-SCAN-RESULTS', rest: '' },
  });
  const failed = bytes(
    '<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="a \\"id=9\\" b" auth_failures=1 duration=10 reason=WRONG_KEY',
  );
  const event = decodeWpaMessage(failed);
  t.match(event, { type: 'event', name: 'CTRL-EVENT-SSID-TEMP-DISABLED' });
  t.same(
    [...decodeWpaWords(event?.type === 'event' ? event.rest : '')],
    [
      ['id', '0'],
      ['ssid', 'a \\"id=9\\" b'],
      ['auth_failures', '1'],
      ['duration', '10'],
      ['reason', 'WRONG_KEY'],
    ],
    'a name of a network makes no words',
  );
  t.match(decodeWpaMessage(bytes('<3>Trying to associate with SSID "x"')), { name: '' });
  t.equal(decodeWpaMessage(bytes('OK\x1b[2J')), undefined, 'no controls');
  t.equal(decodeWpaMessage(bytes('\xe4')), undefined);
  t.equal(decodeWpaMessage(new Uint8Array(16 * 1024 + 1).fill(0x41)), undefined, 'not too long');
});

// Of a station on a network of mac80211_hwsim.
const STATUS = `bssid=02:00:00:00:00:00
freq=2412
ssid=gate\\xc3\\xa4
id=0
mode=station
wifi_generation=4
pairwise_cipher=CCMP
group_cipher=CCMP
key_mgmt=WPA2-PSK
wpa_state=COMPLETED
address=02:00:00:00:01:00
uuid=b3f2
`;

t.test('fields of an answer', async (t) => {
  const fields = decodeWpaFields(STATUS);
  t.equal(fields.get('wpa_state'), 'COMPLETED');
  t.equal(wpaSsidText(fields.get('ssid') ?? ''), 'gateä');
  t.equal(decodeWpaFields('ssid=a=b\nssid=c\n').get('ssid'), 'a=b', 'the first of each counts');
  t.equal(decodeWpaFields('no field').size, 0);
});

t.test('names of networks', async (t) => {
  t.same(decodeWpaSsid('a\\"\\\\\\e\\n\\r\\t\\x00'), bytes('a"\\\x1b\n\r\t\x00'));
  for (const wrong of ['\\', '\\q', '\\x0', '\\xZZ', '\x07', 'x'.repeat(33), '\u00e4']) {
    t.equal(decodeWpaSsid(wrong), undefined, JSON.stringify(wrong));
  }
  t.equal(wpaSsidText('caf\\xc3\\xa9'), 'café');
  t.equal(wpaSsidText('\\xff'), '\\xff', 'no UTF-8: as it was written');
  t.equal(wpaSsidText('a\\x1b[2J'), 'a\\x1b[2J', 'controls stay escaped');
  t.equal(wpaSsidText('\\xe2\\x80\\xae'), '\\xe2\\x80\\xae', 'nor is the direction turned');
});

const SCAN = `bssid / frequency / signal level / flags / ssid
02:00:00:00:00:00\t2412\t-30\t[WPA2-PSK-CCMP][ESS]\tgate
02:00:00:00:00:01\t5180\t-20\t[WPA2-PSK+SAE-CCMP][ESS]\tboth
02:00:00:00:00:02\t5955\t-40\t[WPA2-SAE-CCMP][ESS]\t\\x00\\x00
02:00:00:00:00:03\t2484\t-50\t[ESS]\t
02:00:00:00:00:04\t2437\t-60\t[WPA2-EAP-CCMP][ESS]\tuni
02:00:00:00:00:05\t2437\t-61\t[WPA-PSK-TKIP][ESS]\told
02:00:00:00:00:06\t2437\t-62\t[WEP][ESS]\tolder
02:00:00:00:00:07\t2437\t-63\t[WPA2-PSK-CCMP][ESS]\ta\tb
no row
`;

t.test('a table of networks', async (t) => {
  const read = decodeScanResults(SCAN);
  if (!read.ok) throw new TypeError(read.error);
  t.equal(read.value.broken, 2);
  t.same(
    read.value.networks.map(({ ssid, security, signalDbm }) => [ssid, security, signalDbm]),
    [
      ['both', 'WPA2/WPA3', -20],
      ['gate', 'WPA2', -30],
      ['', 'WPA3', -40],
      ['', 'open', -50],
      ['uni', 'enterprise', -60],
      ['old', 'WPA', -61],
      ['older', 'WEP', -62],
    ],
  );
  t.notOk(decodeScanResults('FAIL\n').ok);
});

t.test('channels', async (t) => {
  t.same(wifiChannelOf(2412), { band: '2.4GHz', channel: 1 });
  t.same(wifiChannelOf(2484), { band: '2.4GHz', channel: 14 });
  t.same(wifiChannelOf(5180), { band: '5GHz', channel: 36 });
  t.same(wifiChannelOf(5955), { band: '6GHz', channel: 1 });
  t.equal(wifiChannelOf(2413), undefined);
  t.equal(wifiChannelOf(0), undefined);
});

t.test('cut at every length', async () => {
  for (const seed of target.seeds()) {
    for (let end = 0; end <= seed.length; end++) target.run(seed.subarray(0, end));
  }
});
