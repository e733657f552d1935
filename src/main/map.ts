/** MAP-T with its real adapters, what it hears of DHCPv6, and as ubus and the command line offer it. */
import type { Clock } from '../base/clock.ts';
import { formatIpv4, formatPrefix } from '../base/ip.ts';
import { formatIpv6, formatPrefix6 } from '../base/ip6.ts';
import type { Log } from '../base/log.ts';
import { type CommandService, done } from '../edge/ubus/gatehouse.ts';
import { LinuxFlowTable } from '../os/linux/conntrack.ts';
import type { LinuxDirectories, LinuxFiles } from '../os/linux/files.ts';
import type { Reactor } from '../os/linux/native.ts';
import type { LinuxProcesses } from '../os/linux/process.ts';
import { watchRuleset } from '../os/linux/ruleset.ts';
import type { AddressPlanner, Net, Route6Planner } from '../os/ports.ts';
import type { Dhcp6ClientObserved } from '../services/dhcp6-client/config.ts';
import type { MapDomainObserved, MapOffer } from '../services/map/config.ts';
import { MapService } from '../services/map/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';

const TAYGA = '/usr/sbin/tayga';
/** Options of a lease that matter here (RFC 7598 §5). */
const CONT_MAPE = 94;
const CONT_MAPT = 95;

export interface MapSurroundings {
  readonly reactor: Reactor;
  readonly processes: LinuxProcesses;
  readonly clock: Clock;
  readonly log: Log;
  readonly files: LinuxFiles;
  readonly directories: LinuxDirectories;
  readonly net: Net;
  readonly network: AddressPlanner & Route6Planner;
  readonly observed: Observed<Observations>;
  readonly nft: string;
  readonly runDir: string;
}

export function buildMap(stack: AsyncDisposableStack, around: MapSurroundings): MapService {
  const { reactor, processes, net, observed, runDir } = around;
  const flows = stack.use(new LinuxFlowTable(reactor));
  const service = stack.use(
    new MapService({
      ...around,
      ...{ flows, planner: around.network, tayga: TAYGA, folder: `${runDir}/map` },
      argumentsOf: (identity) => processes.argumentsOf(identity),
      links: () => net.links(),
      offers: () => offersOf(observed.get('dhcp6Client')),
      report: (value) => observed.publish('map', value),
    }),
  );
  stack.use(
    observed.subscribe(({ services }) => {
      if (services.has('dhcp6Client')) service.offersChanged();
    }),
  );
  stack.use(
    net.subscribe((events) => {
      if (events.some(({ what }) => what === 'link' || what === 'resync')) service.linksChanged();
    }),
  );
  const watch = watchRuleset(reactor, () => service.rulesetChanged());
  if (watch.ok) stack.use(watch.value);
  else around.log.error({ code: watch.error.code }, watch.error.message);
  return service;
}

/** What every DHCPv6 client with a lease was told. */
const offersOf = (clients: Dhcp6ClientObserved | undefined): readonly MapOffer[] =>
  (clients?.clients ?? []).flatMap(({ id, ifName, lease }): MapOffer[] => {
    if (ifName === undefined || lease === undefined) return [];
    const values = (code: number): Uint8Array[] =>
      lease.options.flatMap((option) => (option.code === code ? [option.data] : []));
    return [
      {
        ...{ client: id, wan: ifName, mapT: values(CONT_MAPT), mapE: values(CONT_MAPE) },
        delegated: lease.prefixes.map(({ prefix }) => prefix),
        answer: `${lease.t1AtMs} ${lease.t2AtMs}`,
      },
    ];
  });

export const mapCommands = (service: MapService): CommandService => ({
  name: 'map',
  about: 'shared IPv4 addresses over IPv6 (MAP-T)',
  commands: {
    status: {
      about: 'domains with their rules, address, port sets and ports in use',
      args: {},
      run: async () => {
        const { domains, ...rest } = service.observed;
        return done({ ...rest, domains: domains.map((domain) => plain(domain, service)) });
      },
    },
  },
});

function plain(domain: MapDomainObserved, service: MapService): object {
  const { id, origin, status, wan, delegated, dmr, addressing, link, engine, mtu } = domain;
  const usage = service.usage(id);
  return {
    ...{ id, origin, status, reason: domain.reason ?? null, wan: wan ?? null },
    ...{ link: link ?? null, engine: engine ?? null, mtu: mtu ?? null, restarts: domain.restarts },
    delegated: delegated === undefined ? null : formatPrefix6(delegated),
    borderRelay: dmr === undefined ? null : formatPrefix6(dmr),
    address: addressing === undefined ? null : formatIpv4(addressing.address),
    address6: addressing === undefined ? null : formatIpv6(addressing.address6),
    shared: addressing?.shared ?? null,
    psid: addressing?.psid ?? null,
    psidLength: addressing?.psidLen ?? null,
    portSets: (addressing?.ports ?? []).map(({ first, last }, i) => ({
      ...{ first, last, used: usage?.perSet[i] ?? null },
    })),
    portsInUse: usage?.ports ?? null,
    flows: usage === undefined ? null : { tcp: usage.tcp, udp: usage.udp, icmp: usage.icmp },
    rules: domain.rules.map(({ rule, ...seen }) => ({
      ...{ status: seen.status, reason: seen.reason ?? null, basic: seen.basic },
      ipv6Prefix: formatPrefix6(rule.prefix6),
      ipv4Prefix: formatPrefix(rule.prefix4),
      ...{ eaBits: rule.eaLen, fmr: rule.fmr, psidOffset: rule.psidOffset },
    })),
  };
}
