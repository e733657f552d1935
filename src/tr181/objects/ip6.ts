/** `Device.IP.Interface.{i}.IPv6Address.{i}.` and `IPv6Prefix.{i}.`: static ones, those out of the box's own ULA, and what was learned. */
import {
  contains6,
  formatIpv6,
  formatPrefix6,
  type Ipv6,
  type Ipv6Prefix,
  ipv6,
  isLinkLocal,
  networkOf6,
  overlaps6,
  type PrefixLen6,
  parseIpv6,
  parseIpv6Prefix,
  subPrefix,
  UNIQUE_LOCAL,
} from '../../base/ip6.ts';
import type { Address6Config } from '../../services/network/config.ts';
import { splitRow } from '../../state/rows.ts';
import type { Row, RowReader } from '../reader.ts';
import {
  ALIAS,
  type CheckSink,
  ENABLE,
  type ObjectGroup,
  type ParamDef,
  REASON,
  type ReportContext,
  type ReportSink,
} from '../table.ts';
import { INFINITE_TIME } from '../types.ts';
import { IP, ifNameOf } from './interfaces.ts';
import { reportDelegated, reportLearned, stateOf } from './ip6-learned.ts';

/** Key of the rows that the system makes of the ULA. */
const ULA = 'ula';
const SUBNET = 64 as PrefixLen6;
const HOST = 128 as PrefixLen6;
const NO_END = 'not writable: an address or prefix that is set by hand has no end';
const STATUS = ['Disabled', 'Enabled', 'Error_Misconfigured', 'Error'] as const;

const lifetime = (what: string): ParamDef => ({
  type: 'dateTime',
  default: INFINITE_TIME,
  about: `Until when it is ${what}.`,
  reason: NO_END,
});

