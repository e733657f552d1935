/** How the LAN is searched and listened to, which addresses are in the wrong hands, and who is not whom (`Device.Hosts.`). */
import { type Mac, parseMac } from '../../base/ip.ts';
import { formatIp } from '../../base/ip6.ts';
import type {
  Conflict,
  ScanConfig,
  WatchCounts,
  WatchObserved,
} from '../../services/neighbors/config.ts';
import type { RowReader } from '../reader.ts';
import {
  ALIAS,
  type CheckSink,
  ENABLE,
  type ObjectDef,
  REASON,
  type ReportSink,
} from '../table.ts';
import { dateTimeOf } from '../types.ts';
import { IP, ipInterfaceOf } from './interfaces.ts';

const SCAN = 'Device.Hosts.X_GATEHOUSE_Scan.';
const CONFLICTS = 'Device.Hosts.X_GATEHOUSE_Conflict.';
const APART = 'Device.Hosts.X_GATEHOUSE_Apart.';
const OWN = 'TR-181 does not say how hosts are found';
const KINDS = ['Duplicate', 'Spoof', 'OwnAddress', 'GatewayChange'] as const;

const counter = (about: string) =>
  ({ type: 'unsignedInt', volatile: true, about, reason: OWN }) as const;

export const CONFLICT_EVENT = {
  about: 'An address is in the wrong hands: two have it, or somebody says to have another’s.',
  args: {
    Kind: { type: 'string', enum: KINDS },
    IPAddress: { type: 'IPAddress' },
    PhysAddress: { type: 'string' },
    OtherPhysAddress: { type: 'string' },
    Reason: { type: 'string' },
  },
} as const;

export const WATCH_OBJECTS: readonly ObjectDef[] = [
  {
    path: SCAN,
    about:
      'The LAN is searched for who is there, by ARP, by echo to all IPv6 hosts, and by neighbour solicitations.',
    params: {
      Enable: { ...ENABLE, default: 'true', reason: OWN },
      Interval: {
        ...{ type: 'unsignedInt', access: 'readWrite', range: [[10, 604_800]] },
        ...{ default: '900', units: 'seconds', reason: OWN },
        about: 'From the end of one search to the start of the next.',
      },
      Passes: {
        ...{ type: 'unsignedInt', access: 'readWrite', range: [[1, 10]] },
        ...{ default: '1', reason: OWN },
        about: 'How often an address that is silent is asked in one search.',
      },
      Wait: {
        ...{ type: 'unsignedInt', access: 'readWrite', range: [[0, 60_000]] },
        ...{ default: '1000', units: 'milliseconds', reason: OWN },
        about: 'How long answers are waited for after each pass.',
      },
      Rate: {
        ...{ type: 'unsignedInt', access: 'readWrite', range: [[1, 10_000]] },
        ...{ default: '100', reason: OWN },
        about: 'Questions a second, in small bursts, so that the queue of a Wi-Fi is not filled.',
      },
      Listen: {
        ...{ type: 'boolean', access: 'readWrite', default: 'true', reason: OWN },
        about:
          'What hosts say to each other by ARP, NDP, mDNS and DHCP is listened to, so that those are found that never speak to the box; each is asked whether it is there before it counts.',
      },
      Running: { type: 'boolean', about: 'A search is under way.', reason: OWN },
      LastScan: { type: 'dateTime', about: 'When the last search ended.', reason: OWN },
      Duration: {
        ...{ type: 'unsignedInt', units: 'milliseconds', reason: OWN },
        about: 'How long it took.',
      },
      Sent: { type: 'unsignedInt', about: 'Questions that it sent.', reason: OWN },
      Answered: { type: 'unsignedInt', about: 'Devices that answered.', reason: OWN },
      X_GATEHOUSE_Reason: REASON,
      FramesHeard: counter('Frames of the LAN that said something.'),
      FramesSkipped: counter('Frames that were not read, since too many came.'),
      FramesDropped: counter('Frames for which the kernel had no room.'),
      Asked: counter('Single devices that were asked whether they are there.'),
      NotAsked: counter('Devices that were not asked, since too many were new at once.'),
      ClaimsOverlooked: counter(
        'Second claims to an address that were not looked into, since too many came.',
      ),
    },
  },
  {
    path: `${CONFLICTS}{i}.`,
    about:
      'An address in the wrong hands, the newest first; at most 64, until the daemon restarts.',
    rows: 'system',
    params: {
      Kind: {
        ...{ type: 'string', enum: KINDS, reason: OWN },
        about:
          'Duplicate: two have the address; Spoof: somebody says to have another’s; OwnAddress: or that of the box; GatewayChange: the gateway is another device than before.',
      },
      IPAddress: { type: 'IPAddress', about: 'The address.', reason: OWN },
      PhysAddress: { type: 'string', size: [0, 64], about: 'Who claims it.', reason: OWN },
      OtherPhysAddress: {
        ...{ type: 'string', size: [0, 64], reason: OWN },
        about: 'Who has it, or had; empty where it is the box itself.',
      },
      Interface: {
        ...{ type: 'string', size: [0, 256], reason: OWN },
        ref: { targets: [`${IP}{i}.`], strong: true },
        about: 'Where that was heard.',
      },
      Since: { type: 'dateTime', about: 'When it was found first.', reason: OWN },
      Last: { type: 'dateTime', about: 'When it was found last.', reason: OWN },
      Count: { type: 'unsignedInt', about: 'How often it was found.', reason: OWN },
      X_GATEHOUSE_Reason: { ...REASON, about: 'What tells so, for people.' },
    },
  },
  {
    path: `${APART}{i}.`,
    about: 'Two MAC addresses that are not one device, whatever seems to tell so.',
    rows: 'add',
    enable: 'Enable',
    maxRows: 200,
    uniqueKeys: [['PhysAddress', 'OtherPhysAddress']],
    params: {
      Enable: { ...ENABLE, default: 'true', reason: OWN },
      Alias: { ...ALIAS, reason: OWN },
      PhysAddress: {
        ...{ type: 'MACAddress', access: 'readWrite', size: [0, 17], reason: OWN },
        about: 'MAC address of one of them.',
      },
      OtherPhysAddress: {
        ...{ type: 'MACAddress', access: 'readWrite', size: [0, 17], reason: OWN },
        about: 'MAC address of the other.',
      },
    },
  },
];

