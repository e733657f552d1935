/** Names and addresses as the system resolves them: its files, then its servers (getaddrinfo(3), getnameinfo(3)). */
import { lookup, lookupService } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { errorCode, SystemError } from '../../base/errors.ts';
import { parseIpv4 } from '../../base/ip.ts';
import { formatIp, type IpAddress, parseIpv6 } from '../../base/ip6.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Destination, HostNames } from '../ports-path.ts';

/** Names of routers are an ornament: nobody waits for a server that is silent. */
const NAME_MS = 2000;
const MAX_HOST = 256;

async function resolve(
  host: string,
  family: 4 | 6 | undefined,
): Promise<Result<Destination, SystemError>> {
  const unknown = (cause?: unknown) =>
    err(
      new SystemError(
        `${host}: no such host${family === undefined ? '' : ` with an IPv${family} address`}`,
        'ENOTFOUND',
        { cause },
      ),
    );
  if (host === '' || host.length > MAX_HOST || host.includes('\0')) return unknown();
  try {
    const found = await lookup(host, { family: family ?? 0 });
    const [text = '', zone] = found.address.split('%');
    const address = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
    if (!address.ok) return unknown();
    return ok({ address: address.value, scope: zone === undefined ? 0 : scopeOf(zone) });
  } catch (cause) {
    return unknown(cause);
  }
}

function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find(({ family }) => family === 'IPv6');
  return found?.scopeid ?? 0;
}

async function nameOf(clock: Clock, address: IpAddress): Promise<string | undefined> {
  let late = (): void => {};
  const tooLate = new Promise<undefined>((resolve) => {
    late = () => resolve(undefined);
  });
  const timer = clock.after(NAME_MS, late);
  const text = formatIp(address);
  try {
    const found = await Promise.race([lookupService(text, 0), tooLate]);
    return found === undefined || found.hostname === text ? undefined : found.hostname;
  } catch (thrown) {
    // It has no name, or no server tells: for whoever asks that is the same.
    if (errorCode(thrown).startsWith('E')) return undefined;
    throw thrown;
  } finally {
    timer.cancel();
  }
}

export const hostNames = (clock: Clock): HostNames => ({
  resolve,
  nameOf: (address) => nameOf(clock, address),
});
