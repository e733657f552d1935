/** What the rooms may ask of the kernel's neighbour tables: types only, like `ports.ts`. */
import type { SystemError } from '../base/errors.ts';
import type { Mac } from '../base/ip.ts';
import type { IpAddress } from '../base/ip6.ts';

/** Neighbour unreachability detection (RFC 4861 §7.3.2), which Linux does for ARP, too. */
export type NeighbourState =
  /** Nothing is known, nobody asked. */
  | 'none'
  /** Asked for by broadcast or multicast, not answered yet. */
  | 'incomplete'
  /** It answered within the last half minute or so. */
  | 'reachable'
  /** It was there once; nobody asked since. */
  | 'stale'
  | 'delay'
  /** Asked whether it is still there. */
  | 'probe'
  /** It does not answer. */
  | 'failed'
  /** Somebody entered it by hand. */
  | 'permanent';

export interface Neighbour {
  readonly ifIndex: number;
  readonly address: IpAddress;
  readonly state: NeighbourState;
  /** Undefined while it is asked for, and when nobody answered. */
  readonly mac: Mac | undefined;
}

/** A live copy of the kernel's ARP and IPv6 neighbour tables and of what its bridges learned, kept by notifications. */
export interface Neighbours extends AsyncDisposable {
  neighbours(): readonly Neighbour[];
  /** ifIndex of the bridge port behind which `mac` was heard last; undefined when no bridge knows it. */
  portOf(mac: Mac): number | undefined;
  /** Times the kernel's queue overran and everything was read again. */
  readonly resyncs: number;
  /**
   * Has the kernel find out whether these are still there: it asks each by unicast, at its own pace,
   * and what it finds comes as a notification. Entries that are gone by now are passed over.
   */
  check(these: readonly Pick<Neighbour, 'ifIndex' | 'address'>[]): SystemError | undefined;
  /**
   * `changed` gets what a burst of notifications changed, each entry once with its newest state;
   * `gone` are those that the kernel forgot. After lost messages, `resync`: anything may have changed.
   */
  subscribe(listener: (burst: NeighbourBurst) => void): Disposable;
}

export interface NeighbourBurst {
  readonly changed: readonly Neighbour[];
  readonly gone: readonly Pick<Neighbour, 'ifIndex' | 'address'>[];
  /** Heard behind another port than before, or for the first time in minutes: they are there. */
  readonly learned: readonly Mac[];
  readonly resync: boolean;
}
