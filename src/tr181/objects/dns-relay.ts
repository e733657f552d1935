/** `Device.DNS.Relay.` (TR-181): whether the LAN's names are resolved here, and who is asked. Tables only. */
import { ALIAS, ENABLE, type ObjectDef, type ParamDef } from '../table.ts';

const NO_PORT = 'TR-181 knows plain DNS on port 53 alone';
const NO_HEALTH = 'TR-181 does not say how a resolver does';
const CONFIG = 'the one relay has one configuration, Device.X_GATEHOUSE_DNS.';

const count = (about: string): ParamDef => ({
  type: 'StatsCounter64',
  volatile: true,
  about,
  reason: NO_HEALTH,
});

export const DNS_RELAY_TABLES: readonly ObjectDef[] = [
  {
    path: 'Device.DNS.Relay.',
    about: 'The DNS server of the LAN.',
    params: {
      Enable: {
        type: 'boolean',
        access: 'readWrite',
        about: 'Whether names are resolved for the LAN.',
      },
      Status: {
        type: 'string',
        enum: ['Disabled', 'Enabled', 'Error'],
        about: 'Whether it answers; Error when it can listen nowhere.',
      },
      X_GATEHOUSE_Reason: {
        type: 'string',
        about: 'What is wrong, for people; empty when all is well.',
        reason: 'Status says that something is wrong, not what',
      },
    },
    omitted: { ConfigNumberOfEntries: CONFIG },
  },
  {
    path: 'Device.DNS.Relay.Forwarding.{i}.',
    about:
      'A resolver that is asked: added by users, or brought by a lease of the WAN. Those of leases are asked where no other is enabled for all names.',
    rows: 'both',
    enable: 'Enable',
    countedAs: 'Forward',
    uniqueKeys: [['DNSServer'], ['Alias']],
    maxRows: 32,
    params: {
      Enable: ENABLE,
      Status: {
        type: 'string',
        enum: ['Disabled', 'Enabled', 'Error'],
        default: 'Disabled',
        about: 'Error while it does not answer.',
      },
      Alias: ALIAS,
      DNSServer: {
        type: 'IPAddress',
        access: 'readWrite',
        size: [0, 45],
        about: 'Its address; empty: it is found by its name.',
      },
      Interface: {
        type: 'string',
        size: [0, 256],
        default: '',
        ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
        about: 'Interface that it was learned on.',
        reason: 'not writable: the routes decide which way a query goes',
      },
      Type: {
        type: 'string',
        enum: ['DHCP', 'DHCPv4', 'DHCPv6', 'RouterAdvertisement', 'IPCP', '3GPP-NAS', 'Static'],
        default: 'Static',
        about: 'Where it comes from: Static or DHCP.',
      },
      X_GATEHOUSE_Protocol: {
        type: 'string',
        access: 'readWrite',
        enum: ['UDP', 'TCP', 'TLS', 'HTTPS'],
        default: 'UDP',
        about: 'How it is asked; with TLS and HTTPS nobody between can read or change anything.',
        reason: NO_PORT,
      },
      X_GATEHOUSE_Port: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 65_535]],
        default: '0',
        about: '0 for the usual one: 53, with TLS 853, with HTTPS 443.',
        reason: NO_PORT,
      },
      X_GATEHOUSE_Name: {
        type: 'string',
        access: 'readWrite',
        size: [0, 253],
        default: '',
        about: 'Name that its certificate must have, such as dns.quad9.net (TLS, HTTPS).',
        reason: NO_PORT,
      },
      X_GATEHOUSE_Path: {
        type: 'string',
        access: 'readWrite',
        size: [1, 256],
        pattern: '/[!-~]*',
        default: '/dns-query',
        about: 'Path of its URL (HTTPS).',
        reason: NO_PORT,
      },
      X_GATEHOUSE_Pins: {
        type: 'string',
        access: 'readWrite',
        list: { maxItems: 8 },
        pattern: '[A-Za-z0-9+/]{43}=',
        about:
          'SHA-256 of keys in base64, one of which its certificates must have (RFC 7858 §4.2); empty: the name is enough.',
        reason: NO_PORT,
      },
      X_GATEHOUSE_Domains: {
        type: 'string',
        access: 'readWrite',
        list: { maxItems: 64 },
        size: [1, 253],
        about:
          'Only names at and below these are asked here, and nowhere else; empty for all others.',
        reason: 'TR-181 asks every server for everything',
      },
      X_GATEHOUSE_ResponseTime: {
        type: 'unsignedInt',
        units: 'microseconds',
        volatile: true,
        about: 'How long it takes to answer, smoothed; 0 before the first answer.',
        reason: NO_HEALTH,
      },
      X_GATEHOUSE_Queries: count('Queries sent to it.'),
      X_GATEHOUSE_Answers: count('Answers that fit a query.'),
      X_GATEHOUSE_Timeouts: count('Queries that it let pass.'),
      X_GATEHOUSE_Failures: count('Refused connections, unfit certificates, nonsense.'),
      X_GATEHOUSE_Mismatches: count('Packets that answered nothing that was asked.'),
      X_GATEHOUSE_LastError: {
        type: 'string',
        volatile: true,
        about: 'What went wrong last, for people.',
        reason: NO_HEALTH,
      },
    },
  },
];
