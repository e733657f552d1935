/**
 * The iterative look-up (BEP 5), pure: whom to ask next on the way to a target, and when it is
 * over. A node that is slow is passed by, but heard when it answers after all.
 */
import { formatIpPort, type IpPort } from '../../base/ip-port.ts';
import { compareDistance, K } from './distance.ts';

/** Asked at once. */
const ALPHA = 10;
const MAX_CANDIDATES = 128;
const TRIES = 3;
/** Whoever names ever closer nodes that are nobody must not keep it going. */
const MAX_ASKED = 256;
const MAX_KNOWN = 8192;
/** As many as one answer may name. */
const MAX_NAMED = 2 * K;

export interface Candidate {
  /** Undefined for a bootstrap node, whose id is not known until it answers. */
  id: Uint8Array | undefined;
  readonly endpoint: IpPort;
  state: 'fresh' | 'asked' | 'slow' | 'answered' | 'lost';
  tries: number;
  token: Uint8Array | undefined;
}

export class Lookup {
  readonly target: Uint8Array;
  readonly #alpha: number;
  /** The closest first; those without an id at the end. */
  readonly #candidates: Candidate[] = [];
  readonly #known = new Set<string>();
  #asked = 0;

  constructor(target: Uint8Array, alpha: number = ALPHA) {
    this.target = target;
    this.#alpha = alpha;
  }

  /** How many were asked, and how many of them answered. */
  get progress(): { readonly asked: number; readonly answered: number } {
    const answered = this.#candidates.filter(({ state }) => state === 'answered').length;
    return { asked: this.#asked, answered };
  }

  add(id: Uint8Array | undefined, endpoint: IpPort): void {
    const key = formatIpPort(endpoint);
    if (this.#known.has(key) || this.#known.size >= MAX_KNOWN) return;
    const place = this.#place(id);
    if (place >= MAX_CANDIDATES) return;
    this.#known.add(key);
    const made = { id: id?.slice(), endpoint, tries: 0, token: undefined };
    this.#candidates.splice(place, 0, { ...made, state: 'fresh' });
    // Far ones that nobody waits for make room.
    if (this.#candidates.length > MAX_CANDIDATES) {
      const last = this.#candidates.at(-1);
      if (last !== undefined && last.state !== 'asked') this.#candidates.pop();
    }
  }

  /** Whom to ask now; undefined while enough are asked, or when nobody is left. */
  next(): Candidate | undefined {
    let waiting = 0;
    for (const { state } of this.#candidates) if (state === 'asked') waiting++;
    if (waiting >= this.#alpha) return undefined;
    const chosen = this.#choose();
    if (chosen === undefined) return undefined;
    chosen.state = 'asked';
    chosen.tries++;
    this.#asked++;
    return chosen;
  }

  /** It answered, naming others. */
  answered(
    candidate: Candidate,
    id: Uint8Array,
    named: readonly { readonly id: Uint8Array; readonly endpoint: IpPort }[],
  ): void {
    candidate.state = 'answered';
    if (candidate.id === undefined || compareDistance(candidate.id, candidate.id, id) !== 0) {
      candidate.id = id.slice();
      const at = this.#candidates.indexOf(candidate);
      if (at >= 0) this.#candidates.splice(at, 1);
      this.#candidates.splice(this.#place(candidate.id), 0, candidate);
    }
    for (const { id: other, endpoint } of named.slice(0, MAX_NAMED)) this.add(other, endpoint);
  }

  slow(candidate: Candidate): void {
    if (candidate.state === 'asked') candidate.state = 'slow';
  }

  lost(candidate: Candidate): void {
    if (candidate.state !== 'answered') candidate.state = 'lost';
  }

  /** Nobody is waited for and nobody is left to be asked. */
  get done(): boolean {
    return !this.#candidates.some(({ state }) => state === 'asked') && this.#choose() === undefined;
  }

  /** The closest that answered. */
  closest(most: number = K): readonly (Candidate & { readonly id: Uint8Array })[] {
    const found: (Candidate & { readonly id: Uint8Array })[] = [];
    for (const candidate of this.#candidates) {
      if (found.length >= most) break;
      if (candidate.state === 'answered' && candidate.id !== undefined)
        found.push(candidate as Candidate & { readonly id: Uint8Array });
    }
    return found;
  }

  /** The closest that may still be better than the K-th that answered; then those that were slow, once more. */
  #choose(): Candidate | undefined {
    if (this.#asked >= MAX_ASKED) return undefined;
    let answered = 0;
    let again: Candidate | undefined;
    for (const candidate of this.#candidates) {
      if (candidate.state === 'answered') {
        if (++answered >= K) break;
      } else if (candidate.state === 'fresh') {
        return candidate;
      } else if (candidate.state === 'slow' && candidate.tries < TRIES) {
        again ??= candidate;
      }
    }
    return again;
  }

  #place(id: Uint8Array | undefined): number {
    if (id === undefined) return this.#candidates.length;
    let low = 0;
    let high = this.#candidates.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#candidates[middle]?.id;
      if (other !== undefined && compareDistance(this.target, other, id) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
