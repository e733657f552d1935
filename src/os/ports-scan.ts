/** What the rooms may ask of a search of a link: types only, like `ports.ts`. */
import type { SystemError } from '../base/errors.ts';
import type { Ipv4, Ipv4Prefix, Mac } from '../base/ip.ts';
import type { Result } from '../base/result.ts';

/** An interface of this machine that can be searched: it is up, with a MAC and an IPv4 address. */
export interface ScanInterface {
  readonly name: string;
  readonly ifIndex: number;
  readonly mac: Mac;
  readonly addresses: readonly Ipv4Prefix[];
}

export interface ArpRange {
  readonly first: Ipv4;
  readonly last: Ipv4;
}

export interface ArpScanAsk {
  readonly ifIndex: number;
  /** Of the interface: who asks. */
  readonly mac: Mac;
  /** Of the interface; 0.0.0.0 asks as one that has no address yet (RFC 5227 §2.1.1). */
  readonly source: Ipv4;
  /** At most 256, of 65,536 addresses in all. */
  readonly ranges: readonly ArpRange[];
  /** How often whoever has not answered is asked, from 1 to 10. */
  readonly passes: number;
  /** Frames a second, in small bursts; 0: as fast as the kernel takes them. */
  readonly ratePerSec: number;
  /** How long answers are waited for after each pass, at most 60,000. */
  readonly waitMs: number;
  /** Ends it; the answers until then count. */
  readonly signal?: AbortSignal;
  /** Called for each answer, soon after it came. */
  readonly onAnswer?: (answer: ArpAnswer) => void;
  /** Called a few times a second at most. */
  readonly onProgress?: (progress: { readonly sent: number; readonly most: number }) => void;
}

export interface ArpAnswer {
  readonly address: Ipv4;
  readonly mac: Mac;
  /** Somebody else answered for this address before. */
  readonly second: boolean;
  /** The frame came from another MAC address than the one that it names. */
  readonly foreign: boolean;
}

export interface ArpScanDone {
  readonly answers: readonly ArpAnswer[];
  /** Requests sent. */
  readonly sent: number;
  /** Frames that answered nothing that was asked. */
  readonly stray: number;
  /** Frames for which the kernel had no room. */
  readonly dropped: number;
  readonly interrupted: boolean;
}

export interface ArpScanner {
  /** ENETDOWN, ENODEV, EPERM without CAP_NET_RAW, EINVAL for what is out of bounds. */
  scan(ask: ArpScanAsk): Promise<Result<ArpScanDone, SystemError>>;
}
