/** wpa_supplicant's configuration (wpa_supplicant.conf(5)). Pure; whatever people wrote stands in it as hex. */
import { toHex } from '../../base/bytes.ts';
import type { WifiProfileConfig } from './config.ts';

/** Makes 64 hex digits of a passphrase and the network's name (IEEE 802.11-2020 annex J.4.1). */
export type KeyOf = (passphrase: string, ssid: string) => string;

export interface WifiWanted {
  /** In the order of the ids that wpa_supplicant gives them. */
  readonly profiles: readonly WifiProfileConfig[];
  readonly country: string | undefined;
}

const hex = (text: string): string => toHex(new TextEncoder().encode(text));

export function renderSupplicant(
  { profiles, country }: WifiWanted,
  controlFolder: string,
  keyOf: KeyOf,
): string {
  const lines = [
    `ctrl_interface=${controlFolder}`,
    'update_config=0',
    'p2p_disabled=1',
    // Hash-to-element where the access point has it, and what was before where not.
    'sae_pwe=2',
    ...(country === undefined ? [] : [`country=${country}`]),
    ...profiles.flatMap((profile) => networkOf(profile, keyOf)),
  ];
  return `${lines.join('\n')}\n`;
}

function networkOf(profile: WifiProfileConfig, keyOf: KeyOf): string[] {
  const { ssid, hidden, priority } = profile;
  return [
    'network={',
    `  ssid=${hex(ssid)}`,
    ...(hidden ? ['  scan_ssid=1'] : []),
    // There the greatest is the most wanted.
    `  priority=${255 - priority}`,
    ...secrets(profile, keyOf).map((line) => `  ${line}`),
    '}',
  ];
}

function secrets({ mode, ssid, passphrase, psk }: WifiProfileConfig, keyOf: KeyOf): string[] {
  const key = psk ?? (passphrase === undefined ? undefined : keyOf(passphrase, ssid));
  const shared = key === undefined ? [] : [`psk=${key}`];
  const sae = passphrase === undefined ? [] : [`sae_password=${hex(passphrase)}`];
  switch (mode) {
    case 'None':
      return ['key_mgmt=NONE'];
    case 'WPA2-Personal':
      return ['key_mgmt=WPA-PSK WPA-PSK-SHA256', 'proto=RSN', ...shared, 'ieee80211w=1'];
    case 'WPA3-Personal':
      return ['key_mgmt=SAE', 'proto=RSN', ...sae, 'ieee80211w=2'];
    case 'WPA3-Personal-Transition':
      return [
        'key_mgmt=SAE WPA-PSK WPA-PSK-SHA256',
        'proto=RSN',
        ...shared,
        ...sae,
        'ieee80211w=1',
      ];
  }
}

/** Why a profile cannot be used, for people; undefined when it can. */
export function profileFault({
  ssid,
  mode,
  passphrase,
  psk,
}: WifiProfileConfig): string | undefined {
  if (ssid === '') return 'it has no SSID';
  if (mode === 'None') return undefined;
  if (mode !== 'WPA2-Personal') {
    return passphrase === undefined
      ? `${mode} needs KeyPassphrase: a PreSharedKey will not do`
      : undefined;
  }
  return passphrase === undefined && psk === undefined ? 'it has no password' : undefined;
}
