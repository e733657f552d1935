/**
 * Follows update announcements: one mutable item (BEP 44) under a key of the maker. The newest is
 * kept over restarts, an older one is never believed, and it is put again hourly so that it stays
 * where boxes look. It only tells that there is an update: the bundle's own signature is judged by
 * whoever installs it.
 */
import { fromHex, toHex } from '../../base/bytes.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Store } from '../../os/ports.ts';
import { decodeAnnouncement, encodeAnnouncement } from './announcement.ts';
import type { AnnouncementObserved, DhtConfig } from './config.ts';
import type { DhtItem } from './item-store.ts';
import type { DhtOperations } from './operations.ts';

export interface FollowerDeps {
  readonly operations: Pick<DhtOperations, 'getMutable' | 'put'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Pick<Store, 'get' | 'commit'>;
  readonly announcements: DhtConfig['announcements'];
}

const FIRST_MS = 60_000;
const AGAIN_MS = 60 * 60_000;
const STORE_KEY = 'dht/announcement';

export class Follower {
  readonly #deps: FollowerDeps;
  readonly #key: Uint8Array | undefined;
  readonly #salt: Uint8Array;
  #newest: DhtItem | undefined;
  #observed: AnnouncementObserved | undefined;
  #refused = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(deps: FollowerDeps) {
    this.#deps = deps;
    this.#key = fromHex(deps.announcements?.publicKey ?? 'no');
    this.#salt = Uint8Array.from(deps.announcements?.salt ?? '', (char) => char.charCodeAt(0));
  }

  get observed(): AnnouncementObserved | undefined {
    return this.#observed && { ...this.#observed, refused: this.#refused };
  }

  start(): void {
    if (this.#key === undefined) return;
    const kept = this.#deps.store.get(STORE_KEY);
    const item = kept === undefined ? undefined : decodeAnnouncement(kept, this.#key, this.#salt);
    if (item !== undefined) this.#take(item, false);
    this.#arm(FIRST_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Looks once, now; what it found is believed by the same rules. */
  async look(): Promise<void> {
    const { operations } = this.#deps;
    if (this.#key === undefined) return;
    const found = await operations.getMutable(this.#key, this.#salt);
    if (found !== undefined) this.#take(found, true);
    // The item lives two hours where it was put; whoever follows it keeps it alive.
    if (this.#newest !== undefined && !this.#stopped) await operations.put(this.#newest);
  }

  #arm(ms: number): void {
    this.#timer = this.#deps.clock.after(ms, () => {
      void this.look().finally(() => {
        if (!this.#stopped) this.#arm(AGAIN_MS);
      });
    });
  }

  #take(item: DhtItem, store: boolean): void {
    const { clock, log } = this.#deps;
    const { signed } = item;
    const before = this.#newest?.signed?.seq ?? -1;
    if (signed === undefined || this.#key === undefined) return;
    if (signed.seq < before) {
      this.#refused++;
      log.warn(
        { seq: String(signed.seq), before: String(before) },
        'an older announcement was refused',
      );
      return;
    }
    if (signed.seq === before) return;
    const bytes = encodeAnnouncement(item);
    const read = bytes && decodeAnnouncement(bytes, this.#key, this.#salt);
    if (bytes === undefined || read === undefined) {
      this.#refused++;
      log.warn(
        { seq: String(signed.seq) },
        'an announcement that says nothing of an update was refused',
      );
      return;
    }
    this.#newest = item;
    const { version, url, sha256 } = read;
    const seq = Number(signed.seq);
    this.#observed = { seq, version, url, sha256: toHex(sha256), atMs: clock.wallMs(), refused: 0 };
    log.info({ seq, version }, 'an update is announced');
    if (store) void this.#deps.store.commit([{ key: STORE_KEY, value: bytes }]);
  }
}
