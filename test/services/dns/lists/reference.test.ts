/**
 * A million names: what the compiled file says of them, by the real engine, against a matcher that
 * reads each line by itself and looks in plain sets.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { NativeBlockBuilders } from '#src/os/linux/dns-builder.ts';
import { NativeDnsEngines } from '#src/os/linux/dns-engine.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { compileLists } from '#src/services/dns/lists/compile.ts';
import type { ListCounts } from '#src/services/dns/lists/read-list.ts';
import { encodeName } from '#src/wire/dns-name.ts';
import { randomFrom } from '../../../fuzz/run.ts';
import { dnsName } from '../../../lib/dns-blocks.ts';

t.setTimeout(300_000);

const NAMES = 1_000_000;
/** Of lists of our own making. */
const FEWER = 200_000;
const REAL = join(import.meta.dirname, '../../../../../shared/data/blocklists');

/** How each of the lists says "blocked": the name in the first group, with all below it or alone. */
const LINES: Readonly<Record<string, { readonly line: RegExp; readonly below: boolean }>> = {
  '3p-jawz101.subdomains.unbound.conf': { line: /^local-zone: "(.*)\." always_null$/, below: true },
  '3p-someonewhocares.dnsmasq.txt': { line: /^address=\/(.*)\/#$/, below: true },
  'adblock-light.txt': { line: /^\|\|(.*)\^$/, below: true },
  'hosts-fake.txt': { line: /^0\.0\.0\.0 (.*)$/, below: false },
  'wildcard-light.txt': { line: /^\*\.(.*)$/, below: true },
};
const WRITE: Readonly<Record<string, (name: string) => string>> = {
  '3p-jawz101.subdomains.unbound.conf': (name) => `local-zone: "${name}." always_null`,
  '3p-someonewhocares.dnsmasq.txt': (name) => `address=/${name}/#`,
  'adblock-light.txt': (name) => `||${name}^`,
  'hosts-fake.txt': (name) => `0.0.0.0 ${name}`,
  'wildcard-light.txt': (name) => `*.${name}`,
};

/** Lists of names that look like those of real ones. */
function madeUp(next: () => number): Map<string, string> {
  const label = (): string => (next() % 0x7fffffff).toString(36).slice(0, 1 + (next() % 6));
  const name = (): string =>
    `${Array.from({ length: 1 + (next() % 4) }, label).join('.')}.${['com', 'net', 'de', 'co.uk'][next() % 4]}`;
  return new Map(
    Object.entries(WRITE).map(([file, write]) => {
      const lines = Array.from({ length: 20_000 }, () => write(name()));
      return [file, `# made up\n${lines.join('\n')}\n`];
    }),
  );
}

function real(): Map<string, string> | undefined {
  if (!existsSync(REAL)) return undefined;
  return new Map(Object.keys(LINES).map((file) => [file, readFileSync(join(REAL, file), 'utf8')]));
}

/** Names of the lists, those above, below and beside them, and some of nobody's. */
function* asked(known: readonly string[], count: number, next: () => number): Generator<string> {
  for (let i = 0; i < count; i++) {
    const name = known[next() % known.length] ?? 'x';
    const dot = name.indexOf('.');
    const other = known[next() % known.length] ?? 'x';
    switch (next() % 8) {
      case 0:
        yield `www.${name}`;
        break;
      case 1:
        yield `a.b-${next() % 100}.${name}`;
        break;
      case 2:
        yield dot < 0 ? name : name.slice(dot + 1);
        break;
      case 3:
        yield `q${name.slice(1)}`;
        break;
      case 4:
        yield `${name.slice(0, dot)}.${other.slice(other.indexOf('.') + 1)}`;
        break;
      case 5:
        yield `n${next()}.example`;
        break;
      default:
        yield name;
    }
  }
}

async function compare(t: Test, texts: ReadonlyMap<string, string>, count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'gh-lists-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const native = loadNative();
  const path = join(folder, 'blocks.bin');
  const sources = [...texts].map(([name, text], place) => ({
    list: { id: place + 2, name, sha256: new Uint8Array(32) },
    reading: { format: 'auto', effect: 'block', subdomains: false, mayRewrite: false } as const,
    own: false,
    read: async function* () {
      yield new TextEncoder().encode(text);
    },
  }));
  const key = Uint8Array.from({ length: 16 }, (_, i) => i);
  const options = { key, note: 'test', path, own: [] };
  const compiled = await compileLists(
    sources,
    new NativeBlockBuilders(native),
    options,
    new AbortController().signal,
  );
  if (!compiled.ok) throw compiled.error;
  const opened = new NativeDnsEngines(native).open(
    { cacheBytes: 1 << 20, queueLength: 16 },
    { queries: () => undefined, log: () => undefined },
  );
  if (!opened.ok) throw opened.error;
  await using engine = opened.value;
  const loaded = engine.loadBlocks(path);
  if (!loaded.ok) throw loaded.error;

  const exact = new Set<string>();
  const below = new Set<string>();
  for (const [place, [file, text]] of [...texts].entries()) {
    const how = LINES[file];
    let rules = 0;
    for (const line of text.split('\n')) {
      // Names are the same in upper and lower case (RFC 4343).
      const name = how?.line.exec(line)?.[1]?.toLowerCase();
      if (name === undefined) continue;
      rules += 1;
      (how?.below ? below : exact).add(name);
    }
    const counts: ListCounts | undefined = compiled.value.lists[place];
    t.equal(counts?.rules, rules, `${file}: all ${rules} rules`);
    t.equal(counts?.rejected, 0, `${file}: nothing is rejected`);
  }
  const blocked = (name: string): boolean => {
    if (exact.has(name)) return true;
    for (let at = name; ; at = at.slice(at.indexOf('.') + 1)) {
      if (below.has(at)) return true;
      if (!at.includes('.')) return false;
    }
  };
  const known = [...exact, ...below];
  const wrong: string[] = [];
  let [asks, hits] = [0, 0];
  for (const name of asked(known, count, randomFrom(7))) {
    const expected = blocked(name);
    const { verdict } = engine.match(encodeName(dnsName(name)), ~1n & 0xffffn);
    asks += 1;
    if (expected) hits += 1;
    if (expected !== (verdict === 'block')) wrong.push(name);
  }
  t.same(wrong.slice(0, 10), [], `${asks} names, ${hits} of them blocked`);
  t.ok(hits > count / 3 && hits < count * 0.9, 'both kinds are among them');
}

t.test('lists of our own making', (t) => compare(t, madeUp(randomFrom(3)), FEWER));

t.test('real lists', async (t) => {
  const texts = real();
  if (texts === undefined)
    return t.comment('skipped 5 lists: no ../shared/data/blocklists') ?? undefined;
  return compare(t, texts, NAMES);
});
