/** `Device.Ethernet.Interface.{i}.` (TR-181): one row for each wired kernel interface, found again by its name. */
import type { NetworkConfig } from '../../services/network/config.ts';
import type { Row, RowReader } from '../reader.ts';
import { ALIAS, type ObjectGroup, type ReportContext, type ReportSink } from '../table.ts';
import {
  ETHERNET,
  INTERFACE_STATUS,
  IP,
  type LinkObserved,
  lastChange,
  linkStatus,
  STATS_PARAMS,
  secondsSince,
  statsObject,
  statsValues,
} from './interfaces.ts';

const STATS = {
  ...STATS_PARAMS,
  Collisions: {
    type: 'StatsCounter64',
    volatile: true,
    about: 'Collisions seen while sending.',
  },
} as const;

/** Kinds of virtual links (IFLA_INFO_KIND) that carry Ethernet like a port does; hardware has no kind. */
const PORT_KINDS: ReadonlySet<string> = new Set(['veth', 'macvlan', 'dsa', 'dummy']);

const LINK_MODES =
  'link modes come from ethtool, which needs more than the sysfs that is read here';

export const ethernet: ObjectGroup = {
  name: 'Ethernet',
  inputs: ['network', 'wifi'],
  objects: [
    {
      path: 'Device.Ethernet.',
      about: 'Wired interfaces.',
      params: {},
      omitted: {
        WoLSupported: 'wake-on-LAN is not offered',
        FlowControlSupported: LINK_MODES,
        LinkNumberOfEntries: 'IP.Interface lies on Ethernet.Interface without a Link between',
        VLANTerminationNumberOfEntries: 'no VLANs yet',
        LAGNumberOfEntries: 'no link aggregation',
        RMONStatsNumberOfEntries: 'no RMON',
      },
    },
    {
      path: 'Device.Ethernet.Interface.{i}.',
      about:
        'A wired interface of the box. The system makes the rows; a name that comes back has its old number.',
      rows: 'system',
      uniqueKeys: [['Alias'], ['Name']],
      systemWritable: ['Enable'],
      params: {
        Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about:
            'Whether the interface is administratively up. Applied to interfaces that an IP.Interface uses, and to those where it was set.',
          reason: 'TR-181 gives no default; an unused interface is left as it was found',
        },
        Status: { type: 'string', enum: INTERFACE_STATUS, about: 'Operational state.' },
        Alias: ALIAS,
        Name: { type: 'string', size: [0, 64], about: 'Kernel name.' },
        LastChange: lastChange,
        Upstream: {
          type: 'boolean',
          about: 'True when it lies below an IP.Interface in zone Wan.',
        },
        MACAddress: { type: 'MACAddress', size: [0, 17], about: 'Hardware address.' },
        CurrentBitRate: {
          type: 'unsignedInt',
          units: 'Mbps',
          volatile: true,
          about: 'Speed as the driver reports it; 0 when it reports none or is down.',
        },
        CurrentDuplexMode: {
          type: 'string',
          enum: ['Unknown', 'Half', 'Full'],
          volatile: true,
          about: 'Duplex as the driver reports it.',
        },
      },
      omitted: {
        LowerLayers: 'nothing lies below a wired interface',
        MaxBitRate: LINK_MODES,
        SupportedLinkModes: LINK_MODES,
        AdvertisedLinkModes: LINK_MODES,
        LinkPartnerAdvertisedLinkModes: LINK_MODES,
        DuplexMode: LINK_MODES,
        EEECapability: LINK_MODES,
        EEEEnable: LINK_MODES,
        EEEStatus: LINK_MODES,
        EDPDCapability: LINK_MODES,
        EDPDEnable: LINK_MODES,
        EDPDStatus: LINK_MODES,
        MDIX: LINK_MODES,
        CurrentMDIX: LINK_MODES,
        SFPReferenceList: 'no SFP cages',
      },
    },
    statsObject('Device.Ethernet.Interface.{i}.Stats.', STATS),
  ],
  report,
};

function report({ observed, rows, lookups }: ReportContext, out: ReportSink): void {
  const links = new Map<string, LinkObserved>();
  const wireless = new Set(observed.wifi?.interfaces.map(({ ifName }) => ifName));
  for (const link of observed.network?.links ?? []) {
    if (wireless.has(link.name)) continue;
    if (!link.loopback && (link.kind === undefined || PORT_KINDS.has(link.kind))) {
      links.set(link.name, link);
    }
  }
  const use = usage(rows);
  // Configured interfaces keep their row while they are away: references to it must hold.
  const names = new Set(links.keys());
  for (const row of rows.systemRows(ETHERNET)) {
    if (use.used.has(row.id) || row.isSet('Enable')) names.add(row.key);
  }
  for (const name of names) {
    const link = links.get(name);
    const object = out.row(ETHERNET, name, {
      Status: linkStatus(link),
      Name: name,
      LastChange: secondsSince(lookups, link?.changedAtMs),
      MACAddress: link?.mac ?? '',
      CurrentBitRate: () => speedMbps(lookups.readText(`/sys/class/net/${name}/speed`)),
      CurrentDuplexMode: () => duplexMode(lookups.readText(`/sys/class/net/${name}/duplex`)),
    });
    if (object === '') continue;
    const id = object.slice(0, -1);
    const unmanaged = !use.used.has(id) && link !== undefined;
    out.put(object, {
      Upstream: String(use.upstream.has(id)),
      ...(unmanaged ? { Enable: String(link.adminUp) } : {}),
    });
    const stats = `${object}Stats.`;
    out.put(stats, statsValues(out, lookups, stats, name, STATS));
  }
}

/** Ids of the Ethernet.Interface rows below any IP.Interface, and of those below one in zone Wan. */
function usage(rows: RowReader): { used: Set<string>; upstream: Set<string> } {
  const used = new Set<string>();
  const upstream = new Set<string>();
  for (const ip of rows.rows(IP)) {
    for (const id of ip.list('LowerLayers')) {
      used.add(id);
      if (ip.text('X_GATEHOUSE_Zone') === 'Wan') upstream.add(id);
    }
  }
  return { used, upstream };
}

/** Administrative states that Gatehouse sees to. */
export function compilePorts(rows: RowReader): NetworkConfig['ports'] {
  const { used } = usage(rows);
  return rows
    .systemRows(ETHERNET)
    .filter((row: Row) => used.has(row.id) || row.isSet('Enable'))
    .map((row) => ({ ifName: row.key, enable: row.bool('Enable') }));
}

/** The driver says -1 (or nothing at all) when it does not know. */
function speedMbps(text: string | undefined): string {
  const speed = Number(text?.trim());
  return Number.isInteger(speed) && speed > 0 ? String(speed) : '0';
}

function duplexMode(text: string | undefined): string {
  const mode = text?.trim();
  return mode === 'full' ? 'Full' : mode === 'half' ? 'Half' : 'Unknown';
}
