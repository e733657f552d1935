/** Pure: which pool and which static binding a client belongs to, and the leases of an IA. */
import { type Ipv6Prefix, overlaps6 } from '../../base/ip6.ts';
import { type Chooser, chooseAddress, choosePrefix } from './allocate.ts';
import type { Binding } from './bindings.ts';
import type {
  Dhcp6ServerConfig,
  Lease6View,
  Pool6Config,
  Segment6Config,
  Static6Config,
  TimedPrefix,
} from './config.ts';
import type { ClientRequest, RequestedIa } from './request.ts';

/** The first enabled pool of the segment whose conditions all hold. */
export const poolOf = (
  config: Dhcp6ServerConfig,
  segment: Segment6Config,
  request: ClientRequest,
): Pool6Config | undefined =>
  config.enable
    ? config.pools.find(
        (pool) =>
          pool.enable &&
          pool.fault === undefined &&
          pool.segment === segment.id &&
          isMember(pool, request),
      )
    : undefined;

function isMember(pool: Pool6Config, request: ClientRequest): boolean {
  const { duid, vendorClass, userClass, source } = pool;
  const holds = (condition: { exclude: boolean } | undefined, matches: boolean): boolean =>
    condition === undefined || matches !== condition.exclude;
  const has = (list: readonly Uint8Array[], wanted: Uint8Array | undefined): boolean =>
    wanted !== undefined && list.some((item) => isSame(item, wanted));
  const { clientId } = request;
  return (
    holds(duid, has(clientId === undefined ? [] : [clientId], duid?.value)) &&
    holds(vendorClass, has(request.vendorClasses, vendorClass?.value)) &&
    holds(userClass, has(request.userClasses, userClass?.value)) &&
    holds(
      source,
      source !== undefined && (request.source & source.mask) === (source.value & source.mask),
    )
  );
}

/** The static binding of a client's IA: by DUID and IAID, by DUID, then by MAC. */
export function staticOf(
  { statics }: Dhcp6ServerConfig,
  request: ClientRequest,
  iaid: number,
): Static6Config | undefined {
  const { clientId, macs } = request;
  const mine = statics.filter(
    ({ enable, duid, mac, ...row }) =>
      enable &&
      (row.iaid === undefined || row.iaid === iaid) &&
      (duid === undefined || (clientId !== undefined && isSame(duid, clientId))) &&
      (mac === undefined || macs.includes(mac)) &&
      !(duid === undefined && mac === undefined),
  );
  const rank = (row: Static6Config): number =>
    (row.duid === undefined ? 0 : 2) + (row.iaid === undefined ? 0 : 1);
  return mine.toSorted((a, b) => rank(b) - rank(a))[0];
}

export interface LeaseContext extends Chooser {
  readonly config: Dhcp6ServerConfig;
  readonly pool: Pool6Config;
  readonly segment: Segment6Config;
  readonly bootMs: number;
  readonly fixed: Static6Config | undefined;
}

/**
 * One lease out of each prefix of the pool: the static one, the one it had, one that it named, or a
 * new one. Empty when the pool gives nothing of this kind or is exhausted.
 */
export function leaseFor(
  ia: RequestedIa,
  known: Binding | undefined,
  context: LeaseContext,
): readonly Lease6View[] {
  const { pool, segment, bootMs, fixed } = context;
  const wish = ia.kind === 'address' ? hostPrefix(fixed) : fixed?.prefix;
  const pools = (ia.kind === 'address' ? pool.addresses : pool.delegation?.prefixes) ?? [];
  const leases: Lease6View[] = [];
  for (const from of pools) {
    if (from.validUntilMs <= bootMs) continue;
    const had = known?.leases.map(({ prefix }) => prefix).filter((p) => overlaps6(from.prefix, p));
    const chooser: Chooser = {
      random64: () => context.random64(),
      isFree: (prefix, held) =>
        !isSomeoneElses(prefix, context, ia.kind) && context.isFree(prefix, held),
    };
    const prefix =
      wish !== undefined && overlaps6(from.prefix, wish) && context.isFree(wish, false)
        ? wish
        : // A deprecated prefix is for those who have it.
          choose(ia, from, [...(had ?? []), ...ia.hints], context, chooser, had ?? []);
    if (prefix !== undefined) leases.push(leaseOf(prefix, from, pool, bootMs));
  }
  // A static address needs no pool, only its link.
  const link = wish && segment.prefixes.find((p) => overlaps6(p.prefix, wish));
  if (wish !== undefined && link !== undefined && leases.length === 0) {
    if (context.isFree(wish, false)) leases.push(leaseOf(wish, link, pool, bootMs));
  }
  return leases;
}

function choose(
  ia: RequestedIa,
  from: TimedPrefix,
  hints: readonly Ipv6Prefix[],
  { config, pool, bootMs }: LeaseContext,
  chooser: Chooser,
  had: readonly Ipv6Prefix[],
): Ipv6Prefix | undefined {
  if (from.preferredUntilMs <= bootMs) return had.find((prefix) => chooser.isFree(prefix, false));
  if (ia.kind === 'address') return chooseAddress(from.prefix, hints, chooser);
  const links = config.segments.flatMap(({ prefixes }) => prefixes.map(({ prefix }) => prefix));
  const { delegation } = pool;
  return delegation && choosePrefix(from.prefix, delegation.length, hints, links, chooser);
}

/** Static addresses and prefixes wait for their hosts. */
const isSomeoneElses = (
  prefix: Ipv6Prefix,
  { config, fixed }: LeaseContext,
  kind: RequestedIa['kind'],
): boolean =>
  config.statics.some((row) => {
    if (!row.enable || row.id === fixed?.id) return false;
    const reserved = kind === 'address' ? hostPrefix(row) : row.prefix;
    return reserved !== undefined && overlaps6(reserved, prefix);
  });

const hostPrefix = (row: Static6Config | undefined): Ipv6Prefix | undefined =>
  row?.address === undefined
    ? undefined
    : { address: row.address, prefixLen: 128 as Ipv6Prefix['prefixLen'] };

function leaseOf(
  prefix: Ipv6Prefix,
  from: TimedPrefix,
  pool: Pool6Config,
  bootMs: number,
): Lease6View {
  const left = (untilMs: number): number => Math.max(0, Math.floor((untilMs - bootMs) / 1000));
  const validSec = Math.min(pool.validSec, left(from.validUntilMs));
  const preferredSec = Math.min(pool.preferredSec, validSec, left(from.preferredUntilMs));
  return { prefix, preferredSec, validSec, expiresAtMs: bootMs + validSec * 1000 };
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);
