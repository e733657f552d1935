/** `Device.RouterAdvertisement.` (TR-181): what hosts of the LAN are told by ICMPv6. */
import { formatIpv6, formatPrefix6, parseIpv6Prefix } from '../../base/ip6.ts';
import type { RowReader } from '../reader.ts';
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
import { dateTimeOf } from '../types.ts';
import { NAMES } from './dhcpv6-server.ts';
import { ADVERTISE, SETTINGS } from './dhcpv6-server-config.ts';
import { checkDomains } from './dhcpv6-server-report.ts';
import { prefixesOf6 } from './ip6.ts';
import { learnedPrefixIds } from './ip6-learned.ts';

const OTHERS = `${ADVERTISE}X_GATEHOUSE_OtherRouter.`;
const NO_OTHERS = 'TR-181 does not tell of other routers on the LAN';

const number = (
  range: readonly [number, number],
  fallback: string,
  units: string | undefined,
  about: string,
): ParamDef => ({
  ...{ type: 'unsignedInt', access: 'readWrite', range: [range], default: fallback, about },
  ...(units === undefined ? {} : { units }),
});
const flag = (about: string): ParamDef => ({
  ...{ type: 'boolean', access: 'readWrite', default: 'false', about },
});

export const routerAdvertisement: ObjectGroup = {
  name: 'RouterAdvertisement',
  inputs: ['dhcp6Server', 'dhcp6Client', 'network'],
  objects: [
    {
      path: 'Device.RouterAdvertisement.',
      about: 'Router advertisements (RFC 4861).',
      params: {
        Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether any interface advertises.',
        },
      },
    },
    {
      path: 'Device.RouterAdvertisement.InterfaceSetting.{i}.',
      about: 'What is advertised on one interface.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Interface']],
      maxRows: 64,
      params: {
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error_Misconfigured', 'Error'],
          default: 'Disabled',
          about: 'Whether it advertises.',
        },
        Alias: ALIAS,
        Interface: {
          type: 'string',
          access: 'readWrite',
          size: [0, 256],
          default: '',
          ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
          about: 'The interface.',
        },
        Prefixes: {
          type: 'string',
          list: { maxItems: 8 },
          ref: { targets: ['Device.IP.Interface.{i}.IPv6Prefix.{i}.'], strong: true },
          about:
            'Prefixes that hosts are told of: those of the interface with OnLink or Autonomous.',
        },
        MaxRtrAdvInterval: number([4, 1800], '600', 'seconds', 'Longest time between two.'),
        MinRtrAdvInterval: number([3, 1350], '200', 'seconds', 'Shortest time between two.'),
        AdvDefaultLifetime: number(
          [0, 9000],
          '1800',
          'seconds',
          'For how long hosts may route by this box, while it has a prefix that the world knows; 0: not at all.',
        ),
        AdvManagedFlag: flag('M: hosts get addresses by DHCPv6.'),
        AdvOtherConfigFlag: flag('O: hosts get the rest by DHCPv6.'),
        AdvPreferredRouterFlag: {
          type: 'string',
          access: 'readWrite',
          enum: ['High', 'Medium', 'Low'],
          default: 'Medium',
          about: 'Before or after other routers (RFC 4191).',
        },
        AdvLinkMTU: number([0, 65535], '0', undefined, 'MTU that hosts are told; 0: none.'),
        AdvReachableTime: number(
          [0, 3_600_000],
          '0',
          'milliseconds',
          'RFC 4861 §4.2; 0: not said.',
        ),
        AdvRetransTimer: number([0, 3_600_000], '0', 'milliseconds', 'RFC 4861 §4.2; 0: not said.'),
        AdvCurHopLimit: number([0, 255], '64', undefined, 'Hop limit that hosts use; 0: not said.'),
        ...NAMES,
        X_GATEHOUSE_CaptivePortal: {
          type: 'string',
          access: 'readWrite',
          size: [0, 255],
          default: '',
          about: 'URI of the captive portal (RFC 8910); empty for none.',
          reason: 'TR-181 has it only as the bytes of an option',
        },
        X_GATEHOUSE_PREF64: {
          type: 'IPv6Prefix',
          access: 'readWrite',
          size: [0, 49],
          default: '',
          about: 'Prefix of a NAT64 (RFC 8781); empty for none.',
          reason: 'TR-181 has it only as the bytes of an option',
        },
        X_GATEHOUSE_Reason: REASON,
      },
    },
    {
      path: 'Device.RouterAdvertisement.InterfaceSetting.{i}.Option.{i}.',
      about: 'An option that is added; it replaces what would be sent of the same Tag.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Tag']],
      maxRows: 16,
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Tag: { ...number([0, 255], '0', undefined, 'Type of the option.') },
        Value: {
          type: 'hexBinary',
          access: 'readWrite',
          size: [0, 255],
          default: '',
          about: 'Its bytes behind type and length, padded with zeros.',
        },
      },
    },
    {
      path: 'Device.RouterAdvertisement.X_GATEHOUSE_OtherRouter.{i}.',
      about: 'Another router that advertises itself where this one does.',
      rows: 'system',
      params: Object.fromEntries(
        Object.entries<ParamDef>({
          Interface: {
            type: 'string',
            ref: { targets: ['Device.IP.Interface.{i}.'], strong: false },
            about: 'Where it was heard.',
          },
          SourceAddress: { type: 'IPv6Address', about: 'Its link-local address.' },
          Chaddr: { type: 'MACAddress', about: 'Its MAC address.' },
          Lifetime: {
            type: 'unsignedInt',
            units: 'seconds',
            about: 'As a default router; 0: as none.',
          },
          Prefixes: { type: 'IPv6Prefix', list: {}, about: 'What it tells of.' },
          FirstSeen: { type: 'dateTime', about: 'When it was heard first.' },
          LastSeen: { type: 'dateTime', volatile: true, about: 'When it was heard last.' },
        }).map(([name, def]) => [name, { ...def, reason: NO_OTHERS }]),
      ),
    },
  ],
  report,
  check,
};

