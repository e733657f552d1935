/** Which names are refused, changed or let pass, for whom and when, and where the lists come from: given whole. */
import type { Mac } from '../../base/ip.ts';
import type { IpAddress } from '../../base/ip6.ts';
import type { DnsName } from '../../wire/dns-name.ts';

export interface PolicyConfig {
  /** At most `MAX_LISTS` that are enabled: each is one bit of a group's mask. */
  readonly lists: readonly ListConfig[];
  /** In order of the rows. */
  readonly groups: readonly GroupConfig[];
  /** `GroupConfig.id` of clients that no group names; undefined: they are let pass. */
  readonly defaultGroup: string | undefined;
  readonly rewrites: readonly RewriteConfig[];
  /** Seconds that clients may keep the answer to a blocked name. */
  readonly blockTtlSec: number;
}

/** The engine's masks have one bit more, which stands for the owner's rewrites. */
export const MAX_LISTS = 63;

export type ListFormat = 'hosts' | 'plain' | 'wildcard' | 'adblock' | 'dnsmasq' | 'rpz' | 'unbound';

/** One list of names, of others or of the owner's own making. */
export interface ListConfig {
  /** Path of its row without the final dot. */
  readonly id: string;
  readonly enable: boolean;
  /** For people, and for whoever was blocked by it (RFC 8914). */
  readonly name: string;
  /** What a name that merely stands in it means. */
  readonly effect: 'block' | 'allow';
  readonly source:
    | { readonly kind: 'url'; readonly url: string }
    | { readonly kind: 'text'; readonly text: string };
  /** `auto`: by its first lines. */
  readonly format: ListFormat | 'auto';
  /** Names of `hosts` and `plain` lists stand for all below them, too. */
  readonly subdomains: boolean;
  /**
   * It may lead names elsewhere ($dnsrewrite, addresses in hosts, RPZ local data). Whoever writes a
   * list could else lead the bank's name to himself.
   */
  readonly mayRewrite: boolean;
  /** Seconds between two downloads. */
  readonly everySec: number;
  /** A download that is longer is refused. */
  readonly maxBytes: number;
  /** Of the whole file, lower-case hex; what differs is refused. */
  readonly sha256: string | undefined;
  /** Ed25519 (RFC 8032) over the whole file, 64 bytes raw or in base64 at `url`; without it the file is refused. */
  readonly signature: { readonly url: string; readonly publicKey: Uint8Array } | undefined;
}

/** How a blocked name is answered. */
export type BlockMode =
  /** 0.0.0.0 and ::, NODATA for other types. */
  'zero' | 'nxdomain' | 'refused';

export type ClientSelector =
  | { readonly kind: 'mac'; readonly mac: Mac }
  | { readonly kind: 'prefix'; readonly address: IpAddress; readonly prefixLen: number }
  /** Host name of the LAN in lower case, without the domain. */
  | { readonly kind: 'name'; readonly name: string };

/** Clients that are treated alike. A MAC goes before an address, a longer prefix before a shorter one, any before a name. */
export interface GroupConfig {
  readonly id: string;
  /** For people. */
  readonly name: string;
  readonly clients: readonly ClientSelector[];
  /** `ListConfig.id`. */
  readonly lists: readonly string[];
  /** Lists and safe search apply just then; undefined: always. */
  readonly filterDuring: Schedule | undefined;
  /** No name but those of the LAN resolves then (bedtime); undefined: never. */
  readonly offlineDuring: Schedule | undefined;
  /** Search engines and video sites are asked for their versions for children. */
  readonly safeSearch: boolean;
  readonly blockMode: BlockMode;
}

/** Times of the week by the clock of the house. */
export type Schedule = readonly TimeSpan[];

export interface TimeSpan {
  /** Bit 0 is Monday, bit 6 Sunday: the day on which it begins. */
  readonly days: number;
  /** Minutes since midnight, 0 to 1439. */
  readonly fromMin: number;
  /** Exclusive; not behind `fromMin`: it ends on the next day. */
  readonly toMin: number;
}

/** One answer of the owner's for a name; rows of the same name, wildcard and groups add up. */
export interface RewriteConfig {
  readonly id: string;
  readonly enable: boolean;
  readonly name: DnsName;
  /** All names below `name` instead of itself; an exact name goes before, a longer one too. */
  readonly wildcard: boolean;
  /** `GroupConfig.id`; empty is everybody. */
  readonly groups: readonly string[];
  readonly answer: RewriteAnswer;
  readonly ttlSec: number;
}

export type RewriteAnswer =
  /** Type code and RDATA, uncompressed; types that no row gives are NODATA. A CNAME is followed. */
  | { readonly kind: 'record'; readonly type: number; readonly rdata: Uint8Array }
  | { readonly kind: 'nxdomain' }
  | { readonly kind: 'nodata' }
  | { readonly kind: 'refused' }
  /** As if no rule were there: an exception from a wildcard. */
  | { readonly kind: 'pass' };

// ---- what it reports -----------------------------------------------------------------------

/** A line that is no rule here, and why. */
export interface RejectedLine {
  /** From 1 on. */
  readonly line: number;
  readonly reason: string;
  /** Its beginning, at most 120 characters; from elsewhere, so escape it. */
  readonly text: string;
}

export interface ListObserved {
  readonly id: string;
  readonly state: 'disabled' | 'waiting' | 'fetching' | 'current' | 'failed';
  readonly format: ListFormat | undefined;
  /** Of the version in use; zeros while there is none. */
  readonly sizeBytes: number;
  readonly rules: number;
  readonly rejected: number;
  /** The first of those that were rejected. */
  readonly rejectedLines: readonly RejectedLine[];
  /** SHA-256, lower-case hex; undefined while there is no version. */
  readonly sha256: string | undefined;
  /** Unix ms of the version in use, and of the last try; undefined before the first. */
  readonly fetchedMs: number | undefined;
  readonly triedMs: number | undefined;
  /** Unix ms. */
  readonly nextMs: number | undefined;
  /** Why the last try failed; empty otherwise. The version before it stays in use. */
  readonly fault: string;
}

/** A word for a while, as somebody said it. */
export interface OverrideWanted {
  readonly kind: 'pause' | 'allow' | 'block';
  /** With all below it; empty for `pause`. */
  readonly name: string;
  /** Address, MAC address or host name of the LAN; empty: everybody. */
  readonly client: string;
  readonly seconds: number;
}

/** What somebody allowed, blocked or paused for a while. */
export interface OverrideObserved {
  readonly id: number;
  readonly kind: 'pause' | 'allow' | 'block';
  /** For `allow` and `block`: with all below it. */
  readonly name: DnsName | undefined;
  /** Undefined: everybody. */
  readonly client: IpAddress | undefined;
  /** By the clock of the boot. */
  readonly untilMs: number;
}

export interface PolicyObserved {
  /** Goes up with every change of what is decided. */
  readonly generation: number;
  readonly lists: readonly ListObserved[];
  /** Names in the compiled file. */
  readonly names: number;
  readonly overrides: readonly OverrideObserved[];
}
