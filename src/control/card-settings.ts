/**
 * Settings that a tool wrote on the memory card, for a box that is started for the first time: what
 * Raspberry Pi Imager and its like leave on the boot partition. Each item is checked by itself; what
 * is wrong is told, and the others count.
 */
import { cryptFault } from '../base/crypt-hash.ts';
import { isHostLabel } from '../base/text.ts';
import { decodeFirstRun, type FirstRunCall } from '../wire/first-run.ts';
import { decodeToml, type TomlTable, type TomlValue } from '../wire/toml.ts';

export interface WifiNetwork {
  readonly ssid: string;
  /** 64 hex digits, or 8 to 63 characters to make them of; undefined for an open network. */
  readonly key: string | undefined;
  readonly hidden: boolean;
}

export interface CardUser {
  readonly name: string;
  /** Of crypt(5), or the password itself; neither for one without. */
  readonly hash?: string;
  readonly password?: string;
}

export interface CardSettings {
  readonly hostName?: string;
  readonly user?: CardUser;
  readonly sshKeys?: readonly string[];
  readonly wifi?: WifiNetwork;
  /** Two capital letters (ISO 3166-1). */
  readonly country?: string;
  readonly timeZone?: string;
}

export interface ReadSettings {
  readonly settings: CardSettings;
  readonly faults: readonly string[];
}

const MAX_KEYS = 32;
const MAX_KEY_CHARS = 8192;
const SSH_KEY =
  /^(ssh-(rsa|ed25519)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\p{Cc}]*)?$/u;
const USER_NAME = /^[a-z][a-z0-9_.@-]{0,63}$/;

/** As it is told in a fault: short, and with nothing in it that steers a terminal. */
const quoted = (text: string): string =>
  JSON.stringify(text.length > 64 ? `${text.slice(0, 63)}…` : text);

/** Gathers items that are right and says what is wrong with the others. */
class Gathered {
  settings: CardSettings = {};
  readonly faults: string[] = [];

  hostName(name: string): void {
    if (isHostLabel(name)) this.settings = { ...this.settings, hostName: name };
    else
      this.faults.push(
        `${quoted(name)} is no host name: letters, digits, and hyphens inside (RFC 1123)`,
      );
  }

  user(user: CardUser): void {
    const { name, hash, password } = user;
    const fault = hash === undefined ? undefined : cryptFault(hash);
    if (!USER_NAME.test(name)) {
      this.faults.push(
        `${quoted(name)} is no user name: lower-case letters first, then digits and _ . @ - too`,
      );
    } else if (fault !== undefined) this.faults.push(`user ${name}: ${fault}`);
    else if (hash === undefined && password === undefined) {
      this.faults.push(`user ${name} has no password, so no account is made`);
    } else this.settings = { ...this.settings, user };
  }

  sshKeys(keys: readonly string[]): void {
    const good = keys.map((key) => key.trim()).filter((key) => key !== '');
    const bad = good.filter((key) => key.length > MAX_KEY_CHARS || !SSH_KEY.test(key));
    if (bad.length > 0) this.faults.push(`${bad.length} of the SSH keys are no public keys`);
    if (good.length > MAX_KEYS) this.faults.push(`more than ${MAX_KEYS} SSH keys`);
    const sshKeys = good.filter((key) => !bad.includes(key)).slice(0, MAX_KEYS);
    if (sshKeys.length > 0) this.settings = { ...this.settings, sshKeys };
  }

  wifi(wifi: WifiNetwork): void {
    const { ssid, key } = wifi;
    // IEEE 802.11: 32 bytes at most; the key as IEEE 802.11i annex M.4 has it.
    if (ssid === '' || new TextEncoder().encode(ssid).length > 32) {
      this.faults.push(`${quoted(ssid)} is no name of a Wi-Fi: it has 1 to 32 bytes`);
    } else if (key !== undefined && !/^([0-9a-fA-F]{64}|[\x20-\x7e]{8,63})$/.test(key)) {
      this.faults.push('the password of the Wi-Fi has 8 to 63 characters of ASCII');
    } else this.settings = { ...this.settings, wifi };
  }

  country(text: string): void {
    const country = text.toUpperCase();
    if (/^[A-Z]{2}$/.test(country)) this.settings = { ...this.settings, country };
    else
      this.faults.push(
        `${quoted(text)} is no country for the Wi-Fi: two letters are wanted, such as DE`,
      );
  }

  timeZone(name: string): void {
    // Whether there is such a zone is the model's to say.
    if (/^[A-Za-z0-9_+/<>,.:-]{1,256}$/.test(name)) {
      this.settings = { ...this.settings, timeZone: name };
    } else this.faults.push(`${quoted(name)} is no time zone`);
  }
}

// ---- custom.toml -------------------------------------------------------------------------------

