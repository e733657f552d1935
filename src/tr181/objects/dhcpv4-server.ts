import { ok } from '../../base/result.ts';
import { ALIAS, ENABLE, type ObjectGroup, type ParamDef } from '../table.ts';
import { checkDhcpServer } from './dhcpv4-server-config.ts';
import { address, mac, matchMode, segmentOf } from './dhcpv4-server-params.ts';
import { DHCP_POLICY_TABLES } from './dhcpv4-server-policy.ts';
import { reportDhcpServer } from './dhcpv4-server-report.ts';
import { own } from './params.ts';

const exclude = (what: string): ParamDef => ({
  type: 'boolean',
  access: 'readWrite',
  default: 'false',
  about: `The pool is for those whom ${what} does not match.`,
});
const addresses = (maxItems: number | undefined, about: string): ParamDef => ({
  type: 'IPv4Address',
  access: 'readWrite',
  size: [0, 45],
  list: maxItems === undefined ? {} : { maxItems },
  default: '',
  about,
});
const counted = (about: string): ParamDef => ({
  type: 'StatsCounter64',
  volatile: true,
  about,
});
const ownCounter = (about: string, reason: string): ParamDef => ({ ...counted(about), reason });

export const dhcpv4Server: ObjectGroup = {
  name: 'DHCPv4.Server',
  inputs: ['dhcpServer', 'network'],
  objects: [
    {
      path: 'Device.DHCPv4.Server.',
      about: 'The DHCPv4 server of the LAN.',
      params: {
        Enable: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about: 'Whether any pool is served.',
        },
        X_GATEHOUSE_Reason: {
          type: 'string',
          about: 'What is wrong with the lease file, for people; empty when all is well.',
          reason: 'while the disk takes nothing, new leases are not acknowledged',
        },
      },
      events: {
        X_GATEHOUSE_NewDevice: {
          about: 'A device asked for an address and waits for approval.',
          args: { Chaddr: { type: 'MACAddress' }, HostName: { type: 'string' } },
        },
        X_GATEHOUSE_OtherServer: {
          about: 'Another DHCP server was heard where there should be none.',
          args: { Chaddr: { type: 'MACAddress' }, IPAddress: { type: 'IPv4Address' } },
        },
      },
    },
    {
      path: 'Device.DHCPv4.Server.Pool.{i}.',
      about:
        'Addresses for the hosts of one interface; the first one by Order that fits a host serves it.',
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
        Interface: segmentOf('Interface whose hosts are served.'),
        VendorClassID: {
          type: 'string',
          access: 'readWrite',
          size: [0, 255],
          default: '',
          about: 'Only for hosts with this vendor class (option 60); empty for all.',
        },
        VendorClassIDExclude: exclude('VendorClassID'),
        VendorClassIDMode: matchMode('VendorClassID'),
        ClientID: {
          type: 'hexBinary',
          access: 'readWrite',
          size: [0, 255],
          default: '',
          about: 'Only for the host with this client identifier (option 61); empty for all.',
        },
        ClientIDExclude: exclude('ClientID'),
        UserClassID: {
          type: 'hexBinary',
          access: 'readWrite',
          size: [0, 255],
          default: '',
          about: 'Only for hosts with this user class (option 77); empty for all.',
        },
        UserClassIDExclude: exclude('UserClassID'),
        Chaddr: mac('Only for hosts with this MAC address; empty for all.'),
        ChaddrMask: mac('Bits of Chaddr that count; empty for all of them.'),
        ChaddrExclude: exclude('Chaddr'),
        AllowedDevices: {
          type: 'string',
          access: 'readWrite',
          enum: ['All', 'Known', 'Unknown'],
          default: 'All',
          about: 'Known are the hosts with a StaticAddress.',
        },
        MinAddress: address('First address of the pool.'),
        MaxAddress: address('Last address of the pool.'),
        ReservedAddresses: addresses(32, 'Addresses between that are not given out.'),
        SubnetMask: address('Mask that hosts are given; empty for that of the interface.'),
        DNSServers: addresses(
          4,
          'Resolvers; empty for the box where it answers, else for those that it uses.',
        ),
        DomainName: {
          type: 'string',
          access: 'readWrite',
          size: [0, 64],
          default: '',
          about: 'Domain of the hosts.',
        },
        IPRouters: addresses(4, 'Routers; empty for the box itself.'),
        WINSServers: addresses(undefined, 'NetBIOS name servers.'),
        LeaseTime: {
          type: 'int',
          access: 'readWrite',
          range: [
            [-1, -1],
            [60, undefined],
          ],
          units: 'seconds',
          default: '86400',
          about: 'How long an address is lent; -1 for ever.',
          reason: 'bounded: less than a minute would flood the network with renewals',
        },
        DSCPMark: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[0, 63]],
          default: '48',
          about: 'DSCP of the answers.',
        },
        X_GATEHOUSE_FollowInterface: {
          type: 'boolean',
          access: 'readWrite',
          default: 'true',
          about:
            'When the interface gets another subnet, the addresses of the pool keep their host part and move along.',
          reason: 'otherwise who changes the address of the LAN leaves it without a DHCP server',
        },
        X_GATEHOUSE_Range: {
          type: 'string',
          about: 'First and last address as they are in effect; empty when the pool is not served.',
          reason: 'see X_GATEHOUSE_FollowInterface',
        },
        X_GATEHOUSE_Size: {
          type: 'unsignedInt',
          about: 'Addresses that can be given out.',
          reason: 'TR-181 does not say how full a pool is',
        },
        X_GATEHOUSE_Bound: {
          type: 'unsignedInt',
          volatile: true,
          about: 'Addresses on loan now.',
          reason: 'TR-181 does not say how full a pool is',
        },
        X_GATEHOUSE_Reason: {
          type: 'string',
          about: 'What is wrong, for people; empty when all is well.',
          reason: 'Status says that something is wrong, TR-181 has no place for what',
        },
      },
    },
    {
      path: 'Device.DHCPv4.Server.Pool.{i}.StaticAddress.{i}.',
      about: 'A host that always gets the same address, by its MAC or its client identifier.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Chaddr']],
      maxRows: 1024,
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Chaddr: mac('MAC address of the host.'),
        Yiaddr: { ...address('Address that it gets.'), default: '' },
        ...own('TR-181 knows hosts by their MAC address alone', {
          X_GATEHOUSE_ClientID: {
            type: 'hexBinary',
            access: 'readWrite',
            size: [0, 255],
            default: '',
            about: 'Client identifier (option 61) of the host, in place of Chaddr.',
          },
          X_GATEHOUSE_HostName: {
            type: 'string',
            access: 'readWrite',
            size: [0, 63],
            pattern: '|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?',
            default: '',
            about: 'Name of the host, whatever it says itself.',
          },
        }),
      },
    },
    {
      path: 'Device.DHCPv4.Server.Pool.{i}.Option.{i}.',
      about: 'An option that hosts are given; it replaces what the pool would send under that tag.',
      rows: 'add',
      enable: 'Enable',
      uniqueKeys: [['Alias'], ['Tag']],
      maxRows: 254,
      params: {
        Enable: ENABLE,
        Alias: ALIAS,
        Tag: {
          type: 'unsignedInt',
          access: 'readWrite',
          range: [[1, 254]],
          about: 'Option code (RFC 2132).',
        },
        Value: {
          type: 'hexBinary',
          access: 'readWrite',
          size: [0, 255],
          default: '',
          about: 'Its value; an empty one is not sent.',
        },
        X_GATEHOUSE_Force: {
          type: 'boolean',
          access: 'readWrite',
          default: 'false',
          about: 'It is sent to hosts that did not ask for it, too.',
          reason: 'some hosts use options that they do not ask for',
        },
        X_GATEHOUSE_VendorClassID: {
          type: 'string',
          access: 'readWrite',
          size: [0, 255],
          default: '',
          about: 'Only for hosts whose vendor class begins so, such as PXEClient; empty for all.',
          reason: 'option 43 means something else to each vendor (RFC 2132 §8.4)',
        },
      },
    },
    {
      path: 'Device.DHCPv4.Server.Stats.',
      about: 'Messages since the daemon started or since Reset().',
      params: {
        Discover: counted('DISCOVER messages received.'),
        Offer: counted('OFFER messages sent.'),
        Request: counted('REQUEST messages received.'),
        ACK: counted('ACK messages sent.'),
        NACK: counted('NAK messages sent.'),
        Decline: counted('DECLINE messages received.'),
        Release: counted('RELEASE messages received.'),
        Inform: counted('INFORM messages received.'),
        DiscardedPackets: counted('Messages that were malformed or of no use to a server.'),
        TransmitFailure: counted('Answers that the kernel did not take.'),
        RelayOptionDropped: counted('Relay agent options that did not fit the answer (RFC 3046).'),
        SecondServerDetected: counted('Times another server was heard on a served interface.'),
        X_GATEHOUSE_Refused: ownCounter(
          'Requests kept without an answer: denied, or waiting for approval.',
          'TR-181 pools say what is given, not who may have it',
        ),
        X_GATEHOUSE_Limited: ownCounter(
          'Requests kept without an answer by a limit of X_GATEHOUSE_Guard.',
          'an attack shows here',
        ),
        X_GATEHOUSE_Exhausted: ownCounter(
          'Requests kept without an answer because no address was free.',
          'TR-181 does not say that a pool is too small',
        ),
        X_GATEHOUSE_NotDurable: ownCounter(
          'New leases not acknowledged because the disk took none.',
          'TR-181 knows no disk that is full',
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
      omitted: { ForceRenew: 'FORCERENEW (RFC 3203) wants an authentication that no client has' },
    },
    ...DHCP_POLICY_TABLES,
  ],
  report: reportDhcpServer,
  check: checkDhcpServer,
};
