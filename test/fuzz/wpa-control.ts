import {
  decodeScanResults,
  decodeWpaFields,
  decodeWpaMessage,
  decodeWpaSsid,
  decodeWpaWords,
  wpaSsidText,
} from '../../src/wire/wpa-control.ts';

/** What wpa_supplicant says of strangers' radios: no control comes through, no list without end. */
export const target = {
  name: 'wpa-control',
  run(bytes: Uint8Array): void {
    const message = decodeWpaMessage(bytes);
    if (message === undefined) return;
    if (message.type === 'event') {
      if (!/^[A-Z0-9-]{0,64}$/.test(message.name)) throw new TypeError('name');
      for (const [name, value] of decodeWpaWords(message.rest)) {
        if (/[^a-z_0-9]/.test(name) || /[^\n\t\x20-\x7e]/.test(value)) throw new TypeError('word');
      }
      return;
    }
    for (const [name, value] of decodeWpaFields(message.text)) {
      if (/[^A-Za-z0-9_]/.test(name) || value.includes('\n')) throw new TypeError('field');
    }
    const name = message.text.split('\n', 1)[0] ?? '';
    const ssid = decodeWpaSsid(name);
    if (ssid !== undefined && ssid.length > 32) throw new TypeError('a name too long');
    if ((ssid === undefined) !== (wpaSsidText(name) === undefined)) throw new TypeError('text');
    const scan = decodeScanResults(message.text);
    if (!scan.ok) return;
    if (scan.value.networks.length + scan.value.broken > 512) throw new TypeError('too many');
    for (const { bssid, ssid: shown, signalDbm, frequencyMhz } of scan.value.networks) {
      if (bssid.length !== 17 || /[\p{Cc}\p{Cs}]/u.test(shown)) throw new TypeError('network');
      if (!Number.isInteger(signalDbm) || !Number.isInteger(frequencyMhz))
        throw new TypeError('number');
    }
  },
  seeds: (): Uint8Array[] =>
    [
      '<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="a b" auth_failures=1 duration=10 reason=WRONG_KEY',
      'bssid=02:00:00:00:00:00\nfreq=2412\nssid=gate\\xc3\\xa4\nid=0\nkey_mgmt=WPA2-PSK\nwpa_state=COMPLETED\n',
      'bssid / frequency / signal level / flags / ssid\n02:00:00:00:00:00\t2412\t-30\t[WPA2-PSK-CCMP][ESS]\tg\\xe4\n02:00:00:00:00:01\t5180\t-20\t[ESS]\t\\x00\n',
      'caf\\xc3\\xa9\\"\\\\\\e\\n\\r\\t',
    ].map((text) => new TextEncoder().encode(text)),
};
