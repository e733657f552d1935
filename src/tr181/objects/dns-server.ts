/** `Device.X_GATEHOUSE_DNS.`: how the DNS server of the LAN serves, remembers, checks and reports. Tables only. */
import { ALIAS, ENABLE, type ObjectDef, type ParamDef } from '../table.ts';
import { DNS_ACTIONS, FLUSH } from './dns-actions.ts';
import { own } from './params.ts';

const NO_SERVER = 'TR-181 describes a relay, not a server';
const NO_CACHE = 'TR-181 has sizes and times of the cache for reading alone';
const NO_DNSSEC = 'TR-181 does not speak of DNSSEC';

const flag = (fallback: 'true' | 'false', about: string): ParamDef => ({
  type: 'boolean',
  access: 'readWrite',
  default: fallback,
  about,
});

const amount = (
  range: readonly [number, number],
  fallback: number,
  about: string,
  units?: string,
): ParamDef => ({
  type: 'unsignedInt',
  access: 'readWrite',
  range: [range],
  default: String(fallback),
  ...(units === undefined ? {} : { units }),
  about,
});

const names = (about: string, fallback = ''): ParamDef => ({
  type: 'string',
  access: 'readWrite',
  list: { maxItems: 256 },
  size: [1, 253],
  default: fallback,
  about,
});

const counter = (about: string): ParamDef => ({ type: 'StatsCounter64', volatile: true, about });
const gauge = (about: string, units?: string): ParamDef => ({
  type: 'unsignedInt',
  volatile: true,
  ...(units === undefined ? {} : { units }),
  about,
});

const DAY = 86_400;

/** `COUNTS` of the service's report by their name in the table. */
export const DNS_COUNTERS = {
  Queries: ['queries', 'Queries that came.'],
  Refused: ['refused', 'From nobody of the LAN.'],
  Limited: ['limited', 'Beyond what one client may ask.'],
  Malformed: ['malformed', 'That were none.'],
  Local: ['local', 'Answered from the names of the LAN.'],
  Blocked: ['blocked', 'Blocked by a rule.'],
  CacheHits: ['cacheHits', 'Answered from the cache.'],
  StaleAnswers: ['staleAnswers', 'Answered from the cache past its time, as no resolver answered.'],
  Prefetches: ['prefetches', 'Answers that were fetched anew before their end.'],
  Forwarded: ['forwarded', 'Sent to a resolver.'],
  Joined: ['joined', 'That waited for the same question under way.'],
  Failed: ['failed', 'That nobody could answer.'],
  RebindRefused: ['rebindRefused', 'Answers that would have led into the LAN.'],
  Secure: ['secure', 'Answers that DNSSEC proves.'],
  Bogus: ['bogus', 'Answers that DNSSEC proves wrong.'],
  Synthesised: ['synthesised', 'Answered by proofs of the cache that a name is not there.'],
  Overload: ['overload', 'Dropped, as too many were under way.'],
} as const;

/** The DS records of the root's keys of 2017 and 2024 (https://data.iana.org/root-anchors). */
const ROOT_ANCHORS =
  '20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D,38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16';

