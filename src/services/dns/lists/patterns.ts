/**
 * Many patterns searched for at once, in time linear in the name: all of them are one
 * non-deterministic automaton, whose live states are stepped side by side (Thompson's way), so that
 * no list can make a name expensive.
 */
import { err, ok, type Result } from '../../../base/result.ts';
import {
  type Assertion,
  type Node,
  parseGlob,
  parseRegex,
  SYMBOLS,
  sizeOf,
  symbolOf,
} from './regex.ts';
import type { ListPattern } from './rule.ts';

/** Of all patterns together. */
const MAX_STATES = 200_000;

type State =
  /** The set's symbols as bits: the first 32, and the others. */
  | { readonly kind: 'set'; readonly low: number; readonly high: number; readonly next: number }
  | { readonly kind: 'split'; readonly next: number; readonly other: number }
  | { readonly kind: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly kind: 'match'; readonly pattern: number };

/** By symbol: states to go to when a pattern begins with it. */
type Entries = readonly (readonly number[])[];

const START = 0;
const LABEL = 1;
const INNER = 2;

export class PatternSet {
  readonly #states: State[] = [];
  /** First state of each pattern. */
  readonly #starts: number[] = [];
  /** Those that look at what stands before them: they are begun anew at each character. */
  readonly #careful: number[] = [];
  /** For the start of the name, of a label, and for everywhere else; made by need. */
  #entries: readonly Entries[] | undefined;
  /** Round in which a state was entered last. */
  #seen = new Uint32Array(0);
  #round = 0;

  get size(): number {
    return this.#starts.length;
  }

