/** The root's trust anchors as they are now: configured ones, and those that RFC 5011 added and took away. */
import type { Clock, Timer } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import type { DnsCrypto } from '../../../os/ports-dns-transport.ts';
import { compareBytes, ROOT } from '../../../wire/dns-name.ts';
import type { AnchorObserved } from '../config.ts';
import {
  type AnchorKey,
  decodeAnchors,
  dsOfKey,
  encodeAnchors,
  observedAnchors,
  parseAnchors,
  step,
  trusted,
} from './anchors.ts';
import { type Ds, dnskeyOf, REVOKED, type RrSet, SEP } from './records.ts';
import { Budget, type Now, verifySet } from './signatures.ts';

/** Where they are kept over a restart. */
export interface AnchorFile {
  /** Undefined when there is none yet. */
  read(): string | undefined;
  write(text: string): void;
}

export interface RootAnchorsDeps {
  readonly crypto: DnsCrypto;
  readonly clock: Clock;
  readonly log: Log;
  readonly file: AnchorFile | undefined;
  now(): Now;
  /** Has the root's keys asked for anew (RFC 5011 §2.3). */
  refresh(): void;
}

/** RFC 5011 §2.3: at least every hour, at most every 15 days; the root's TTL is two days. */
const LOOK_MS = 12 * 3_600_000;

export class RootAnchors implements Disposable {
  readonly #deps: RootAnchorsDeps;
  #configured: readonly Ds[] = [];
  #known: readonly AnchorKey[] = [];
  /** What was configured when they were learned. */
  #texts: readonly string[] = [];
  #timer: Timer;

  constructor(deps: RootAnchorsDeps) {
    this.#deps = deps;
    this.#read();
    this.#timer = this.#later();
  }

  /** What was learned by other anchors is forgotten. */
  configure(texts: readonly string[]): void {
    this.#configured = parseAnchors(texts);
    if (texts.join() !== this.#texts.join()) this.#known = [];
    this.#texts = texts;
  }

  get trusted(): readonly Ds[] {
    return trusted(this.#deps.crypto, this.#configured, this.#known);
  }

  get observed(): readonly AnchorObserved[] {
    return observedAnchors(this.#configured, this.#known);
  }

  /** The root's keys, verified by one that is trusted. */
  seen(set: RrSet): void {
    const { crypto, now, log, file } = this.#deps;
    const { sec } = now();
    // Times are what this is about: without a clock nothing is learned.
    if (sec === undefined) return;
    const keys = set.records.map(dnskeyOf);
    const revoked = keys.filter(
      (key) =>
        (key.flags & REVOKED) !== 0 &&
        (key.flags & SEP) !== 0 &&
        verifySet(crypto, set, ROOT, [key], { sec }, new Budget()).ok,
    );
    const isConfigured = (key: (typeof keys)[number]): boolean => {
      const ds = dsOfKey(crypto, key);
      return this.#configured.some(
        (one) => one.keyTag === ds.keyTag && compareBytes(one.digest, ds.digest) === 0,
      );
    };
    const next = step(this.#known, keys, revoked, isConfigured, sec);
    const text = encodeAnchors(next, this.#texts);
    if (text === encodeAnchors(this.#known, this.#texts)) return;
    const told = next.map(({ rdata, state }) => `${dnskeyOf({ rdata }).keyTag} ${state}`);
    log.info({ keys: told }, 'trust anchors of the root changed');
    this.#known = next;
    file?.write(text);
  }

  [Symbol.dispose](): void {
    this.#timer.cancel();
  }

  #read(): void {
    const text = this.#deps.file?.read();
    if (text === undefined) return;
    const stored = decodeAnchors(text);
    if (stored.ok) {
      this.#known = stored.value.keys;
      this.#texts = stored.value.configured;
    } else {
      this.#deps.log.error(
        { reason: stored.error },
        'the trust anchors that were learned are lost',
      );
    }
  }

  #later(): Timer {
    return this.#deps.clock.after(LOOK_MS, () => {
      this.#timer = this.#later();
      this.#deps.refresh();
    });
  }
}