export const DNS_SERVER_TABLES: readonly ObjectDef[] = [
  {
    path: 'Device.X_GATEHOUSE_DNS.',
    about: 'The DNS server of the LAN, beyond Device.DNS.Relay.',
    params: own(NO_SERVER, {
      Interfaces: {
        type: 'string',
        access: 'readWrite',
        list: { maxItems: 32 },
        ref: { targets: ['Device.IP.Interface.{i}.'], strong: true },
        about: 'Interfaces of zone Lan that are served; empty for all of them.',
      },
      Addresses: {
        type: 'IPAddress',
        access: 'readWrite',
        list: { maxItems: 32 },
        size: [0, 45],
        about: 'Addresses to listen on beside those of the interfaces.',
      },
      Port: amount([1, 65_535], 53, 'Port for UDP and TCP.'),
      TLSPort: amount([0, 65_535], 853, 'Port for DNS over TLS (RFC 7858); 0 for none.'),
      HTTPSPort: amount(
        [0, 65_535],
        0,
        'Port for DNS over HTTPS (RFC 8484) at /dns-query; 0 for none. 443 is the page’s.',
      ),
      Allow: {
        type: 'string',
        access: 'readWrite',
        list: { maxItems: 64 },
        size: [1, 49],
        about: 'Networks that are answered beside those of the LAN, such as 10.1.0.0/16.',
      },
      ClientRate: amount([0, 1_000_000], 1000, 'Queries a second of one client; 0 for no limit.'),
      UseLeaseResolvers: flag(
        'true',
        'Resolvers that the WAN’s leases bring are asked where no other is enabled for all names.',
      ),
      Bootstrap: {
        type: 'IPAddress',
        access: 'readWrite',
        list: { maxItems: 8 },
        size: [0, 45],
        about:
          'Plain resolvers that are asked where another resolver is, if that has a name alone.',
      },
      Domain: {
        type: 'string',
        access: 'readWrite',
        size: [1, 253],
        default: 'lan',
        about: 'Domain of the LAN’s hosts: NAME.lan.',
      },
      OwnNames: names('What the box is called beside its host name; labels.', 'gatehouse'),
      LocalTTL: amount([0, DAY], 60, 'How long clients may keep names of the LAN.', 'seconds'),
      MDNS: flag('true', 'Names below local. are looked for by multicast DNS (RFC 6762).'),
      RebindProtection: flag(
        'true',
        'Answers of the Internet that lead into the LAN are refused (DNS rebinding).',
      ),
      RebindExempt: names('Names at and below which such answers are let pass.'),
      BlockTTL: amount(
        [0, DAY],
        60,
        'How long clients may keep that a name is blocked.',
        'seconds',
      ),
      DefaultGroup: {
        type: 'string',
        access: 'readWrite',
        size: [0, 256],
        default: '',
        ref: { targets: ['Device.X_GATEHOUSE_DNS.Group.{i}.'], strong: true },
        about: 'Group of clients that no other group names; empty: nothing is blocked for them.',
      },
      BlockedNames: gauge('Names in the compiled lists.'),
    }),
    commands: DNS_ACTIONS,
  },
  {
    path: 'Device.X_GATEHOUSE_DNS.Listener.{i}.',
    about: 'Where it listens.',
    rows: 'system',
    uniqueKeys: [['Alias']],
    params: own(NO_SERVER, {
      Alias: ALIAS,
      Transport: {
        type: 'string',
        enum: ['UDP', 'TCP', 'TLS', 'HTTPS'],
        about: 'How it is asked there.',
      },
      Address: { type: 'IPAddress', size: [0, 45], about: 'Address.' },
      Port: { type: 'unsignedInt', about: 'Port.' },
      Status: { type: 'string', enum: ['Up', 'Error'], about: 'Whether it listens.' },
      Reason: { type: 'string', about: 'Why it does not, for people.' },
    }),
  },
  {
    path: 'Device.X_GATEHOUSE_DNS.Record.{i}.',
    about: 'A record of the owner’s, such as the address of a server at home.',
    rows: 'add',
    enable: 'Enable',
    uniqueKeys: [['Alias'], ['Name', 'Type', 'Value']],
    maxRows: 1024,
    params: own('TR-181 knows names of hosts alone', {
      Enable: ENABLE,
      Alias: ALIAS,
      Name: {
        type: 'string',
        access: 'readWrite',
        size: [0, 253],
        default: '',
        about: 'Whole name, such as nas.lan.',
      },
      Type: {
        type: 'string',
        access: 'readWrite',
        size: [1, 10],
        default: 'A',
        about: 'Type of the record, such as A, AAAA, CNAME, MX, TXT, SRV or PTR.',
      },
      Value: {
        type: 'string',
        access: 'readWrite',
        size: [0, 2048],
        default: '',
        about: 'What it holds, as zone files have it: 192.168.1.9, or 10 mail.lan. for MX.',
      },
      TTL: amount([0, 2_147_483_647], 3600, 'How long clients may keep it.', 'seconds'),
    }),
  },
  {
    path: 'Device.X_GATEHOUSE_DNS.Cache.',
    about: 'Answers that are remembered.',
    params: own(NO_CACHE, {
      Size: amount([1024, 1_048_576], 16_384, 'Memory for it.', 'kibibytes'),
      MinTTL: amount([0, 3600], 0, 'An answer is kept at least so long.', 'seconds'),
      MaxTTL: amount([0, 7 * DAY], DAY, 'An answer is kept at most so long.', 'seconds'),
      MaxNegativeTTL: amount(
        [0, DAY],
        3600,
        'That something is not there is kept at most so long (RFC 2308).',
        'seconds',
      ),
      Stale: amount(
        [0, 7 * DAY],
        DAY,
        'For so long after its end an answer is given when no resolver answers (RFC 8767); 0 for never.',
        'seconds',
      ),
      Prefetch: flag('true', 'What is asked for near its end is fetched anew before it.'),
      Entries: gauge('Answers in it.'),
      UsedBytes: gauge('Memory that they take.', 'bytes'),
      Evicted: counter('Answers that made room for others.'),
    }),
    commands: FLUSH,
  },
  {
    path: 'Device.X_GATEHOUSE_DNS.DNSSEC.',
    about: 'Proof that answers are what their owners published (RFC 4033).',
    params: own(NO_DNSSEC, {
      Enable: flag(
        'true',
        'Answers are validated; what is proven wrong is not given. A provider’s resolver that keeps signatures back is taken as it is.',
      ),
      Anchors: {
        type: 'string',
        access: 'readWrite',
        list: { maxItems: 16 },
        size: [1, 200],
        pattern: '\\d{1,5} \\d{1,3} \\d{1,3} [0-9A-Fa-f]+',
        default: ROOT_ANCHORS,
        about:
          'DS records of the root’s keys, where trust begins; later ones are learned (RFC 5011).',
      },
      NegativeAnchors: names('Names at and below which nothing is validated (RFC 7646).'),
    }),
  },
  {
    path: 'Device.X_GATEHOUSE_DNS.DNSSEC.Anchor.{i}.',
    about: 'A key of the root, as it is trusted now.',
    rows: 'system',
    uniqueKeys: [['Alias']],
    params: own(NO_DNSSEC, {
      Alias: ALIAS,
      KeyTag: { type: 'unsignedInt', about: 'Its tag.' },
      Algorithm: { type: 'unsignedInt', about: 'Number of its algorithm.' },
      State: {
        type: 'string',
        enum: ['Configured', 'AddPending', 'Valid', 'Missing', 'Revoked'],
        about: 'As RFC 5011 §4 has it.',
      },
    }),
  },
  {
    path: 'Device.X_GATEHOUSE_DNS.QueryLog.',
    about: 'What is remembered of the queries. It is in memory alone, and gone at a restart.',
    params: own('TR-181 has no log of queries', {
      Privacy: {
        type: 'string',
        access: 'readWrite',
        enum: ['Off', 'Counts', 'Anonymous', 'Full'],
        default: 'Counts',
        about:
          'Off: nothing. Counts: how many, and who answered. Anonymous: names too, of clients their network alone. Full: names and clients.',
      },
      Entries: amount([0, 100_000], 5000, 'Queries that are kept; the oldest makes room.'),
      Recorded: counter('Queries that were taken down since the start.'),
    }),
  },
  {
    path: 'Device.X_GATEHOUSE_DNS.Stats.',
    about: 'Counters since the server started.',
    params: own(
      'TR-181 does not count queries',
      Object.fromEntries(
        Object.entries(DNS_COUNTERS).map(([name, [, about]]) => [name, counter(about)]),
      ),
    ),
  },
];