/** Names that may stand in each table, with their types; others are told. */
const TABLES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  '': { config_version: ['number'] },
  system: { hostname: ['string'] },
  user: { name: ['string'], password: ['string'], password_encrypted: ['boolean'] },
  ssh: {
    enabled: ['boolean'],
    password_authentication: ['boolean'],
    authorized_keys: ['list', 'string'],
    ssh_import_id: ['list', 'string'],
  },
  wlan: {
    ssid: ['string'],
    password: ['string'],
    password_encrypted: ['boolean'],
    hidden: ['boolean'],
    country: ['string'],
  },
  locale: { keymap: ['string'], timezone: ['string'] },
};

const kindOf = (value: TomlValue): string => (typeof value === 'object' ? 'list' : typeof value);

const textOf = (table: TomlTable | undefined, name: string): string | undefined => {
  const value = table?.get(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** As Raspberry Pi OS reads it (raspberrypi-sys-mods, init_config). */
export function readCustomToml(text: string): ReadSettings {
  const decoded = decodeToml(text);
  if (!decoded.ok) return { settings: {}, faults: [decoded.error.message] };
  const tables = decoded.value;
  const out = new Gathered();
  for (const [name, table] of tables) checkTable(name, table, out.faults);
  if (tables.get('')?.get('config_version') !== 1) {
    out.faults.push('config_version is not 1');
    return out;
  }
  const hostName = textOf(tables.get('system'), 'hostname');
  if (hostName !== undefined) out.hostName(hostName);
  const user = tables.get('user');
  const name = textOf(user, 'name');
  const password = textOf(user, 'password');
  if (name !== undefined) {
    const hashed = user?.get('password_encrypted') !== false;
    out.user({
      name,
      ...(password === undefined ? {} : hashed ? { hash: password } : { password }),
    });
  } else if (password !== undefined) out.faults.push('a password without a user name');
  const ssh = tables.get('ssh');
  const keys = ssh?.get('authorized_keys');
  if (typeof keys === 'string') out.sshKeys([keys]);
  else if (typeof keys === 'object') out.sshKeys(keys);
  if (ssh?.has('ssh_import_id') === true) {
    out.faults.push(
      'ssh_import_id is not taken: keys are not fetched; put them in authorized_keys',
    );
  }
  const wlan = tables.get('wlan');
  const ssid = textOf(wlan, 'ssid');
  if (ssid !== undefined) {
    out.wifi({ ssid, key: textOf(wlan, 'password'), hidden: wlan?.get('hidden') === true });
  } else if (textOf(wlan, 'password') !== undefined) {
    out.faults.push('a password of a Wi-Fi without its name');
  }
  const country = textOf(wlan, 'country');
  if (country !== undefined) out.country(country);
  const timeZone = textOf(tables.get('locale'), 'timezone');
  if (timeZone !== undefined) out.timeZone(timeZone);
  return out;
}

function checkTable(name: string, table: TomlTable, faults: string[]): void {
  const known = Object.hasOwn(TABLES, name) ? TABLES[name] : undefined;
  if (known === undefined) {
    faults.push(`[${name}] is not known`);
    return;
  }
  for (const [key, value] of table) {
    const kinds = Object.hasOwn(known, key) ? known[key] : undefined;
    const place = name === '' ? key : `[${name}] ${key}`;
    if (kinds === undefined) faults.push(`${place} is not known`);
    else if (!kinds.includes(kindOf(value))) faults.push(`${place} is not a ${kinds[0]}`);
  }
}

// ---- firstrun.sh, userconf.txt -----------------------------------------------------------------

const VERBS: Readonly<Record<string, (out: Gathered, words: readonly string[]) => void>> = {
  set_hostname: (out, [name = '']) => out.hostName(name),
  userconf: (out, [name = '', hash = '']) => out.user({ name, ...(hash === '' ? {} : { hash }) }),
  enable_ssh: (out, words) => out.sshKeys(words.filter((word) => !word.startsWith('-'))),
  set_wlan: (out, words) => {
    const [ssid = '', key = '', country = ''] = words.filter((word) => !/^-[hp]$/.test(word));
    out.wifi({ ssid, key: key === '' ? undefined : key, hidden: words.includes('-h') });
    if (country !== '') out.country(country);
  },
  set_wlan_country: (out, [country = '']) => out.country(country),
  set_timezone: (out, [zone = '']) => out.timeZone(zone),
  // A router has no keyboard but the console's own.
  set_keymap: () => {},
};

export function readFirstRun(text: string): ReadSettings {
  const { calls, faults } = decodeFirstRun(text);
  const out = new Gathered();
  out.faults.push(...faults);
  if (calls.length + faults.length === 0) {
    out.faults.push('it is a program, which is not run, and none that Raspberry Pi Imager writes');
  }
  for (const { verb, words, line } of calls as readonly FirstRunCall[]) {
    const take = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
    if (take === undefined) out.faults.push(`line ${line}: ${verb} is not known`);
    else take(out, words);
  }
  return out;
}

/** One line, `NAME:HASH`. */
export function readUserConf(text: string): ReadSettings {
  const out = new Gathered();
  const [, name, hash] = /^([^:\r\n]+):([^\r\n]+)\r?\n?$/.exec(text) ?? [];
  if (name === undefined || hash === undefined) out.faults.push('one line NAME:HASH is wanted');
  else out.user({ name, hash });
  return out;
}
