/** A list from its bytes, piece by piece, to rules: whatever its format, with every line that is none accounted for. */
import type { ListConfig, ListFormat, RejectedLine } from '../policy-config.ts';
import { AdblockParser } from './adblock.ts';
import { isNowhereAnswer } from './answers.ts';
import { DnsmasqParser } from './dnsmasq.ts';
import { detectFormat } from './format.ts';
import { HostsParser } from './hosts.ts';
import { PlainParser } from './plain.ts';
import { RpzParser } from './rpz.ts';
import type { LineParser, Rule, RuleSink } from './rule.ts';
import { UnboundParser } from './unbound.ts';

/** What of a list's configuration says how it is read. */
export type ListReading = Pick<ListConfig, 'format' | 'effect' | 'subdomains' | 'mayRewrite'>;

/** Longer lines say nothing that is a rule. */
const MAX_LINE_CHARS = 4096;
/** Of a line whose end is not here yet; at most four bytes make a character. */
const MAX_LINE_BYTES = 4 * MAX_LINE_CHARS;
/** Of the beginning, by which the format is known. */
const SAMPLE_BYTES = 16 * 1024;
const MAX_REJECTED_LINES = 100;
const MAX_REJECTED_CHARS = 120;
const NO_ANSWER = '$dnsrewrite without an answer';

export interface ListCounts {
  readonly format: ListFormat;
  readonly lines: number;
  readonly rules: number;
  readonly rejected: number;
  /** The first `MAX_REJECTED_LINES`. */
  readonly rejectedLines: readonly RejectedLine[];
}

/** Called for each rule with the line that says it; a reason rejects it after all. */
export type TakeRule = (rule: Rule, line: number, text: string) => string | undefined;

export class ListReader {
  readonly #reading: ListReading;
  readonly #take: TakeRule;
  readonly #decoder = new TextDecoder('utf-8');
  readonly #rejectedLines: RejectedLine[] = [];
  readonly #sink: RuleSink;
  #parser: LineParser | undefined;
  #format: ListFormat = 'plain';
  /** Bytes of a line that is not whole yet, or of the sample. */
  #rest: Uint8Array = new Uint8Array(0);
  #skipping = false;
  #line = 0;
  #rules = 0;
  #rejected = 0;
  #text = '';

  constructor(reading: ListReading, take: TakeRule) {
    this.#reading = reading;
    this.#take = take;
    this.#sink = { rule: (rule) => this.#rule(rule), reject: (reason) => this.#reject(reason) };
  }

  /** The next bytes of the file. */
  push(bytes: Uint8Array): void {
    const all = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    if (this.#parser === undefined && all.length < SAMPLE_BYTES) {
      this.#rest = all === bytes ? bytes.slice() : all;
      return;
    }
    this.#consume(all, false);
  }

  /** The file is over. */
  end(): ListCounts {
    this.#consume(this.#rest, true);
    return {
      format: this.#format,
      lines: this.#line,
      rules: this.#rules,
      rejected: this.#rejected,
      rejectedLines: this.#rejectedLines,
    };
  }

  #consume(bytes: Uint8Array, last: boolean): void {
    this.#parser ??= this.#begin(bytes);
    let start = 0;
    if (this.#skipping) {
      const end = bytes.indexOf(LF);
      if (end < 0) return;
      this.#skipping = false;
      start = end + 1;
    }
    const stop = last ? bytes.length : bytes.lastIndexOf(LF) + 1;
    // One call of the decoder for many lines: no character goes over the end of a line.
    if (stop > start) this.#lines(this.#decoder.decode(bytes.subarray(start, stop)));
    const rest = bytes.subarray(Math.max(start, stop));
    this.#skipping = !last && rest.length > MAX_LINE_BYTES;
    if (this.#skipping) this.#lines(this.#decoder.decode(rest));
    this.#rest = this.#skipping ? new Uint8Array(0) : rest.slice();
  }

  #lines(text: string): void {
    for (let start = 0; start < text.length; ) {
      const at = text.indexOf('\n', start);
      const end = at < 0 ? text.length : at;
      this.#line += 1;
      this.#text = text.slice(start, end > start && text[end - 1] === '\r' ? end - 1 : end);
      const refused =
        end - start > MAX_LINE_CHARS
          ? `longer than ${MAX_LINE_CHARS} characters`
          : this.#parser?.line(this.#text, this.#sink);
      if (refused !== undefined) this.#reject(refused);
      start = end + 1;
    }
  }

  #begin(bytes: Uint8Array): LineParser {
    const { format, effect, subdomains } = this.#reading;
    const sample = this.#decoder.decode(bytes.subarray(0, SAMPLE_BYTES));
    this.#format = format === 'auto' ? detectFormat(sample) : format;
    switch (this.#format) {
      case 'hosts':
        return new HostsParser({ effect, subdomains });
      case 'plain':
      case 'wildcard':
        return new PlainParser({ effect, subdomains });
      case 'adblock':
        return new AdblockParser(effect);
      case 'dnsmasq':
        return new DnsmasqParser(effect);
      case 'rpz':
        return new RpzParser(effect);
      case 'unbound':
        return new UnboundParser(effect);
    }
  }

  #rule(rule: Rule): undefined {
    const checked = rule.rewrite === undefined ? rule : this.#rewriting(rule);
    if (checked === undefined) return;
    const refused = this.#take(checked, this.#line, this.#text);
    if (refused === undefined) this.#rules += 1;
    else this.#reject(refused);
  }

  /** Whether this list may lead names elsewhere; "nowhere" is what every list may say. */
  #rewriting(rule: Rule): Rule | undefined {
    const { rewrite, effect } = rule;
    if (rewrite === undefined) return rule;
    if (effect === 'allow') {
      // An exception lifts rewrites; in a list of what is allowed an address is beside the point.
      return this.#reading.effect === 'allow' ? { ...rule, rewrite: undefined } : rule;
    }
    if (isNowhereAnswer(rewrite)) return { ...rule, rewrite: undefined };
    const elsewhere = rewrite.kind === 'record' && !this.#reading.mayRewrite;
    if (!elsewhere && rewrite.kind !== 'pass') return rule;
    this.#reject(elsewhere ? 'leads the name elsewhere, which this list may not' : NO_ANSWER);
    return undefined;
  }

  #reject(reason: string): undefined {
    this.#rejected += 1;
    if (this.#rejectedLines.length >= MAX_REJECTED_LINES) return;
    const text = copied(this.#text.slice(0, MAX_REJECTED_CHARS));
    this.#rejectedLines.push({ line: this.#line, reason, text });
  }
}

const LF = 0x0a;

/** V8 keeps the whole text of which a string was cut out; this one stands alone. */
const copied = (text: string): string => JSON.parse(JSON.stringify(text)) as string;

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
