/** Lines of a list that speak of a name: the list is read once more, since its hashes know no lines. */
import { type DnsName, isWithin } from '../../../wire/dns-name.ts';
import { PatternSet } from './patterns.ts';
import { ListReader, type ListReading } from './read-list.ts';
import type { Rule, Target } from './rule.ts';

export interface FoundLine {
  readonly line: number;
  /** As the list has it; from elsewhere, so escape it. */
  readonly text: string;
  readonly effect: 'block' | 'allow';
  readonly important: boolean;
  /** It says more than a name: for whom, for which types, or another answer. */
  readonly isConditional: boolean;
}

const MAX_FOUND = 20;
const MAX_CHARS = 300;

/** At most `MAX_FOUND`, in their order. `name` is in lower case. Throws what reading throws. */
export async function findLines(
  pieces: AsyncIterable<Uint8Array>,
  reading: ListReading,
  name: DnsName,
  signal: AbortSignal,
): Promise<readonly FoundLine[]> {
  const found: FoundLine[] = [];
  const reader = new ListReader(reading, (rule, line, text) => {
    if (found.length < MAX_FOUND && !rule.badfilter && speaksOf(rule.target, name)) {
      found.push(foundLine(rule, line, text));
    }
    return undefined;
  });
  for await (const piece of pieces) {
    signal.throwIfAborted();
    reader.push(piece);
    if (found.length >= MAX_FOUND) return found;
  }
  reader.end();
  return found;
}

function foundLine({ effect, important, conditions, rewrite }: Rule, line: number, text: string) {
  const isConditional = conditions !== undefined || rewrite !== undefined;
  return { line, text: text.slice(0, MAX_CHARS), effect, important, isConditional };
}

function speaksOf(target: Target, name: DnsName): boolean {
  switch (target.scope) {
    case 'exact':
      return target.name === name;
    case 'below':
      return target.name !== name && isWithin(name, target.name);
    case 'subtree':
      return isWithin(name, target.name);
    case 'pattern': {
      if (target.pattern.kind === 'glob' && target.pattern.text === '*') return true;
      const patterns = new PatternSet();
      return patterns.add(target.pattern).ok && patterns.search(name).length > 0;
    }
  }
}
