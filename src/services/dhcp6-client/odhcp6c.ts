/** odhcp6c, the DHCPv6 client of OpenWrt. It sets nothing by itself and tells its hook all that it has each time. */
import { fromHex, toHex } from '../../base/bytes.ts';
import { formatIpv6, isHostAddress6 } from '../../base/ip6.ts';
import { ok, type Result } from '../../base/result.ts';
import { CODEC6, OPTION6 } from '../../wire/dhcp6-options.ts';
import type { HookMessage, Launch } from '../client-programs/program.ts';
import type { ReceivedOption6 } from './config.ts';
import { iaKey, type RawIa, type RawReply } from './lease.ts';
import {
  address6,
  lifetime,
  type Program6,
  prefix6,
  prefixIaid,
  type Wish6,
  wishLine,
} from './program.ts';

const WISH = 'wish';
/** What it told of last, and so all that it has. */
const TELLING: ReadonlySet<string> = new Set(['bound', 'rebound', 'updated']);
const MAX_LEASES = 64;

export const odhcp6c: Program6 = {
  name: 'odhcp6c',
  family: 6,
  places: ['/usr/sbin/odhcp6c'],
  limits: [
    'it numbers its IAs by itself, alike in every instance',
    'it has no setting for T1 and T2, and always offers Rapid Commit',
    'it cannot ask for the address that it had',
  ],
  launch,
  same: (running, { args, files }, read) =>
    withoutHints(running) === withoutHints(args) && read(WISH) === files[0]?.text,
  renew: 'SIGUSR1',
  release: 'SIGTERM',
  releaseMs: 3000,
  end: 'SIGKILL',
  rootHarm: undefined,
  translate,
};

const withoutHints = (args: readonly string[]): string =>
  args.filter((_arg, i) => args[i - 1] !== '-P').join('\0');

function launch(wish: Wish6): Launch {
  const { config, hook, folder, duid, lastPrefixes } = wish;
  const prefixes = config.prefixHints.flatMap((wanted, place) => {
    const { address, prefixLen } = lastPrefixes.get(prefixIaid(config, place)) ?? wanted;
    return ['-P', address === 0n ? `${prefixLen}` : `${formatIpv6(address)}/${prefixLen}`];
  });
  const codes = config.requestedOptions.join(',');
  return {
    args: [
      ...['-e', '-s', hook, '-p', `${folder}/pid`, '-c', toHex(duid)],
      ...['-N', config.requestAddresses ? 'try' : 'none', ...prefixes],
      // Just what is asked for.
      ...['-R', ...(codes === '' ? [] : ['-r', codes])],
      ...config.sentOptions.flatMap(({ code, value }) => ['-x', `${code}:${toHex(value)}`]),
      config.ifName,
    ],
    files: [{ name: WISH, text: `${wishLine(wish)}\n` }],
    stale: ['pid'],
  };
}

function translate(message: HookMessage): Result<RawReply | undefined, string> {
  const { env, event, boottimeMs } = message;
  if (!TELLING.has(event)) return ok(undefined);
  const ia = (kind: RawIa['kind'], leases: RawIa['leases']): RawIa => ({
    ...{ kind, iaid: 1, t1Sec: 0, t2Sec: 0, status: 0, leases },
  });
  const ias = [
    ia('address', leasesOf(env.get('ADDRESSES'), 'address')),
    ia('prefix', leasesOf(env.get('PREFIXES'), 'prefix')),
  ].filter(({ leases }) => leases.length > 0);
  const options: ReceivedOption6[] = [];
  for (const [name, hex] of env) {
    const code = Number(/^OPTION_(\d{1,5})$/.exec(name)?.[1]);
    const data = code < 65_536 ? fromHex(hex) : undefined;
    if (data !== undefined) options.push({ code, data });
  }
  const addresses = words(env.get('RDNSS')).flatMap((text) => address6(text) ?? []);
  const names = words(env.get('DOMAINS')).filter((text) => /^[A-Za-z0-9_.-]{1,253}$/.test(text));
  const told = (code: number): boolean => options.some((option) => option.code === code);
  if (addresses.length > 0 && !told(OPTION6.DNS_SERVERS)) {
    options.push({ code: OPTION6.DNS_SERVERS, data: CODEC6.ips.encode(addresses) });
  }
  return ok({
    // Whatever is not in it is no more.
    ...{ answered: 'bind', ias, status: 0, receivedAtMs: boottimeMs, serverAddress: undefined },
    asked: [iaKey('address', 1), ...Array.from({ length: 8 }, (_, i) => iaKey('prefix', i + 1))],
    options: options.toSorted((a, b) => a.code - b.code),
    dnsServers: addresses.filter(isHostAddress6),
    ...{ domains: names, serverDuid: new Uint8Array(0) },
  });
}

/** `address/length,preferred,valid[,…]`, with spaces between. */
function leasesOf(text: string | undefined, kind: RawIa['kind']): RawIa['leases'] {
  return words(text)
    .slice(0, MAX_LEASES)
    .flatMap((word) => {
      const [name = '', preferred, valid] = word.split(',');
      const [addressText = ''] = name.split('/');
      const prefix = kind === 'address' ? undefined : prefix6(name);
      const address = prefix?.address ?? (kind === 'address' ? address6(addressText) : undefined);
      const [preferredSec, validSec] = [lifetime(preferred), lifetime(valid)];
      if (address === undefined || preferredSec === undefined || validSec === undefined) return [];
      return [{ address, prefixLen: prefix?.prefixLen ?? 128, preferredSec, validSec }];
    });
}

const words = (text: string | undefined): readonly string[] =>
  (text ?? '').split(/\s+/).filter((word) => word !== '');
