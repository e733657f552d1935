/** busybox udhcpc: how it is started, and the lease in what its hook says. */
import { formatIpv4, type Ipv4, parseIpv4 } from '../../base/ip.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { optionFromEnv } from '../../wire/dhcp4-options.ts';
import type { ClientProgram, HookMessage } from '../client-programs/program.ts';
import type { ClientConfig } from './config.ts';
import type { RawLease } from './lease.ts';

interface UdhcpcWish {
  readonly config: ClientConfig & { readonly ifName: string };
  /** The plugin's path for this client. */
  readonly hook: string;
  /** Asked for in the first DISCOVER. */
  readonly lastAddress: Ipv4 | undefined;
}

export const udhcpc: ClientProgram<UdhcpcWish, RawLease> = {
  name: 'udhcpc',
  family: 4,
  places: ['/sbin/udhcpc', '/usr/sbin/udhcpc'],
  limits: [
    'it does not say when it could not send',
    'it has no setting for how often a REQUEST is repeated',
    'it may take an answer without calling its hook; the answer is then taken off the wire',
  ],
  launch: ({ config, hook, lastAddress }) => ({
    args: udhcpcArguments(config, hook, lastAddress),
    files: [],
    stale: [],
  }),
  same: (running, { args }) => sameArguments(running, args),
  renew: 'SIGUSR1',
  release: 'SIGUSR2',
  // For RELEASE to leave before the client is ended.
  releaseMs: 500,
  end: 'SIGTERM',
  rootHarm: undefined,
  translate: rawLease,
};

/** Options that udhcpc makes itself; sending them with -x would put them in twice. */
const VENDOR_CLASS = 60;
const CLIENT_ID = 61;
/** DISCOVER messages of one round. */
const TRIES = 3;

/**
 * The argument list of udhcpc: in the foreground, with exactly the options asked for. `hook` is
 * the plugin's path for this client, `lastAddress` goes into option 50 of DISCOVER.
 */
export function udhcpcArguments(
  config: ClientConfig & { readonly ifName: string },
  hook: string,
  lastAddress: Ipv4 | undefined,
): readonly string[] {
  const sent = (code: number) => config.sentOptions.some((option) => option.code === code);
  return [
    '-f',
    '-i',
    config.ifName,
    '-s',
    hook,
    '-t',
    String(TRIES),
    '-T',
    String(Math.max(1, config.discoverIntervalSec)),
    '-A',
    String(Math.max(1, config.discoverPauseSec)),
    '-o',
    ...config.requestOptions.flatMap((code) => ['-O', String(code)]),
    // Without -V '' udhcpc would add its own name as vendor class to the one that is asked for.
    ...(sent(VENDOR_CLASS) ? ['-V', ''] : []),
    ...(sent(CLIENT_ID) ? ['-C'] : []),
    ...config.sentOptions.flatMap(({ code, hex }) => ['-x', `0x${code.toString(16)}:${hex}`]),
    ...(lastAddress === undefined ? [] : ['-r', formatIpv4(lastAddress)]),
  ];
}

/** Whether a running client's arguments are the wanted ones; the requested address does not count. */
function sameArguments(running: readonly string[], wanted: readonly string[]): boolean {
  const plain = (args: readonly string[]) =>
    args.filter((arg, i) => arg !== '-r' && args[i - 1] !== '-r').join('\0');
  return plain(running) === plain(wanted);
}

/** What udhcpc puts in place of a name that a shell script had better not see. */
const BAD_NAME = 'bad';
const NAMES: ReadonlySet<string> = new Set(['hostname', 'domain', 'nisdomain']);

/** The ACK in the environment of `bound` and `renew`. */
function rawLease(message: HookMessage): Result<RawLease, string> {
  const address = parseIpv4(message.env.get('ip') ?? '', 'ip');
  if (!address.ok) return err(`refused: ${address.error.message}`);
  const options = new Map<number, Uint8Array>();
  const unreadable: string[] = [];
  for (const [key, value] of message.env) {
    if (NAMES.has(key) && value === BAD_NAME) {
      unreadable.push(`${key} ignored: the server sent what is no host or domain name`);
      continue;
    }
    const option = optionFromEnv(key, value);
    if (option?.ok) options.set(option.value[0], option.value[1]);
    else if (option !== undefined) unreadable.push(`${key} ignored: ${option.error.message}`);
  }
  return ok({ address: address.value, options, unreadable, receivedAtMs: message.boottimeMs });
}
