/**
 * What wpa_supplicant says on its control socket (wpa_ctrl.h, ctrl_iface.c of wpa_supplicant 2.10):
 * one datagram is one answer, or an event `<level>NAME arguments`. All of it was made of what radio
 * stations of strangers sent.
 */
import { err, ok, type Result } from '../base/result.ts';
import { decodeUtf8 } from './utf8.ts';

/** Longer ones are not its own: its answers have at most 4,096 bytes. */
const MAX_BYTES = 16 * 1024;
const MAX_LINES = 512;

export type WpaMessage =
  | { readonly type: 'answer'; readonly text: string }
  | { readonly type: 'event'; readonly name: string; readonly rest: string };

/** Undefined where it is none: too long, or not printable ASCII with tabs and line ends. */
export function decodeWpaMessage(bytes: Uint8Array): WpaMessage | undefined {
  if (bytes.length > MAX_BYTES) return undefined;
  let text = '';
  for (const byte of bytes) {
    if ((byte < 0x20 && byte !== 9 && byte !== 10) || byte > 0x7e) return undefined;
    text += String.fromCharCode(byte);
  }
  const [whole, name = ''] = /^<\d>([A-Z0-9-]{1,64})(?![^ \n])/.exec(text) ?? [];
  if (whole !== undefined) return { type: 'event', name, rest: text.slice(whole.length).trim() };
  return text.startsWith('<')
    ? { type: 'event', name: '', rest: text.trim() }
    : { type: 'answer', text };
}

/** Lines `name=value`, the first of each name. */
export function decodeWpaFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n').slice(0, MAX_LINES)) {
    const at = line.indexOf('=');
    const name = line.slice(0, Math.max(0, at));
    if (/^[A-Za-z0-9_]{1,64}$/.test(name) && !fields.has(name))
      fields.set(name, line.slice(at + 1));
  }
  return fields;
}

/** Words `name=value` of an event; a value may stand in double quotes. */
export function decodeWpaWords(rest: string): ReadonlyMap<string, string> {
  const words = new Map<string, string>();
  for (const [, name = '', quoted, bare = ''] of rest.matchAll(
    /(?<![^ ])([a-z_0-9]{1,32})=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g,
  )) {
    if (!words.has(name)) words.set(name, quoted ?? bare);
  }
  return words;
}

/** IEEE 802.11 has at most so many bytes. */
const MAX_SSID_BYTES = 32;
const ESCAPES: Readonly<Record<string, number>> = {
  ...{ '"': 0x22, '\\': 0x5c, e: 0x1b, n: 0x0a, r: 0x0d, t: 0x09 },
};

/** The bytes of a name as printf_encode wrote it; undefined where it did not, or they are too many. */
export function decodeWpaSsid(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code !== 0x5c) {
      if (code < 0x20 || code > 0x7e) return undefined;
      bytes.push(code);
      continue;
    }
    const letter = text[at + 1] ?? '';
    const hex = /^x([0-9a-f]{2})/.exec(text.slice(at + 1, at + 4))?.[1];
    const byte = hex === undefined ? ESCAPES[letter] : Number.parseInt(hex, 16);
    if (byte === undefined) return undefined;
    bytes.push(byte);
    at += hex === undefined ? 1 : 3;
  }
  return bytes.length > MAX_SSID_BYTES ? undefined : Uint8Array.from(bytes);
}

/** As people read it: UTF-8 where it is that and has no controls, else as wpa_supplicant wrote it. */
export function wpaSsidText(text: string): string | undefined {
  const bytes = decodeWpaSsid(text);
  if (bytes === undefined) return undefined;
  const name = decodeUtf8(bytes, 0, bytes.length);
  // A lone surrogate stands for a byte that is no UTF-8.
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(name) ? text : name;
}

/** What protects a network, by what its beacons say. */
export type WifiSecurity = 'open' | 'WEP' | 'WPA' | 'WPA2' | 'WPA2/WPA3' | 'WPA3' | 'enterprise';

export interface WpaNetwork {
  /** Lower case, with colons. */
  readonly bssid: string;
  readonly frequencyMhz: number;
  readonly signalDbm: number;
  readonly security: WifiSecurity;
  /** As people read it; empty for a hidden one. */
  readonly ssid: string;
}

/** The answer to SCAN_RESULTS; lines that are none are counted. The strongest come first. */
export function decodeScanResults(
  text: string,
): Result<{ readonly networks: readonly WpaNetwork[]; readonly broken: number }, string> {
  const [head = '', ...lines] = text.split('\n');
  if (!head.startsWith('bssid / frequency / ')) return err('no table of scan results');
  const networks: WpaNetwork[] = [];
  let broken = 0;
  for (const line of lines.slice(0, MAX_LINES)) {
    if (line === '') continue;
    const [bssid = '', frequency = '', signal = '', flags = '', ...rest] = line.split('\t');
    const ssid = rest.length === 1 ? wpaSsidText(rest[0] ?? '') : undefined;
    const whole =
      /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(bssid) &&
      /^\d{4,6}$/.test(frequency) &&
      /^-?\d{1,3}$/.test(signal);
    if (!whole || ssid === undefined) {
      broken += 1;
      continue;
    }
    networks.push({
      ...{ bssid, frequencyMhz: Number(frequency), signalDbm: Number(signal), ssid },
      // A name of zeros alone is how some hide it.
      ...(/^(\\x00)+$/.test(rest[0] ?? '') ? { ssid: '' } : {}),
      security: securityOf(flags),
    });
  }
  networks.sort((a, b) => b.signalDbm - a.signalDbm);
  return ok({ networks, broken });
}

function securityOf(flags: string): WifiSecurity {
  const sae = /\bSAE\b/.test(flags);
  const psk = /\[(WPA2|RSN)-[^\]]*PSK/.test(flags);
  if (sae) return psk ? 'WPA2/WPA3' : 'WPA3';
  if (psk) return 'WPA2';
  if (/EAP/.test(flags)) return 'enterprise';
  if (/\[WPA-/.test(flags)) return 'WPA';
  return /WEP/.test(flags) ? 'WEP' : 'open';
}

/** Number of a channel (IEEE 802.11-2020 annex E); undefined for a frequency that has none. */
export function wifiChannelOf(
  mhz: number,
): { readonly band: '2.4GHz' | '5GHz' | '6GHz'; readonly channel: number } | undefined {
  if (mhz === 2484) return { band: '2.4GHz', channel: 14 };
  if (mhz >= 2412 && mhz <= 2472 && (mhz - 2407) % 5 === 0) {
    return { band: '2.4GHz', channel: (mhz - 2407) / 5 };
  }
  if (mhz >= 5160 && mhz <= 5885 && mhz % 5 === 0)
    return { band: '5GHz', channel: (mhz - 5000) / 5 };
  if (mhz >= 5955 && mhz <= 7115 && mhz % 5 === 0)
    return { band: '6GHz', channel: (mhz - 5950) / 5 };
  return undefined;
}
