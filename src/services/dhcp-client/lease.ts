/**
 * From what a server said to what Gatehouse will do: every option is checked here, once, whether it
 * came through the client's hook or off the wire. A server is not trusted: an answer that would
 * take the LAN's traffic, or cut the box off, is refused or clamped, and the reason is kept.
 */
import { toHex } from '../../base/bytes.ts';
import {
  broadcastOf,
  contains,
  formatIpv4,
  formatPrefix,
  type Ipv4,
  type Ipv4Prefix,
  ipv4,
  isHostAddress,
  networkOf,
  overlaps,
  type PrefixLen,
  prefixLenOf,
} from '../../base/ip.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { PlannedRoute } from '../../os/ports.ts';
import {
  type ClasslessRoute,
  readClasslessRoutes,
  readDomainSearch,
  readIps,
  readText,
  readU16,
  readU32,
} from '../../wire/dhcp4-options.ts';

/** An ACK before any judgement. */
export interface RawLease {
  readonly address: Ipv4;
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** What could not even be read as an option, each a sentence. */
  readonly unreadable?: readonly string[];
  /** CLOCK_BOOTTIME ms at which it was received. */
  readonly receivedAtMs: number;
}

export interface Lease {
  readonly address: Ipv4;
  readonly prefixLen: PrefixLen;
  readonly broadcast: Ipv4 | undefined;
  readonly server: Ipv4 | undefined;
  readonly routers: readonly Ipv4[];
  /** Chosen by RFC 3442: option 121 alone where it is present, else 249, else 33 and 3. */
  readonly routes: readonly PlannedRoute[];
  /** All of option 6 that are host addresses. */
  readonly dnsServers: readonly Ipv4[];
  readonly domain: string | undefined;
  readonly searchDomains: readonly string[];
  readonly mtu: number | undefined;
  /** Infinity for 0xffffffff (RFC 2131 §3.3). */
  readonly leaseSec: number;
  readonly t1Sec: number;
  readonly t2Sec: number;
  readonly receivedAtMs: number;
  readonly options: readonly { readonly code: number; readonly hex: string }[];
}

/** What the rest of the box knows that a lease must not contradict. */
export interface Surroundings {
  /** Prefixes of the other interfaces: the LAN's above all. */
  readonly foreign: readonly Ipv4Prefix[];
  /** Largest MTU the interface takes. */
  readonly maxMtu: number;
}

export interface JudgedLease {
  readonly lease: Lease;
  /** What was refused or clamped, each a sentence for Status and log. */
  readonly remarks: readonly string[];
}

/** Below this a lease would be renewed without pause; udhcpc itself counts no less than 30 s. */
const MIN_LEASE_SEC = 10;
/** RFC 8200 §5: an interface with less cannot carry IPv6; 576 is a well-known mistake of servers. */
const MIN_MTU = 1280;
/** A shorter prefix on a WAN would put much of the Internet on the link. */
const MIN_PREFIX = 8;
/** resolv.conf readers use three; some spare for those that do not answer. */
const MAX_RESOLVERS = 8;
const MAX_ROUTES = 64;
const FOREVER = 0xffffffff;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

export function judgeLease(raw: RawLease, around: Surroundings): Result<JudgedLease, string> {
  const remarks: string[] = [...(raw.unreadable ?? [])];
  const read = reader(raw, remarks);

  if (!isHostAddress(raw.address)) {
    return err(`refused: ${formatIpv4(raw.address)} cannot be the address of a host`);
  }
  const prefixLen = subnetOf(read('ip', 1), remarks);
  const subnet: Ipv4Prefix = { address: raw.address, prefixLen };
  const clash = around.foreign.find((other) => overlaps(subnet, other));
  if (clash !== undefined) {
    return err(
      `refused: ${formatPrefix(subnet)} overlaps ${formatPrefix({ ...clash, address: networkOf(clash) })} of another interface; give the LAN another subnet`,
    );
  }
  if (
    prefixLen < 31 &&
    (raw.address === networkOf(subnet) || raw.address === broadcastOf(subnet))
  ) {
    return err(`refused: ${formatPrefix(subnet)} is the network or broadcast address`);
  }

  const routers = (read('ips', 3) ?? []).filter((router) => {
    // A /31 or /32 says that everything is reached through the link itself.
    const fits = prefixLen >= 31 || contains(subnet, router);
    const good = isHostAddress(router) && router !== raw.address && fits;
    if (!good) remarks.push(`router ${formatIpv4(router)} is outside ${formatPrefix(subnet)}`);
    return good;
  });
  const routes = chooseRoutes(read, routers, subnet, around.foreign, remarks);

  const offered = read('ips', 6) ?? [];
  const dnsServers = [...new Set(offered)].filter((a) => isHostAddress(a) && a !== raw.address);
  if (offered.length > dnsServers.length) {
    remarks.push(`${offered.length - dnsServers.length} unusable DNS servers ignored`);
  }
  if (dnsServers.length > MAX_RESOLVERS) {
    remarks.push(`only the first ${MAX_RESOLVERS} of ${dnsServers.length} DNS servers are used`);
  }

  const domain = read('text', 15);
  const search = read('domains', 119) ?? [];
  const times = timesOf(read, remarks);
  return ok({
    lease: {
      address: raw.address,
      prefixLen,
      broadcast: broadcastIn(read('ip', 28), subnet, remarks),
      server: read('ip', 54),
      routers,
      routes,
      dnsServers,
      domain: domain === undefined ? undefined : domainName(domain, 'domain', remarks),
      searchDomains: search.flatMap((name) => domainName(name, 'search domain', remarks) ?? []),
      mtu: mtuOf(read('u16', 26), around.maxMtu, remarks),
      ...times,
      receivedAtMs: raw.receivedAtMs,
      options: [...raw.options]
        .sort(([a], [b]) => a - b)
        .map(([code, bytes]) => ({ code, hex: toHex(bytes) })),
    },
    remarks: hostNameRemarks(read('text', 12), remarks),
  });
}

