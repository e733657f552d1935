/** `gatehouse.dhcp-server`: leases and who may have one, as ubus and the command line offer it. */
import { formatIpv4, formatMac, type Ipv4, type Mac, parseIpv4, parseMac } from '../base/ip.ts';
import type { Result } from '../base/result.ts';
import type { DhcpDevices } from '../control/dhcp-devices.ts';
import { type CommandAnswer, type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import type { DhcpServerObserved, LeaseView } from '../services/dhcp-server/config.ts';
import type { ExportFormat } from '../services/dhcp-server/export-leases.ts';
import type { ImportDone } from '../services/dhcp-server/service.ts';
import type { Fault } from '../tr181/model.ts';

export interface DhcpServerFace {
  readonly observed: DhcpServerObserved;
  /** Ends the lease of an address; why not, for people. */
  release(address: Ipv4): Result<void, string>;
  exported(format: ExportFormat): string;
  importLeases(text: string, dry: boolean): Result<ImportDone, string>;
}

const FORMATS: readonly ExportFormat[] = ['dnsmasq', 'isc', 'json'];

/** Leases in one answer: a message on the bus has a limit. */
const PAGE = 500;

export function dhcpServerCommands(
  server: DhcpServerFace,
  devices: DhcpDevices,
  boottimeMs: () => number,
): CommandService {
  const decide = (
    action: 'Allow' | 'Deny',
    mustEnd: boolean,
  ): CommandService['commands'][string] => ({
    about: mustEnd
      ? 'allows one device for so many seconds'
      : `${action.toLowerCase()}s one device, before all other rules; for so many seconds, or for good`,
    args: { mac: 'string', seconds: 'int32' },
    run: async ({ mac, seconds = 0 }, { origin }) => {
      const device = macIn(mac);
      if (typeof device !== 'string') return device;
      if (typeof seconds !== 'number' || seconds < 0 || (mustEnd && seconds === 0)) {
        return failed('seconds is missing: how long the exception holds');
      }
      return written(await devices.decide(device, action, seconds, origin));
    },
  });
  return {
    name: 'dhcp-server',
    about: 'the LAN’s leases, and who may have one',
    commands: {
      status: {
        about: 'pools, counters, and what is wrong',
        args: {},
        run: async () => {
          const { pools, counts, storeFault, rogues, pending } = server.observed;
          const others = rogues.map((rogue) => ({ ...rogue, server: formatIpv4(rogue.server) }));
          return done({ pools, counts, storeFault: storeFault ?? null, rogues: others, pending });
        },
      },
      leases: {
        about: `at most ${PAGE} leases by address, those after an address first; more says whether there are others`,
        args: { after: 'string', all: 'int8' },
        run: async ({ after = '0.0.0.0', all = false }) => {
          const from = parseIpv4(String(after), 'after');
          if (!from.ok) return failed(`after: ${from.error.message}`);
          const now = boottimeMs();
          const found = server.observed.leases
            .filter(
              ({ address, state }) => address > from.value && (Boolean(all) || state === 'bound'),
            )
            .sort((a, b) => a.address - b.address);
          return done({
            leases: found.slice(0, PAGE).map((lease) => plainLease(lease, now)),
            more: found.length > PAGE,
          });
        },
      },
      pending: {
        about: 'devices that asked and wait for approval',
        args: {},
        run: async () => done({ pending: server.observed.pending }),
      },
      allow: decide('Allow', false),
      deny: decide('Deny', false),
      except: decide('Allow', true),
      forget: {
        about: 'takes back what was said of one device',
        args: { mac: 'string' },
        run: async ({ mac }, { origin }) => {
          const device = macIn(mac);
          return typeof device === 'string'
            ? written(await devices.forget(device, origin))
            : device;
        },
      },
      fix: {
        about: 'always gives one device the same address: the one that it has, or another',
        args: { mac: 'string', address: 'string', name: 'string' },
        run: async ({ mac, address, name }, { origin }) => {
          const device = macIn(mac);
          if (typeof device !== 'string') return device;
          const wanted = address === undefined ? undefined : parseIpv4(String(address));
          if (wanted?.ok === false) return failed(wanted.error.message);
          const hostName = name === undefined ? undefined : String(name);
          return written(await devices.fix(device, wanted?.value, hostName, origin));
        },
      },
      import: {
        about: 'takes over the leases of another server’s file: dnsmasq, ISC dhcpd or Kea (CSV)',
        args: { text: 'string', dry: 'int8' },
        run: async ({ text, dry = false }) => {
          if (typeof text !== 'string' || text === '') return failed('text is missing');
          const imported = server.importLeases(text, Boolean(dry));
          return imported.ok ? done(imported.value) : failed(imported.error);
        },
      },
      export: {
        about: `every lease as a text: ${FORMATS.join(', ')}`,
        args: { format: 'string' },
        run: async ({ format = 'dnsmasq' }) => {
          const known = FORMATS.find((name) => name === format);
          return known === undefined
            ? failed(`format is one of ${FORMATS.join(', ')}`)
            : done({ text: server.exported(known) });
        },
      },
      release: {
        about: 'ends the lease of an address',
        args: { address: 'string' },
        run: async ({ address }) => {
          const wanted = parseIpv4(String(address ?? ''));
          if (!wanted.ok) return failed('address is missing');
          const released = server.release(wanted.value);
          return released.ok ? done() : failed(released.error);
        },
      },
    },
  };
}

function macIn(value: unknown): Mac | CommandAnswer {
  const parsed = parseMac(String(value ?? ''));
  return parsed.ok ? parsed.value : failed('mac is missing, such as 02:00:00:00:00:01');
}

const written = (outcome: Result<{ readonly path: string }, readonly Fault[]>): CommandAnswer =>
  outcome.ok
    ? done({ path: outcome.value.path })
    : failed(outcome.error.map(({ message }) => message).join('\n'));

const plainLease = (lease: LeaseView, nowMs: number): object => ({
  address: formatIpv4(lease.address),
  mac: formatMac(lease.chaddr),
  state: lease.state,
  hostName: lease.hostName ?? null,
  vendorClass: lease.vendorClass ?? null,
  pool: lease.pool ?? null,
  /** −1 for a lease without end. */
  remainingSec:
    lease.expiresAtMs === Number.POSITIVE_INFINITY
      ? -1
      : Math.max(0, Math.ceil((lease.expiresAtMs - nowMs) / 1000)),
  since: new Date(lease.firstWallMs).toISOString(),
});
