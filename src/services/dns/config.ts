import type { IpAddress } from '../../base/ip6.ts';
import type { DnsName } from '../../wire/dns-name.ts';

/** Where and whom the DNS server answers, whom it asks, and what it knows itself; given whole. */
export interface DnsConfig {
  readonly enable: boolean;
  readonly listen: DnsListen;
  /** Nobody else is answered; empty is nobody. */
  readonly allow: readonly IpRange[];
  /** Queries a second that one client may ask; 0 is no limit. */
  readonly clientPerSec: number;
  readonly upstreams: readonly UpstreamConfig[];
  /** Resolvers of the Internet provider, which the leases bring, are asked where no upstream for all names is enabled. */
  readonly useLeaseResolvers: boolean;
  /** Plain resolvers that are asked for the addresses of upstreams known by name alone. */
  readonly bootstrap: readonly IpAddress[];
  readonly local: LocalConfig;
  readonly cache: CacheConfig;
  readonly dnssec: DnssecConfig;
  /** Answers from upstreams that lead into the LAN are refused (DNS rebinding), but below these names. */
  readonly rebind: { readonly enable: boolean; readonly exempt: readonly DnsName[] };
}

/** Addresses of one family: IPv4 is a number, IPv6 a bigint. */
export interface IpRange {
  readonly address: IpAddress;
  readonly prefixLen: number;
}

export interface DnsListen {
  /** Kernel names of interfaces of the LAN: every address that they have is served. */
  readonly interfaces: readonly string[];
  /** Beside those. */
  readonly addresses: readonly IpAddress[];
  /** UDP and TCP; 53. */
  readonly port: number;
  /** DNS over TLS (RFC 7858), 853; undefined for none. */
  readonly tlsPort: number | undefined;
  /** DNS over HTTPS (RFC 8484) at `/dns-query`; undefined for none. */
  readonly httpsPort: number | undefined;
}

export type UpstreamProtocol = 'udp' | 'tcp' | 'tls' | 'https';

/** One resolver that is asked. */
export interface UpstreamConfig {
  /** Path of its row without the final dot. */
  readonly id: string;
  readonly enable: boolean;
  /** `udp` goes on by TCP where an answer is truncated. */
  readonly protocol: UpstreamProtocol;
  /** Empty: `name` is looked up by the bootstrap resolvers. */
  readonly addresses: readonly IpAddress[];
  /** 53, 853 or 443. */
  readonly port: number;
  /** What its certificate must be for; for `tls` and `https`. */
  readonly name: string | undefined;
  /** Of its URL, such as `/dns-query`; for `https`. */
  readonly path: string;
  /** SHA-256 of keys (SubjectPublicKeyInfo) in base64, one of which its chain must have (RFC 7858 §4.2); empty: the name is enough. */
  readonly pins: readonly string[];
  /** Only names at and below these are asked here, and nowhere else; empty: all others. */
  readonly domains: readonly DnsName[];
}

export interface LocalConfig {
  /** Domain of the LAN's hosts: `lan`. Hosts are known as `name` and `name.lan`. */
  readonly domain: DnsName;
  /** What the box itself is called beside its host name; labels without the domain. */
  readonly ownNames: readonly string[];
  /** Seconds that clients may keep names of the LAN. */
  readonly ttlSec: number;
  readonly records: readonly LocalRecord[];
  /** Names below `local.` are looked for by multicast DNS (RFC 6762) on the interfaces of `listen`. */
  readonly mdns: boolean;
}

/** A record of the owner's. */
export interface LocalRecord {
  readonly id: string;
  readonly name: DnsName;
  /** Type code, such as 1 for A. */
  readonly type: number;
  readonly ttlSec: number;
  readonly rdata: Uint8Array;
}

export interface CacheConfig {
  readonly sizeBytes: number;
  readonly minTtlSec: number;
  readonly maxTtlSec: number;
  /** RFC 2308 §5 recommends one to three hours. */
  readonly maxNegativeTtlSec: number;
  /** For so long after its end an answer is given when no upstream answers (RFC 8767); 0 is never. */
  readonly staleSec: number;
  /** What is asked for when little of its time is left is fetched anew before it ends. */
  readonly prefetch: boolean;
}

export interface DnssecConfig {
  readonly enable: boolean;
  /** DS records of the root, text: `20326 8 2 E06D…`; those learned by RFC 5011 come on top. */
  readonly anchors: readonly string[];
  /** Names at and below which nothing is validated (RFC 7646). */
  readonly negativeAnchors: readonly DnsName[];
}

// ---- what it reports -----------------------------------------------------------------------

export interface ListenerObserved {
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  readonly address: IpAddress;
  readonly port: number;
  /** Why it does not listen, for people. */
  readonly error: string | undefined;
}

export interface UpstreamObserved {
  /** `UpstreamConfig.id`, or `lease` for a resolver that a lease brought. */
  readonly id: string;
  readonly protocol: UpstreamProtocol;
  readonly address: IpAddress | undefined;
  readonly port: number;
  readonly state: 'unknown' | 'up' | 'down';
  /** Smoothed; undefined before the first answer. */
  readonly rttMs: number | undefined;
  readonly queries: number;
  readonly answers: number;
  readonly timeouts: number;
  /** Connections refused, certificates that do not fit, SERVFAIL, nonsense. */
  readonly failures: number;
  /** Packets that answered nothing that was asked: wrong id, question, or case. */
  readonly mismatches: number;
  readonly lastError: string | undefined;
}

/** All since the start of the service. */
export interface DnsCounts {
  readonly queries: number;
  readonly refused: number;
  readonly limited: number;
  readonly malformed: number;
  readonly local: number;
  readonly blocked: number;
  readonly cacheHits: number;
  readonly staleAnswers: number;
  readonly prefetches: number;
  readonly forwarded: number;
  /** Questions that waited for the same one under way. */
  readonly joined: number;
  readonly failed: number;
  readonly rebindRefused: number;
  readonly secure: number;
  readonly bogus: number;
  /** Answered by NSEC records of the cache (RFC 8198). */
  readonly synthesised: number;
  /** Dropped because too many questions were under way. */
  readonly overload: number;
}

export interface AnchorObserved {
  readonly keyTag: number;
  readonly algorithm: number;
  /** RFC 5011 §4. */
  readonly state: 'configured' | 'addPending' | 'valid' | 'missing' | 'revoked';
}

export interface DnsObserved {
  readonly status: 'Disabled' | 'Enabled' | 'Error';
  readonly listeners: readonly ListenerObserved[];
  readonly upstreams: readonly UpstreamObserved[];
  readonly counts: DnsCounts;
  readonly cache: {
    readonly entries: number;
    readonly usedBytes: number;
    readonly sizeBytes: number;
    readonly evicted: number;
  };
  readonly anchors: readonly AnchorObserved[];
}