export function compileScan(rows: RowReader): {
  readonly listen: boolean;
  readonly scan: ScanConfig;
} {
  const row = rows.at(SCAN);
  return {
    listen: row?.bool('Listen') === true,
    scan: {
      enable: row?.bool('Enable') === true,
      intervalSec: row?.number('Interval') ?? 0,
      passes: row?.number('Passes') ?? 1,
      waitMs: row?.number('Wait') ?? 0,
      ratePerSec: row?.number('Rate') ?? 1,
    },
  };
}

export const compileApart = (rows: RowReader): readonly (readonly [Mac, Mac])[] =>
  rows.rows(APART).flatMap((row) => {
    const [a, b] = [parseMac(row.text('PhysAddress')), parseMac(row.text('OtherPhysAddress'))];
    return row.bool('Enable') && a.ok && b.ok ? [[a.value, b.value] as const] : [];
  });

export function checkApart(rows: RowReader, out: CheckSink): void {
  for (const row of rows.rows(APART)) {
    if (!row.bool('Enable')) continue;
    const one = row.text('PhysAddress');
    if (one !== '' && one.toLowerCase() === row.text('OtherPhysAddress').toLowerCase()) {
      out.fault(`${row.path}OtherPhysAddress`, 'a device cannot be another than itself');
    }
  }
}

export function reportWatch(
  watch: WatchObserved | undefined,
  rows: RowReader,
  out: ReportSink,
): void {
  if (watch === undefined) return;
  const { scan } = watch;
  const counted = (name: keyof WatchCounts) => () => String(watch.counts()[name]);
  out.put(SCAN, {
    Running: String(scan.running),
    ...(scan.endedMs === undefined ? {} : { LastScan: dateTimeOf(scan.endedMs) }),
    Duration: String(Math.round(scan.tookMs)),
    Sent: String(scan.sent),
    Answered: String(scan.answered),
    X_GATEHOUSE_Reason: scan.reason,
    FramesHeard: counted('heard'),
    FramesSkipped: counted('skipped'),
    FramesDropped: counted('dropped'),
    Asked: counted('asked'),
    NotAsked: counted('unasked'),
    ClaimsOverlooked: counted('overlooked'),
  });
  for (const conflict of watch.conflicts) reportConflict(conflict, rows, out);
}

function reportConflict(conflict: Conflict, rows: RowReader, out: ReportSink): void {
  const { kind, ifName, mac, other, reason } = conflict;
  const address = formatIp(conflict.address);
  out.row(CONFLICTS, `${kind} ${ifName} ${address} ${mac}`, {
    ...{ Kind: kind, IPAddress: address, PhysAddress: mac, OtherPhysAddress: other ?? '' },
    Interface: ipInterfaceOf(rows, ifName)?.id ?? '',
    Since: dateTimeOf(conflict.sinceMs),
    Last: dateTimeOf(conflict.lastMs),
    Count: String(conflict.count),
    X_GATEHOUSE_Reason: reason,
  });
}
