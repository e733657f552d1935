import type { Clock, Timer } from '../../base/clock.ts';
import type { SystemError } from '../../base/errors.ts';
import { formatIpv4, formatPrefix, type Ipv4Prefix } from '../../base/ip.ts';
import { formatIpv6, formatPrefix6, type Ipv6, isLinkLocal } from '../../base/ip6.ts';
import type { Log } from '../../base/log.ts';
import type {
  Address,
  Address6Planner,
  AddressPlan,
  AddressPlan6,
  AddressPlanner,
  Files,
  Net,
  NetChange,
  PlannedRoute6,
  Route,
  Route6Planner,
} from '../../os/ports.ts';
import type { NetworkConfig, NetworkObserved } from './config.ts';
import { type Desired, desire } from './desired.ts';
import { address6Key, changes6, type Desired6, desire6 } from './ip6.ts';
import { layer3Changes, linkChanges } from './reconcile.ts';
import { resolvConf } from './resolv.ts';

export interface NetworkDeps {
  readonly net: Net;
  readonly clock: Clock;
  readonly log: Log;
  readonly files: Files;
  /** Where resolv.conf is kept: `RUN_DIR/resolv.conf`; the image's /etc/resolv.conf links to it. */
  readonly resolvConfPath: string;
  report(observed: NetworkObserved): void;
}

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';
const IPV6_CONF = '/proc/sys/net/ipv6/conf';
const IPV6_FORWARD = `${IPV6_CONF}/all/forwarding`;
/** A bridge must exist before it can have ports, and ports before they are set up. */
const LINK_PASSES = 3;
/** Putting back is immediate, but somebody who keeps removing does not get a busy loop. */
const QUIET_AFTER = 20;
const QUIET_MS = 1000;
const REPORT_MS = 20;

