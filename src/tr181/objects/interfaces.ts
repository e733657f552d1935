/**
 * Which kernel interface an `Ethernet.Interface`, `WiFi.SSID` or `IP.Interface` row stands for. The rest of the
 * tables ask here, so that the convention for bridges has one home:
 * an IP.Interface whose `LowerLayers` names one of the others is that interface; with several
 * it is a bridge of them, `br-lan` for the first in zone Lan, `br-ip<instance>` for any other.
 */
import { ok } from '../../base/result.ts';
import type { NetworkObserved } from '../../services/network/config.ts';
import type { Row, RowReader } from '../reader.ts';
import type {
  Lookups,
  ObjectDef,
  ParamDef,
  Reported,
  ReportedValues,
  ReportSink,
} from '../table.ts';

export const ETHERNET = 'Device.Ethernet.Interface.';
/** Of a station: the network that its interface is on. */
export const SSIDS = 'Device.WiFi.SSID.';
export const IP = 'Device.IP.Interface.';
export const CLIENTS = 'Device.DHCPv4.Client.';
export const CLIENTS6 = 'Device.DHCPv6.Client.';

export type LinkObserved = NetworkObserved['links'][number];

/** Kernel names of the interfaces below an IP.Interface row, in its order. */
export function portsOf(rows: RowReader, row: Row): readonly string[] {
  return row.list('LowerLayers').flatMap((path) => {
    const table = path.startsWith(SSIDS) ? SSIDS : ETHERNET;
    return rows.view.systemKey(table, Number(path.slice(table.length))) ?? [];
  });
}

export function isBridge(rows: RowReader, row: Row): boolean {
  return portsOf(rows, row).length > 1;
}

/** Kernel name of an IP.Interface row; undefined when nothing is below it. */
export function ifNameOf(rows: RowReader, row: Row): string | undefined {
  if (row.bool('Loopback')) return 'lo';
  const ports = portsOf(rows, row);
  if (ports.length <= 1) return ports[0];
  if (row.text('X_GATEHOUSE_Zone') !== 'Lan') return `br-ip${row.instance}`;
  const first = rows
    .rows(IP)
    .find((other) => other.text('X_GATEHOUSE_Zone') === 'Lan' && isBridge(rows, other));
  return first?.instance === row.instance ? 'br-lan' : `br-ip${row.instance}`;
}

/** Kernel name behind a reference to an IP.Interface row. */
export function ifNameBehind(rows: RowReader, reference: string): string | undefined {
  const row = reference === '' ? undefined : rows.at(reference);
  return row === undefined ? undefined : ifNameOf(rows, row);
}

/** The IP.Interface row that stands for a kernel interface. */
export function ipInterfaceOf(rows: RowReader, ifName: string): Row | undefined {
  return rows.rows(IP).find((row) => ifNameOf(rows, row) === ifName);
}

/** `ClientConfig.id` of a DHCPv4.Client row, and the owner of what it learns. */
export const clientId = (instance: number): string => `dhcp4.${instance}`;

/** The same of a DHCPv6.Client row. */
export const client6Id = (instance: number): string => `dhcp6.${instance}`;

/** The row behind an owner such as `dhcp4.1` or `dhcp6.1`; undefined for any other owner. */
export function clientOf(rows: RowReader, owner: string | undefined): Row | undefined {
  if (owner?.startsWith('dhcp6.')) return rows.at(`${CLIENTS6}${owner.slice('dhcp6.'.length)}.`);
  if (!owner?.startsWith('dhcp4.')) return undefined;
  return rows.at(`${CLIENTS}${owner.slice('dhcp4.'.length)}.`);
}

/** TR-181 interface Status of a kernel link (RFC 2863 ifOperStatus). */
export function linkStatus(link: LinkObserved | undefined): string {
  switch (link?.operState) {
    case undefined:
    case 'notpresent':
      return 'NotPresent';
    case 'up':
      return 'Up';
    case 'unknown':
      // The loopback and simple virtual links never report more than this.
      return link?.adminUp === true && link.carrier ? 'Up' : 'Down';
    case 'dormant':
      return 'Dormant';
    case 'lowerlayerdown':
      return link?.adminUp === true ? 'LowerLayerDown' : 'Down';
    case 'testing':
      return 'Unknown';
    case 'down':
      return 'Down';
  }
}

export const INTERFACE_STATUS = [
  'Up',
  'Down',
  'Unknown',
  'Dormant',
  'NotPresent',
  'LowerLayerDown',
  'Error',
] as const;

