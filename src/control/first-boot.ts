/**
 * The first start of a box: which configuration the daemon is to begin with, made of what lies on
 * the boot partition of its memory card, and what of that stays there. Pure.
 */
import { BugError } from '../base/errors.ts';
import { isWirelessName } from '../base/if-name.ts';
import { passwordFault } from '../tr181/objects/users.ts';
import { parsePosixZone } from '../tr181/posix-zone.ts';
import { joinChanges } from '../tr181/wifi-plan.ts';
import { offsetsOf } from '../tr181/zone-names.ts';
import {
  type CardSettings,
  type ReadSettings,
  readCustomToml,
  readFirstRun,
  readUserConf,
} from './card-settings.ts';
import { type ProcessConfig, parseProcessConfig } from './process-config.ts';

export const OWN_FILE = 'gatehouse.json';

/** Of other tools, the first wins where two say different things. */
const READERS: Readonly<Record<string, (text: string) => ReadSettings>> = {
  'custom.toml': readCustomToml,
  'firstrun.sh': readFirstRun,
  'userconf.txt': readUserConf,
  userconf: readUserConf,
};

/** Every file that is looked for. */
export const CARD_FILES: readonly string[] = [OWN_FILE, ...Object.keys(READERS)];

export interface CardFault {
  readonly file: string;
  readonly message: string;
}

export interface FirstBoot {
  readonly config: ProcessConfig;
  /** The first password as it was given, to be hashed for `config.account`; undefined where it is hashed already. */
  readonly password: { readonly username: string; readonly password: string } | undefined;
  readonly sshKeys: readonly string[];
  /** Name of the Wi-Fi that is joined. */
  readonly wifi: string | undefined;
  readonly faults: readonly CardFault[];
  /** Files that were taken, wholly or in part, and what is kept of each: all but its secrets. */
  readonly kept: ReadonlyMap<string, string>;
}

const HOST_NAME = 'Device.DeviceInfo.HostName';
const TIME_ZONE = 'Device.Time.LocalTimeZone';

/** `ports` are the roles of the box's own ports where the card does not say. */
export function firstBoot(
  files: ReadonlyMap<string, string>,
  ports: ProcessConfig['interfaces'],
): FirstBoot {
  const faults: CardFault[] = [];
  const kept = new Map<string, string>();
  let settings: CardSettings = {};
  for (const [file, read] of Object.entries(READERS)) {
    const text = files.get(file);
    if (text === undefined) continue;
    const found = read(text);
    faults.push(...found.faults.map((message) => ({ file, message })));
    settings = { ...found.settings, ...settings };
    // What could not be read at all stays as it is, to be mended.
    if (Object.keys(found.settings).length > 0) kept.set(file, withoutSecrets(file, text));
  }
  const own = ownFile(files.get(OWN_FILE), faults);
  if (own !== undefined) kept.set(OWN_FILE, withoutSecrets(OWN_FILE, files.get(OWN_FILE) ?? ''));
  const { hostName, user, timeZone } = settings;
  const zone = timeZone !== undefined && isZone(timeZone) ? timeZone : undefined;
  if (zone !== timeZone) {
    faults.push({ file: 'time zone', message: `there is no time zone ${timeZone}` });
  }
  const weak = user?.password === undefined ? undefined : passwordFault(user.password);
  if (weak !== undefined) faults.push({ file: 'user', message: weak });
  const hash = user?.hash;
  const account =
    own?.account ??
    (user !== undefined && hash !== undefined
      ? { username: user.name, passwordHash: hash }
      : undefined);
  const { wifi: radio, ...roles } = ports;
  const named = own?.interfaces ?? roles;
  const none = named.wan === undefined && named.lan.length === 0;
  const interfaces = withWifi(none ? { ...named, ...roles } : named, radio, settings);
  return {
    config: {
      ...(own ?? parsed('{}')),
      interfaces,
      rows: {
        ...(hostName === undefined ? {} : { [HOST_NAME]: hostName }),
        ...(zone === undefined ? {} : { [TIME_ZONE]: zone }),
        ...wifiRows(settings),
        ...own?.rows,
      },
      account,
    },
    password:
      account === undefined && user?.password !== undefined && weak === undefined
        ? { username: user.name, password: user.password }
        : undefined,
    sshKeys: settings.sshKeys ?? [],
    wifi: settings.wifi?.ssid,
    faults,
    kept,
  };
}

