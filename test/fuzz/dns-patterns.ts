import { PatternSet } from '../../src/services/dns/lists/patterns.ts';

/** Any text is a pattern or refused with a reason; a search ends, and finds nothing that is not there. */
export const target = {
  name: 'dns-patterns',
  run(bytes: Uint8Array): void {
    const [text = '', name = ''] = new TextDecoder('latin1').decode(bytes).split('\n');
    const patterns = new PatternSet();
    for (const kind of ['regex', 'glob'] as const) {
      const before = patterns.size;
      const added = patterns.add({ kind, text: text.slice(0, 2000) });
      if (!added.ok && added.error === '') throw new TypeError('refused without a reason');
      if (patterns.size !== before + (added.ok ? 1 : 0)) throw new RangeError('a wrong number');
    }
    const found = patterns.search(name.slice(0, 300));
    if (found.some((number) => number >= patterns.size)) throw new RangeError('not there');
    if (new Set(found).size !== found.length) throw new RangeError('twice');
  },
  seeds: (): Uint8Array[] =>
    [
      '^ad[sx]?\\d{1,3}\\.(?:a|b+)*$\nads12.aab',
      '||ad*.example^\nx.ads.example',
      '\\bx\\B[^a-z]{2,}(?<n>y|z)?\nx-12y',
      '((a?){3}|[\\w.-]+)+\naaaa.b',
    ].map((text) => new TextEncoder().encode(text)),
};
