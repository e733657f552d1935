/** Every object group of the product, in the order of the tree. */
import type { ObjectGroup } from '../table.ts';
import { alerts } from './alerts.ts';
import { capture } from './capture.ts';
import { device } from './device.ts';
import { deviceInfo } from './device-info.ts';
import { dhcpv4Client } from './dhcpv4-client.ts';
import { dhcpv4Server } from './dhcpv4-server.ts';
import { dhcpv4ServerClients } from './dhcpv4-server-clients.ts';
import { dhcpv6Client } from './dhcpv6-client.ts';
import { dhcpv6Server } from './dhcpv6-server.ts';
import { dht } from './dht.ts';
import { dnsServer } from './dns.ts';
import { dnsClient } from './dns-client.ts';
import { ethernet } from './ethernet.ts';
import { hosts } from './hosts.ts';
import { ip } from './ip.ts';
import { ipDiagnostics } from './ip-diagnostics.ts';
import { ip6 } from './ip6.ts';
import { lanView } from './lan-view.ts';
import { loadTest } from './load-test.ts';
import { map } from './map.ts';
import { metrics } from './metrics.ts';
import { monitor } from './monitor.ts';
import { nat } from './nat.ts';
import { routerAdvertisement } from './router-advertisement.ts';
import { routing } from './routing.ts';
import { syslog } from './syslog.ts';
import { time } from './time.ts';
import { users } from './users.ts';
import { wifi } from './wifi.ts';

export const objectGroups = (): readonly ObjectGroup[] => [
  device,
  deviceInfo(),
  ethernet,
  wifi,
  ip,
  ip6,
  ipDiagnostics,
  routing,
  dnsClient,
  dnsServer,
  nat,
  map,
  dht,
  lanView,
  dhcpv4Client,
  dhcpv4Server,
  dhcpv4ServerClients(),
  dhcpv6Client,
  dhcpv6Server,
  routerAdvertisement,
  hosts,
  monitor,
  loadTest,
  alerts,
  capture,
  time(),
  users,
  metrics,
  syslog,
];
