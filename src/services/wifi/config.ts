import type { WpaNetwork } from '../../wire/wpa-control.ts';
import type { StationState } from './machine.ts';

/** Values of TR-181's `Security.ModeEnabled` that a station is offered here. */
export type WifiMode = 'None' | 'WPA2-Personal' | 'WPA3-Personal' | 'WPA3-Personal-Transition';

/** One `Device.WiFi.EndPoint.{i}.Profile.{i}.`; `id` is its path without the final dot. */
export interface WifiProfileConfig {
  readonly id: string;
  readonly enable: boolean;
  /** 1 to 32 bytes of UTF-8. */
  readonly ssid: string;
  /** It does not tell its name: it is asked for by it. */
  readonly hidden: boolean;
  /** 0 to 255; the least is the most wanted. */
  readonly priority: number;
  readonly mode: WifiMode;
  /** 8 to 63 characters of ASCII; undefined where only the key itself is known. */
  readonly passphrase: string | undefined;
  /** 64 hex digits. */
  readonly psk: string | undefined;
}

/** One `Device.WiFi.Radio.{i}.`. */
export interface WifiRadioConfig {
  /** Kernel name of its interface. */
  readonly ifName: string;
  readonly enable: boolean;
  /** ISO 3166-1, two capital letters; undefined leaves the kernel what it takes by itself. */
  readonly country: string | undefined;
}

/** One `Device.WiFi.EndPoint.{i}.`; `id` is its path without the final dot. */
export interface WifiEndPointConfig {
  readonly id: string;
  readonly enable: boolean;
  /** Undefined while the box has no radio. */
  readonly ifName: string | undefined;
  readonly profiles: readonly WifiProfileConfig[];
}

export interface WifiConfig {
  readonly radios: readonly WifiRadioConfig[];
  readonly endPoints: readonly WifiEndPointConfig[];
}

/** Of wpa_supplicant's STATUS and SIGNAL_POLL, while it is joined or joining. */
export interface WifiLinkObserved {
  readonly ssid: string;
  readonly bssid: string;
  readonly frequencyMhz: number;
  /** As wpa_supplicant calls it: `WPA2-PSK`, `SAE`, `NONE`. */
  readonly keyManagement: string;
  /** Id of the profile that it is joined by. */
  readonly profile: string | undefined;
  readonly signalDbm: number | undefined;
  readonly linkSpeedMbps: number | undefined;
}

export interface WifiInterfaceObserved {
  readonly ifName: string;
  /** Name of its radio in the kernel, such as phy0. */
  readonly phy: string;
  /** Why the radio is silent: a switch (`hard`), or a program (`soft`). */
  readonly blocked: 'hard' | 'soft' | undefined;
  readonly state: StationState;
  /** What is wrong, for people; undefined when all is well. */
  readonly reason: string | undefined;
  readonly link: WifiLinkObserved | undefined;
  /** Country whose rules the radio is under, as it was last told; undefined while nobody told. */
  readonly country: string | undefined;
  /** Times wpa_supplicant had to be started again because it died. */
  readonly restarts: number;
}

/** Published as `observed.wifi`. */
export interface WifiObserved {
  readonly interfaces: readonly WifiInterfaceObserved[];
  /** Of a profile, by its id: why it cannot be used, for people. */
  readonly profileFaults: ReadonlyMap<string, string>;
}

export interface WifiScan {
  readonly ifName: string;
  readonly networks: readonly WpaNetwork[];
}
