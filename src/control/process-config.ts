/**
 * The configuration file: rows laid down at first start, and the little that belongs to the process
 * alone. There is no second way to configure: after the first start the model is the state.
 */
import { cryptFault } from '../base/crypt-hash.ts';
import { isIfName, isWirelessName } from '../base/if-name.ts';
import type { LogLevel } from '../base/log.ts';
import { parsePhc } from '../base/phc.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { FirstAccount } from '../tr181/initial.ts';

export interface ProcessConfig {
  readonly interfaces: {
    /** Kernel name of the interface towards the ISP. */
    readonly wan: string | undefined;
    /** Kernel names of the interfaces towards the LAN; several become a bridge. */
    readonly lan: readonly string[];
    /** Kernel name of a Wi-Fi that is joined besides, as a second WAN. */
    readonly wifi?: string | undefined;
  };
  readonly logLevel: LogLevel;
  readonly http: {
    /** Names under which the page may be asked for, besides the host name and the LAN's addresses. */
    readonly names: readonly string[];
  };
  /** TR-181 path → value, laid over the defaults at first start. */
  readonly rows: Readonly<Record<string, string>>;
  /** The first administrator, made at first start: then the page asks for no set-up. */
  readonly account: FirstAccount | undefined;
}

export const DEFAULT_CONFIG: ProcessConfig = {
  interfaces: { wan: undefined, lan: [] },
  logLevel: 'info',
  http: { names: [] },
  rows: {},
  account: undefined,
};

const LEVELS: readonly unknown[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
const MAX_NAMES = 16;
const KEYS = ['interfaces', 'log', 'http', 'rows', 'account'] as const;
/** As the model has it for `Device.Users.User.{i}.Username`. */
const USER_NAME = /^[a-z][a-z0-9_.@-]{0,63}$/;

/** Every fault of the file at once, each with the place in it. */
export function parseProcessConfig(text: string): Result<ProcessConfig, readonly string[]> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    return err([`not JSON: ${cause instanceof Error ? cause.message : String(cause)}`]);
  }
  const faults: string[] = [];
  const top = section(file, 'the file', KEYS, faults);
  const interfaces = section(top['interfaces'] ?? {}, 'interfaces', ['wan', 'lan', 'wifi'], faults);
  const log = section(top['log'] ?? {}, 'log', ['level'], faults);
  const wan = interfaces['wan'];
  if (wan !== undefined && !isIfName(wan)) faults.push('interfaces.wan: not an interface name');
  const wifi = interfaces['wifi'];
  if (wifi !== undefined && (!isIfName(wifi) || !isWirelessName(wifi))) {
    faults.push('interfaces.wifi: not the name of a Wi-Fi, such as wlan0');
  }
  const lan = interfaces['lan'] ?? [];
  if (!Array.isArray(lan) || !lan.every(isIfName)) {
    faults.push('interfaces.lan: not a list of interface names');
  } else if (new Set([...lan, wan, wifi ?? '']).size !== lan.length + 2) {
    faults.push('interfaces: an interface is named twice');
  }
  const level = log['level'] ?? DEFAULT_CONFIG.logLevel;
  if (!LEVELS.includes(level)) faults.push(`log.level: not one of ${LEVELS.join(', ')}`);
  const { names = [] } = section(top['http'] ?? {}, 'http', ['names'], faults);
  if (!Array.isArray(names) || names.length > MAX_NAMES || !names.every(isHostName)) {
    faults.push(`http.names: not a list of at most ${MAX_NAMES} host names`);
  }
  const rows = section(top['rows'] ?? {}, 'rows', undefined, faults);
  for (const [path, value] of Object.entries(rows)) {
    if (!['string', 'number', 'boolean'].includes(typeof value)) {
      faults.push(`rows.${path}: not a text, number or boolean`);
    }
  }
  const account = accountOf(top['account'], faults);
  if (faults.length > 0) return err(faults);
  return ok({
    interfaces: {
      ...{ wan: wan as string | undefined, lan: lan as readonly string[] },
      ...(wifi === undefined ? {} : { wifi: wifi as string }),
    },
    logLevel: level as LogLevel,
    http: { names: names as readonly string[] },
    rows: Object.fromEntries(Object.entries(rows).map(([path, value]) => [path, String(value)])),
    account,
  });
}

function accountOf(value: unknown, faults: string[]): FirstAccount | undefined {
  if (value === undefined) return undefined;
  const { username, passwordHash } = section(
    value,
    'account',
    ['username', 'passwordHash'],
    faults,
  );
  if (typeof username !== 'string' || !USER_NAME.test(username)) {
    faults.push(
      'account.username: a name begins with a lower-case letter, then letters, digits and _ . @ -',
    );
    return undefined;
  }
  if (typeof passwordHash !== 'string') {
    faults.push('account.passwordHash: missing');
    return undefined;
  }
  const fault = parsePhc(passwordHash).ok ? undefined : cryptFault(passwordHash);
  if (fault !== undefined) faults.push(`account.passwordHash: ${fault}`);
  return { username, passwordHash };
}

const isHostName = (value: unknown): value is string =>
  typeof value === 'string' && HOST_NAME.test(value);

function section(
  value: unknown,
  name: string,
  known: readonly string[] | undefined,
  faults: string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push(`${name}: not an object`);
    return {};
  }
  for (const key of Object.keys(value)) {
    if (known !== undefined && !known.includes(key)) {
      faults.push(`${name}: unknown key ${JSON.stringify(key)}; known are ${known.join(', ')}`);
    }
  }
  return value as Readonly<Record<string, unknown>>;
}
