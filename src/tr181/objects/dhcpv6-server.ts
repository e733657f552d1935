/** `Device.DHCPv6.Server.` (TR-181): pools, static bindings, and what was given to whom. Tables only. */
import { ok } from '../../base/result.ts';
import { ALIAS, ENABLE, type ObjectGroup, type ParamDef, REASON } from '../table.ts';
import { checkDhcp6Server, reportDhcp6Server } from './dhcpv6-server-report.ts';

const PREFIXES = { targets: ['Device.IP.Interface.{i}.IPv6Prefix.{i}.'], strong: true } as const;

const exclude = (what: string): ParamDef => ({
  type: 'boolean',
  access: 'readWrite',
  default: 'false',
  about: `The pool is for those whom ${what} does not match.`,
});
const hex = (most: number, about: string): ParamDef => ({
  type: 'hexBinary',
  access: 'readWrite',
  size: [0, most],
  default: '',
  about,
});
const address = (about: string): ParamDef => ({
  type: 'IPv6Address',
  access: 'readWrite',
  size: [0, 45],
  default: '',
  about,
});
const flag = (about: string): ParamDef => ({
  type: 'boolean',
  access: 'readWrite',
  default: 'false',
  about,
});
const prefixList = (about: string): ParamDef => ({
  type: 'string',
  access: 'readWrite',
  list: { maxItems: 8 },
  default: '',
  ref: PREFIXES,
  about,
});
const usedPrefixes = (about: string): ParamDef => ({
  type: 'string',
  list: { maxItems: 8 },
  ref: PREFIXES,
  about,
});
const counter = (about: string): ParamDef => ({ type: 'StatsCounter64', volatile: true, about });
const own = (reason: string, def: ParamDef): ParamDef => ({ ...def, reason });
const seconds = (fallback: string, about: string): ParamDef => ({
  type: 'unsignedInt',
  access: 'readWrite',
  range: [[10, 31_536_000]],
  units: 'seconds',
  default: fallback,
  about,
  reason: 'TR-181 pools do not say for how long',
});
const limit = (fallback: string, about: string): ParamDef => ({
  type: 'unsignedInt',
  access: 'readWrite',
  range: [[0, 65_535]],
  default: fallback,
  about,
  reason: 'TR-181 has no limits that keep one client from starving the others',
});

/** Resolvers and domains, as both DHCPv6 and router advertisements tell them. */
export const NAMES: Readonly<Record<string, ParamDef>> = {
  X_GATEHOUSE_DNSServers: {
    type: 'IPv6Address',
    access: 'readWrite',
    size: [0, 45],
    list: { maxItems: 4 },
    default: '',
    about: 'Resolvers; empty for the box where it answers, else for those that it uses.',
    reason: 'TR-181 has them only as the bytes of an option',
  },
  X_GATEHOUSE_Domains: {
    type: 'string',
    access: 'readWrite',
    size: [0, 253],
    list: { maxItems: 8 },
    default: '',
    about: 'Domains that hosts search.',
    reason: 'TR-181 has them only as the bytes of an option',
  },
};

