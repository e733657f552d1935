/** The tables of `Device.MAP.` (TR-181). */
import { ALIAS, ENABLE, type ObjectDef, type ParamDef, REASON } from '../table.ts';
import {
  INTERFACE_STATUS,
  ipInterfaceRef,
  lastChange,
  rowStatus,
  STATS_PARAMS,
  statsObject,
} from './interfaces.ts';

export const MAP = 'Device.MAP.';
export const DOMAINS = 'Device.MAP.Domain.';

/** How TR-181 writes that there is no prefix. */
export const NONE = '/0';

const SEEN = 'TR-181 says what a domain is made of, and has no place for what comes out of it';
const ROOM = 'see X_GATEHOUSE_IPv4Address';

const seen = (spec: Omit<ParamDef, 'access' | 'reason'>): ParamDef => ({ ...spec, reason: ROOM });
const flows = (protocol: string): ParamDef =>
  seen({ type: 'unsignedInt', volatile: true, about: `${protocol} flows tracked now.` });

const GONE = 'deleted in TR-181 2.12: it is a parameter of Rule';

export const MAP_OBJECTS: readonly ObjectDef[] = [
  {
    path: MAP,
    about:
      'Mapping of Address and Port (RFC 7597): IPv4 through a network that has IPv6 alone, with an address that several customers share.',
    params: {
      Enable: {
        type: 'boolean',
        access: 'readWrite',
        default: 'true',
        about: 'Whether domains are put into effect, those that DHCPv6 tells of included.',
      },
      X_GATEHOUSE_RefusedOptions: {
        type: 'unsignedInt',
        about: 'Options 94 and 95 that were malformed, since the daemon started.',
        reason: 'the rest of a lease is used without them, so they would not be seen',
      },
      X_GATEHOUSE_Refusal: {
        type: 'string',
        about: 'Why the last one was refused, for people.',
        reason: 'see X_GATEHOUSE_RefusedOptions',
      },
      X_GATEHOUSE_Restored: {
        type: 'unsignedInt',
        about: 'Times the table of port sets was put back after someone else changed it.',
        reason: 'an intruder or a second firewall shows here',
      },
    },
  },
  {
    path: 'Device.MAP.Domain.{i}.',
    about:
      'A MAP domain: added by users, or made of what a DHCPv6 client was told (option 95) on an interface for which users have none.',
    rows: 'both',
    enable: 'Enable',
    uniqueKeys: [['Alias'], ['WANInterface', 'IPv6Prefix']],
    maxRows: 8,
    params: {
      Enable: ENABLE,
      Status: rowStatus('Whether IPv4 goes through it.'),
      Alias: ALIAS,
      TransportMode: {
        type: 'string',
        access: 'readWrite',
        enum: ['Translation'],
        default: 'Translation',
        about: 'MAP-T.',
        reason: 'Encapsulation (MAP-E) is not done',
      },
      WANInterface: ipInterfaceRef('Interface towards the network of the provider.'),
      IPv6Prefix: {
        type: 'string',
        access: 'readWrite',
        size: [0, 256],
        default: '',
        ref: { targets: ['Device.IP.Interface.{i}.IPv6Prefix.{i}.'], strong: true },
        about: 'The customer’s own prefix; empty for what is delegated on WANInterface.',
      },
      BRIPv6Prefix: {
        type: 'IPv6Prefix',
        access: 'readWrite',
        size: [0, 49],
        default: '',
        about:
          'Prefix of the border relay, behind which all of IPv4 is; empty for what DHCPv6 tells.',
      },
      DSCPMarkPolicy: {
        type: 'int',
        access: 'readWrite',
        range: [[-1, 63]],
        default: '-1',
        about: 'DSCP of what is sent; -1 takes that of the IPv4 packet.',
        reason: '-2 (by a mapping of the priorities of layer 2) has nothing to map from',
      },
      X_GATEHOUSE_Reason: REASON,
      X_GATEHOUSE_Origin: {
        type: 'string',
        enum: ['Static', 'DHCPv6'],
        default: 'Static',
        about: 'Who made the row.',
        reason: 'TR-181 knows it of rules alone',
      },
      X_GATEHOUSE_Delegated: seen({
        type: 'IPv6Prefix',
        about: 'Prefix of the customer that the address was computed of.',
      }),
      X_GATEHOUSE_BorderRelay: seen({
        type: 'IPv6Prefix',
        about: 'Prefix of the border relay in use.',
      }),
      X_GATEHOUSE_IPv4Address: {
        type: 'IPv4Address',
        about: 'The address that hosts of the LAN have towards the world.',
        reason: SEEN,
      },
      X_GATEHOUSE_IPv6Address: seen({
        type: 'IPv6Address',
        about: 'The address that the border relay sends to (RFC 7597 §6).',
      }),
      X_GATEHOUSE_Shared: seen({
        type: 'boolean',
        about: 'Other customers have the address too, with other ports.',
      }),
      X_GATEHOUSE_PSID: seen({ type: 'unsignedInt', about: 'Port-set identifier.' }),
      X_GATEHOUSE_PSIDLength: seen({ type: 'unsignedInt', units: 'bits', about: 'Of the PSID.' }),
      X_GATEHOUSE_PortSets: seen({
        type: 'string',
        list: { maxItems: 4096 },
        about: 'Ports that may be used, such as 1232-1235.',
      }),
      X_GATEHOUSE_PortSetUse: seen({
        type: 'unsignedInt',
        list: { maxItems: 4096 },
        volatile: true,
        about: 'Ports in use, of each set one number.',
      }),
      X_GATEHOUSE_PortsInUse: seen({
        type: 'unsignedInt',
        volatile: true,
        about: 'Ports with at least one flow; each serves several destinations.',
      }),
      X_GATEHOUSE_TCPFlows: flows('TCP'),
      X_GATEHOUSE_UDPFlows: flows('UDP'),
      X_GATEHOUSE_ICMPFlows: flows('ICMP'),
      X_GATEHOUSE_Engine: seen({
        type: 'string',
        enum: ['', 'tayga', 'nat46'],
        about: 'What translates: the program, or the module of the kernel.',
      }),
      X_GATEHOUSE_Restarts: seen({
        type: 'unsignedInt',
        about: 'Times the translator had to be started again because it died.',
      }),
      X_GATEHOUSE_MTU: seen({
        type: 'unsignedInt',
        units: 'bytes',
        about: 'Largest IPv4 packet: that of IPv6 less 20.',
      }),
    },
    omitted: { PSIDOffset: GONE, PSIDLength: GONE, PSID: GONE, IncludeSystemPorts: GONE },
  },
  {
    path: 'Device.MAP.Domain.{i}.Interface.',
    about: 'The link that translates.',
    params: {
      Enable: {
        type: 'boolean',
        default: 'false',
        about: 'As the domain.',
        reason: 'not writable: a domain without its link would have no effect',
      },
      Status: {
        type: 'string',
        enum: INTERFACE_STATUS,
        default: 'Down',
        about: 'State of the link.',
      },
      Name: { type: 'string', size: [0, 64], about: 'Its name in the kernel.' },
      LastChange: lastChange,
      LowerLayers: {
        type: 'string',
        list: {},
        default: '',
        ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
        about: 'The WAN interface, for a domain that DHCPv6 tells of.',
        reason: 'not writable: WANInterface says it',
      },
    },
    omitted: { Alias: 'deprecated' },
  },
  statsObject('Device.MAP.Domain.{i}.Interface.Stats.', STATS_PARAMS),
  {
    path: 'Device.MAP.Domain.{i}.Rule.{i}.',
    about:
      'A mapping rule: added by users, or told by DHCPv6 where users have added none. The longest that fits the customer’s prefix is the basic one.',
    rows: 'both',
    enable: 'Enable',
    uniqueKeys: [['Alias'], ['IPv6Prefix'], ['IPv4Prefix']],
    maxRows: 64,
    params: {
      Enable: ENABLE,
      Status: {
        type: 'string',
        enum: ['Disabled', 'Enabled', 'Error'],
        default: 'Disabled',
        about: 'Whether the rule can be used.',
      },
      Alias: ALIAS,
      Origin: {
        type: 'string',
        enum: ['DHCPv6', 'Static'],
        default: 'Static',
        about: 'Where it comes from.',
      },
      IPv6Prefix: {
        type: 'IPv6Prefix',
        access: 'readWrite',
        size: [0, 49],
        default: NONE,
        about: 'Prefix of all customers of the rule.',
      },
      IPv4Prefix: {
        type: 'IPv4Prefix',
        access: 'readWrite',
        size: [0, 49],
        default: NONE,
        about: 'Prefix of their addresses.',
      },
      EABitsLength: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 48]],
        units: 'bits',
        default: '0',
        about: 'Bits behind IPv6Prefix that hold the rest of the address and the PSID.',
      },
      IsFMR: {
        type: 'boolean',
        access: 'readWrite',
        default: 'false',
        about:
          'Other customers may be reached directly. TAYGA sends through the border relay all the same.',
      },
      PSIDOffset: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 15]],
        units: 'bits',
        default: '6',
        about: 'Bits of a port before the PSID.',
      },
      PSIDLength: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 16]],
        units: 'bits',
        default: '0',
        about: 'Of the PSID, where the EA bits hold none.',
      },
      PSID: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 65535]],
        default: '0',
        about: 'Port-set identifier, where the EA bits hold none.',
      },
      IncludeSystemPorts: {
        type: 'boolean',
        access: 'readWrite',
        default: 'false',
        about: 'Ports below 1024 are used as well.',
      },
      X_GATEHOUSE_Reason: REASON,
      X_GATEHOUSE_Basic: {
        type: 'boolean',
        about: 'The customer’s own address comes from this rule.',
        reason: 'which rule matched is not seen elsewhere',
      },
    },
  },
];
