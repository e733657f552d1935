/** What a model is handed in tests that do not look at it. */
import type { Clock } from '../../src/base/clock.ts';
import { err, ok } from '../../src/base/result.ts';
import type { Lookups, ServiceCalls } from '../../src/tr181/table.ts';

/** Every command of a service succeeds and does nothing. */
export const willingCalls: ServiceCalls = {
  dhcpRenew: async () => ok(undefined),
  lanTorrentsClear: async () => {},
  captureStart: async () => ok(undefined),
  captureStop: async () => ok(undefined),
  dhcp6Renew: async () => ok(undefined),
  dnsCancel: async () => true,
  dnsFlush: async () => ok(0),
  dnsLookup: async () => ok({ status: 'Complete', results: [] }),
  dnsOverride: async () => ok(undefined),
  dnsUpdateList: async () => ok(undefined),
  factoryReset: async () => ok(undefined),
  firmwareDownload: async () => ok(undefined),
  firmwareActivate: async () => ok(undefined),
  alertsTest: async () => err('there is no channel here'),
  ipPing: async () => ({ status: 'Complete', address: '', summary: undefined }),
  traceRoute: async () => ({ status: 'Complete', address: '', responseMs: 0, hops: [] }),
  loadTest: async () => err('there is no line here'),
  monitorTest: async () => err('nothing is watched here'),
  reboot: async () => ok(undefined),
  powerOff: async () => ok(undefined),
  dhcpServerRelease: async () => ok(undefined),
  dhcpServerDecide: async () => ok(undefined),
};

/** The time of `clock`, and nothing else is known. */
export const lookupsAt = (clock: Clock): Lookups => ({
  linkStats: () => undefined,
  mapUsage: () => undefined,
  readText: () => undefined,
  dns: () => undefined,
  syslog: () => [],
  dnsLogged: () => 0,
  monitor: () => undefined,
  dht: () => undefined,
  lanTorrents: () => undefined,
  monoMs: () => clock.monoMs(),
  boottimeMs: () => clock.boottimeMs(),
  wallMs: () => clock.wallMs(),
});
