/** Pure: the changes that take the kernel from what it holds to what it should hold. Adds come before deletes. */
import { OWN_PROTOCOL } from '../../base/ip.ts';
import type { Address, Net, NetChange, Route } from '../../os/ports.ts';
import type { Desired } from './desired.ts';

/** The kernel's side, as `Net` copies it. */
export type Actual = Pick<Net, 'links' | 'addresses' | 'routes'>;

/** MTU of an interface that nobody wants to be different any more. */
const PLAIN_MTU = 1500;

/**
 * Bridges and their ports come first and alone: their interface indexes are not known before they
 * exist. `mtuTouched` are the interfaces whose MTU an earlier pass changed.
 */
export function linkChanges(
  desired: Desired,
  actual: Actual,
  mtuTouched: ReadonlySet<string>,
): readonly NetChange[] {
  const byName = new Map(actual.links().map((link) => [link.name, link]));
  const changes: NetChange[] = [];
  for (const [name, ports] of desired.bridges) {
    const bridge = byName.get(name);
    if (bridge === undefined) {
      changes.push({ op: 'bridge.add', name });
      continue;
    }
    const members = new Set(ports);
    for (const link of actual.links()) {
      const member = link.master === bridge.ifIndex;
      if (members.has(link.name) && !member) {
        changes.push({ op: 'link.set', ifIndex: link.ifIndex, master: bridge.ifIndex });
      } else if (member && !members.has(link.name)) {
        changes.push({ op: 'link.set', ifIndex: link.ifIndex, master: 0 });
      }
    }
  }
  for (const link of actual.links()) {
    const adminUp = desired.adminUp.get(link.name);
    if (adminUp !== undefined && adminUp !== link.adminUp) {
      changes.push({ op: 'link.set', ifIndex: link.ifIndex, adminUp });
    }
    const wanted = desired.mtu.get(link.name) ?? (mtuTouched.has(link.name) ? PLAIN_MTU : link.mtu);
    const most = link.maxMtu === 0 ? wanted : Math.min(wanted, link.maxMtu);
    const mtu = Math.max(most, link.minMtu);
    const queueLength = desired.queueLength.get(link.name);
    if (queueLength !== undefined && queueLength !== link.queueLength) {
      changes.push({ op: 'link.set', ifIndex: link.ifIndex, queueLength });
    }
    if (mtu !== link.mtu) changes.push({ op: 'link.set', ifIndex: link.ifIndex, mtu });
  }
  return changes;
}

/** Addresses and routes. Only what carries Gatehouse's own protocol number is ever deleted. */
export function layer3Changes(desired: Desired, actual: Actual): readonly NetChange[] {
  const addAddresses: NetChange[] = [];
  const delAddresses: NetChange[] = [];
  const addRoutes: NetChange[] = [];
  const delRoutes: NetChange[] = [];

  const wanted = new Map(desired.addresses.map(({ value }) => [addressKey(value), value]));
  const present = new Map(actual.addresses().map((address) => [addressKey(address), address]));
  for (const [key, address] of wanted) {
    if (!present.has(key)) addAddresses.push({ op: 'address.add', address });
  }
  for (const [key, address] of present) {
    if (!wanted.has(key) && address.protocol === OWN_PROTOCOL) {
      delAddresses.push({ op: 'address.del', address });
    }
  }

  const wantedRoutes = new Map(desired.routes.map(({ value }) => [routeKey(value), value]));
  const presentRoutes = new Map<string, Route[]>();
  for (const route of actual.routes()) {
    const key = routeKey(route);
    const same = presentRoutes.get(key);
    if (same === undefined) presentRoutes.set(key, [route]);
    else same.push(route);
  }
  for (const [key, route] of wantedRoutes) {
    const same = presentRoutes.get(key)?.some((other) => sameRoute(route, other));
    if (!same) addRoutes.push({ op: 'route.replace', route });
  }
  for (const [key, routes] of presentRoutes) {
    for (const route of routes) {
      if (!wantedRoutes.has(key) && route.protocol === OWN_PROTOCOL) {
        delRoutes.push({ op: 'route.del', route });
      }
    }
  }
  return [...addAddresses, ...addRoutes, ...delRoutes, ...delAddresses];
}

const addressKey = (a: Address): string => `${a.ifIndex}/${a.address}/${a.prefixLen}`;

/** What the kernel takes as the identity of a route (RTM_NEWROUTE with NLM_F_REPLACE). */
const routeKey = (r: Route): string => `${r.destination}/${r.prefixLen}/${r.metric}`;

const sameRoute = (a: Route, b: Route): boolean =>
  a.type === b.type &&
  a.gateway === b.gateway &&
  (a.ifIndex === undefined || a.ifIndex === b.ifIndex) &&
  a.source === b.source;
