/** Builds the DHCPv4 server and joins it with rows, resolvers, model and bus. */
import { randomBytes } from 'node:crypto';
import type { Timer } from '../base/clock.ts';
import { formatMac, type Ipv4, type Mac } from '../base/ip.ts';
import type { Log } from '../base/log.ts';
import { err, ok, type Result } from '../base/result.ts';
import { DhcpDevices } from '../control/dhcp-devices.ts';
import {
  type DhcpNews,
  newsOf,
  resolversOf,
  servedBy,
  withResolvers,
} from '../control/dhcp-server.ts';
import type { LinuxClock } from '../os/linux/clock.ts';
import { LinuxDurableFiles } from '../os/linux/durable-files.ts';
import { LinuxFramePorts } from '../os/linux/frames.ts';
import type { Reactor } from '../os/linux/native.ts';
import { LinuxUdpPorts } from '../os/linux/udp-ports.ts';
import type { Net } from '../os/ports.ts';
import type {
  DhcpLeasesObserved,
  DhcpServerConfig,
  DhcpServerObserved,
  LeaseView,
} from '../services/dhcp-server/config.ts';
import { LeaseJournal } from '../services/dhcp-server/journal.ts';
import { DhcpServerService } from '../services/dhcp-server/service.ts';
import type { Observed } from '../state/observed.ts';
import type { Model, Origin } from '../tr181/model.ts';
import type { Observations } from '../tr181/table.ts';

export interface DhcpServerParts {
  readonly reactor: Reactor;
  readonly net: Net;
  readonly clock: LinuxClock;
  readonly log: Log;
  readonly stateDir: string;
  readonly bootId: string;
  readonly observed: Observed<Observations>;
  /** Asked for when it is there: the model is built later than the services. */
  model(): Model;
}

/** Whoever looks at all leases need not do so more often. */
const LEASES_REST_MS = 1000;

/** Rules that follow from a command of the model are its own: who ran it stands in the trail beside. */
const BY_COMMAND: Origin = { user: 'gatehouse', via: 'command' };

export interface BuiltDhcpServer extends AsyncDisposable {
  readonly service: DhcpServerService;
  readonly devices: DhcpDevices;
  apply(wanted: DhcpServerConfig): void;
  release(address: Ipv4): Promise<Result<void, string>>;
  decide(mac: Mac, action: 'Allow' | 'Deny', seconds: number): Promise<Result<void, string>>;
}

export function buildDhcpServer(parts: DhcpServerParts): BuiltDhcpServer {
  const { reactor, net, clock, log, stateDir, bootId, observed } = parts;
  const random32 = (): number => randomBytes(4).readUInt32BE();
  const files = new LinuxDurableFiles();
  let last: DhcpServerObserved | undefined;
  let leases: DhcpLeasesObserved | undefined;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let resting: Timer | undefined;
  const dueIn = (): number => Math.max(0, toldAtMs + LEASES_REST_MS - clock.monoMs());
  const tellLeases = (): void => {
    resting = undefined;
    toldAtMs = clock.monoMs();
    const { leaseRevision, leases: all } = service.observed;
    leases = { revision: leaseRevision, leases: all };
    observed.publish('dhcpLeases', leases);
  };
  const report = (value: DhcpServerObserved): void => {
    const news = newsOf(last, value);
    last = value;
    observed.publish('dhcpServer', value);
    if (value.leaseRevision !== leases?.revision) resting ??= clock.after(dueIn(), tellLeases);
    for (const item of news) announce(item);
  };
  const announce = ({ event, args }: DhcpNews): void => {
    log.warn({ event, ...args }, 'news of the LAN');
    parts.model().emit(`Device.DHCPv4.Server.${event}!`, args);
  };
  const service = new DhcpServerService({
    net,
    frames: new LinuxFramePorts(reactor),
    udp: new LinuxUdpPorts(reactor),
    clock,
    log,
    random32,
    openStore: async (table, capacity) => {
      const opened = await LeaseJournal.open({
        files,
        paths: [`${stateDir}/dhcp4-a.journal`, `${stateDir}/dhcp4-b.journal`],
        ...{ clock, log, bootId, random32, table, capacity },
      });
      return opened.ok ? ok(opened.value.journal) : opened;
    },
    report,
  });
  const devices = new DhcpDevices({
    model: {
      get: (...args) => parts.model().get(...args),
      set: (...args) => parts.model().set(...args),
      add: (...args) => parts.model().add(...args),
      del: (...args) => parts.model().del(...args),
      compileAll: () => parts.model().compileAll(),
    },
    clock,
    leaseOf: (mac) => newest(service.leases(), mac),
  });

  let wanted: DhcpServerConfig | undefined;
  let given = '';
  const apply = (): void => {
    const network = observed.get('network');
    if (wanted === undefined) return;
    const resolvers = network === undefined ? [] : resolversOf(network);
    const served = servedBy(observed.get('dns'));
    given = `${resolvers.join()} ${[...served].join()}`;
    service.apply(withResolvers(wanted, resolvers, served));
  };
  const followed = observed.subscribe(({ services }) => {
    if (!services.has('network') && !services.has('dns')) return;
    const network = observed.get('network');
    if (network === undefined) return;
    const now = `${resolversOf(network).join()} ${[...servedBy(observed.get('dns'))].join()}`;
    if (now !== given) apply();
  });
  return {
    service,
    devices,
    apply: (config) => {
      wanted = config;
      apply();
    },
    release: async (address) => service.release(address),
    decide: async (mac, action, seconds) => {
      const done = await devices.decide(mac, action, seconds, BY_COMMAND);
      return done.ok ? ok(undefined) : err(done.error.map(({ message }) => message).join('\n'));
    },
    [Symbol.asyncDispose]: async () => {
      followed[Symbol.dispose]();
      resting?.cancel();
      await service[Symbol.asyncDispose]();
    },
  };
}

function newest(leases: Iterable<LeaseView>, mac: Mac): LeaseView | undefined {
  let found: LeaseView | undefined;
  for (const lease of leases) {
    if (lease.state !== 'bound' || formatMac(lease.chaddr) !== mac) continue;
    if (found === undefined || lease.lastWallMs > found.lastWallMs) found = lease;
  }
  return found;
}