/** The resolvers of a lease that are put to use. */
export const resolversOf = (lease: Lease): readonly Ipv4[] =>
  lease.dnsServers.slice(0, MAX_RESOLVERS);

/** Search list: option 119, else the domain itself (RFC 3397 §2). */
export const searchDomainsOf = (lease: Lease): readonly string[] =>
  lease.searchDomains.length > 0
    ? lease.searchDomains
    : lease.domain === undefined
      ? []
      : [lease.domain];

interface Values {
  readonly ip: Ipv4;
  readonly ips: readonly Ipv4[];
  readonly u16: number;
  readonly u32: number;
  readonly text: string;
  readonly routes: readonly ClasslessRoute[];
  readonly domains: readonly string[];
}

type Read = <K extends keyof Values>(shape: K, code: number) => Values[K] | undefined;

const READERS: { readonly [K in keyof Values]: (b: Uint8Array, f: string) => Result<Values[K]> } = {
  ip: (bytes, field) => {
    const list = readIps(bytes, field);
    const [first] = list.ok ? list.value : [];
    return first === undefined ? (list as Result<never>) : ok(first);
  },
  ips: readIps,
  u16: readU16,
  u32: readU32,
  text: (bytes) => ok(readText(bytes)),
  routes: readClasslessRoutes,
  domains: readDomainSearch,
};

/** Reads options by shape; one that does not parse counts as absent, with a remark. */
function reader(raw: RawLease, remarks: string[]): Read {
  return (shape, code) => {
    const bytes = raw.options.get(code);
    if (bytes === undefined) return undefined;
    const value = READERS[shape](bytes, `option ${code}`);
    if (value.ok) return value.value;
    remarks.push(`option ${code} ignored: ${value.error.message}`);
    return undefined;
  };
}

function subnetOf(mask: Ipv4 | undefined, remarks: string[]): PrefixLen {
  const len = mask === undefined ? undefined : prefixLenOf(mask);
  if (len !== undefined && len >= MIN_PREFIX) return len;
  remarks.push(
    mask === undefined
      ? 'no netmask: /32 is used'
      : `netmask ${formatIpv4(mask)} is not usable: /32 is used`,
  );
  return 32 as PrefixLen;
}

function broadcastIn(
  told: Ipv4 | undefined,
  subnet: Ipv4Prefix,
  remarks: string[],
): Ipv4 | undefined {
  if (subnet.prefixLen >= 31) return undefined;
  const computed = broadcastOf(subnet);
  if (told !== undefined && told !== computed) {
    remarks.push(`broadcast ${formatIpv4(told)} does not fit: ${formatIpv4(computed)} is used`);
  }
  return computed;
}

function chooseRoutes(
  read: Read,
  routers: readonly Ipv4[],
  subnet: Ipv4Prefix,
  foreign: readonly Ipv4Prefix[],
  remarks: string[],
): readonly PlannedRoute[] {
  const classless = read('routes', 121) ?? read('routes', 249);
  const asked = classless ?? [...classful(read('ips', 33) ?? []), ...defaultVia(routers)];
  if (asked.length > MAX_ROUTES) remarks.push(`only the first ${MAX_ROUTES} routes are used`);
  const routes = new Map<string, PlannedRoute>();
  const used = asked.slice(0, MAX_ROUTES);
  // A router may stand in another subnet of the link, which a route without one names (RFC 3442).
  const onLink = used.flatMap(({ destination: address, prefixLen, gateway }) =>
    gateway === 0 && destinationFault({ address, prefixLen }, foreign) === undefined
      ? [{ address, prefixLen }]
      : [],
  );
  for (const { destination, prefixLen, gateway } of used) {
    const to: Ipv4Prefix = { address: destination, prefixLen };
    const text = formatPrefix(to);
    const wrong = destinationFault(to, foreign) ?? gatewayFault(gateway, subnet, onLink);
    if (wrong !== undefined) {
      remarks.push(`route to ${text} via ${formatIpv4(gateway)} refused: ${wrong}`);
    } else if (!routes.has(text)) {
      routes.set(text, {
        destination: networkOf(to),
        prefixLen,
        gateway: gateway === 0 ? undefined : gateway,
      });
    }
  }
  return [...routes.values()];
}

