/** Pure: what the kernel should hold, from the configuration and from the plans of the moment. */
import {
  broadcastOf,
  contains,
  formatIpv4,
  type Ipv4,
  type Ipv4Prefix,
  isHostAddress,
  networkOf,
  OWN_PROTOCOL,
  type PrefixLen,
} from '../../base/ip.ts';
import type { Address, AddressPlan, Link, Route } from '../../os/ports.ts';
import type { ItemReport, NetworkConfig } from './config.ts';

const TABLE_MAIN = 254;

export interface Owned<T> {
  readonly owner: string;
  readonly value: T;
}

export interface Desired {
  /** Bridges by name, each with the kernel names of its ports. */
  readonly bridges: ReadonlyMap<string, readonly string[]>;
  readonly adminUp: ReadonlyMap<string, boolean>;
  readonly mtu: ReadonlyMap<string, number>;
  /** Packets that may wait, where somebody wants so many. */
  readonly queueLength: ReadonlyMap<string, number>;
  readonly addresses: readonly Owned<Address>[];
  readonly routes: readonly Owned<Route>[];
  readonly resolvers: readonly { readonly address: string; readonly owner: string }[];
  readonly searchDomains: readonly string[];
  readonly items: readonly ItemReport[];
}

export function desire(
  config: NetworkConfig,
  plans: ReadonlyMap<string, AddressPlan>,
  links: readonly Link[],
): Desired {
  const byName = new Map(links.map((link) => [link.name, link]));
  const items: ItemReport[] = [];
  const report = (id: string, reason?: string, misconfigured = false) =>
    items.push({
      id,
      status: reason === undefined ? 'Enabled' : misconfigured ? 'Error_Misconfigured' : 'Error',
      reason,
    });

  const bridges = new Map<string, readonly string[]>();
  const adminUp = new Map(config.ports.map((port) => [port.ifName, port.enable]));
  const mtu = new Map<string, number>();
  const queueLength = new Map<string, number>();
  const addresses: Owned<Address>[] = [];

  for (const wanted of config.interfaces) {
    const { id, ifName } = wanted;
    if (ifName === undefined) {
      items.push({ id, status: wanted.enable ? 'Error' : 'Disabled', reason: 'no lower layer' });
      continue;
    }
    if (wanted.bridgePorts.length > 0) {
      bridges.set(ifName, wanted.bridgePorts);
      adminUp.set(ifName, wanted.enable);
      for (const port of wanted.bridgePorts) {
        if (!adminUp.has(port)) adminUp.set(port, true);
      }
    } else if (wanted.enable && !adminUp.has(ifName)) {
      adminUp.set(ifName, true);
    }
    if (wanted.mtu !== undefined && wanted.enable) mtu.set(ifName, wanted.mtu);
    const link = byName.get(ifName);
    if (!wanted.enable) items.push({ id, status: 'Disabled', reason: undefined });
    else report(id, link === undefined ? `no interface ${ifName}` : undefined);

    for (const entry of wanted.addresses) {
      if (!entry.enable || !wanted.enable || !wanted.ipv4Enable) {
        items.push({ id: entry.id, status: 'Disabled', reason: undefined });
      } else if (
        entry.address === undefined ||
        entry.prefixLen === undefined ||
        !(isHostAddress(entry.address) || link?.loopback === true)
      ) {
        report(entry.id, 'IPAddress and SubnetMask must name a host in a subnet', true);
      } else if (link === undefined) {
        report(entry.id, `no interface ${ifName}`);
      } else {
        report(entry.id);
        addresses.push({
          owner: entry.id,
          value: addressOf(link.ifIndex, entry.address, entry.prefixLen),
        });
      }
    }
  }

  const routes: Owned<Route>[] = [];
  for (const [owner, plan] of plans) {
    const link = byName.get(plan.ifName);
    if (link === undefined) continue;
    if (plan.mtu !== undefined) mtu.set(plan.ifName, plan.mtu);
    if (plan.queueLength !== undefined) queueLength.set(plan.ifName, plan.queueLength);
    if (plan.bringUp === true) adminUp.set(plan.ifName, true);
    addresses.push({ owner, value: addressOf(link.ifIndex, plan.address, plan.prefixLen) });
    // Routes of a link that is down cannot be set; they follow when it comes up.
    if (!link.adminUp) continue;
    routes.push(...planRoutes(owner, plan, link.ifIndex));
  }

  const subnets = addresses.map(({ value }) => value);
  for (const entry of config.routes) {
    if (!entry.enable) {
      items.push({ id: entry.id, status: 'Disabled', reason: undefined });
      continue;
    }
    const placed = staticRoute(entry, byName, subnets);
    if (typeof placed === 'string') {
      report(entry.id, placed, true);
    } else {
      report(entry.id);
      routes.push({ owner: entry.id, value: placed });
    }
  }

  const resolvers: { address: string; owner: string }[] = [];
  const searchDomains: string[] = [];
  const offer = (address: string, owner: string) => {
    if (!resolvers.some((r) => r.address === address)) resolvers.push({ address, owner });
  };
  for (const { id, enable, address } of config.resolvers) {
    items.push({ id, status: enable ? 'Enabled' : 'Disabled', reason: undefined });
    if (enable) offer(address, id);
  }
  for (const [owner, plan] of [...plans].sort(([, a], [, b]) => a.metric - b.metric)) {
    for (const address of plan.resolvers) offer(formatIpv4(address), owner);
    for (const domain of plan.searchDomains) {
      if (!searchDomains.includes(domain)) searchDomains.push(domain);
    }
  }
  return { bridges, adminUp, mtu, queueLength, addresses, routes, resolvers, searchDomains, items };
}

