/** All lists to one file of hashes, streaming, and the rules that are more than names beside it. */
import type { SystemError } from '../../../base/errors.ts';
import { ok, type Result } from '../../../base/result.ts';
import type { BlockBuilder, BlockBuilders, BlockList, BuiltBlocks } from '../../../os/ports-dns.ts';
import type { DnsName } from '../../../wire/dns-name.ts';
import { type ListCounts, ListReader, type ListReading } from './read-list.ts';
import { isPlain, OWN_PLACE, type Rule } from './rule.ts';
import { encodeRule } from './rule-text.ts';
import { type SideRule, SideRules } from './side-rules.ts';

/** One list that is to be compiled. */
export interface CompileSource {
  readonly list: BlockList;
  readonly reading: ListReading;
  /** The owner's own: its `$badfilter` holds for the rules of all lists, that of others just for their own. */
  readonly own: boolean;
  /** From the beginning, each time it is called; a piece is used only until the next one. */
  read(): AsyncIterable<Uint8Array>;
}

export interface Compiled {
  readonly built: BuiltBlocks;
  /** In the order of the sources; the place of the first is 1. */
  readonly lists: readonly ListCounts[];
  readonly side: readonly SideRule[];
}

export interface CompileOptions {
  /** Of the hashes: 16 bytes. */
  readonly key: Uint8Array;
  readonly note: string;
  readonly path: string;
  /** What the owner's rewrites are for: the engine is to ask about it, whatever the lists say. */
  readonly own: readonly { readonly name: DnsName; readonly scope: 'exact' | 'below' }[];
}

const OWN_LIST: BlockList = { id: 1, name: 'own answers', sha256: new Uint8Array(32) };

/**
 * Streams every source into the builder, which writes `path`: what it takes meanwhile is about the
 * size of that file. Throws what reading a source throws, and when it is given up.
 */
export async function compileLists(
  sources: readonly CompileSource[],
  builders: BlockBuilders,
  options: CompileOptions,
  signal: AbortSignal,
): Promise<Result<Compiled, SystemError>> {
  const lists = [OWN_LIST, ...sources.map((source) => source.list)];
  const opened = builders.open({ key: options.key, lists, note: options.note });
  if (!opened.ok) return opened;
  using builder = opened.value;
  for (const { name, scope } of options.own) builder.add(OWN_PLACE, 'complex', scope, name);
  const badfilters = await badfiltersOf(sources, signal);
  const compiler = new Compiler(builder, badfilters);
  const counts: ListCounts[] = [];
  for (const [place, source] of sources.entries()) {
    counts.push(
      await readAll(source, signal, (rule, line) => compiler.take(rule, line, place + 1)),
    );
  }
  const built = await builder.finish(options.path);
  return built.ok ? ok({ built: built.value, lists: counts, side: compiler.side }) : built;
}

async function readAll(
  source: CompileSource,
  signal: AbortSignal,
  take: (rule: Rule, line: number) => string | undefined,
): Promise<ListCounts> {
  const reader = new ListReader(source.reading, take);
  for await (const piece of source.read()) {
    signal.throwIfAborted();
    reader.push(piece);
  }
  return reader.end();
}

class Compiler {
  readonly #builder: BlockBuilder;
  readonly #badfilters: Badfilters;
  /** Only for what it refuses: too much, or nothing to be searched for. */
  readonly #sideRules = new SideRules();
  readonly side: SideRule[] = [];

  constructor(builder: BlockBuilder, badfilters: Badfilters) {
    this.#builder = builder;
    this.#badfilters = badfilters;
  }

  take(rule: Rule, line: number, list: number): string | undefined {
    if (rule.badfilter) return undefined;
    if (this.#badfilters.takeBack(rule, list)) return 'taken back by a $badfilter';
    const { target } = rule;
    if (target.scope !== 'pattern' && isPlain(rule)) {
      this.#builder.add(list, kindOf(rule), target.scope, target.name);
      return undefined;
    }
    const side = { rule, list, line };
    const added = this.#sideRules.add(side);
    if (!added.ok) return added.error;
    this.side.push(side);
    if (target.scope !== 'pattern') this.#builder.add(list, 'complex', target.scope, target.name);
    return undefined;
  }
}

function kindOf(rule: Rule): 'block' | 'allow' | 'importantBlock' | 'importantAllow' {
  if (rule.effect === 'block') return rule.important ? 'importantBlock' : 'block';
  return rule.important ? 'importantAllow' : 'allow';
}

/** What `$badfilter` rules take back. */
class Badfilters {
  /** Of the owner's lists, and by the place of others. */
  readonly #own = new Set<string>();
  readonly #others = new Map<number, Set<string>>();
  /** Their targets alone, since few rules have the target of one. */
  readonly #targets = new Set<string>();

  add(rule: Rule, list: number, own: boolean): void {
    if (this.#targets.size >= MAX_BADFILTERS) return;
    this.#targets.add(targetKey(rule));
    if (own) this.#own.add(ruleKey(rule));
    else this.#others.set(list, (this.#others.get(list) ?? new Set()).add(ruleKey(rule)));
  }

  takeBack(rule: Rule, list: number): boolean {
    if (this.#targets.size === 0 || !this.#targets.has(targetKey(rule))) return false;
    const key = ruleKey(rule);
    return this.#own.has(key) || this.#others.get(list)?.has(key) === true;
  }
}

const MAX_BADFILTERS = 10_000;
const MARK = 'badfilter';

/** Most lists have none, which a look at the bytes tells. */
async function badfiltersOf(
  sources: readonly CompileSource[],
  signal: AbortSignal,
): Promise<Badfilters> {
  const found = new Badfilters();
  for (const [place, source] of sources.entries()) {
    if (!(await mentions(source))) continue;
    await readAll(source, signal, (rule) => {
      if (rule.badfilter) found.add(rule, place + 1, source.own);
      return undefined;
    });
  }
  return found;
}

async function mentions(source: CompileSource): Promise<boolean> {
  const decoder = new TextDecoder('latin1');
  let tail = '';
  for await (const piece of source.read()) {
    const text = tail + decoder.decode(piece);
    if (text.includes(MARK)) return true;
    tail = text.slice(-MARK.length);
  }
  return false;
}

const targetKey = ({ target }: Rule): string =>
  target.scope === 'pattern' ? `/${target.pattern.text}` : target.name;

const ruleKey = (rule: Rule): string => encodeRule({ ...rule, badfilter: false });