export const ip6: ObjectGroup = {
  name: 'IP.IPv6',
  inputs: ['network', 'dhcp6Client'],
  objects: [
    {
      path: 'Device.IP.Interface.{i}.IPv6Address.{i}.',
      about:
        'An IPv6 address: added by users, out of the ULA (ULAEnable) or a delegated prefix, given by DHCPv6, or as the kernel made it.',
      rows: 'both',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['IPAddress']],
      maxRows: 64,
      params: {
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: STATUS,
          default: 'Disabled',
          about: 'Whether the kernel has the address.',
        },
        IPAddressStatus: {
          type: 'string',
          enum: [
            ...['Preferred', 'Deprecated', 'Invalid', 'Inaccessible', 'Unknown', 'Tentative'],
            ...['Duplicate', 'Optimistic'],
          ],
          default: 'Invalid',
          about: 'What the kernel makes of it (RFC 4862): Duplicate when another host has it.',
        },
        Alias: ALIAS,
        IPAddress: {
          type: 'IPv6Address',
          access: 'readWrite',
          size: [0, 45],
          default: '',
          about: 'The address.',
        },
        Origin: {
          type: 'string',
          enum: ['AutoConfigured', 'DHCPv6', 'IKEv2', 'MAP', 'WellKnown', '3GPP-NAS', 'Static'],
          default: 'Static',
          about: 'Where it comes from: Static, DHCPv6, or AutoConfigured by the box itself.',
        },
        Prefix: {
          type: 'string',
          access: 'readWrite',
          default: '',
          ref: { targets: ['Device.IP.Interface.{i}.IPv6Prefix.{i}.'], strong: true },
          about:
            'Prefix of this interface that it is in; empty for the one that fits, and a host of its own when none does.',
        },
        PreferredLifetime: lifetime('preferred'),
        ValidLifetime: lifetime('valid'),
        X_GATEHOUSE_Reason: REASON,
      },
      omitted: { Anycast: 'no anycast on the LAN of a home' },
    },
    {
      path: 'Device.IP.Interface.{i}.IPv6Prefix.{i}.',
      about:
        'A prefix of the interface: added by users, delegated at the WAN, or out of that or of the ULA (ULAEnable).',
      rows: 'both',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Prefix']],
      maxRows: 64,
      params: {
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error'],
          default: 'Disabled',
          about: 'Whether it is in use.',
        },
        PrefixStatus: {
          type: 'string',
          enum: ['Preferred', 'Deprecated', 'Invalid', 'Inaccessible', 'Unknown'],
          default: 'Invalid',
          about: 'Preferred while it is in use.',
        },
        Alias: ALIAS,
        Prefix: {
          type: 'IPv6Prefix',
          access: 'readWrite',
          size: [0, 49],
          default: '',
          about: 'The prefix; of a Child it follows from its parent.',
        },
        Origin: {
          type: 'string',
          enum: [
            ...['AutoConfigured', 'PrefixDelegation', 'RouterAdvertisement', 'WellKnown'],
            ...['Static', 'Child'],
          ],
          default: 'Static',
          about:
            'Where it comes from: Static, Child of another, PrefixDelegation by the WAN’s DHCPv6 server, or AutoConfigured out of the ULA.',
        },
        StaticType: {
          type: 'string',
          access: 'readWrite',
          enum: ['Static', 'Inapplicable', 'Child'],
          default: 'Static',
          about: 'Static: Prefix says it. Child: ParentPrefix and ChildPrefixBits do.',
          reason: 'what a server delegates is handed to the LAN by X_GATEHOUSE_DelegatedPrefix',
        },
        ParentPrefix: {
          type: 'string',
          access: 'readWrite',
          default: '',
          ref: { targets: ['Device.IP.Interface.{i}.IPv6Prefix.{i}.'], strong: true },
          about: 'Prefix that a Child is cut out of.',
        },
        ChildPrefixBits: {
          type: 'IPv6Prefix',
          access: 'readWrite',
          size: [0, 49],
          default: '',
          about: 'Bits and length of a Child behind those of its parent, such as 0:0:0:5::/64.',
        },
        OnLink: {
          type: 'boolean',
          access: 'readWrite',
          default: 'false',
          about: 'Hosts are told that its addresses are on the link.',
        },
        Autonomous: {
          type: 'boolean',
          access: 'readWrite',
          default: 'false',
          about: 'Hosts make addresses of it by themselves (SLAAC); it must have 64 bits.',
        },
        PreferredLifetime: lifetime('preferred'),
        ValidLifetime: lifetime('valid'),
      },
    },
  ],
  report,
  check,
};

/** A prefix of an interface, whatever it comes from. */
export interface InterfacePrefix {
  /** Of its row, without the final dot; undefined for the ULA's before its row was made. */
  readonly id: string | undefined;
  readonly prefix: Ipv6Prefix;
  readonly onLink: boolean;
  readonly autonomous: boolean;
}

/** Whether IPv6 is on, on the box and on the interface. */
export const ipv6On = (rows: RowReader, row: Row): boolean =>
  rows.at('Device.IP.')?.bool('IPv6Enable') === true && row.bool('IPv6Enable');

/** `Device.IP.ULAPrefix`; undefined while there is none. */
export function ulaOf(rows: RowReader): Ipv6Prefix | undefined {
  const ula = parseIpv6Prefix(rows.at('Device.IP.')?.text('ULAPrefix') ?? '');
  return ula.ok ? ula.value : undefined;
}

/** The /64 that an interface with ULAEnable has: its own number behind the ULA. */
function ulaSubnet(rows: RowReader, row: Row): Ipv6Prefix | undefined {
  const ula = row.bool('ULAEnable') ? ulaOf(rows) : undefined;
  return ula && subPrefix(ula, SUBNET, BigInt(row.instance));
}

