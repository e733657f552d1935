/** Builds the DHCPv6 server with its router advertisements, and joins it with the network and the owner's rules. */
import { randomBytes } from 'node:crypto';
import { type Mac, macNumber } from '../base/ip.ts';
import type { Log } from '../base/log.ts';
import { servedBy, withResolvers6 } from '../control/dhcp-server.ts';
import { type Delegated, NOTHING_DELEGATED, withDelegated } from '../control/lan-prefixes.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import { LinuxFramePorts } from '../os/linux/frames.ts';
import type { Reactor } from '../os/linux/native.ts';
import type { Net, Store } from '../os/ports.ts';
import type { ServerMode } from '../services/dhcp-server/config.ts';
import { Policy, verdict } from '../services/dhcp-server/policy.ts';
import { Dhcp6ServerService } from '../services/dhcp6-server/service.ts';
import type { NetworkService } from '../services/network/service.ts';
import type { Observed } from '../state/observed.ts';
import type { CompiledConfig, Model } from '../tr181/model.ts';
import type { Observations } from '../tr181/table.ts';

export interface Dhcp6ServerParts {
  readonly reactor: Reactor;
  readonly net: Net;
  readonly network: NetworkService;
  readonly store: Store;
  readonly clock: LinuxClock;
  readonly log: Log;
  readonly bootId: string;
  readonly observed: Observed<Observations>;
  /** Asked for when it is there: the model is built later than the services. */
  model(): Model;
}

export interface BuiltDhcp6Server extends AsyncDisposable {
  apply(wanted: CompiledConfig['dhcp6Server']): readonly string[];
  /** What the WAN was delegated: the LAN is told of it beside what is configured. */
  delegated(now: Delegated): void;
}

/** Bindings of an earlier daemon are taken up at once. */
export async function buildDhcp6Server(parts: Dhcp6ServerParts): Promise<BuiltDhcp6Server> {
  const { reactor, net, network, store, clock, log, bootId, observed } = parts;
  let known: { readonly revision: number; readonly rules: OwnersRules } | undefined;
  const rules = (): OwnersRules => {
    const { revision } = parts.model();
    // Asked for each message: the rows are compiled once for each change of them.
    if (known?.revision !== revision) {
      known = { revision, rules: new OwnersRules(parts.model().compileAll().dhcpServer) };
    }
    return known.rules;
  };
  const service = new Dhcp6ServerService({
    framePorts: new LinuxFramePorts(reactor),
    ...{ store, clock, log, bootId },
    randomBytes: (count) => randomBytes(count),
    linkOf: (ifName) => net.links().find(({ name }) => name === ifName),
    linkLocalOf: (ifName) => network.linkLocalOf(ifName),
    allowed: (segment, macs) => rules().serves(segment, macs, clock.wallMs()),
    setRoutes: (routes) => {
      network.setRoutes6(
        'dhcp6-server',
        routes.map(({ prefix, via, ifName }) => ({
          ...{ destination: prefix.address, prefixLen: prefix.prefixLen, gateway: via, ifName },
        })),
      );
    },
    report: (value) => observed.publish('dhcp6Server', value),
  });
  const recovered = await service.recover();
  if (!recovered.ok) {
    log.error({ code: recovered.error.code }, `the server's DUID: ${recovered.error.message}`);
  }
  const followed = net.subscribe((events) => {
    // An interface is served once its link-local address is past duplicate detection.
    if (events.some(({ what }) => what !== 'route')) service.linksChanged();
  });
  let wanted: CompiledConfig['dhcp6Server'] | undefined;
  let delegated = NOTHING_DELEGATED;
  let given = '';
  const apply = (): readonly string[] => {
    // Before the first configuration nothing is told, nor taken back.
    if (wanted === undefined) return [];
    const served = servedBy(observed.get('dns'));
    given = [...served].join();
    return service.apply(
      withResolvers6(withDelegated(wanted, delegated), (ifName) => {
        const ifIndex = net.links().find(({ name }) => name === ifName)?.ifIndex;
        return net
          .addresses6()
          .filter((one) => one.ifIndex === ifIndex && served.has(one.address))
          .map(({ address }) => address);
      }),
    );
  };
  const names = observed.subscribe(({ services }) => {
    if (!services.has('dns') || [...servedBy(observed.get('dns'))].join() === given) return;
    for (const fault of apply()) log.error({ fault }, 'the DNS server could not be told of');
  });
  return {
    apply: (config) => {
      wanted = config;
      return apply();
    },
    delegated: (now) => {
      delegated = now;
      apply();
    },
    [Symbol.asyncDispose]: async () => {
      names[Symbol.dispose]();
      followed[Symbol.dispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** The owner's rules are one list for both protocols. They know devices by their MAC alone here. */
class OwnersRules {
  readonly #modes: ReadonlyMap<string, ServerMode>;
  readonly #policy: Policy;
  readonly #fixed: ReadonlySet<Mac>;

  constructor({ segments, rules, pools }: CompiledConfig['dhcpServer']) {
    this.#modes = new Map(segments.map(({ id, mode }) => [id, mode]));
    this.#policy = new Policy(rules);
    const statics = pools.flatMap((pool) => pool.statics.filter(({ enable }) => enable));
    this.#fixed = new Set(statics.flatMap(({ chaddr }) => (chaddr === undefined ? [] : [chaddr])));
  }

  /** Whether one of the MACs is served and none is refused. */
  serves(segment: string, macs: readonly Mac[], wallMs: number): boolean {
    const mode = this.#modes.get(segment) ?? 'open';
    if (macs.length === 0) return verdict(mode, 'none', false) === 'serve';
    const verdicts = macs.map((mac) => {
      // The second lowest bit of the first byte: locally administered (IEEE 802).
      const randomised = (Number.parseInt(mac.slice(0, 2), 16) & 2) !== 0;
      const nobody = (): undefined => undefined;
      const who = { mac: macNumber(mac), randomised, vendorClass: nobody, hostName: nobody };
      const { action } = this.#policy.judge(who, segment, wallMs);
      return verdict(mode, action, this.#fixed.has(mac));
    });
    return !verdicts.includes('refuse') && verdicts.includes('serve');
  }
}
