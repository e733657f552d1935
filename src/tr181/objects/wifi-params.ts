/** The tables of `Device.WiFi.` (TR-181): radios, and the networks that the box joins. */
import { ALIAS, ENABLE, type ObjectDef, REASON } from '../table.ts';
import {
  INTERFACE_STATUS,
  lastChange,
  rowStatus,
  SSIDS,
  STATS_PARAMS,
  statsObject,
} from './interfaces.ts';

export const RADIOS = 'Device.WiFi.Radio.';
export const END_POINTS = 'Device.WiFi.EndPoint.';

/** What a station can be told here, of TR-181's modes. */
export const MODES = [
  'None',
  'WPA2-Personal',
  'WPA3-Personal',
  'WPA3-Personal-Transition',
] as const;

const DRIVER = 'the driver chooses it, with the access point';
const NO_ACCESS_POINT = 'a parameter of access points, which the box is not';
const WEP = 'WEP and WPA are broken, so no network is joined with them';

export const WIFI_OBJECTS: readonly ObjectDef[] = [
  {
    path: 'Device.WiFi.',
    about: 'Wi-Fi: the box joins networks as a station.',
    params: {},
    omitted: {
      AccessPointNumberOfEntries: 'the box joins networks and makes none',
      'NeighboringWiFiDiagnostic()': '`gatehouse wifi scan` does it',
      'Reset()': 'setting Enable of the radio to false and true does the same, durably',
    },
  },
  {
    path: 'Device.WiFi.Radio.{i}.',
    about:
      'A radio of the box. The system makes the rows; a name that comes back has its old number.',
    rows: 'system',
    uniqueKeys: [['Alias'], ['Name']],
    systemWritable: ['Enable', 'RegulatoryDomain'],
    params: {
      Enable: {
        type: 'boolean',
        access: 'readWrite',
        default: 'true',
        about: 'Whether the radio may send; one that may not is silenced (rfkill).',
      },
      Status: { type: 'string', enum: INTERFACE_STATUS, about: 'State of the radio.' },
      Alias: ALIAS,
      Name: { type: 'string', size: [0, 64], about: 'Name of its interface in the kernel.' },
      LastChange: lastChange,
      Upstream: { type: 'boolean', about: 'True when it lies below an IP.Interface in zone Wan.' },
      OperatingFrequencyBand: {
        type: 'string',
        enum: ['', '2.4GHz', '5GHz', '6GHz'],
        about: 'Where it is now; empty while it is on no network.',
        reason: 'not writable: a station is where its access point is',
      },
      Channel: {
        type: 'unsignedInt',
        about: 'Channel of the network; 0 while it is on none.',
        reason: 'see OperatingFrequencyBand',
      },
      RegulatoryDomain: {
        type: 'string',
        access: 'readWrite',
        size: [0, 3],
        pattern: '|[A-Z][A-Z][ OI]?',
        default: '',
        about:
          'Country whose rules it keeps (ISO 3166-1); a third letter for inside or outside counts for nothing. Empty: what the kernel takes by itself, which is what is allowed everywhere.',
      },
      X_GATEHOUSE_Country: {
        type: 'string',
        size: [0, 2],
        about: 'Country that the kernel last said it keeps to; empty while it said none.',
        reason: 'an access point’s own country, or a driver, may win over RegulatoryDomain',
      },
      X_GATEHOUSE_Blocked: {
        type: 'string',
        enum: ['', 'Hard', 'Soft'],
        about: 'Whether a switch (Hard) or a program (Soft) silences it.',
        reason: 'why a radio is silent has no place in TR-181',
      },
      X_GATEHOUSE_Reason: REASON,
    },
    omitted: {
      LowerLayers: 'nothing lies below a radio',
      MaxBitRate: DRIVER,
      SupportedFrequencyBands: DRIVER,
      SupportedStandards: DRIVER,
      OperatingStandards: DRIVER,
      PossibleChannels: DRIVER,
      AutoChannelEnable: DRIVER,
      OperatingChannelBandwidth: DRIVER,
      TransmitPower: DRIVER,
      IEEE80211hSupported: DRIVER,
    },
  },
  {
    path: 'Device.WiFi.SSID.{i}.',
    about: 'The interface of a radio, and the network that it is on: what an IP.Interface lies on.',
    rows: 'system',
    uniqueKeys: [['Alias'], ['Name']],
    params: {
      Enable: {
        type: 'boolean',
        default: 'false',
        about: 'As the radio.',
        reason: 'not writable: the radio has one interface',
      },
      Status: { type: 'string', enum: INTERFACE_STATUS, about: 'Operational state.' },
      Alias: ALIAS,
      Name: { type: 'string', size: [0, 64], about: 'Kernel name.' },
      LastChange: lastChange,
      LowerLayers: {
        type: 'string',
        list: {},
        about: 'Its radio.',
        reason: 'not writable: the radio has one interface',
      },
      Upstream: { type: 'boolean', about: 'True when it lies below an IP.Interface in zone Wan.' },
      BSSID: { type: 'MACAddress', size: [0, 17], about: 'Address of the access point.' },
      MACAddress: { type: 'MACAddress', size: [0, 17], about: 'Address of the interface.' },
      SSID: {
        type: 'string',
        size: [0, 128],
        about: 'Name of the network that it is on; empty while it is on none.',
        reason:
          'not writable: a profile of EndPoint says which are joined. One that is no UTF-8 is shown with \\x',
      },
    },
  },
  statsObject(`${SSIDS}{i}.Stats.`, STATS_PARAMS),
  {
    path: 'Device.WiFi.EndPoint.{i}.',
    about: 'The box as a station: it joins the first of its profiles that is in range.',
    rows: 'add',
    enable: 'Enable',
    uniqueKeys: [['Alias']],
    maxRows: 1,
    params: {
      Enable: ENABLE,
      Status: rowStatus('Enabled: it is on a network or looks for one; Error: it was not let in.'),
      Alias: ALIAS,
      ProfileReference: {
        type: 'string',
        size: [0, 256],
        about: 'Profile of the network that it is on.',
        reason: 'not writable: Priority chooses, and what is in range',
      },
      SSIDReference: {
        type: 'string',
        size: [0, 256],
        about: 'Its interface: that of the first radio.',
      },
      X_GATEHOUSE_State: {
        type: 'string',
        enum: ['off', 'starting', 'searching', 'joining', 'joined', 'refused'],
        default: 'off',
        about: 'How far it is.',
        reason: 'Status says only whether it is in use',
      },
      X_GATEHOUSE_Restarts: {
        type: 'unsignedInt',
        about: 'Times wpa_supplicant had to be started again because it died.',
        reason: 'a driver that does not hold shows here',
      },
      X_GATEHOUSE_Reason: REASON,
    },
  },
  {
    path: 'Device.WiFi.EndPoint.{i}.Stats.',
    about: 'The link to the access point, asked for every 30 seconds.',
    params: {
      LastDataUplinkRate: {
        type: 'unsignedInt',
        units: 'kbps',
        about: 'Rate of the last frame to the access point; 0 while there is none.',
      },
      SignalStrength: {
        type: 'int',
        units: 'dBm',
        range: [[-200, 0]],
        about: 'Signal of the access point; 0 while there is none.',
      },
    },
    omitted: {
      LastDataDownlinkRate: 'wpa_supplicant does not tell it',
      Retransmissions: 'wpa_supplicant does not tell it',
    },
  },
  {
    path: 'Device.WiFi.EndPoint.{i}.Security.',
    about: 'What the station can do.',
    params: {
      ModesSupported: {
        type: 'string',
        list: {},
        default: MODES.join(','),
        about: 'The modes that a profile may have.',
      },
    },
  },
  {
    path: 'Device.WiFi.EndPoint.{i}.Profile.{i}.',
    about: 'A network that may be joined.',
    rows: 'add',
    enable: 'Enable',
    uniqueKeys: [['Alias'], ['SSID']],
    maxRows: 16,
    params: {
      Enable: ENABLE,
      Status: {
        type: 'string',
        enum: ['Active', 'Available', 'Error', 'Disabled'],
        default: 'Disabled',
        about: 'Active: it is on this network now.',
      },
      Alias: ALIAS,
      SSID: {
        type: 'string',
        access: 'readWrite',
        size: [0, 32],
        default: '',
        about: 'Name of the network, at most 32 bytes of UTF-8.',
      },
      Priority: {
        type: 'unsignedInt',
        access: 'readWrite',
        range: [[0, 255]],
        default: '0',
        about: 'The least is the most wanted.',
      },
      X_GATEHOUSE_Hidden: {
        type: 'boolean',
        access: 'readWrite',
        default: 'false',
        about: 'The network does not tell its name: it is asked for by it.',
        reason: 'TR-181 has it for access points alone',
      },
      X_GATEHOUSE_Reason: REASON,
    },
    omitted: { Location: NO_ACCESS_POINT },
  },
  {
    path: 'Device.WiFi.EndPoint.{i}.Profile.{i}.Security.',
    about: 'How the network is protected.',
    params: {
      ModeEnabled: {
        type: 'string',
        access: 'readWrite',
        enum: MODES,
        default: 'WPA2-Personal',
        about:
          'WPA3-Personal-Transition takes WPA3 where the network and the radio have it, else WPA2.',
        reason: WEP,
      },
      PreSharedKey: {
        type: 'hexBinary',
        access: 'readWrite',
        size: [0, 32],
        pattern: '|[0-9A-Fa-f]{64}',
        default: '',
        secret: true,
        about: 'The key itself, 64 hex digits; it wins over KeyPassphrase. For WPA2 alone.',
      },
      KeyPassphrase: {
        type: 'string',
        access: 'readWrite',
        size: [0, 63],
        pattern: '|[\\x20-\\x7e]{8,63}',
        default: '',
        secret: true,
        about: 'Password of the network: 8 to 63 characters of ASCII.',
      },
    },
    omitted: {
      WEPKey: WEP,
      SAEPassphrase: 'KeyPassphrase is used for WPA3, too',
      MFPConfig: 'frames are protected wherever the network can; always with WPA3',
    },
  },
];