const addressOf = (ifIndex: number, address: Ipv4, prefixLen: PrefixLen): Address => ({
  ifIndex,
  address,
  prefixLen,
  broadcast: prefixLen >= 31 ? undefined : broadcastOf({ address, prefixLen }),
  protocol: OWN_PROTOCOL,
});

function planRoutes(owner: string, plan: AddressPlan, ifIndex: number): Owned<Route>[] {
  const subnet: Ipv4Prefix = { address: plan.address, prefixLen: plan.prefixLen };
  return plan.routes.map(({ destination, prefixLen, gateway }) => ({
    owner,
    value: {
      type: 'unicast',
      destination,
      prefixLen,
      gateway,
      ifIndex,
      metric: plan.metric,
      source: plan.address,
      table: TABLE_MAIN,
      protocol: OWN_PROTOCOL,
      scope: gateway === undefined ? 'link' : 'universe',
      onLink: gateway !== undefined && !contains(subnet, gateway),
    },
  }));
}

function staticRoute(
  entry: NetworkConfig['routes'][number],
  links: ReadonlyMap<string, Link>,
  subnets: readonly Address[],
): Route | string {
  const { destination, prefixLen, gateway, ifName, type } = entry;
  if (prefixLen === undefined) return 'DestSubnetMask is not a netmask';
  if (networkOf({ address: destination, prefixLen }) !== destination) {
    return 'DestIPAddress has bits outside DestSubnetMask';
  }
  const common = {
    type,
    destination,
    prefixLen,
    metric: Math.max(0, entry.metric),
    source: undefined,
    table: TABLE_MAIN,
    protocol: OWN_PROTOCOL,
  };
  if (type !== 'unicast') {
    return { ...common, gateway: undefined, ifIndex: undefined, scope: 'universe', onLink: false };
  }
  const via = subnets.find((s) => gateway !== undefined && contains(s, gateway));
  const link = ifName === undefined ? undefined : links.get(ifName);
  if (ifName !== undefined && link === undefined) return `no interface ${ifName}`;
  const ifIndex = link?.ifIndex ?? via?.ifIndex;
  if (ifIndex === undefined) return 'neither Interface nor GatewayIPAddress says where it leads';
  return {
    ...common,
    gateway,
    ifIndex,
    scope: gateway === undefined ? 'link' : 'universe',
    onLink: gateway !== undefined && via?.ifIndex !== ifIndex,
  };
}
