/** Pure: the IPv6 addresses and routes that the kernel should hold, and the changes that lead there. */
import { OWN_PROTOCOL } from '../../base/ip.ts';
import { isHostAddress6, networkOf6 } from '../../base/ip6.ts';
import type {
  Address6,
  AddressPlan6,
  Link,
  Net,
  NetChange,
  PlannedRoute6,
  Route6,
} from '../../os/ports.ts';
import type { ItemReport, NetworkConfig } from './config.ts';

const TABLE_MAIN = 254;
/** What the kernel gives to routes without one. */
const USUAL_METRIC = 1024;

/** What the kernel gives to routes of an address's prefix. */
const LINK_METRIC = 256;
const HOST_BITS = 128;
/** Last of all: any route to a part of it is better, whatever its metric. */
const LAST_METRIC = 0x7fffffff;

export interface Desired6 {
  readonly addresses: readonly {
    readonly owner: string;
    readonly value: Address6;
    /** What its lifetimes end at, so that they are set again when that changes; undefined for ever. */
    readonly until: string | undefined;
  }[];
  readonly routes: readonly { readonly owner: string; readonly value: Route6 }[];
  readonly items: readonly ItemReport[];
}

export function desire6(
  config: NetworkConfig,
  planned: ReadonlyMap<string, readonly PlannedRoute6[]>,
  plans: ReadonlyMap<string, AddressPlan6>,
  links: readonly Link[],
  nowMs: number,
): Desired6 {
  const byName = new Map(links.map((link) => [link.name, link]));
  const items: ItemReport[] = [];
  const addresses: Desired6['addresses'][number][] = [];
  for (const wanted of config.interfaces) {
    const link = wanted.ifName === undefined ? undefined : byName.get(wanted.ifName);
    for (const { id, enable, address, prefixLen } of wanted.addresses6) {
      if (!enable || !wanted.enable || !wanted.ipv6Enable) {
        items.push({ id, status: 'Disabled', reason: undefined });
      } else if (address === undefined || prefixLen === undefined || !isHostAddress6(address)) {
        const reason = 'IPAddress must name a host, and Prefix the prefix that it is in';
        items.push({ id, status: 'Error_Misconfigured', reason });
      } else if (link === undefined) {
        items.push({ id, status: 'Error', reason: `no interface ${wanted.ifName ?? ''}` });
      } else {
        items.push({ id, status: 'Enabled', reason: undefined });
        addresses.push({
          ...{ owner: id, until: undefined },
          value: {
            ...{ ifIndex: link.ifIndex, address, prefixLen, dad: 'done', protocol: OWN_PROTOCOL },
            ...{ preferredSec: Infinity, validSec: Infinity },
          },
        });
      }
    }
  }
  const routes: { owner: string; value: Route6 }[] = [];
  for (const [owner, list] of planned) {
    for (const { destination, prefixLen, gateway, ifName } of list) {
      const link = byName.get(ifName);
      // Routes of a link that is down cannot be set; they follow when it comes up.
      if (!link?.adminUp) continue;
      routes.push({
        owner,
        value: {
          ...{ type: 'unicast', destination, prefixLen, gateway, ifIndex: link.ifIndex },
          ...{ metric: USUAL_METRIC, table: TABLE_MAIN, protocol: OWN_PROTOCOL },
        },
      });
    }
  }
  const loopback = links.find((link) => link.loopback)?.ifIndex;
  for (const [owner, plan] of plans) {
    for (const { ifName, address, prefixLen, ...until } of plan.addresses) {
      const link = byName.get(ifName);
      if (link === undefined || until.validUntilMs <= nowMs) continue;
      const left = (untilMs: number): number => Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
      addresses.push({
        ...{ owner, until: `${until.preferredUntilMs} ${until.validUntilMs}` },
        value: {
          ...{ ifIndex: link.ifIndex, address, prefixLen, dad: 'done', protocol: OWN_PROTOCOL },
          ...{ preferredSec: left(until.preferredUntilMs), validSec: left(until.validUntilMs) },
          prefixRoute: false,
        },
      });
      if (prefixLen === HOST_BITS || !link.adminUp) continue;
      const destination = networkOf6({ address, prefixLen });
      routes.push({
        owner,
        value: {
          ...{ type: 'unicast', destination, prefixLen, gateway: undefined, table: TABLE_MAIN },
          ...{ ifIndex: link.ifIndex, metric: LINK_METRIC, protocol: OWN_PROTOCOL },
        },
      });
    }
    for (const { address: destination, prefixLen } of plan.unreachable) {
      routes.push({
        owner,
        value: {
          // The kernel puts such routes on the loopback.
          ...{ type: 'unreachable', destination, prefixLen, gateway: undefined },
          ...{ ifIndex: loopback, metric: LAST_METRIC, table: TABLE_MAIN, protocol: OWN_PROTOCOL },
        },
      });
    }
  }
  return { addresses, routes, items };
}

/** Adds come before deletes. Only what Gatehouse set is ever deleted. */
export function changes6(
  desired: Desired6,
  actual: Pick<Net, 'addresses6' | 'routes6' | 'links'>,
  /** By `address6Key`, what `until` was when its lifetimes were last set. */
  lastUntil: ReadonlyMap<string, string>,
): readonly NetChange[] {
  const up = new Set(actual.links().flatMap((link) => (link.adminUp ? [link.ifIndex] : [])));
  const wanted = new Map(desired.addresses.map(({ value }) => [address6Key(value), value]));
  const present = new Map(actual.addresses6().map((address) => [address6Key(address), address]));
  const untilOf = new Map(
    desired.addresses.flatMap(({ value, until }) =>
      until === undefined ? [] : [[address6Key(value), until] as const],
    ),
  );
  const changes: NetChange[] = [];
  for (const [key, address] of wanted) {
    // A link that goes down loses its addresses, and must be up to get them.
    const stale = present.has(key) && lastUntil.get(key) !== untilOf.get(key);
    if ((stale || !present.has(key)) && up.has(address.ifIndex)) {
      changes.push({ op: 'address6.set', address });
    }
  }
  const routes = new Map(desired.routes.map(({ value }) => [route6Key(value), value]));
  const there = new Map(actual.routes6().map((route) => [route6Key(route), route]));
  const deletes: NetChange[] = [];
  for (const [key, route] of there) {
    if (!routes.has(key) && route.protocol === OWN_PROTOCOL) {
      deletes.push({ op: 'route6.del', route });
    }
  }
  const adds: NetChange[] = [];
  for (const [key, route] of routes) {
    if (!there.has(key)) adds.push({ op: 'route6.replace', route });
  }
  for (const [key, address] of present) {
    // A client program may have put its own mark on what was set by a plan.
    const own = address.protocol === OWN_PROTOCOL || lastUntil.has(key);
    if (!wanted.has(key) && own) {
      deletes.push({ op: 'address6.del', address });
    }
  }
  return [...changes, ...adds, ...deletes];
}

export const address6Key = (a: Address6): string => `${a.ifIndex}/${a.address}/${a.prefixLen}`;

const route6Key = (r: Route6): string =>
  `${r.destination}/${r.prefixLen}/${r.metric}/${r.gateway}/${r.ifIndex}`;
