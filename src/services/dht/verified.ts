/** Addresses that answered us lately: 2,048 at most, in sets of four of which the oldest goes first. */
import type { IpAddress } from '../../base/ip6.ts';
import { hashesOf } from './address-hash.ts';

const SLOTS = 2_048;
const WAYS = 4;
const WORDS = 4;
const VERIFIED_MS = 10 * 60_000;

export class Verified {
  /** Until when, then the addresses: native/dht/board.h reads it, too. */
  readonly memory = new Uint8Array(SLOTS * (8 + 4 * WORDS));
  readonly #untilMs = new Float64Array(this.memory.buffer, 0, SLOTS);
  readonly #words = new Uint32Array(this.memory.buffer, SLOTS * 8, SLOTS * WORDS);
  readonly #salt: number;

  constructor(salt: number) {
    this.#salt = salt;
  }

  has(address: IpAddress, nowMs: number): boolean {
    const words = wordsOf(address);
    const first = this.#firstOf(address);
    for (let slot = first; slot < first + WAYS; slot++)
      if ((this.#untilMs[slot] ?? 0) > nowMs && this.#is(slot, words)) return true;
    return false;
  }

  add(address: IpAddress, nowMs: number): void {
    const words = wordsOf(address);
    const first = this.#firstOf(address);
    let at = first;
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#is(slot, words)) {
        at = slot;
        break;
      }
      if ((this.#untilMs[slot] ?? 0) < (this.#untilMs[at] ?? 0)) at = slot;
    }
    this.#words.set(words, at * WORDS);
    this.#untilMs[at] = nowMs + VERIFIED_MS;
  }

  #firstOf(address: IpAddress): number {
    return (hashesOf(address, this.#salt)[0] % (SLOTS / WAYS)) * WAYS;
  }

  #is(slot: number, words: readonly number[]): boolean {
    return words.every((word, i) => this.#words[slot * WORDS + i] === word);
  }
}

/** An IPv4 address as IPv6 maps it, which is no address of a sender. */
function wordsOf(address: IpAddress): readonly number[] {
  if (typeof address === 'number') return [0, 0, 0xffff, address];
  return [96n, 64n, 32n, 0n].map((shift) => Number((address >> shift) & 0xffffffffn));
}
