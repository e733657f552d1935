/**
 * Gatehouse's own part of `Device.DHCPv4.Server.`: how a segment is shared with other servers, who may
 * have an address, who waits, and who else is there. Tables only.
 */
import { parseMac } from '../../base/ip.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { splitRow } from '../../state/rows.ts';
import { ALIAS, type CommandContext, ENABLE, type ObjectDef, type ParamDef } from '../table.ts';
import { UNKNOWN_TIME } from '../types.ts';
import { address, mac, matchMode, segmentOf } from './dhcpv4-server-params.ts';
import { own } from './params.ts';

const NO_POLICY = 'TR-181 pools say what is given, not who may have it';
const NO_OTHERS = 'TR-181 knows of other servers by a counter alone';

/** What a device said of itself and when: of those that wait, and of other servers' clients. */
const seen = (what: string): Readonly<Record<string, ParamDef>> => ({
  FirstSeen: { type: 'dateTime', about: `When ${what} was heard first.` },
  LastSeen: { type: 'dateTime', volatile: true, about: `When ${what} was heard last.` },
});

/** The owner's word about a device that waits. */
async function decide(
  { object, rows, calls }: CommandContext,
  action: 'Allow' | 'Deny',
  seconds: number,
): Promise<Result<Readonly<Record<string, string>>, string>> {
  const { table, instance } = splitRow(object);
  // The key is `<interface> <MAC>`.
  const mac = parseMac(rows.view.systemKey(table, instance)?.split(' ')[1] ?? '');
  if (!mac.ok) return err('the device is not waiting any more');
  const decided = await calls.dhcpServerDecide(mac.value, action, seconds);
  return decided.ok ? ok({}) : decided;
}

