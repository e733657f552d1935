/** Builds the DNS server and joins it with the kernel, the LAN's hosts, the leases and the model. */
import { randomBytes } from 'node:crypto';
import { SystemError } from '../base/errors.ts';
import { parseIpv4 } from '../base/ip.ts';
import { type IpAddress, isLinkLocal, parseIpv6 } from '../base/ip6.ts';
import type { Log } from '../base/log.ts';
import { err, ok } from '../base/result.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import { NativeBlockBuilders } from '../os/linux/dns-builder.ts';
import { NodeDnsCrypto } from '../os/linux/dns-crypto.ts';
import { NativeDnsEngines } from '../os/linux/dns-engine.ts';
import { NodeDnsStreamServer } from '../os/linux/dns-serve.ts';
import { NodeDnsTransports } from '../os/linux/dns-transports.ts';
import { LinuxDirectories } from '../os/linux/files.ts';
import { LinuxListFetches } from '../os/linux/list-fetch.ts';
import type { Native } from '../os/linux/native.ts';
import type { Files, Net } from '../os/ports.ts';
import { ListUpdater } from '../services/dns/lists/updater.ts';
import type { QueryLogConfig } from '../services/dns/log-config.ts';
import { DnsOperations } from '../services/dns/operations.ts';
import type { PolicyConfig } from '../services/dns/policy-config.ts';
import { QueryLog } from '../services/dns/query-log.ts';
import { DnsService } from '../services/dns/service.ts';
import { why } from '../services/dns/why.ts';
import type { NeighborsService } from '../services/neighbors/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Observations } from '../tr181/table.ts';
import type { DnsName } from '../wire/dns-name.ts';
import type { DnsFace } from './dns-commands.ts';

export interface DnsParts {
  readonly native: Native;
  readonly net: Net;
  readonly clock: LinuxClock;
  readonly files: Files;
  readonly stateDir: string;
  readonly log: Log;
  readonly observed: Observed<Observations>;
  readonly neighbors: NeighborsService;
  /** As the rows have it. */
  policyConfig(): PolicyConfig;
  /** Names under which the page is served. */
  readonly pageNames: readonly string[];
}

/** The service, and what commands are offered of it. */
export interface BuiltDns {
  readonly service: DnsService;
  readonly face: DnsFace;
  applyPolicy(wanted: PolicyConfig): void;
  applyLog(wanted: QueryLogConfig): void;
}

export function buildDns(stack: AsyncDisposableStack, parts: DnsParts): BuiltDns {
  const { native, net, clock, files, stateDir, log, observed, neighbors, pageNames } = parts;
  const anchorPath = `${stateDir}/dns-root-keys`;
  const queryLog = new QueryLog(clock);
  const transports = stack.use(new NodeDnsTransports());
  const service: DnsService = stack.use(
    new DnsService({
      engines: new NativeDnsEngines(native),
      ...{ transports, clock, log },
      crypto: new NodeDnsCrypto(),
      streams: (handler) => new NodeDnsStreamServer(handler),
      randomBytes: (count) => randomBytes(count),
      localTime: (wallMs) => {
        const time = new Date(wallMs);
        // Monday is 0.
        return { day: (time.getDay() + 6) % 7, minute: time.getHours() * 60 + time.getMinutes() };
      },
      addressesOf: (ifName) => lanAddresses(net, ifName),
      hosts: () => hostsOf(neighbors),
      ownNames: () => {
        const kernel = files.readText('/proc/sys/kernel/hostname');
        return kernel.ok ? [kernel.value.trim(), ...labels(pageNames)] : labels(pageNames);
      },
      leaseResolvers: () => resolversOf(observed, net),
      cachePath: `${stateDir}/dns-cache`,
      anchorFile: {
        read: () => {
          const text = files.readText(anchorPath);
          return text.ok ? text.value : undefined;
        },
        write: (text) => {
          const written = files.writeAtomic(anchorPath, text, 0o644);
          if (!written.ok) log.error({ err: written.error }, 'trust anchors could not be written');
        },
      },
      timeIsSure: () => clock.boottimeMs() > CLOCK_SETS_MS,
      report: (value) => observed.publish('dns', value),
      lists: () => ({ lists: lists.observed, names: lists.names }),
      engineStarted: () => lists.start(),
      engineStopped: () => lists.rest(),
      reportPolicy: (value) => observed.publish('dnsPolicy', value),
      answered: (query) => queryLog.add(query),
      answeredByEngine: (entries) =>
        queryLog.addBatch(entries, (place) => service.running?.policy.listName(place)),
    }),
  );
  const lists: ListUpdater = stack.use(
    new ListUpdater({
      ...{ clock, files, log, folder: `${stateDir}/dns-lists` },
      directories: new LinuxDirectories(),
      randomBytes: (count) => randomBytes(count),
      engine: {
        loadBlocks: (path) =>
          service.engine?.loadBlocks(path) ?? err(new SystemError('the engine is off', 'ENOENT')),
      },
      fetches: new LinuxListFetches(),
      builders: new NativeBlockBuilders(native),
      use: (compiled) => service.useLists(compiled),
      report: () => service.policyChanged(),
    }),
  );
  stack.use(
    net.subscribe((events) => {
      if (events.some(({ what }) => what === 'address' || what === 'resync'))
        service.factsChanged();
    }),
  );
  stack.use(neighbors.namesChanged(() => service.factsChanged()));
  stack.use(
    observed.subscribe(({ services }) => {
      if (services.has('network')) service.factsChanged();
    }),
  );
  return {
    service,
    face: faceOf(parts, service, transports, queryLog, lists),
    applyPolicy: (wanted) => {
      service.applyPolicy(wanted);
      lists.apply(wanted.lists, wanted.rewrites);
    },
    applyLog,
  };

  function applyLog(wanted: QueryLogConfig): void {
    queryLog.apply(wanted);
    service.setLog(queryLog.wanted);
  }
}