function destinationFault(to: Ipv4Prefix, foreign: readonly Ipv4Prefix[]): string | undefined {
  if (to.prefixLen === 0) return undefined;
  const top = networkOf(to) >>> 24;
  if (top === 127 || top >= 224 || top === 0) return 'not a destination of unicast';
  // A wider route does no harm: the connected one of the LAN is longer.
  const over = foreign.find((lan) => lan.prefixLen <= to.prefixLen && overlaps(lan, to));
  return over === undefined ? undefined : `it lies in ${formatPrefix(over)} of another interface`;
}

function gatewayFault(
  gateway: Ipv4,
  subnet: Ipv4Prefix,
  onLink: readonly Ipv4Prefix[],
): string | undefined {
  if (gateway === 0) return undefined;
  if (gateway === subnet.address) return 'the gateway is this host';
  if (!isHostAddress(gateway)) return 'the gateway is no host address';
  if (subnet.prefixLen >= 31) return undefined;
  return [subnet, ...onLink].some((prefix) => contains(prefix, gateway))
    ? undefined
    : 'the gateway is outside the subnet';
}

/** Option 33: pairs of destination and router, the mask by class; a default route is not allowed (RFC 2132 §5.8). */
function classful(pairs: readonly Ipv4[]): ClasslessRoute[] {
  const routes: ClasslessRoute[] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const [destination, gateway] = [pairs[i], pairs[i + 1]];
    if (destination === undefined || gateway === undefined || destination === 0) continue;
    const host = ipv4(destination & ~classMask(destination)) !== 0;
    const len = host ? 32 : classLength(destination);
    routes.push({ destination, prefixLen: len as PrefixLen, gateway });
  }
  return routes;
}

const classLength = (a: Ipv4): number => (a >>> 31 === 0 ? 8 : a >>> 30 === 2 ? 16 : 24);
const classMask = (a: Ipv4): number => -1 << (32 - classLength(a));

const defaultVia = (routers: readonly Ipv4[]): ClasslessRoute[] =>
  routers.slice(0, 1).map((gateway) => ({
    destination: ipv4(0),
    prefixLen: 0 as PrefixLen,
    gateway,
  }));

function mtuOf(told: number | undefined, maxMtu: number, remarks: string[]): number | undefined {
  if (told === undefined) return undefined;
  if (told < MIN_MTU) {
    remarks.push(`MTU ${told} ignored: less than ${MIN_MTU}`);
    return undefined;
  }
  if (told > maxMtu) remarks.push(`MTU ${told} clamped to ${maxMtu}, the most the interface takes`);
  return Math.min(told, maxMtu);
}

function timesOf(
  read: Read,
  remarks: string[],
): { readonly leaseSec: number; readonly t1Sec: number; readonly t2Sec: number } {
  const told = read('u32', 51);
  if (told === FOREVER) {
    const never = Number.POSITIVE_INFINITY;
    return { leaseSec: never, t1Sec: never, t2Sec: never };
  }
  // udhcpc, too, takes an hour where the server gives no lease time.
  if (told === undefined) remarks.push('no lease time: one hour is used');
  let leaseSec = told ?? 3600;
  if (leaseSec < MIN_LEASE_SEC) {
    remarks.push(`lease of ${leaseSec} s clamped to ${MIN_LEASE_SEC} s`);
    leaseSec = MIN_LEASE_SEC;
  }
  const t2 = read('u32', 59);
  const t2Sec = t2 !== undefined && t2 > 1 && t2 < leaseSec ? t2 : Math.floor(leaseSec * 0.875);
  const t1 = read('u32', 58);
  if (t1 !== undefined && t1 > 0 && t1 < t2Sec) return { leaseSec, t1Sec: t1, t2Sec };
  // Half of the lease, or where T2 comes before that, the same share of T2 (RFC 2131 §4.4.5).
  const half = Math.floor(leaseSec / 2);
  const share = Math.max(1, Math.floor((t2Sec * 4) / 7));
  return { leaseSec, t1Sec: half < t2Sec ? half : share, t2Sec };
}

/** Letters, digits, hyphen and underscore in labels, 253 characters in all; anything else could forge lines of resolv.conf. */
function domainName(text: string, what: string, remarks: string[]): string | undefined {
  const name = text.replace(/\.$/, '');
  const good = name.length <= 253 && name.split('.').every((label) => LABEL.test(label));
  if (!good)
    remarks.push(`${what} ${JSON.stringify(text.slice(0, 64))} ignored: not a domain name`);
  return good ? name.toLowerCase() : undefined;
}

function hostNameRemarks(name: string | undefined, remarks: string[]): readonly string[] {
  // The name is kept among the options and used for nothing; a bad one is still worth a remark.
  if (name !== undefined) domainName(name, 'host name', remarks);
  return remarks;
}