/** Enabled prefixes of an interface that are whole and valid. */
export function prefixesOf6(rows: RowReader, row: Row): readonly InterfacePrefix[] {
  if (!row.bool('Enable') || !ipv6On(rows, row)) return [];
  const table = `${row.path}IPv6Prefix.`;
  const ula = ulaSubnet(rows, row);
  const own = rows.systemRows(table).find(({ key }) => key === ULA);
  return [
    ...(ula === undefined ? [] : [{ id: own?.id, prefix: ula, onLink: true, autonomous: true }]),
    ...rows.rows(table).flatMap((entry): InterfacePrefix[] => {
      const prefix = entry.bool('Enable') ? prefixOf(rows, entry) : undefined;
      if (prefix === undefined) return [];
      const [onLink, autonomous] = [entry.bool('OnLink'), entry.bool('Autonomous')];
      return [{ id: entry.id, prefix, onLink, autonomous }];
    }),
  ];
}

/** The prefix that a reference names, be it the ULA's row or a user's; undefined for none in use. */
export function prefixBehind(rows: RowReader, reference: string): Ipv6Prefix | undefined {
  const entry = reference === '' ? undefined : rows.at(reference);
  if (entry === undefined) return undefined;
  const { table, instance } = splitRow(entry.path);
  if (rows.view.systemKey(table, instance) !== ULA) {
    return entry.bool('Enable') ? prefixOf(rows, entry) : undefined;
  }
  const row = rows.at(table.slice(0, -'IPv6Prefix.'.length));
  return row && ulaSubnet(rows, row);
}

function prefixOf(rows: RowReader, entry: Row, depth = 0): Ipv6Prefix | undefined {
  if (entry.text('StaticType') !== 'Child') return prefixIn(entry, 'Prefix');
  const bits = prefixIn(entry, 'ChildPrefixBits');
  const reference = entry.text('ParentPrefix');
  const parentRow = reference === '' || depth > 3 ? undefined : rows.at(reference);
  if (bits === undefined || parentRow === undefined) return undefined;
  const { table, instance } = splitRow(parentRow.path);
  const parent =
    rows.view.systemKey(table, instance) === ULA
      ? prefixBehind(rows, reference)
      : prefixOf(rows, parentRow, depth + 1);
  if (parent === undefined || bits.prefixLen < parent.prefixLen) return undefined;
  // Bits of the parent are the parent's.
  const behind = BigInt.asUintN(128 - parent.prefixLen, bits.address);
  const address = ipv6(networkOf6(parent) | behind);
  return { address: networkOf6({ address, prefixLen: bits.prefixLen }), prefixLen: bits.prefixLen };
}

function prefixIn(row: Row, name: string): Ipv6Prefix | undefined {
  const parsed = parseIpv6Prefix(row.text(name));
  return parsed.ok ? parsed.value : undefined;
}

function addressIn(row: Row): Ipv6 | undefined {
  const parsed = parseIpv6(row.text('IPAddress'));
  return parsed.ok ? parsed.value : undefined;
}

/** `::1` of the ULA's subnet, and what users added. */
export function compileAddresses6(rows: RowReader, row: Row): readonly Address6Config[] {
  const prefixes = prefixesOf6(rows, row);
  const ula = ulaSubnet(rows, row);
  return [
    ...(ula === undefined
      ? []
      : [
          {
            ...{ id: ulaAddressId(row), enable: true, prefixLen: SUBNET },
            address: ipv6(ula.address | 1n),
          },
        ]),
    ...rows.rows(`${row.path}IPv6Address.`).map((entry): Address6Config => {
      const address = addressIn(entry);
      const named = prefixBehind(rows, entry.text('Prefix'));
      const fits = prefixes.find(
        ({ prefix }) => address !== undefined && contains6(prefix, address),
      );
      const prefixLen =
        entry.text('Prefix') === ''
          ? (fits?.prefix.prefixLen ?? HOST)
          : named !== undefined && address !== undefined && contains6(named, address)
            ? named.prefixLen
            : undefined;
      return { id: entry.id, enable: entry.bool('Enable'), address, prefixLen };
    }),
  ];
}

/** The ULA's address has no row of users that could name it. */
const ulaAddressId = (row: Row): string => `${row.path}IPv6Address.${ULA}`;

