/** How the configuration takes effect: each service's share of it, in the order in which they are applied. */
import type { Steps } from '../control/loop.ts';
import type { ServiceName } from '../edge/cli/daemon-options.ts';
import type { DhcpClientService } from '../services/dhcp-client/service.ts';
import type { Dhcp6ClientService } from '../services/dhcp6-client/service.ts';
import type { FirewallService } from '../services/firewall/service.ts';
import type { MapService } from '../services/map/service.ts';
import type { NetworkService } from '../services/network/service.ts';
import type { SystemService } from '../services/system/service.ts';
import type { BuiltDhcpServer } from './dhcp-server.ts';
import type { BuiltDhcp6Server } from './dhcp6-server.ts';
import type { LazyDht } from './dht-lazy.ts';
import type { LazyDns } from './dns-lazy.ts';
import type { BuiltNeighbors } from './neighbors.ts';
import type { OnDemand } from './on-demand.ts';
import type { Telemetry } from './telemetry.ts';
import type { LazyWifi } from './wifi-lazy.ts';

export interface Affected {
  readonly firewall: FirewallService;
  readonly dhcpClient: DhcpClientService;
  readonly dhcp6Client: Dhcp6ClientService;
  readonly wifi: LazyWifi;
  readonly map: MapService;
  readonly network: NetworkService;
  readonly dhcp6Server: BuiltDhcp6Server;
  readonly dhcpServer: BuiltDhcpServer;
  readonly dns: LazyDns;
  readonly neighbors: BuiltNeighbors;
  readonly dht: LazyDht;
  readonly onDemand: OnDemand;
  readonly telemetry: Telemetry;
  readonly system: SystemService;
}

/** What an apply that cannot fail could not do. */
const nothing = (_applied: unknown): readonly string[] => [];

/**
 * Closed before it is open: the firewall is there before any interface comes up. Leases of an
 * earlier daemon are taken up before the network is compared with what is wanted.
 */
export function effects(runs: (name: ServiceName) => boolean, on: Affected): Steps {
  const { firewall, network, dhcpClient, dhcp6Client, dns, onDemand } = on;
  return {
    firewall: async (wanted) => {
      if (!runs('firewall')) return [];
      const applied = await firewall.apply(wanted);
      return applied.ok ? [] : [applied.error.message];
    },
    dhcpClient: (wanted) => (runs('dhcp-client') ? nothing(dhcpClient.apply(wanted)) : []),
    dhcp6Client: (wanted) => (runs('dhcp-client') ? nothing(dhcp6Client.apply(wanted)) : []),
    // A radio that is switched off cannot be brought up.
    wifi: (wanted) => (runs('network') ? on.wifi.apply(wanted) : []),
    // Its address is planned before the network is compared with what is wanted.
    map: (wanted) => (runs('network') ? on.map.apply(wanted) : []),
    network: (wanted) => {
      if (!runs('network')) return [];
      if (runs('firewall') && !firewall.stood) {
        return ['no interface is brought up before the firewall stands'];
      }
      return network.apply(wanted).map((error) => error.message);
    },
    dhcp6Server: (wanted) => (runs('dhcp-server') ? on.dhcp6Server.apply(wanted) : []),
    dhcpServer: (wanted) => (runs('dhcp-server') ? nothing(on.dhcpServer.apply(wanted)) : []),
    dns: (wanted) => (runs('dns') ? dns.apply(wanted) : []),
    dnsPolicy: (wanted) => dns.applyPolicy(wanted),
    dnsLog: (wanted) => dns.applyLog(wanted),
    neighbors: (wanted) => (runs('neighbors') ? nothing(on.neighbors.apply(wanted)) : []),
    ...onDemand.steps,
    monitor: (wanted) => (runs('monitor') ? onDemand.steps.monitor(wanted) : []),
    loadTest: (wanted) => (runs('monitor') ? onDemand.steps.loadTest(wanted) : []),
    dht: (wanted) => (runs('dht') ? on.dht.apply(wanted) : []),
    ...on.telemetry.steps,
    system: (wanted) => on.system.apply(wanted),
  };
}
