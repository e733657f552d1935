/** From rows to the whole desired state of each service. Pure. */
import type { CompiledConfig } from './model.ts';
import { compileAlerts } from './objects/alerts.ts';
import { compileCaptures } from './objects/capture.ts';
import { compileSystem } from './objects/device-info.ts';
import { compileDhcpClient } from './objects/dhcpv4-client.ts';
import { compileDhcpServer } from './objects/dhcpv4-server-config.ts';
import { compileDhcp6Client } from './objects/dhcpv6-client.ts';
import { compileDhcp6Server } from './objects/dhcpv6-server-config.ts';
import { compileDht } from './objects/dht.ts';
import { compileResolvers } from './objects/dns-client.ts';
import { compileDns, compileQueryLog } from './objects/dns-config.ts';
import { compileDnsPolicy } from './objects/dns-policy-config.ts';
import { compilePorts } from './objects/ethernet.ts';
import { compileNeighbors } from './objects/hosts.ts';
import { compileInterfaces } from './objects/ip.ts';
import { compileLanView } from './objects/lan-view.ts';
import { compileLoadTest } from './objects/load-test.ts';
import { compileMap } from './objects/map.ts';
import { compileMetrics } from './objects/metrics.ts';
import { compileMonitor } from './objects/monitor.ts';
import { compileFirewall } from './objects/nat.ts';
import { compileForwarding, compileRoutes } from './objects/routing.ts';
import { compileSyslog } from './objects/syslog.ts';
import { compileWifi, compileWifiPorts } from './objects/wifi.ts';
import type { RowReader } from './reader.ts';

export const compileAll = (rows: RowReader): Omit<CompiledConfig, 'revision'> => ({
  network: {
    interfaces: compileInterfaces(rows),
    routes: compileRoutes(rows),
    ...compileResolvers(rows),
    forwarding: compileForwarding(rows),
    forwarding6: compileForwarding(rows) && rows.at('Device.IP.')?.bool('IPv6Enable') === true,
    ports: [...compilePorts(rows), ...compileWifiPorts(rows)],
  },
  dhcpClient: compileDhcpClient(rows),
  dhcp6Client: compileDhcp6Client(rows),
  dhcpServer: compileDhcpServer(rows),
  dhcp6Server: compileDhcp6Server(rows),
  dns: compileDns(rows),
  dnsPolicy: compileDnsPolicy(rows),
  dnsLog: compileQueryLog(rows),
  monitor: compileMonitor(rows),
  loadTest: compileLoadTest(rows),
  neighbors: compileNeighbors(rows),
  firewall: compileFirewall(rows),
  map: compileMap(rows),
  dht: compileDht(rows),
  lanTorrents: compileLanView(rows),
  captures: compileCaptures(rows),
  alerts: compileAlerts(rows),
  metrics: compileMetrics(rows),
  syslog: compileSyslog(rows),
  system: compileSystem(rows),
  wifi: compileWifi(rows),
});
