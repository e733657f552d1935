/** `gatehouse.neighbors`: who is on the LAN, as ubus and the command line offer it. */
import { formatIp } from '../base/ip6.ts';
import { type CommandService, done } from '../edge/ubus/gatehouse.ts';
import type { HostView, NeighborsObserved } from '../services/neighbors/config.ts';

/** Hosts in one answer: a message on the bus has a limit. */
const PAGE = 500;

export const neighborsCommands = (service: {
  readonly observed: NeighborsObserved;
}): CommandService => ({
  name: 'neighbors',
  about: 'who is on the LAN',
  commands: {
    hosts: {
      about: `at most ${PAGE} hosts by MAC address, those after an address first; more says whether there are others`,
      args: { after: 'string' },
      run: async ({ after = '' }) => {
        const from = String(after).toLowerCase();
        const found = service.observed.hosts
          .filter(({ mac }) => mac > from)
          .sort((a, b) => (a.mac < b.mac ? -1 : 1));
        return done({ hosts: found.slice(0, PAGE).map(plainHost), more: found.length > PAGE });
      },
    },
    get_devices: {
      about:
        'every device that has an address: MAC address, IP address, Unix time of its last sight',
      args: {},
      run: async () =>
        done({
          devices: service.observed.hosts.flatMap(({ mac, mainAddress, lastSeenMs }) =>
            mainAddress === undefined
              ? []
              : [{ mac, ip: formatIp(mainAddress), last_seen: lastSeenMs / 1000 }],
          ),
        }),
    },
  },
});

const plainHost = (host: HostView): object => ({
  mac: host.mac,
  name: host.name ?? null,
  addresses: host.addresses.map(({ address }) => formatIp(address)),
  vendor: host.vendor ?? null,
  randomised: host.randomised,
  active: host.active,
  interface: host.ifName ?? null,
  port: host.port ?? null,
  firstSeen: new Date(host.firstSeenMs).toISOString(),
  lastSeen: new Date(host.lastSeenMs).toISOString(),
});