function report({ observed, rows }: ReportContext, out: ReportSink): void {
  const server = observed.dhcp6Server;
  const reports = new Map(server?.advertisers.map((one) => [one.id, one]));
  const on = rows.at(ADVERTISE)?.bool('Enable') === true;
  for (const setting of rows.rows(SETTINGS)) {
    const row = setting.text('Interface') === '' ? undefined : rows.at(setting.text('Interface'));
    const told = reports.get(setting.id);
    const enabled = on && setting.bool('Enable');
    const prefixes = row === undefined ? [] : prefixesOf6(rows, row);
    const wrong = row === undefined ? 'Interface must name one that is enabled and has IPv6' : '';
    out.put(setting.path, {
      Status: !enabled
        ? 'Disabled'
        : row === undefined
          ? 'Error_Misconfigured'
          : (told?.status ?? 'Error'),
      Prefixes: [
        ...prefixes.flatMap(({ id, onLink, autonomous }) =>
          enabled && id !== undefined && (onLink || autonomous) ? [id] : [],
        ),
        ...(enabled && row !== undefined ? learnedPrefixIds(rows, row, observed) : []),
      ]
        .slice(0, 8)
        .join(','),
      X_GATEHOUSE_Reason: enabled ? wrong || (told?.reason ?? '') : '',
    });
  }
  for (const one of server?.rogues ?? []) {
    out.row(OTHERS, `${one.segment} ${formatIpv6(one.router)}`, {
      ...{ Interface: one.segment, SourceAddress: formatIpv6(one.router), Chaddr: one.mac },
      Lifetime: String(one.lifetimeSec),
      Prefixes: one.prefixes.map(formatPrefix6).join(','),
      FirstSeen: dateTimeOf(one.firstWallMs),
      LastSeen: () => dateTimeOf(one.lastWallMs),
    });
  }
}

/** RFC 8781 §4. */
const PREF64_LENGTHS = [32, 40, 48, 56, 64, 96];

function check(rows: RowReader, out: CheckSink): void {
  for (const setting of rows.rows(SETTINGS)) {
    checkDomains(setting.list('X_GATEHOUSE_Domains'), setting.path, out);
    const text = setting.text('X_GATEHOUSE_PREF64');
    const pref64 = parseIpv6Prefix(text);
    if (text !== '' && !(pref64.ok && PREF64_LENGTHS.includes(pref64.value.prefixLen))) {
      out.fault(
        `${setting.path}X_GATEHOUSE_PREF64`,
        `${text} is no prefix of 32, 40, 48, 56, 64 or 96 bits (RFC 8781)`,
      );
    }
    const uri = setting.text('X_GATEHOUSE_CaptivePortal');
    if (!/^([!-~]+)?$/.test(uri)) {
      out.fault(`${setting.path}X_GATEHOUSE_CaptivePortal`, 'a URI is printable ASCII, no spaces');
    }
    const [min, max] = [setting.number('MinRtrAdvInterval'), setting.number('MaxRtrAdvInterval')];
    if (setting.isSet('MinRtrAdvInterval') && min > 0.75 * max) {
      out.fault(
        `${setting.path}MinRtrAdvInterval`,
        `at most three quarters of MaxRtrAdvInterval, which is ${max} (RFC 4861 §6.2.1)`,
      );
    }
    const lifetime = setting.number('AdvDefaultLifetime');
    if (lifetime !== 0 && lifetime < max) {
      out.fault(
        `${setting.path}AdvDefaultLifetime`,
        `0, or at least MaxRtrAdvInterval, which is ${max} (RFC 4861 §6.2.1)`,
      );
    }
  }
}