function report(context: ReportContext, out: ReportSink): void {
  const { observed, rows } = context;
  const { network } = observed;
  const items = new Map(network?.items.map((item) => [item.id, item]));
  const parents = reportDelegated(context, out);
  for (const row of rows.rows(IP)) {
    const ifName = ifNameOf(rows, row);
    const here = (network?.addresses6 ?? []).filter((a) => a.ifName === ifName);
    const kernel = new Map(here.map((a) => [a.address, a]));
    const current = new Map(prefixesOf6(rows, row).map((p) => [p.id, p]));
    const ula = ulaSubnet(rows, row);
    const inUse = row.bool('Enable') && ipv6On(rows, row);
    let ulaRow = '';
    if (ula !== undefined && inUse) {
      ulaRow = out.row(`${row.path}IPv6Prefix.`, ULA, {
        ...{ Enable: 'true', Status: 'Enabled', PrefixStatus: 'Preferred', OnLink: 'true' },
        ...{ Prefix: formatPrefix6(ula), Origin: 'AutoConfigured', StaticType: 'Inapplicable' },
        Autonomous: 'true',
      });
    }
    for (const entry of rows.rows(`${row.path}IPv6Prefix.`)) {
      const used = current.has(entry.id);
      out.put(entry.path, {
        Status: used ? 'Enabled' : entry.bool('Enable') && inUse ? 'Error' : 'Disabled',
        PrefixStatus: used ? 'Preferred' : 'Invalid',
        Origin: entry.text('StaticType') === 'Child' ? 'Child' : 'Static',
      });
    }
    for (const entry of rows.rows(`${row.path}IPv6Address.`)) {
      const item = items.get(entry.id);
      const address = addressIn(entry);
      out.put(entry.path, {
        Status: item?.status ?? 'Disabled',
        IPAddressStatus: stateOf(address === undefined ? undefined : kernel.get(address)),
        X_GATEHOUSE_Reason: item?.reason ?? '',
      });
    }
    reportLearned(context, row, parents, out);
    const item = items.get(ulaAddressId(row));
    for (const a of here) {
      const isUla = a.owner === ulaAddressId(row);
      if (!isUla && !isLinkLocal(a.address)) continue;
      out.row(`${row.path}IPv6Address.`, isUla ? ULA : formatIpv6(a.address), {
        ...{ Enable: 'true', IPAddress: formatIpv6(a.address), Origin: 'AutoConfigured' },
        ...{ Status: isUla ? (item?.status ?? 'Enabled') : 'Enabled', IPAddressStatus: stateOf(a) },
        ...{ X_GATEHOUSE_Reason: isUla ? (item?.reason ?? '') : '' },
        Prefix: isUla ? ulaRow.slice(0, -1) : '',
      });
    }
  }
}

function check(rows: RowReader, out: CheckSink): void {
  const text = rows.at('Device.IP.')?.text('ULAPrefix') ?? '';
  const ula = parseIpv6Prefix(text);
  if (
    text !== '' &&
    !(ula.ok && ula.value.prefixLen === 48 && overlaps6(UNIQUE_LOCAL, ula.value))
  ) {
    out.fault('Device.IP.ULAPrefix', `${text} is no /48 inside fc00::/7 (RFC 4193)`);
  }
  for (const row of rows.rows(IP)) {
    for (const entry of rows.rows(`${row.path}IPv6Prefix.`)) {
      const name = entry.text('StaticType') === 'Child' ? 'ChildPrefixBits' : 'Prefix';
      const value = entry.text(name);
      const parsed = parseIpv6Prefix(value);
      if (value !== '' && !parsed.ok) out.fault(`${entry.path}${name}`, parsed.error.message);
      if (parsed.ok && entry.bool('Autonomous') && parsed.value.prefixLen !== 64) {
        out.fault(`${entry.path}Autonomous`, 'hosts make addresses of prefixes of 64 bits alone');
      }
    }
  }
}