/** With a Wi-Fi to join, its interface is a WAN too: the only one where that was said, else one behind the first. */
function withWifi(
  { wifi, ...interfaces }: ProcessConfig['interfaces'],
  found: string | undefined,
  settings: CardSettings,
): ProcessConfig['interfaces'] {
  const wanted = wifi ?? (settings.wifi === undefined ? undefined : (found ?? 'wlan0'));
  const named = [interfaces.wan, ...interfaces.lan];
  const joins = named.some((name) => name !== undefined && isWirelessName(name));
  return wanted === undefined || joins ? interfaces : { ...interfaces, wifi: wanted };
}

const wifiRows = ({ wifi, country }: CardSettings): Readonly<Record<string, string>> =>
  wifi === undefined
    ? {}
    : Object.fromEntries(
        joinChanges({ ...wifi, country }, { endPoint: 1, profile: 1, radio: 1 }).map(
          ({ path, value }) => [path, value],
        ),
      );

const isZone = (text: string): boolean =>
  parsePosixZone(text) !== undefined || (text.length <= 64 && offsetsOf(text) !== undefined);

function ownFile(text: string | undefined, faults: CardFault[]): ProcessConfig | undefined {
  if (text === undefined) return undefined;
  const read = parseProcessConfig(text);
  if (read.ok) return read.value;
  faults.push(...read.error.map((message) => ({ file: OWN_FILE, message })));
  return undefined;
}

function parsed(text: string): ProcessConfig {
  const read = parseProcessConfig(text);
  if (!read.ok) throw new BugError(read.error.join());
  return read.value;
}

/** The file that `parseProcessConfig` reads. */
export const configText = ({ interfaces, logLevel, http, rows, account }: ProcessConfig): string =>
  `${JSON.stringify({ interfaces, log: { level: logLevel }, http, rows, account }, undefined, 2)}\n`;

const REMOVED = 'removed: it was applied';
/** Lines of other tools' files that hold a password, a hash of one, or a key of a Wi-Fi. */
const SECRET_LINES: Readonly<Record<string, RegExp>> = {
  'custom.toml': /^\s*["']?password["']?\s*=.*$/gm,
  'firstrun.sh': /^.*(userconf|chpasswd|set_wlan |psk|\$[0-9a-z]{1,2}\$).*$/gm,
  'userconf.txt': /:.*$/gm,
  userconf: /:.*$/gm,
};

function withoutSecrets(file: string, text: string): string {
  const pattern = SECRET_LINES[file];
  if (pattern !== undefined) {
    return text.replace(pattern, file.startsWith('userconf') ? `: ${REMOVED}` : `# ${REMOVED}`);
  }
  const json = JSON.parse(text) as { account?: object; rows?: Record<string, unknown> };
  const rows = Object.entries(json.rows ?? {}).map(([path, value]) => [
    path,
    /pass|secret|key/i.test(path.slice(path.lastIndexOf('.') + 1)) ? REMOVED : value,
  ]);
  const shown = {
    ...json,
    ...(json.rows === undefined ? {} : { rows: Object.fromEntries(rows) }),
    ...(json.account === undefined ? {} : { account: { ...json.account, passwordHash: REMOVED } }),
  };
  return `${JSON.stringify(shown, undefined, 2)}\n`;
}

/** What the owner finds on the card; lines end as every system's editor takes them. Empty without faults. */
export function errorsText(faults: readonly CardFault[]): string {
  if (faults.length === 0) return '';
  return [
    'Gatehouse could not take all of the settings on this card:',
    '',
    ...faults.map(({ file, message }) => `  ${file}: ${message}`),
    '',
    'They are read at the first start alone. Correct them, reset the box to its',
    'factory settings (on its console, or in failsafe), and they are read again;',
    'or set the same on the page. A file of which a part was applied is named',
    '….applied now, and its passwords are removed: put them back, and rename it.',
    '',
  ].join('\r\n');
}