/** Sets links, addresses, routes, resolvers and forwarding, and keeps them as they were asked for. */
export class NetworkService
  implements AddressPlanner, Address6Planner, Route6Planner, AsyncDisposable
{
  readonly #deps: NetworkDeps;
  readonly #plans = new Map<string, AddressPlan>();
  readonly #routes6 = new Map<string, readonly PlannedRoute6[]>();
  readonly #plans6 = new Map<string, AddressPlan6>();
  /** What the lifetimes of an address were last set to end at. */
  readonly #until6 = new Map<string, string>();
  /** What the interface's sysctls were last set to, by ifIndex. */
  readonly #ipv6Set = new Map<number, string>();
  readonly #changedAtMs = new Map<number, { readonly oper: string; readonly atMs: number }>();
  readonly #mtuTouched = new Set<string>();
  readonly #subscription: Disposable;
  #config: NetworkConfig | undefined;
  #desired: Desired | undefined;
  #desired6: Desired6 | undefined;
  #resolvConf: string | undefined;
  #forwarding = false;
  #restored = 0;
  #restoredRecently = 0;
  #working = false;
  #errors = new Map<string, string>();
  #quiet: Timer | undefined;
  #reporting: Timer | undefined;

  constructor(deps: NetworkDeps) {
    this.#deps = deps;
    this.#subscription = deps.net.subscribe(() => this.#drifted());
  }

  /** Makes `config` the whole truth; gives what could not be done. */
  apply(config: NetworkConfig): readonly SystemError[] {
    this.#config = config;
    const errors = this.#reconcile();
    return [
      ...[...errors, ...this.#writeResolvers(config)],
      ...[...this.#setForwarding(config), ...this.#setForwarding6(config)],
    ];
  }

  set(owner: string, plan: AddressPlan | undefined): readonly SystemError[] {
    if (plan === undefined) this.#plans.delete(owner);
    else this.#plans.set(owner, plan);
    const config = this.#config;
    if (config === undefined) return [];
    return [...this.#reconcile(), ...this.#writeResolvers(config)];
  }

  setRoutes6(owner: string, routes: readonly PlannedRoute6[]): readonly SystemError[] {
    if (routes.length === 0) this.#routes6.delete(owner);
    else this.#routes6.set(owner, routes);
    return this.#reconcile();
  }

  set6(owner: string, plan: AddressPlan6 | undefined): readonly SystemError[] {
    if (plan === undefined) this.#plans6.delete(owner);
    else this.#plans6.set(owner, plan);
    const config = this.#config;
    if (config === undefined) return [];
    return [...this.#reconcile(), ...this.#writeResolvers(config)];
  }

  /** The link-local address of an interface that is past duplicate detection. */
  linkLocalOf(ifName: string): Ipv6 | undefined {
    const { net } = this.#deps;
    const ifIndex = net.links().find((link) => link.name === ifName)?.ifIndex;
    return net
      .addresses6()
      .find((a) => a.ifIndex === ifIndex && a.dad === 'done' && isLinkLocal(a.address))?.address;
  }

  /** Prefixes of all interfaces but this one, as configured: what a lease must stay off. */
  prefixesBeside(ifName: string): readonly Ipv4Prefix[] {
    const mine = this.#deps.net.links().find((link) => link.name === ifName)?.ifIndex;
    const planned = [...this.#plans.values()].filter((plan) => plan.ifName !== ifName);
    const configured = (this.#config?.interfaces ?? [])
      .filter((entry) => entry.enable && entry.ifName !== ifName)
      .flatMap((entry) => entry.addresses)
      .flatMap(({ enable, address, prefixLen }) =>
        enable && address !== undefined && prefixLen !== undefined ? [{ address, prefixLen }] : [],
      );
    const present = this.#deps.net.addresses().filter((a) => a.ifIndex !== mine);
    return [...planned, ...configured, ...present].map(({ address, prefixLen }) => ({
      address,
      prefixLen,
    }));
  }

  get observed(): NetworkObserved {
    const { net, clock } = this.#deps;
    const nameOf = new Map(net.links().map((link) => [link.ifIndex, link.name]));
    const desired = this.#desired;
    const owners = new Map<string, string>();
    for (const { owner, value } of desired?.addresses ?? []) owners.set(addressKey(value), owner);
    for (const { owner, value } of desired?.routes ?? []) owners.set(routeKey(value), owner);
    const owners6 = new Map(
      this.#desired6?.addresses.map(({ owner, value }) => [address6Key(value), owner]),
    );
    return {
      links: net.links().map((link) => {
        const seen = this.#changedAtMs.get(link.ifIndex);
        if (seen?.oper === link.operState) return { ...link, changedAtMs: seen.atMs };
        const atMs = clock.monoMs();
        this.#changedAtMs.set(link.ifIndex, { oper: link.operState, atMs });
        return { ...link, changedAtMs: atMs };
      }),
      addresses: net.addresses().map((row) => ({
        ifName: nameOf.get(row.ifIndex) ?? '',
        address: row.address,
        prefixLen: row.prefixLen,
        owner: owners.get(addressKey(row)),
      })),
      addresses6: net.addresses6().map(({ ifIndex, ...row }) => ({
        ...row,
        ifName: nameOf.get(ifIndex) ?? '',
        owner: owners6.get(address6Key({ ifIndex, ...row })),
      })),
      defaultRoutes6: net
        .routes6()
        .flatMap(({ prefixLen, type, gateway, ifIndex, metric, protocol }) =>
          prefixLen === 0 && type === 'unicast'
            ? [{ gateway, ifName: nameOf.get(ifIndex ?? 0), metric, protocol }]
            : [],
        ),
      ipv6Capable: this.#deps.files.readText(IPV6_FORWARD).ok,
      routes: net.routes().map((route) => ({
        type: route.type,
        destination: route.destination,
        prefixLen: route.prefixLen,
        gateway: route.gateway,
        ifName: route.ifIndex === undefined ? undefined : nameOf.get(route.ifIndex),
        metric: route.metric,
        protocol: route.protocol,
        owner: owners.get(routeKey(route)),
      })),
      resolvers: [
        ...(desired?.resolvers ?? []),
        ...[...this.#plans6].flatMap(([owner, { resolvers }]) =>
          resolvers.map((address) => ({ address: formatIpv6(address), owner })),
        ),
      ],
      searchDomains: [
        ...new Set([
          ...(desired?.searchDomains ?? []),
          ...[...this.#plans6.values()].flatMap((plan) => plan.searchDomains),
        ]),
      ],
      forwarding: this.#forwarding,
      items: [...(desired?.items ?? []), ...this.#items6()].map((item) => {
        const error = this.#errors.get(item.id);
        return error === undefined ? item : { ...item, status: 'Error', reason: error };
      }),
      restored: this.#restored,
    };
  }

  /** An address that another host has is not ours, whatever was asked for. */
  #items6(): readonly NetworkObserved['items'][number][] {
    const failed = new Set(
      this.#deps.net.addresses6().flatMap((a) => (a.dad === 'failed' ? [address6Key(a)] : [])),
    );
    const taken = new Set(
      this.#desired6?.addresses.flatMap(({ owner, value }) =>
        failed.has(address6Key(value)) ? [owner] : [],
      ),
    );
    return (this.#desired6?.items ?? []).map((item) =>
      taken.has(item.id)
        ? { ...item, status: 'Error', reason: 'another host has this address already' }
        : item,
    );
  }

  /** Lets go; everything set stays for the next daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#subscription[Symbol.dispose]();
    this.#quiet?.cancel();
    this.#reporting?.cancel();
  }

  #drifted(): void {
    this.#reportSoon();
    if (this.#working || this.#quiet !== undefined) return;
    this.#reconcile();
  }

  /** Nothing is done before the first configuration: a restarted daemon must not tear down what it will want. */
  #reconcile(): readonly SystemError[] {
    const config = this.#config;
    if (config === undefined) return [];
    const { net } = this.#deps;
    const errors: SystemError[] = [];
    this.#errors = new Map();
    this.#working = true;
    try {
      // Before a link comes up: as it does, the kernel asks for routers or leaves it.
      errors.push(...this.#setIpv6(config));
      let desired = desire(config, this.#plans, net.links());
      for (let pass = 0; pass < LINK_PASSES; pass++) {
        for (const name of desired.mtu.keys()) this.#mtuTouched.add(name);
        const changes = linkChanges(desired, net, this.#mtuTouched);
        if (changes.length === 0) break;
        errors.push(...this.#carryOut(changes, desired));
        desired = desire(config, this.#plans, net.links());
      }
      errors.push(...this.#setIpv6(config));
      const nowMs = this.#deps.clock.boottimeMs();
      const desired6 = desire6(config, this.#routes6, this.#plans6, net.links(), nowMs);
      const changes = [...layer3Changes(desired, net), ...changes6(desired6, net, this.#until6)];
      errors.push(...this.#carryOut(changes, desired, desired6));
      this.#until6.clear();
      for (const { value, until } of desired6.addresses) {
        if (until !== undefined) this.#until6.set(address6Key(value), until);
      }
      this.#desired = desired;
      this.#desired6 = desired6;
    } finally {
      this.#working = false;
    }
    this.#reportSoon();
    return errors;
  }

  #carryOut(
    changes: readonly NetChange[],
    desired: Desired,
    desired6 = this.#desired6,
  ): SystemError[] {
    if (changes.length === 0) return [];
    // What the last pass wanted stood after it.
    const stood = standing(this.#desired, this.#desired6);
    const there = new Set(this.#deps.net.addresses6().map(address6Key));
    const again = changes.filter(
      (change) =>
        stood.has(keyOf(change)) &&
        // Longer lifetimes for one that is there put nothing back.
        !(change.op === 'address6.set' && there.has(address6Key(change.address))),
    );
    if (again.length > 0) this.#putBack(again);
    const results = this.#deps.net.apply(changes);
    return changes.flatMap((change, i) => {
      const error = results[i];
      if (error === undefined) return [];
      const owner = ownerOf(change, desired, desired6);
      if (owner !== undefined) this.#errors.set(owner, error.message);
      this.#deps.log.error({ change: keyOf(change), code: error.code }, error.message);
      return [error];
    });
  }

  /** What stood by our will and is to be set again was removed by someone else. */
  #putBack(changes: readonly NetChange[]): void {
    const { log, clock } = this.#deps;
    this.#restored += changes.length;
    this.#restoredRecently += changes.length;
    log.warn({ changes: changes.map(keyOf) }, 'putting back what someone else removed');
    if (this.#restoredRecently < QUIET_AFTER) return;
    log.warn({}, 'someone keeps changing the network: putting back once a second');
    this.#quiet = clock.after(QUIET_MS, () => {
      this.#quiet = undefined;
      this.#restoredRecently = 0;
      this.#reconcile();
    });
  }

  #writeResolvers(config: NetworkConfig): SystemError[] {
    const desired = this.#desired;
    if (!config.resolverEnable || desired === undefined) return [];
    const learned = [...this.#plans6.values()];
    const text = resolvConf(
      [...new Set([...desired.resolvers.map(({ address }) => address), ...this.#resolvers6()])],
      [...new Set([...desired.searchDomains, ...learned.flatMap((plan) => plan.searchDomains)])],
    );
    if (text === this.#resolvConf) return [];
    const written = this.#deps.files.writeAtomic(this.#deps.resolvConfPath, text, 0o644);
    if (!written.ok) {
      this.#deps.log.error({ code: written.error.code }, written.error.message);
      return [written.error];
    }
    this.#resolvConf = text;
    return [];
  }

  #resolvers6(): readonly string[] {
    return [...this.#plans6.values()].flatMap(({ resolvers }) => resolvers.map(formatIpv6));
  }

  /** Where IPv6 is off the interface has not even a link-local address. A kernel without IPv6 needs nothing. */
  #setIpv6({ interfaces }: NetworkConfig): SystemError[] {
    const { net, files } = this.#deps;
    const errors: SystemError[] = [];
    for (const { ifName, ipv6Enable, acceptAdvertisements } of interfaces) {
      const link = net.links().find(({ name }) => name === ifName);
      const wanted: readonly (readonly [name: string, value: string])[] = [
        // 2: although the box forwards (Linux, ip-sysctl).
        ...(acceptAdvertisements === undefined
          ? []
          : ([
              ['ra_defrtr_metric', `${acceptAdvertisements}`],
              ['accept_ra', '2'],
            ] as const)),
        ['disable_ipv6', ipv6Enable ? '0' : '1'],
      ];
      const text = wanted.join();
      if (link === undefined || this.#ipv6Set.get(link.ifIndex) === text) continue;
      let failed = false;
      for (const [name, value] of wanted) {
        const path = `${IPV6_CONF}/${link.name}/${name}`;
        const now = files.readText(path);
        const same = !now.ok || now.value.trim() === value;
        const written = same ? undefined : files.writeExisting(path, value);
        if (written?.ok !== false) continue;
        errors.push(written.error);
        failed = true;
      }
      if (!failed) this.#ipv6Set.set(link.ifIndex, text);
    }
    return errors;
  }

  #setForwarding6({ forwarding6 }: NetworkConfig): SystemError[] {
    const wanted = forwarding6 ? '1' : '0';
    const now = this.#deps.files.readText(IPV6_FORWARD);
    if (!now.ok || now.value.trim() === wanted) return [];
    const written = this.#deps.files.writeExisting(IPV6_FORWARD, wanted);
    return written.ok ? [] : [written.error];
  }

  #setForwarding({ forwarding }: NetworkConfig): SystemError[] {
    const wanted = forwarding ? '1' : '0';
    const now = this.#deps.files.readText(IP_FORWARD);
    this.#forwarding = now.ok && now.value.trim() === '1';
    if (now.ok && now.value.trim() === wanted) return [];
    const written = this.#deps.files.writeExisting(IP_FORWARD, wanted);
    if (written.ok) this.#forwarding = forwarding;
    return written.ok ? [] : [written.error];
  }

  #reportSoon(): void {
    this.#reporting ??= this.#deps.clock.after(REPORT_MS, () => {
      this.#reporting = undefined;
      this.#deps.report(this.observed);
    });
  }
}

function ownerOf(
  change: NetChange,
  desired: Desired,
  desired6: Desired6 | undefined,
): string | undefined {
  if (change.op === 'address6.set') {
    return desired6?.addresses.find(({ value }) => value === change.address)?.owner;
  }
  if (change.op === 'address.add') {
    return desired.addresses.find(({ value }) => value === change.address)?.owner;
  }
  if (change.op === 'route.replace') {
    return desired.routes.find(({ value }) => value === change.route)?.owner;
  }
  return undefined;
}

const addressKey = ({ ifIndex, address, prefixLen }: Address): string =>
  `${ifIndex}/${address}/${prefixLen}`;

const routeKey = ({ destination, prefixLen, metric, gateway }: Route): string =>
  `${destination}/${prefixLen}/${metric}/${gateway ?? ''}`;

/** Keys of what was wanted at layer 3. */
const standing = (
  desired: Desired | undefined,
  desired6: Desired6 | undefined,
): ReadonlySet<string> =>
  new Set([
    ...(desired6?.addresses ?? []).map(({ value }) =>
      keyOf({ op: 'address6.set', address: value }),
    ),
    ...(desired6?.routes ?? []).map(({ value }) => keyOf({ op: 'route6.replace', route: value })),
    ...(desired?.addresses ?? []).map(({ value }) => keyOf({ op: 'address.add', address: value })),
    ...(desired?.routes ?? []).map(({ value }) => keyOf({ op: 'route.replace', route: value })),
  ]);

/** Tells one change from another, for the log as well. */
function keyOf(change: NetChange): string {
  switch (change.op) {
    case 'address.add':
    case 'address.del':
      return `${change.op} ${formatPrefix(change.address)} on ${change.address.ifIndex}`;
    case 'route.replace':
    case 'route.del': {
      const { gateway, metric, destination, prefixLen } = change.route;
      const via = gateway === undefined ? '' : ` via ${formatIpv4(gateway)}`;
      return `${change.op} ${formatPrefix({ address: destination, prefixLen })}${via} metric ${metric}`;
    }
    case 'address6.set':
    case 'address6.del':
      return `${change.op} ${formatPrefix6(change.address)} on ${change.address.ifIndex}`;
    case 'route6.replace':
    case 'route6.del': {
      const { gateway, destination, prefixLen } = change.route;
      const via = gateway === undefined ? '' : ` via ${formatIpv6(gateway)}`;
      return `${change.op} ${formatPrefix6({ address: destination, prefixLen })}${via}`;
    }
    default:
      return JSON.stringify(change);
  }
}
