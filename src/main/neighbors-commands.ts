/** `gatehouse.neighbors`: who is on the LAN, as ubus and the command line offer it. */
import { formatIp } from '../base/ip6.ts';
import { type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { Conflict, HostView, NeighborsObserved } from '../services/neighbors/config.ts';
import type { Watch } from '../services/neighbors/watch.ts';
import type { Model } from '../tr181/model.ts';

/** Hosts in one answer: a message on the bus has a limit. */
const PAGE = 500;
/** Of one device. */
const MAX_STAYS = 64;
const INTERVAL = 'Device.Hosts.X_GATEHOUSE_Scan.Interval';

export interface NeighborsParts {
  readonly service: { readonly observed: NeighborsObserved };
  watch(): Pick<Watch, 'scanNow' | 'observed'> | undefined;
}

export const neighborsCommands = (
  { service, watch }: NeighborsParts,
  model: Pick<Model, 'set'>,
): CommandService => ({
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
    set_scan_interval: {
      about: 'seconds from one search of the LAN to the next, kept over restarts',
      args: { interval: 'int32' },
      run: async ({ interval }, { origin }) => {
        if (typeof interval !== 'number') return failed('interval is missing: seconds');
        const set = await model.set([{ path: INTERVAL, value: String(interval) }], origin);
        return set.ok
          ? done({ new_interval: interval })
          : failed(set.error.map(({ message }) => message).join('; '));
      },
    },
    scan: {
      about: 'searches the LAN now, and tells what came of it',
      args: {},
      run: async () => {
        const report = await watch()?.scanNow();
        if (report === undefined) return failed('the LAN is not watched yet');
        const { sent, answered, tookMs, reason } = report;
        return done({ sent, answered, took: tookMs / 1000, reason });
      },
    },
    devices: {
      about: `at most ${PAGE} devices with their MAC addresses and why they are joined, those after an address first`,
      args: { after: 'string' },
      run: async ({ after = '' }) => {
        const from = String(after).toLowerCase();
        const all = devicesOf(service.observed.hosts).filter(({ id }) => id > from);
        return done({ devices: all.slice(0, PAGE), more: all.length > PAGE });
      },
    },
    conflicts: {
      about: 'addresses in the wrong hands, the newest first',
      args: {},
      run: async () => done({ conflicts: (watch()?.observed.conflicts ?? []).map(plainConflict) }),
    },
  },
});

const isoOf = (ms: number): string => new Date(ms).toISOString();

/** Hosts that are one device together, by its first MAC address. */
function devicesOf(hosts: readonly HostView[]) {
  const groups = new Map<string, HostView[]>();
  for (const host of hosts) groups.set(host.device, [...(groups.get(host.device) ?? []), host]);
  return [...groups]
    .map(([id, group]) => {
      const first = group.find(({ mac }) => mac === id);
      const latest = group.toSorted((a, b) => b.lastSeenMs - a.lastSeenMs);
      const named = latest.find(({ name }) => name !== undefined);
      return {
        id,
        name: named?.name ?? latest.find(({ calls }) => calls !== undefined)?.calls ?? null,
        vendor: first?.vendor ?? latest.find(({ vendor }) => vendor !== undefined)?.vendor ?? null,
        active: group.some(({ active }) => active),
        addresses: latest.flatMap(({ addresses }) => addresses.map((one) => formatIp(one.address))),
        firstSeen: isoOf(Math.min(...group.map(({ firstSeenMs }) => firstSeenMs))),
        lastSeen: isoOf(Math.max(...group.map(({ lastSeenMs }) => lastSeenMs))),
        macs: latest.map(({ mac, randomised, active, joined }) => ({
          ...{ mac, randomised, active },
          joined: joined === undefined ? null : { to: joined.to, by: joined.by },
        })),
        presence: latest
          .flatMap(({ presence }) => presence)
          .sort((a, b) => b.fromMs - a.fromMs)
          .slice(0, MAX_STAYS)
          .map(({ fromMs, toMs }) => [isoOf(fromMs), toMs === undefined ? null : isoOf(toMs)]),
      };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

const plainConflict = ({ address, ifName, sinceMs, lastMs, other, ...rest }: Conflict): object => ({
  ...rest,
  ...{ address: formatIp(address), interface: ifName, other: other ?? null },
  ...{ since: isoOf(sinceMs), last: isoOf(lastMs) },
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
  device: host.device,
  joined: host.joined ?? null,
  calls: host.calls ?? null,
  firstSeen: isoOf(host.firstSeenMs),
  lastSeen: isoOf(host.lastSeenMs),
});