  /** Its number is `size` before the call. What every name has, or is too much, is refused with the reason. */
  add(pattern: ListPattern): Result<void, string> {
    const parsed = pattern.kind === 'glob' ? ok(parseGlob(pattern.text)) : parseRegex(pattern.text);
    if (!parsed.ok) return parsed;
    if (canBeEmpty(parsed.value)) return err('a pattern that every name has');
    if (this.#states.length + sizeOf(parsed.value) > MAX_STATES) return err('too many patterns');
    const match = this.#add({ kind: 'match', pattern: this.#starts.length });
    const start = this.#build(parsed.value, match);
    this.#starts.push(start);
    if (this.#looksBack(start)) this.#careful.push(start);
    this.#entries = undefined;
    return ok(undefined);
  }

  /** Numbers of the patterns found in the name, which is in lower case; each once. */
  search(name: string): number[] {
    if (this.#starts.length === 0) return [];
    this.#entries ??= this.#index();
    const entries = this.#entries;
    const matched = new Set<number>();
    let live: number[] = [];
    let next: number[] = [];
    this.#newRound();
    for (let at = 0; at < name.length; at++) {
      for (const start of this.#careful) this.#enter(start, name, at, live, matched);
      const symbol = symbolOf(name.charCodeAt(at));
      next.length = 0;
      this.#newRound();
      for (const number of live) {
        const state = this.#states[number];
        if (state?.kind === 'set' && has(state, symbol)) {
          this.#enter(state.next, name, at + 1, next, matched);
        }
      }
      const place = at === 0 ? START : name.charCodeAt(at - 1) === DOT ? LABEL : INNER;
      for (const number of entries[place]?.[symbol] ?? []) {
        this.#enter(number, name, at + 1, next, matched);
      }
      [live, next] = [next, live];
    }
    return [...matched];
  }

  /** Goes on to all states that are reached without a character. */
  #enter(first: number, name: string, at: number, live: number[], matched: Set<number>): void {
    const waiting = [first];
    for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
      if (this.#seen[number] === this.#round) continue;
      this.#seen[number] = this.#round;
      const state = this.#states[number];
      switch (state?.kind) {
        case 'set':
          live.push(number);
          break;
        case 'split':
          waiting.push(state.other, state.next);
          break;
        case 'assert':
          if (holds(state.what, name, at)) waiting.push(state.next);
          break;
        case 'match':
          matched.add(state.pattern);
      }
    }
  }

  #newRound(): void {
    if (this.#seen.length < this.#states.length) this.#seen = new Uint32Array(this.#states.length);
    this.#round = (this.#round + 1) >>> 0;
    if (this.#round !== 0) return;
    this.#seen.fill(0);
    this.#round = 1;
  }

  /** The states that each symbol leads to from the starts, in each of the places. */
  #index(): readonly Entries[] {
    const careful = new Set(this.#careful);
    // Names that have the place of each kind at their offset 1, and no end there.
    const samples = [
      { name: 'aa', at: 0 },
      { name: '.a', at: 1 },
      { name: 'aa', at: 1 },
    ];
    return samples.map(({ name, at }) => {
      const live: number[] = [];
      this.#newRound();
      for (const start of this.#starts) {
        if (!careful.has(start)) this.#enter(start, name, at, live, new Set());
      }
      const entries: number[][] = Array.from({ length: SYMBOLS }, () => []);
      for (const number of live) {
        const state = this.#states[number];
        if (state?.kind !== 'set') continue;
        for (const [symbol, list] of entries.entries()) {
          if (has(state, symbol)) list.push(state.next);
        }
      }
      return entries;
    });
  }

  /** Whether a state that is reached without a character looks for the edge of a word. */
  #looksBack(start: number): boolean {
    const waiting = [start];
    const seen = new Set<number>();
    for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
      if (seen.has(number)) continue;
      seen.add(number);
      const state = this.#states[number];
      if (state?.kind === 'split') waiting.push(state.next, state.other);
      if (state?.kind !== 'assert') continue;
      if (state.what === 'wordEdge' || state.what === 'noWordEdge') return true;
      waiting.push(state.next);
    }
    return false;
  }

  #add(state: State): number {
    return this.#states.push(state) - 1;
  }

  /** States of the node that lead on to `next`; the first of them. */
  #build(node: Node, next: number): number {
    switch (node.kind) {
      case 'set':
        return this.#add({
          kind: 'set',
          low: Number(node.set & 0xffffffffn) | 0,
          high: Number(node.set >> 32n),
          next,
        });
      case 'assert':
        return this.#add({ kind: 'assert', what: node.what, next });
      case 'all':
        return node.parts.reduceRight((after, part) => this.#build(part, after), next);
      case 'any':
        return node.parts
          .map((part) => this.#build(part, next))
          .reduceRight((other, first) => this.#add({ kind: 'split', next: first, other }));
      case 'repeat':
        return this.#repeat(node.part, node.min, node.max, next);
    }
  }

  #repeat(part: Node, min: number, max: number, next: number): number {
    let start = next;
    if (max === Infinity) {
      // The loop's head is known only once its body is built: a split is made first and mended.
      const head = this.#add({ kind: 'split', next, other: next });
      const body = this.#build(part, head);
      this.#states[head] = { kind: 'split', next: body, other: next };
      start = head;
    } else {
      for (let i = min; i < max; i++) {
        start = this.#add({ kind: 'split', next: this.#build(part, start), other: next });
      }
    }
    for (let i = 0; i < min; i++) start = this.#build(part, start);
    return start;
  }
}

const DOT = 0x2e;

const has = (state: { readonly low: number; readonly high: number }, symbol: number): boolean =>
  (symbol < 32 ? (state.low >>> symbol) & 1 : (state.high >>> (symbol - 32)) & 1) === 1;

function holds(what: Assertion, name: string, at: number): boolean {
  switch (what) {
    case 'start':
      return at === 0;
    case 'end':
      return at === name.length;
    case 'labelStart':
      return at === 0 || name.charCodeAt(at - 1) === DOT;
    case 'wordEdge':
      return isWord(name, at - 1) !== isWord(name, at);
    case 'noWordEdge':
      return isWord(name, at - 1) === isWord(name, at);
  }
}

function isWord(name: string, at: number): boolean {
  if (at < 0 || at >= name.length) return false;
  const symbol = symbolOf(name.charCodeAt(at));
  return symbol < 36 || symbol === 37;
}

function canBeEmpty(node: Node): boolean {
  switch (node.kind) {
    case 'set':
      return false;
    case 'assert':
      return true;
    case 'all':
      return node.parts.every(canBeEmpty);
    case 'any':
      return node.parts.some(canBeEmpty);
    case 'repeat':
      return node.min === 0 || canBeEmpty(node.part);
  }
}