/** A box without a clock of its own asks for the time first, and must find out whom to ask. */
const CLOCK_SETS_MS = 15 * 60_000;
function faceOf(
  { clock, neighbors, policyConfig }: DnsParts,
  service: DnsService,
  transports: NodeDnsTransports,
  log: QueryLog,
  lists: ListUpdater,
): DnsFace {
  const operations = new DnsOperations({
    ...{ clock, transports },
    ask: (query, client) => service.ask(query, client),
    policy: () => service.running?.policy,
    cache: () => service.engine?.cache,
    overridden: () => service.policyChanged(),
    hosts: () => hostsOf(neighbors),
    random16: () => randomBytes(2).readUInt16BE(),
  });
  return {
    ...{ log, operations },
    get observed() {
      return service.observed;
    },
    get policy() {
      return service.policyObserved;
    },
    get config() {
      return policyConfig();
    },
    why: async (name, client) => {
      const { running, engine } = service;
      if (running === undefined || engine === undefined) return undefined;
      const { policy } = running;
      const aliasesOf = (asked: DnsName) => running.aliasesOf(asked);
      const deps = { policy, engine, aliasesOf, source: (list: string) => lists.source(list) };
      return why(deps, name, client, AbortSignal.timeout(WHY_MS));
    },
    update: async (list) => {
      lists.update(list === '' ? undefined : list);
      await lists.settled();
      return ok(undefined);
    },
  };
}

const hostsOf = (neighbors: NeighborsService) =>
  neighbors.observed.hosts.map(({ mac, name, addresses }) => ({
    ...{ mac, name },
    addresses: addresses.map(({ address }) => address).filter(isReachable),
  }));

/** The lists that speak of a name are read for it. */
const WHY_MS = 30_000;

/** The single labels among names of the page. */
const labels = (names: readonly string[]): string[] =>
  names.filter((name) => !name.includes('.')).map((name) => name.toLowerCase());

/** Link-local addresses are of no use without an interface. */
const isReachable = (address: IpAddress): boolean =>
  typeof address === 'number' || !isLinkLocal(address);

function lanAddresses(net: Net, ifName: string) {
  const ifIndex = net.links().find((link) => link.name === ifName)?.ifIndex;
  if (ifIndex === undefined) return [];
  const own = <T extends { readonly ifIndex: number }>(all: readonly T[]): readonly T[] =>
    all.filter((one) => one.ifIndex === ifIndex);
  return [
    ...own(net.addresses()).map(({ address }) => ({ address, scopeId: 0 })),
    ...own(net.addresses6())
      .filter(({ dad }) => dad === 'done')
      .map(({ address }) => ({ address, scopeId: isLinkLocal(address) ? ifIndex : 0 })),
  ];
}

/** What resolv.conf names, but ourselves: the owner's resolvers first, then those of leases. */
function resolversOf(observed: Observed<Observations>, net: Net): readonly IpAddress[] {
  const own = new Set<IpAddress>(
    [...net.addresses(), ...net.addresses6()].map(({ address }) => address),
  );
  return (observed.get('network')?.resolvers ?? []).flatMap(({ address: text }) => {
    const address = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
    return address.ok && !own.has(address.value) ? [address.value] : [];
  });
}