export const DHCP_POLICY_TABLES: readonly ObjectDef[] = [
  {
    path: 'Device.DHCPv4.Server.X_GATEHOUSE_Segment.{i}.',
    about:
      'How the server shares an interface with other servers; without a row it is alone there.',
    rows: 'add',
    uniqueKeys: [['Alias'], ['Interface']],
    maxRows: 64,
    params: own('TR-181 assumes that there is one server on a segment and that it serves all', {
      Alias: ALIAS,
      Interface: segmentOf('The interface.'),
      Mode: {
        type: 'string',
        access: 'readWrite',
        enum: ['Open', 'Selective', 'Hybrid', 'PassThrough'],
        default: 'Open',
        about:
          'Open: all are served but those denied. Selective: only those allowed, strangers wait for approval. Hybrid: those allowed, another server serves the rest. PassThrough: another server serves all, its leases are watched.',
      },
      Authoritative: {
        type: 'boolean',
        access: 'readWrite',
        default: 'true',
        about: 'Requests for addresses of another network are refused at once (Open, Selective).',
      },
      RelayTo: address('Server that PassThrough relays to; empty to listen only.'),
      Probe: {
        type: 'boolean',
        access: 'readWrite',
        default: 'true',
        about: 'An address is probed by ARP before it is offered for the first time.',
      },
    }),
  },
  {
    path: 'Device.DHCPv4.Server.X_GATEHOUSE_Rule.{i}.',
    about: 'Who may have an address: the first rule by Order whose conditions all hold decides.',
    rows: 'add',
    enable: 'Enable',
    uniqueKeys: [['Alias'], ['Order']],
    maxRows: 1024,
    params: own(NO_POLICY, {
      Enable: ENABLE,
      Alias: ALIAS,
      Status: {
        type: 'string',
        enum: ['Disabled', 'Enabled', 'Expired'],
        default: 'Disabled',
        about: 'Whether the rule is in effect.',
      },
      Order: {
        type: 'Order',
        access: 'readWrite',
        range: [[1, undefined]],
        about: 'Place among the rules; those that follow move down.',
      },
      Action: {
        type: 'string',
        access: 'readWrite',
        enum: ['Allow', 'Deny'],
        default: 'Allow',
        about: 'What the rule decides.',
      },
      Interface: segmentOf('Only on this interface; empty for all.'),
      Chaddr: mac('MAC address; empty for all.'),
      ChaddrMask: mac('Bits of Chaddr that count: ff:ff:ff:00:00:00 is a vendor. Empty for all.'),
      RandomisedMAC: {
        type: 'string',
        access: 'readWrite',
        enum: ['Any', 'Only', 'Never'],
        default: 'Any',
        about: 'Only, or never, MAC addresses that the device made up (locally administered).',
      },
      VendorClassID: {
        type: 'string',
        access: 'readWrite',
        size: [0, 255],
        default: '',
        about: 'Vendor class (option 60); empty for all.',
      },
      VendorClassIDMode: matchMode('VendorClassID'),
      HostName: {
        type: 'string',
        access: 'readWrite',
        size: [0, 63],
        default: '',
        about: 'Host name (option 12), in lower case; empty for all.',
      },
      HostNameMode: matchMode('HostName'),
      Until: {
        type: 'dateTime',
        access: 'readWrite',
        default: UNKNOWN_TIME,
        about: 'When the rule ends by itself; 0001-01-01T00:00:00Z for never.',
      },
    }),
  },
  {
    path: 'Device.DHCPv4.Server.X_GATEHOUSE_Guard.',
    about: 'Limits that a healthy network never meets; 0 turns one off.',
    params: own('TR-181 has no protection against starvation', {
      NewClientsPerSec: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 1_000_000]],
        default: '50',
        about: 'New hosts that are offered an address, per port and second.',
      },
      AnswersPerClient: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 1_000_000]],
        default: '20',
        about: 'Answers to one host in ten seconds.',
      },
      HeadroomPercent: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 90]],
        default: '10',
        about: 'Share of a pool, in percent, that only known hosts may use.',
      },
    }),
  },
  {
    path: 'Device.DHCPv4.Server.X_GATEHOUSE_Pending.{i}.',
    about: 'A device that asked for an address and waits for approval.',
    rows: 'system',
    uniqueKeys: [['Alias']],
    params: own(NO_POLICY, {
      Alias: ALIAS,
      Chaddr: { type: 'MACAddress', size: [0, 17], about: 'Its MAC address.' },
      Interface: {
        type: 'string',
        size: [0, 256],
        default: '',
        about: 'Where it asked.',
      },
      HostName: { type: 'string', size: [0, 63], about: 'Name that it gave itself.' },
      VendorClassID: { type: 'string', size: [0, 255], about: 'Its vendor class (option 60).' },
      RandomisedMAC: { type: 'boolean', about: 'The device made up its MAC address.' },
      ...seen('it'),
      Requests: { type: 'unsignedInt', volatile: true, about: 'How often it asked.' },
    }),
    commands: {
      Approve: {
        about: 'Allows the device from now on, or for some seconds.',
        input: { Seconds: { type: 'unsignedInt', default: '0' } },
        run: (context) => decide(context, 'Allow', Number(context.args['Seconds'])),
      },
      Refuse: {
        about: 'Denies the device from now on.',
        run: (context) => decide(context, 'Deny', 0),
      },
    },
  },
  {
    path: 'Device.DHCPv4.Server.X_GATEHOUSE_OtherServer.{i}.',
    about: 'Another DHCP server that was heard where there should be none.',
    rows: 'system',
    uniqueKeys: [['Alias']],
    params: own(NO_OTHERS, {
      Alias: ALIAS,
      Interface: { type: 'string', size: [0, 256], default: '', about: 'Where it was heard.' },
      IPAddress: { type: 'IPv4Address', size: [0, 45], about: 'Its address.' },
      Chaddr: { type: 'MACAddress', size: [0, 17], about: 'MAC address that it sent from.' },
      ...seen('it'),
      Offers: { type: 'unsignedInt', volatile: true, about: 'Its answers that were heard.' },
    }),
  },
  {
    path: 'Device.DHCPv4.Server.X_GATEHOUSE_OtherLease.{i}.',
    about: 'A lease of another server, as heard on the segment (Hybrid, PassThrough).',
    rows: 'system',
    uniqueKeys: [['Alias']],
    params: own(NO_OTHERS, {
      Alias: ALIAS,
      Interface: { type: 'string', size: [0, 256], default: '', about: 'Where it was heard.' },
      Chaddr: { type: 'MACAddress', size: [0, 17], about: 'MAC address of the host.' },
      IPAddress: { type: 'IPv4Address', size: [0, 45], about: 'Its address.' },
      Server: { type: 'IPv4Address', size: [0, 45], about: 'Who gave it.' },
      HostName: { type: 'string', size: [0, 63], about: 'Name of the host.' },
      LeaseTimeRemaining: {
        type: 'dateTime',
        volatile: true,
        about: 'When it is over; 0001-01-01T00:00:00Z when only the request was heard.',
      },
    }),
  },
];
