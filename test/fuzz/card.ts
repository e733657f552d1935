import { CARD_FILES, configText, firstBoot } from '../../src/control/first-boot.ts';
import { parseProcessConfig } from '../../src/control/process-config.ts';
import { decodeFirstRun } from '../../src/wire/first-run.ts';
import { decodeToml } from '../../src/wire/toml.ts';

const PORTS = { wan: 'eth0', lan: ['eth1'] };

/** Whatever lies on a card: the box starts with a configuration that the daemon reads. */
export const target = {
  name: 'card',
  run(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    const toml = decodeToml(text);
    if (toml.ok) {
      for (const table of toml.value.values()) {
        for (const value of table.values()) {
          if (!['string', 'boolean', 'number', 'object'].includes(typeof value)) {
            throw new TypeError('value');
          }
        }
      }
    } else if (!/^line \d+: /.test(toml.error.message)) throw new TypeError('no line');
    for (const { words } of decodeFirstRun(text).calls) {
      if (words.some((word) => /[\r\n]/.test(word))) throw new TypeError('a word over lines');
    }
    for (const file of CARD_FILES) {
      const { config, kept } = firstBoot(new Map([[file, text]]), PORTS);
      const again = parseProcessConfig(configText(config));
      if (!again.ok) throw new TypeError(`${file}: ${again.error.join('; ')}`);
      for (const left of kept.values()) {
        const hash = config.account?.passwordHash;
        if (hash !== undefined && left.includes(hash)) throw new TypeError(`${file}: a secret`);
      }
    }
  },
  seeds: (): Uint8Array[] =>
    [
      'config_version = 1\n[system]\nhostname = "gate"\n[user]\nname = "pi"\npassword = "$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6"\n[ssh]\nauthorized_keys = ["ssh-ed25519 AAAA me", \'x\']\n[wlan]\nssid = "net"\npassword = "password"\nhidden = true\ncountry = "DE"\n[locale]\ntimezone = "Europe/Berlin"\n',
      "/usr/lib/raspberrypi-sys-mods/imager_custom set_wlan -h 'it'\"'\"'s' 'password' 'DE'\n/usr/lib/userconf-pi/userconf 'pi' '$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6'\n",
      'pi:$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6\n',
      '{"interfaces":{"wan":"wan0"},"account":{"username":"pi","passwordHash":"$5$abcdefghij$jHERxYfHbVjbwQXCRXlCBsLAEiUISIL.xsvMwjU24E6"},"rows":{"Device.X.Password":"x"}}',
    ].map((text) => new TextEncoder().encode(text)),
};
