import type { Ipv4 } from '../../base/ip.ts';
import { formatIpv4 } from '../../base/ip.ts';
import type { ClientConfig } from './config.ts';

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
export function sameArguments(running: readonly string[], wanted: readonly string[]): boolean {
  const plain = (args: readonly string[]) =>
    args.filter((arg, i) => arg !== '-r' && args[i - 1] !== '-r').join('\0');
  return plain(running) === plain(wanted);
}
