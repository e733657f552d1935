/** Builds the DHCPv6 server with its router advertisements, and joins it with the network and the owner's rules. */
import { randomBytes } from 'node:crypto';
import { type Mac, macNumber } from '../base/ip.ts';
import type { Log } from '../base/log.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import { LinuxFramePorts } from '../os/linux/frames.ts';
import type { Reactor } from '../os/linux/native.ts';
import type { Net, Store } from '../os/ports.ts';
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
}

/** Bindings of an earlier daemon are taken up at once. */
export async function buildDhcp6Server(parts: Dhcp6ServerParts): Promise<BuiltDhcp6Server> {
  const { reactor, net, network, store, clock, log, bootId, observed } = parts;
  const service = new Dhcp6ServerService({
    framePorts: new LinuxFramePorts(reactor),
    ...{ store, clock, log, bootId },
    randomBytes: (count) => randomBytes(count),
    linkOf: (ifName) => net.links().find(({ name }) => name === ifName),
    linkLocalOf: (ifName) => network.linkLocalOf(ifName),
    allowed: (segment, macs) =>
      isServed(parts.model().compileAll().dhcpServer, segment, macs, clock),
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
  return {
    apply: (wanted) => service.apply(wanted),
    [Symbol.asyncDispose]: async () => {
      followed[Symbol.dispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** The owner's rules are one list for both protocols. They know devices by their MAC alone here. */
function isServed(
  { segments, rules, pools }: CompiledConfig['dhcpServer'],
  segmentId: string,
  macs: readonly Mac[],
  clock: LinuxClock,
): boolean {
  const mode = segments.find(({ id }) => id === segmentId)?.mode ?? 'open';
  if (macs.length === 0) return verdict(mode, 'none', false) === 'serve';
  const policy = new Policy(rules);
  const nobody = (): undefined => undefined;
  const verdicts = macs.map((mac) => {
    const bits = macNumber(mac);
    // The second lowest bit of the first byte: locally administered (IEEE 802).
    const randomised = (Number.parseInt(mac.slice(0, 2), 16) & 2) !== 0;
    const who = { mac: bits, randomised, vendorClass: nobody, hostName: nobody };
    const { action } = policy.judge(who, segmentId, clock.wallMs());
    const fixed = pools.some(({ statics }) =>
      statics.some(({ enable, chaddr }) => enable && chaddr === mac),
    );
    return verdict(mode, action, fixed);
  });
  return !verdicts.includes('refuse') && verdicts.includes('serve');
}
