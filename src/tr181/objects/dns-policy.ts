/** `Device.X_GATEHOUSE_DNS.`: what is blocked or answered otherwise, for whom and when. Tables only. */
import { ALIAS, ENABLE, type ObjectDef, type ParamDef } from '../table.ts';
import { CANCEL, UPDATE } from './dns-actions.ts';
import { own, text } from './params.ts';

const NO_FILTER = 'TR-181 has no filter of names';

const TIME = '([01]\\d|2[0-3]):[0-5]\\d';
const DAY = '(Mo|Tu|We|Th|Fr|Sa|Su)';

const schedule = (about: string): ParamDef => ({
  type: 'string',
  access: 'readWrite',
  list: { maxItems: 32 },
  pattern: `(${DAY}(-${DAY})? )?${TIME}-${TIME}`,
  about: `${about} Such as "Mo-Fr 20:00-07:00,Sa 22:00-08:00".`,
});

const groups = (about: string): ParamDef => ({
  type: 'string',
  access: 'readWrite',
  list: { maxItems: 64 },
  ref: { targets: ['Device.X_GATEHOUSE_DNS.Group.{i}.'], strong: true },
  about,
});

const LIST: ObjectDef = {
  path: 'Device.X_GATEHOUSE_DNS.List.{i}.',
  about: 'A list of names, of others or of the owner’s own making.',
  rows: 'add',
  enable: 'Enable',
  uniqueKeys: [['Alias'], ['URL']],
  maxRows: 128,
  params: own(NO_FILTER, {
    Enable: ENABLE,
    Alias: ALIAS,
    Name: text(80, 'For people, and for whoever is told why a name is blocked.'),
    Effect: {
      type: 'string',
      access: 'readWrite',
      enum: ['Block', 'Allow'],
      default: 'Block',
      about: 'What a name that merely stands in it means.',
    },
    URL: text(2048, 'Where it is fetched from (https, file); empty: the names stand in Text.'),
    Text: text(65_535, 'The list itself, where there is no URL; one rule on each line.'),
    Format: {
      type: 'string',
      access: 'readWrite',
      enum: ['Auto', 'Hosts', 'Plain', 'Wildcard', 'AdBlock', 'Dnsmasq', 'RPZ', 'Unbound'],
      default: 'Auto',
      about: 'How it is written; Auto: by its first lines.',
    },
    Subdomains: {
      type: 'boolean',
      access: 'readWrite',
      default: 'true',
      about: 'Names of Hosts and Plain lists stand for all below them, too.',
    },
    MayRewrite: {
      type: 'boolean',
      access: 'readWrite',
      default: 'false',
      about: 'It may lead names elsewhere; only for lists that you write or trust wholly.',
    },
    AllGroups: {
      type: 'boolean',
      access: 'readWrite',
      default: 'false',
      about: 'It counts for every group, whether that names it or not.',
    },
    Interval: {
      type: 'unsignedInt',
      access: 'readWrite',
      range: [[900, 2_592_000]],
      default: '86400',
      units: 'seconds',
      about: 'Time between two looks whether it changed.',
    },
    MaxSize: {
      type: 'unsignedInt',
      access: 'readWrite',
      range: [[1, 1_048_576]],
      default: '65536',
      units: 'kibibytes',
      about: 'A longer one is refused.',
    },
    SHA256: {
      type: 'hexBinary',
      access: 'readWrite',
      size: [0, 32],
      default: '',
      about: 'SHA-256 of the whole file, which is refused if it differs; empty for any.',
    },
    SignatureURL: text(2048, 'Where its signature (Ed25519 over the file) is; empty for none.'),
    PublicKey: {
      type: 'base64',
      access: 'readWrite',
      size: [0, 32],
      default: '',
      about: 'Key that the signature must be of: 32 bytes.',
    },
    Status: {
      type: 'string',
      enum: ['Disabled', 'Waiting', 'Fetching', 'Current', 'Failed'],
      default: 'Disabled',
      about: 'Failed: the version before stays in use.',
    },
    Reason: { type: 'string', about: 'Why the last try failed; empty otherwise.' },
    Rules: { type: 'unsignedInt', about: 'Rules of the version in use.' },
    Rejected: { type: 'unsignedInt', about: 'Lines that are no rule here.' },
    RejectedLines: {
      type: 'string',
      about: 'The first of them, one on each line: number, reason, text.',
    },
    Size: { type: 'unsignedInt', units: 'bytes', about: 'Of the version in use.' },
    LastUpdate: { type: 'dateTime', about: 'Since when the version in use is here.' },
    LastTry: { type: 'dateTime', about: 'When it was looked for last.' },
    NextTry: { type: 'dateTime', about: 'When it is looked for next.' },
  }),
  commands: UPDATE,
};

