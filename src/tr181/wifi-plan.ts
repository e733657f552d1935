/** The rows by which a network of Wi-Fi is joined: at the first start, and by `gatehouse wifi join`. */
import type { Change } from './model.ts';
import { END_POINTS, RADIOS } from './objects/wifi-params.ts';

export interface WifiWish {
  readonly ssid: string;
  /** 64 hex digits, or 8 to 63 characters to make them of; undefined for an open network. */
  readonly key: string | undefined;
  readonly hidden: boolean;
  /** Two capital letters (ISO 3166-1). */
  readonly country: string | undefined;
}

/** Numbers of the rows. */
export interface WifiNumbers {
  readonly endPoint: number;
  readonly profile: number;
  /** Undefined while the box has no radio. */
  readonly radio: number | undefined;
}

export function joinChanges(
  { ssid, key, hidden, country }: WifiWish,
  { endPoint, profile, radio }: WifiNumbers,
): Change[] {
  const object = `${END_POINTS}${endPoint}.`;
  const own = `${object}Profile.${profile}.`;
  const isKey = key !== undefined && /^[0-9A-Fa-f]{64}$/.test(key);
  const values: Record<string, string> = {
    [`${object}Enable`]: 'true',
    [`${own}Enable`]: 'true',
    [`${own}SSID`]: ssid,
    [`${own}Priority`]: '0',
    [`${own}X_GATEHOUSE_Hidden`]: String(hidden),
    // With WPA3 some access points and drivers cannot do what they say; who wants it sets it.
    [`${own}Security.ModeEnabled`]: key === undefined ? 'None' : 'WPA2-Personal',
    [`${own}Security.PreSharedKey`]: isKey ? key : '',
    [`${own}Security.KeyPassphrase`]: isKey ? '' : (key ?? ''),
  };
  if (country !== undefined && radio !== undefined) {
    values[`${RADIOS}${radio}.RegulatoryDomain`] = country;
  }
  return Object.entries(values).map(([path, value]) => ({ path, value }));
}