export const dhcpv6Server: ObjectGroup = {
  name: 'DHCPv6.Server',
  inputs: ['dhcp6Server', 'network'],
  objects: [
    {
      path: 'Device.DHCPv6.Server.',
      about: 'The DHCPv6 server of the LAN.',
      params: {
        Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether any pool is served.',
        },
        X_GATEHOUSE_Reason: REASON,
      },
    },
    {
      path: 'Device.DHCPv6.Server.Pool.{i}.',
      about:
        'What the hosts of one interface are given; the first one by Order that fits a host serves it.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Order']],
      maxRows: 64,
      params: {
        Enable: ENABLE,
        Status: {
          type: 'string',
          enum: ['Disabled', 'Enabled', 'Error_Misconfigured', 'Error'],
          default: 'Disabled',
          about: 'Whether the pool is served.',
        },
        Alias: ALIAS,
        Order: {
          type: 'Order',
          access: 'readWrite',
          range: [[1, undefined]],
          about: 'Place among the pools; those that follow move down.',
        },
        Interface: {
          type: 'string',
          access: 'readWrite',
          size: [0, 256],
          default: '',
          ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
          about: 'Interface whose hosts are served.',
        },
        DUID: hex(130, 'Only for the host with this DUID (option 1); empty for all.'),
        DUIDExclude: exclude('DUID'),
        VendorClassID: hex(65535, 'Only for hosts with this vendor class data (option 16).'),
        VendorClassIDExclude: exclude('VendorClassID'),
        UserClassID: hex(65535, 'Only for hosts with this user class data (option 15).'),
        UserClassIDExclude: exclude('UserClassID'),
        SourceAddress: address('Only for hosts that send from this address; empty for all.'),
        SourceAddressMask: address('Bits of SourceAddress that count; empty for all of them.'),
        SourceAddressExclude: exclude('SourceAddress'),
        IANAEnable: flag('Hosts are given addresses (stateful); else they are only told things.'),
        IANAManualPrefixes: prefixList(
          'Prefixes of the interface that addresses are given from, one from each; empty for all.',
        ),
        IANAPrefixes: usedPrefixes('Prefixes that addresses are given from.'),
        IAPDEnable: flag('Routers are delegated prefixes.'),
        IAPDManualPrefixes: prefixList('Prefixes that are cut up; empty for ULAPrefix.'),
        IAPDPrefixes: usedPrefixes('Prefixes that are cut up, as far as they have rows.'),
        IAPDAddLength: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[undefined, 64]],
          default: '8',
          about:
            'By how many bits delegated prefixes are longer; 64 bits are the most they have in all.',
        },
        DSCPMark: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, 63]],
          default: '48',
          about: 'DSCP of the answers.',
        },
        ...NAMES,
        X_GATEHOUSE_PreferredLifetime: seconds('43200', 'Preferred lifetime of what is given.'),
        X_GATEHOUSE_ValidLifetime: seconds('86400', 'Valid lifetime; at least the preferred one.'),
        X_GATEHOUSE_Preference: own('TR-181 has it only as the bytes of an option', {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, 255]],
          default: '0',
          about:
            'Before other servers of the link (RFC 8415 §21.8); with 255 clients wait for none.',
        }),
        X_GATEHOUSE_RapidCommit: own(
          'TR-181 does not say whether two messages may do',
          flag('Clients that ask for it get theirs with the first answer.'),
        ),
        X_GATEHOUSE_Reason: REASON,
      },
    },
    {
      path: 'Device.DHCPv6.Server.Pool.{i}.Client.{i}.',
      about: 'A client that was given something.',
      rows: 'system',
      uniqueKeys: [['Alias'], ['SourceAddress']],
      params: {
        Alias: ALIAS,
        SourceAddress: { type: 'IPv6Address', size: [0, 45], about: 'Where it sends from.' },
        Active: { type: 'boolean', about: 'It has something now.' },
        X_GATEHOUSE_DUID: own('TR-181 has it only among the options', {
          type: 'hexBinary',
          size: [0, 130],
          about: 'What the client is known by.',
        }),
        X_GATEHOUSE_Chaddr: own('TR-181 does not say which device it is', {
          type: 'MACAddress',
          size: [0, 17],
          about: 'Its MAC address, where it is known.',
        }),
        X_GATEHOUSE_HostName: own('TR-181 has it only among the options', {
          type: 'string',
          size: [0, 63],
          about: 'What it calls itself.',
        }),
      },
    },
    {
      path: 'Device.DHCPv6.Server.Pool.{i}.Client.{i}.IPv6Address.{i}.',
      about: 'An address that it has.',
      rows: 'system',
      uniqueKeys: [['IPAddress']],
      params: {
        IPAddress: { type: 'IPv6Address', size: [0, 45], about: 'The address.' },
        PreferredLifetime: {
          type: 'dateTime',
          volatile: true,
          about: 'Until when it is preferred.',
        },
        ValidLifetime: { type: 'dateTime', volatile: true, about: 'Until when it is valid.' },
      },
    },
    {
      path: 'Device.DHCPv6.Server.Pool.{i}.Client.{i}.IPv6Prefix.{i}.',
      about: 'A prefix that it was delegated.',
      rows: 'system',
      uniqueKeys: [['Prefix']],
      params: {
        Prefix: { type: 'IPv6Prefix', size: [0, 49], about: 'The prefix.' },
        PreferredLifetime: {
          type: 'dateTime',
          volatile: true,
          about: 'Until when it is preferred.',
        },
        ValidLifetime: { type: 'dateTime', volatile: true, about: 'Until when it is valid.' },
      },
    },
    {
      path: 'Device.DHCPv6.Server.Pool.{i}.Client.{i}.Option.{i}.',
      about: 'What the client said of itself.',
      rows: 'system',
      params: {
        Tag: { type: 'unsignedInt', range: [[0, 65535]], about: 'Code of the option.' },
        Value: { type: 'hexBinary', size: [0, 65535], about: 'Its bytes.' },
      },
    },
    {
      path: 'Device.DHCPv6.Server.Pool.{i}.Option.{i}.',
      about: 'An option for clients that ask for it; it replaces what the pool would send itself.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Tag']],
      maxRows: 64,
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Tag: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, 65535]],
          about: 'Code of the option.',
        },
        Value: hex(65535, 'Its bytes.'),
      },
      omitted: { PassthroughClient: 'there is no DHCPv6 client at the WAN yet' },
    },
    {
      path: 'Device.DHCPv6.Server.X_GATEHOUSE_StaticBinding.{i}.',
      about: 'A host that always gets the same, by its DUID (and IAID) or its MAC.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias']],
      maxRows: 1024,
      params: Object.fromEntries(
        Object.entries<ParamDef>({
          Enable: ENABLE,
          Alias: ALIAS,
          DUID: hex(130, 'DUID of the host; empty when its MAC says who it is.'),
          IAID: {
            type: 'long',
            access: 'readWrite',
            range: [[-1, 4_294_967_295]],
            default: '-1',
            about: 'Only for this IA of the host; -1 for any.',
          },
          Chaddr: {
            type: 'MACAddress',
            access: 'readWrite',
            size: [0, 17],
            default: '',
            about: 'MAC address of the host: of its DUID, as its relay says, or as it sends.',
          },
          IPv6Address: address('Address that it gets.'),
          IPv6Prefix: {
            type: 'IPv6Prefix',
            access: 'readWrite',
            size: [0, 49],
            default: '',
            about: 'Prefix that it is delegated.',
          },
        }).map(([name, def]) => [name, own('TR-181 has no static bindings for DHCPv6', def)]),
      ),
    },
    {
      path: 'Device.DHCPv6.Server.X_GATEHOUSE_Guard.',
      about: 'Limits that a healthy network never meets; 0 turns one off.',
      params: {
        NewClientsPerSec: limit(
          '20',
          'Clients without a binding that are served, per port and second.',
        ),
        AnswersPerClient: limit('30', 'Messages of one client that are answered, in ten seconds.'),
        BindingsPerClient: limit('16', 'Addresses and prefixes of one client, declined ones too.'),
      },
    },
    {
      path: 'Device.DHCPv6.Server.Stats.',
      about: 'Messages since the start or since Reset().',
      params: {
        Solicit: counter('SOLICIT received.'),
        Advertise: counter('ADVERTISE sent.'),
        Request: counter('REQUEST received.'),
        Confirm: counter('CONFIRM received.'),
        Renew: counter('RENEW received.'),
        Rebind: counter('REBIND received.'),
        Reply: counter('REPLY sent.'),
        Release: counter('RELEASE received.'),
        Decline: counter('DECLINE received.'),
        InformationRequest: counter('INFORMATION-REQUEST received.'),
        RelayForward: counter('RELAY-FORW received.'),
        RelayReply: counter('RELAY-REPL sent.'),
        DiscardedPackets: counter('Malformed, or of no use to a server.'),
        TransmitFailure: counter('Answers that could not be sent.'),
        X_GATEHOUSE_Refused: own(
          'rules decide who is served',
          counter("Refused by the owner's rules."),
        ),
        X_GATEHOUSE_Limited: own(
          'limits keep the server from being starved',
          counter('Kept silent by a limit.'),
        ),
        X_GATEHOUSE_NotDurable: own(
          'what is acknowledged is on disk',
          counter('Not acknowledged because the disk took nothing.'),
        ),
      },
      commands: {
        Reset: {
          about: 'Counts from zero again.',
          run: (context) => {
            context.zeroCounters();
            return Promise.resolve(ok({}));
          },
        },
      },
      omitted: { Reconfigure: 'clients are told nothing unasked' },
    },
  ],
  report: reportDhcp6Server,
  check: checkDhcp6Server,
};
