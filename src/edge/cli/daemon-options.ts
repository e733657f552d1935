/** The daemon's own arguments, read without the argument parser of the other commands, which costs start-up time. */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { readUciConfig, type UciConfig } from './uci.ts';

export const SERVICES = [
  'dhcp-client',
  'dhcp-server',
  'dns',
  'dht',
  'monitor',
  'neighbors',
  'network',
  'firewall',
  'http',
] as const;
export type ServiceName = (typeof SERVICES)[number];
const isService = (name: string): name is ServiceName =>
  (SERVICES as readonly string[]).includes(name);

/** Where to listen; host `lan` stands for every address of the LAN zone. */
export interface ListenOption {
  readonly host: string;
  readonly port: number;
}

export interface DaemonOptions {
  /** The configuration file. */
  readonly config: string;
  /** What it holds, where it was read from uci; else it is still to be read. */
  readonly uci: object | undefined;
  readonly stateDir: string;
  readonly runDir: string;
  readonly ubusSocket: string;
  /** The page. */
  readonly https: readonly ListenOption[];
  /** What only leads to the page. */
  readonly http: readonly ListenOption[];
  /** Just these services; undefined is all. */
  readonly only: readonly ServiceName[] | undefined;
}

export const DEFAULT_UBUS_SOCKET = '/var/run/ubus/ubus.sock';
export const DEFAULT_STATE_DIR = '/var/lib/gatehouse';

interface Flag {
  readonly argument: string;
  readonly fallback: string;
  readonly about: string;
}

export const DAEMON_FLAGS: Readonly<Record<string, Flag>> = {
  '--config': {
    argument: 'FILE',
    fallback: '/etc/gatehouse/config.json',
    about: 'interface roles, log level, and rows laid down at first start',
  },
  '--uci': {
    argument: 'FILE',
    fallback: '',
    about:
      'on OpenWrt, /etc/config/gatehouse instead of --config; it may have --state-dir, --https and --http, too',
  },
  '--state-dir': {
    argument: 'DIR',
    fallback: DEFAULT_STATE_DIR,
    about: 'what must survive a reboot: rows, leases, logs',
  },
  '--run-dir': {
    argument: 'DIR',
    fallback: '/run/gatehouse',
    about: 'sockets, hooks and resolv.conf',
  },
  '--ubus-socket': {
    argument: 'PATH',
    fallback: DEFAULT_UBUS_SOCKET,
    about: 'the bus; a broker of our own is started there when nobody listens',
  },
  '--https': {
    argument: 'HOST:PORT,…',
    fallback: 'lan:443,127.0.0.1:443',
    about: 'where the page is served; lan is every address of the LAN, none is nowhere',
  },
  '--http': {
    argument: 'HOST:PORT,…',
    fallback: 'lan:80,127.0.0.1:8080',
    about: 'where plain HTTP leads to the page',
  },
  '--only': {
    argument: 'SERVICE,…',
    fallback: '',
    about: `start just these services: ${SERVICES.join(', ')}`,
  },
};

/** Reads `--name value` and `--name=value`; every fault at once. `readText` gives a whole file. */
export function parseDaemonOptions(
  args: readonly string[],
  readText: (path: string) => Result<string, SystemError>,
): Result<DaemonOptions, readonly string[]> {
  const faults: string[] = [];
  const given = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? '';
    const equals = argument.indexOf('=');
    const name = equals < 0 ? argument : argument.slice(0, equals);
    const flag = Object.hasOwn(DAEMON_FLAGS, name) ? DAEMON_FLAGS[name] : undefined;
    if (flag === undefined) {
      faults.push(`unknown argument ${JSON.stringify(argument)}`);
      continue;
    }
    const value = equals < 0 ? args[++i] : argument.slice(equals + 1);
    if (value === undefined || value === '') faults.push(`${name} wants ${flag.argument}`);
    else given.set(name, value);
  }
  const uciPath = given.get('--uci');
  const uci = uciPath === undefined ? undefined : uciOf(uciPath, readText, faults);
  const value = (name: string): string =>
    given.get(name) ?? uci?.flags.get(name) ?? DAEMON_FLAGS[name]?.fallback ?? '';
  const listen = (name: string): readonly ListenOption[] => {
    const parsed = value(name) === 'none' ? [] : value(name).split(',').map(listenOption);
    if (parsed.includes(undefined)) faults.push(`${name} wants HOST:PORT, such as lan:443`);
    return parsed.filter((one) => one !== undefined);
  };
  const [https, http] = [listen('--https'), listen('--http')];
  const only = value('--only')
    .split(',')
    .filter((name) => name !== '');
  const unknown = only.filter((name) => !isService(name));
  if (unknown.length > 0) {
    faults.push(`--only: no service ${unknown.join(', ')}; there are ${SERVICES.join(', ')}`);
  }
  if (faults.length > 0) return err(faults);
  return ok({
    config: uciPath ?? value('--config'),
    uci: uci?.file,
    stateDir: value('--state-dir'),
    runDir: value('--run-dir'),
    ubusSocket: value('--ubus-socket'),
    https,
    http,
    only: only.length === 0 ? undefined : only.filter(isService),
  });
}

function uciOf(
  path: string,
  readText: (path: string) => Result<string, SystemError>,
  faults: string[],
): UciConfig | undefined {
  const text = readText(path);
  const read = text.ok ? readUciConfig(text.value) : err([text.error.message]);
  if (read.ok) return read.value;
  faults.push(...read.error.map((fault) => `${path}: ${fault}`));
  return undefined;
}

/** `lan:443`, `192.168.1.1:443` or `[fd00::1]:443`. */
function listenOption(text: string): ListenOption | undefined {
  const match = /^(lan|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[2]);
  if (match === null || port < 1 || port > 65_535) return undefined;
  return { host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port };
}
