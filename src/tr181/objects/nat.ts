/** `Device.NAT.InterfaceSetting.{i}.` (TR-181) and what the firewall needs besides. */
import type { FirewallConfig } from '../../services/firewall/config.ts';
import type { RowReader } from '../reader.ts';
import { ALIAS, ENABLE, type ObjectGroup, type ReportContext, type ReportSink } from '../table.ts';
import { dhtOpenings } from './dht.ts';
import {
  CLIENTS,
  CLIENTS6,
  IP,
  ifNameBehind,
  ifNameOf,
  ipInterfaceRef,
  rowStatus,
} from './interfaces.ts';

const SETTINGS = 'Device.NAT.InterfaceSetting.';

export const nat: ObjectGroup = {
  name: 'NAT',
  inputs: ['firewall'],
  objects: [
    {
      path: 'Device.NAT.InterfaceSetting.{i}.',
      about: 'An interface behind which the addresses of the LAN are hidden (masquerade).',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Interface']],
      params: {
        Enable: ENABLE,
        Status: rowStatus('Whether the kernel has the rule.'),
        Alias: ALIAS,
        Interface: ipInterfaceRef('The interface towards the WAN.'),
      },
    },
    {
      path: 'Device.X_GATEHOUSE_Firewall.',
      about: 'Table `inet gatehouse` of nftables.',
      params: {
        Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error'],
          default: 'Disabled',
          about: 'Whether the kernel has the table as it should be.',
          reason: 'TR-181 Firewall is made of chains and levels, which are not used',
        },
        Reason: {
          type: 'string',
          about: 'What is wrong, for people; empty when all is well.',
          reason: 'see Status',
        },
        Restored: {
          type: 'unsignedInt',
          about: 'Times the table was put back after someone else changed it.',
          reason: 'an intruder or a second firewall shows here',
        },
      },
    },
  ],
  report,
};

function report({ observed, rows }: ReportContext, out: ReportSink): void {
  const { firewall } = observed;
  out.put('Device.X_GATEHOUSE_Firewall.', {
    Status: firewall?.status ?? 'Disabled',
    Reason: firewall?.reason ?? '',
    Restored: String(firewall?.restored ?? 0),
  });
  for (const row of rows.rows(SETTINGS)) {
    const ifName = ifNameBehind(rows, row.text('Interface'));
    const there = ifName !== undefined && firewall?.masquerade.includes(ifName) === true;
    const enabled = ifName === undefined ? 'Error_Misconfigured' : there ? 'Enabled' : 'Error';
    out.put(row.path, { Status: row.bool('Enable') ? enabled : 'Disabled' });
  }
}

export function compileFirewall(rows: RowReader): FirewallConfig {
  // Disabled interfaces too: somebody may bring one up by hand, and Wan must stay closed.
  const zone = (name: string): string[] =>
    rows
      .rows(IP)
      .filter((row) => row.text('X_GATEHOUSE_Zone') === name)
      .flatMap((row) => ifNameOf(rows, row) ?? []);
  return {
    wan: zone('Wan'),
    lan: zone('Lan'),
    masquerade: rows
      .rows(SETTINGS)
      .filter((row) => row.bool('Enable'))
      .flatMap((row) => ifNameBehind(rows, row.text('Interface')) ?? []),
    openings: dhtOpenings(rows),
    dhcpDscp: ([4, 6] as const).flatMap((family) =>
      rows
        .rows(family === 4 ? CLIENTS : CLIENTS6)
        .filter((row) => row.bool('Enable'))
        .flatMap((row) => {
          const ifName = ifNameBehind(rows, row.text('Interface'));
          return ifName === undefined ? [] : [{ ifName, dscp: row.number('DSCPMark'), family }];
        }),
    ),
  };
}
