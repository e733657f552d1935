/** Rows of `IPv6Prefix.` and `IPv6Address.` that DHCPv6 and router advertisements brought. */
import { formatIpv6, formatPrefix6, type Ipv6Prefix, isLinkLocal } from '../../base/ip6.ts';
import type { NetworkObserved } from '../../services/network/config.ts';
import type { Row, RowReader } from '../reader.ts';
import type { Lookups, Observations, ReportContext, ReportSink } from '../table.ts';
import { dateTimeOf, INFINITE_TIME } from '../types.ts';
import { clientOf, ifNameOf, ipInterfaceOf } from './interfaces.ts';

/** Owner of the addresses out of delegated prefixes (services/dhcp6-client). */
const LAN_OWNER = 'lan6';

/** Key of the row of a network's part of a delegated prefix. */
const lanKey = (subnet: Ipv6Prefix): string => `lan ${formatPrefix6(subnet)}`;

/** The rows that the system made of an interface's parts of delegated prefixes, without final dots. */
export function learnedPrefixIds(
  rows: RowReader,
  row: Row,
  observed: Readonly<Partial<Observations>>,
): readonly string[] {
  const keys = new Set(
    (observed.dhcp6Client?.lanPrefixes ?? [])
      .filter(({ lan }) => lan === row.id)
      .map(({ subnet }) => lanKey(subnet)),
  );
  return rows
    .systemRows(`${row.path}IPv6Prefix.`)
    .filter(({ key }) => keys.has(key))
    .map(({ id }) => id);
}

/** Rows of what was delegated, on the interfaces of the WAN; gives them by client and prefix. */
export function reportDelegated(
  { observed, rows, lookups }: ReportContext,
  out: ReportSink,
): ReadonlyMap<string, string> {
  const parents = new Map<string, string>();
  for (const { id, ifName = '', lease } of observed.dhcp6Client?.clients ?? []) {
    const row = ipInterfaceOf(rows, ifName);
    if (row === undefined) continue;
    for (const { prefix, ...until } of lease?.prefixes ?? []) {
      const key = delegatedKey(id, prefix);
      const path = out.row(`${row.path}IPv6Prefix.`, key, {
        ...{ Enable: 'true', Status: 'Enabled', Prefix: formatPrefix6(prefix) },
        ...{ Origin: 'PrefixDelegation', StaticType: 'Inapplicable', OnLink: 'false' },
        ...{ Autonomous: 'false', ...times(until, lookups) },
      });
      parents.set(key, path.slice(0, -1));
    }
  }
  return parents;
}

/**
 * What one interface has of that, and what it was given; `parents` are the rows of `reportDelegated`.
 * Prefixes first, since addresses name theirs. Gives nothing of the box's own ULA.
 */
export function reportLearned(
  context: ReportContext,
  row: Row,
  parents: ReadonlyMap<string, string>,
  out: ReportSink,
): void {
  const { observed, rows, lookups } = context;
  const client6 = observed.dhcp6Client;
  const ifName = ifNameOf(rows, row);
  const parts = new Map<string, string>();
  for (const part of client6?.lanPrefixes ?? []) {
    if (part.lan !== row.id) continue;
    const parent = parents.get(delegatedKey(part.client, part.delegated));
    const path = out.row(`${row.path}IPv6Prefix.`, lanKey(part.subnet), {
      ...{ Enable: 'true', Status: 'Enabled', Prefix: formatPrefix6(part.subnet) },
      ...{ Origin: 'Child', StaticType: 'Inapplicable', OnLink: 'true', Autonomous: 'true' },
      ...{ ParentPrefix: parent ?? '', ...times(part, lookups) },
    });
    parts.set(formatIpv6(part.subnet.address), path.slice(0, -1));
  }
  for (const address of observed.network?.addresses6 ?? []) {
    if (address.ifName !== ifName || isLinkLocal(address.address)) continue;
    const origin = originOf(rows, address);
    if (origin === undefined) continue;
    const network = formatIpv6(((address.address >> 64n) << 64n) as typeof address.address);
    const until = (sec: number): string =>
      sec === Infinity
        ? INFINITE_TIME
        : dateTimeOf(Math.round(lookups.wallMs() / 1000 + sec) * 1000);
    out.row(`${row.path}IPv6Address.`, `learned ${formatIpv6(address.address)}`, {
      ...{ Enable: 'true', Status: 'Enabled', IPAddress: formatIpv6(address.address) },
      ...{ Origin: origin, IPAddressStatus: stateOf(address) },
      Prefix: address.owner === LAN_OWNER ? (parts.get(network) ?? '') : '',
      ...(client6 === undefined ? {} : lifetimesOf(address, observed, lookups, until)),
    });
  }
}

type Address6Observed = NetworkObserved['addresses6'][number];

/** As the kernel holds it; those of users and of the ULA are told of elsewhere. */
function originOf(rows: RowReader, { owner, protocol }: Address6Observed): string | undefined {
  if (owner === LAN_OWNER) return 'AutoConfigured';
  if (clientOf(rows, owner) !== undefined) return 'DHCPv6';
  // IFAPROT_KERNEL_RA: out of a router's advertisement.
  return owner === undefined && protocol === KERNEL_RA ? 'AutoConfigured' : undefined;
}
const KERNEL_RA = 2;

export function stateOf(
  address: { readonly dad: string; readonly preferredSec: number } | undefined,
): string {
  if (address === undefined) return 'Invalid';
  if (address.dad === 'failed') return 'Duplicate';
  if (address.dad === 'tentative') return 'Tentative';
  return address.preferredSec > 0 ? 'Preferred' : 'Deprecated';
}

/** The ends that it was given, which stay the same while the kernel counts down. */
function lifetimesOf(
  address: Address6Observed,
  observed: Readonly<Partial<Observations>>,
  lookups: Lookups,
  until: (sec: number) => string,
) {
  const { clients = [], lanPrefixes = [] } = observed.dhcp6Client ?? {};
  const given =
    address.owner === LAN_OWNER
      ? lanPrefixes.find(({ subnet }) => subnet.address >> 64n === address.address >> 64n)
      : clients
          .find(({ id }) => id === address.owner)
          ?.lease?.addresses.find((one) => one.address === address.address);
  if (given !== undefined) {
    const { PreferredLifetime, ValidLifetime } = times(given, lookups);
    return { PreferredLifetime, ValidLifetime };
  }
  // The kernel prolongs what routers advertise, and tells of it now and then.
  return {
    PreferredLifetime: () => until(address.preferredSec),
    ValidLifetime: () => until(address.validSec),
  };
}

const delegatedKey = (client: string, prefix: Ipv6Prefix): string =>
  `pd ${client} ${formatPrefix6(prefix)}`;

/** CLOCK_BOOTTIME ends as dates. */
function times(
  {
    preferredUntilMs,
    validUntilMs,
  }: { readonly preferredUntilMs: number; readonly validUntilMs: number },
  lookups: Lookups,
) {
  const shift = lookups.wallMs() - lookups.boottimeMs();
  const date = (untilMs: number): string =>
    untilMs === Infinity ? INFINITE_TIME : dateTimeOf(Math.round((shift + untilMs) / 1000) * 1000);
  return {
    PreferredLifetime: date(preferredUntilMs),
    ValidLifetime: date(validUntilMs),
    PrefixStatus: preferredUntilMs > lookups.boottimeMs() ? 'Preferred' : 'Deprecated',
  };
}