const GROUP: ObjectDef = {
  path: 'Device.X_GATEHOUSE_DNS.Group.{i}.',
  about: 'Clients that are treated alike.',
  rows: 'add',
  uniqueKeys: [['Alias']],
  maxRows: 31,
  params: own(NO_FILTER, {
    Alias: ALIAS,
    Name: text(64, 'For people.'),
    Clients: {
      type: 'string',
      access: 'readWrite',
      list: { maxItems: 256 },
      size: [1, 64],
      about:
        'MAC addresses, addresses, networks, or host names of the LAN. A MAC address goes before an address, that before a name.',
    },
    Lists: {
      type: 'string',
      access: 'readWrite',
      list: { maxItems: 64 },
      ref: { targets: ['Device.X_GATEHOUSE_DNS.List.{i}.'], strong: true },
      about: 'Lists that count for them, beside those that count for all.',
    },
    FilterDuring: schedule('Lists and safe search count then alone; empty for always.'),
    OfflineDuring: schedule('No name but those of the LAN resolves then; empty for never.'),
    SafeSearch: {
      type: 'boolean',
      access: 'readWrite',
      default: 'false',
      about: 'Search engines and video sites are asked for their versions for children.',
    },
    BlockMode: {
      type: 'string',
      access: 'readWrite',
      enum: ['Zero', 'NXDOMAIN', 'Refused'],
      default: 'Zero',
      about:
        'How a blocked name is answered: by an address that leads nowhere, as unknown, or not at all.',
    },
  }),
};

const REWRITE: ObjectDef = {
  path: 'Device.X_GATEHOUSE_DNS.Rewrite.{i}.',
  about: 'An answer of the owner’s for a name of the Internet; rows of the same name add up.',
  rows: 'add',
  enable: 'Enable',
  uniqueKeys: [['Alias']],
  maxRows: 1024,
  params: own(NO_FILTER, {
    Enable: ENABLE,
    Alias: ALIAS,
    Name: text(255, 'The name; *.example.org for all below example.org, but not itself.'),
    Type: {
      type: 'string',
      access: 'readWrite',
      size: [1, 10],
      default: 'A',
      about:
        'A, AAAA, CNAME, TXT or any other type of Value; NXDOMAIN, NODATA or REFUSED; PASS: as if no rule were there.',
    },
    Value: text(2048, 'What the record holds, as zone files have it; empty without a record.'),
    TTL: {
      type: 'unsignedInt',
      access: 'readWrite',
      range: [[0, 2_147_483_647]],
      default: '300',
      units: 'seconds',
      about: 'How long clients may keep it.',
    },
    Groups: groups('For clients of these groups alone; empty for all.'),
  }),
};

const OVERRIDE: ObjectDef = {
  path: 'Device.X_GATEHOUSE_DNS.Override.{i}.',
  about: 'What somebody allowed, blocked or paused for a while; it removes itself at its end.',
  rows: 'system',
  uniqueKeys: [['Alias']],
  params: own(NO_FILTER, {
    Alias: ALIAS,
    Kind: { type: 'string', enum: ['Pause', 'Allow', 'Block'], about: 'What was said.' },
    Name: { type: 'string', size: [0, 255], about: 'Of which name, with all below it.' },
    Client: { type: 'IPAddress', size: [0, 45], about: 'For whom; empty for all.' },
    Remaining: {
      type: 'unsignedInt',
      units: 'seconds',
      volatile: true,
      about: 'Time that is left.',
    },
  }),
  commands: CANCEL,
};

export const DNS_POLICY_TABLES: readonly ObjectDef[] = [LIST, GROUP, REWRITE, OVERRIDE];