/** Status of a row that is put into effect as a whole. */
export const rowStatus = (about: string): ParamDef => ({
  type: 'string',
  enum: ['Disabled', 'Enabled', 'Error_Misconfigured', 'Error'],
  default: 'Disabled',
  about,
});

/** A reference to an IP.Interface that is emptied when that goes (TR-106, strong). */
export const ipInterfaceRef = (about: string): ParamDef => ({
  type: 'string',
  access: 'readWrite',
  size: [0, 256],
  default: '',
  ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
  about,
});

export const lastChange: ParamDef = {
  type: 'unsignedInt',
  units: 'seconds',
  volatile: true,
  about: 'Time since the kernel last changed the operational state.',
};

/** Whole seconds since a monotonic time. */
export const secondsSince = (lookups: Lookups, thenMs: number | undefined): Reported => ({
  momentMs: thenMs,
  read: () =>
    thenMs === undefined
      ? '0'
      : String(Math.max(0, Math.floor((lookups.monoMs() - thenMs) / 1000))),
});

const counter64 = (about: string, units: string): ParamDef => ({
  type: 'StatsCounter64',
  units,
  volatile: true,
  about,
});
const counter32 = (about: string): ParamDef => ({
  type: 'StatsCounter32',
  units: 'packets',
  volatile: true,
  about,
});

/** `Stats.` of Ethernet.Interface and IP.Interface: what rtnl_link_stats64 has. */
export const STATS_PARAMS: Readonly<Record<string, ParamDef>> = {
  BytesSent: counter64('Bytes sent, framing included.', 'bytes'),
  BytesReceived: counter64('Bytes received, framing included.', 'bytes'),
  PacketsSent: counter64('Packets sent.', 'packets'),
  PacketsReceived: counter64('Packets received.', 'packets'),
  ErrorsSent: counter32('Packets that could not be sent because of errors.'),
  ErrorsReceived: counter32('Packets received with errors.'),
  DiscardPacketsSent: counter32('Packets dropped on the way out without an error.'),
  DiscardPacketsReceived: counter32('Packets dropped on the way in without an error.'),
  MulticastPacketsReceived: counter64('Multicast packets received.', 'packets'),
};

const STATS_OMITTED: Readonly<Record<string, string>> = {
  UnicastPacketsSent: 'the kernel does not count unicast apart',
  UnicastPacketsReceived: 'the kernel does not count unicast apart',
  MulticastPacketsSent: 'the kernel counts multicast on receipt only',
  BroadcastPacketsSent: 'the kernel does not count broadcast apart',
  BroadcastPacketsReceived: 'the kernel does not count broadcast apart',
  UnknownProtoPacketsReceived: 'the kernel counts them among the dropped',
};

/** `Stats.` of an interface, with what its kind counts. */
export const statsObject = (path: string, params: ObjectDef['params']): ObjectDef => ({
  path,
  about: 'Counters of the kernel, since it made the interface or since Reset().',
  params,
  commands: {
    Reset: {
      about: 'Counts from zero again.',
      run: (context) => {
        context.zeroCounters();
        return Promise.resolve(ok({}));
      },
    },
  },
  omitted: STATS_OMITTED,
});

const SOURCES = {
  BytesSent: 'txBytes',
  BytesReceived: 'rxBytes',
  PacketsSent: 'txPackets',
  PacketsReceived: 'rxPackets',
  ErrorsSent: 'txErrors',
  ErrorsReceived: 'rxErrors',
  DiscardPacketsSent: 'txDropped',
  DiscardPacketsReceived: 'rxDropped',
  MulticastPacketsReceived: 'multicast',
  Collisions: 'collisions',
} as const;

const WRAPS_AT_32_BITS = new Set<string>([
  'ErrorsSent',
  'ErrorsReceived',
  'DiscardPacketsSent',
  'DiscardPacketsReceived',
]);

/** Values of a `Stats.` object, read from the kernel when somebody asks. */
export function statsValues(
  out: ReportSink,
  lookups: Lookups,
  object: string,
  ifName: string | undefined,
  names: Readonly<Record<string, ParamDef>>,
): ReportedValues {
  const values: Record<string, Reported> = {};
  for (const [name, field] of Object.entries(SOURCES)) {
    if (names[name] === undefined) continue;
    values[name] = out.counter(object, name, () => {
      const raw = ifName === undefined ? 0n : (lookups.linkStats(ifName)?.[field] ?? 0n);
      return WRAPS_AT_32_BITS.has(name) ? BigInt.asUintN(32, raw) : raw;
    });
  }
  return values;
}
