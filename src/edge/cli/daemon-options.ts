/** The daemon's own arguments, read without the argument parser of the other commands, which costs start-up time. */
import { err, ok, type Result } from '../../base/result.ts';

export interface DaemonOptions {
  readonly config: string;
  readonly stateDir: string;
  readonly runDir: string;
  readonly ubusSocket: string;
  readonly http: { readonly host: string; readonly port: number };
  /** Just these services; undefined is all. */
  readonly only: readonly string[] | undefined;
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
  '--http': {
    argument: 'HOST:PORT',
    fallback: '127.0.0.1:8080',
    about: 'where the page is served',
  },
  '--only': {
    argument: 'SERVICE,…',
    fallback: '',
    about: 'start just these services',
  },
};

/** Reads `--name value` and `--name=value`; every fault at once. */
export function parseDaemonOptions(
  args: readonly string[],
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
  const value = (name: string): string => given.get(name) ?? DAEMON_FLAGS[name]?.fallback ?? '';
  const http = parseEndpoint(value('--http'));
  if (http === undefined)
    faults.push(`--http wants HOST:PORT, not ${JSON.stringify(value('--http'))}`);
  if (faults.length > 0 || http === undefined) return err(faults);
  const only = value('--only');
  return ok({
    config: value('--config'),
    stateDir: value('--state-dir'),
    runDir: value('--run-dir'),
    ubusSocket: value('--ubus-socket'),
    http,
    only: only === '' ? undefined : only.split(',').filter((name) => name !== ''),
  });
}

/** `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`. */
function parseEndpoint(text: string): DaemonOptions['http'] | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
