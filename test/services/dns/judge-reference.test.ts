/**
 * Decisions of lists with all that rules may say, against a matcher that goes through the lines one
 * by one with JavaScript's own expressions.
 */
import fc from 'fast-check';
import t from 'tap';
import type { IpAddress } from '#src/base/ip6.ts';
import { judge } from '#src/services/dns/judge.ts';
import { type CompileSource, compileLists } from '#src/services/dns/lists/compile.ts';
import { listAddress } from '#src/services/dns/lists/names.ts';
import { SideRules } from '#src/services/dns/lists/side-rules.ts';
import { encodeName } from '#src/wire/dns-name.ts';
import { TYPE } from '#src/wire/dns-registry.ts';
import { dnsName, PlainBlocks } from '../../lib/dns-blocks.ts';

t.setTimeout(120_000);

const CLIENTS = ['192.168.1.10', '192.168.1.11'].map(
  (text): IpAddress => listAddress(text) ?? (0 as never),
);

/** A line, and by itself: whom, what and when it means. */
interface Line {
  readonly text: string;
  readonly names: RegExp;
  readonly allow: boolean;
  readonly important: boolean;
  readonly except: RegExp | undefined;
  readonly type: number | undefined;
  readonly client: IpAddress | undefined;
}

const label = fc.constantFrom('aa', 'bb', 'ads', 'x1');
const name = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.'));
const parent = fc.array(label, { minLength: 1, maxLength: 2 }).map((labels) => labels.join('.'));
const escaped = (text: string): string => text.replaceAll('.', '\\.');
const target = fc.oneof(
  { weight: 5, arbitrary: parent.map((n) => [`||${n}^`, `(^|\\.)${escaped(n)}$`] as const) },
  { weight: 2, arbitrary: name.map((n) => [`|${n}^`, `^${escaped(n)}$`] as const) },
  { weight: 2, arbitrary: parent.map((n) => [`||*.${n}^`, `\\.${escaped(n)}$`] as const) },
  { weight: 2, arbitrary: name.map((n) => [n, `^${escaped(n)}$`] as const) },
  name.map((n) => [`||${n}`, `(^|\\.)${escaped(n)}`] as const),
  name.map((n) => [`${n}^`, `${escaped(n)}$`] as const),
  fc.constantFrom(
    ['/^x\\d\\./', '^x\\d\\.'] as const,
    ['/(ads|bb)\\.aa$/', '(ads|bb)\\.aa$'] as const,
    ['||a*.bb^', '(^|\\.)a.*\\.bb$'] as const,
  ),
);
const line: fc.Arbitrary<Line> = fc
  .record({
    target,
    allow: fc.boolean(),
    important: fc.boolean(),
    except: fc.option(name, { freq: 4 }),
    type: fc.option(fc.constant(TYPE.AAAA), { freq: 4 }),
    client: fc.option(fc.constant('192.168.1.10'), { freq: 4 }),
  })
  .map(({ target: [text, names], allow, important, except, type, client }) => {
    const modifiers = [
      ...(important ? ['important'] : []),
      ...(except === null ? [] : [`denyallow=${except}`]),
      ...(type === null ? [] : ['dnstype=AAAA']),
      ...(client === null ? [] : [`client=${client}`]),
    ];
    return {
      text: `${allow ? '@@' : ''}${text}${modifiers.length > 0 ? `$${modifiers.join()}` : ''}`,
      names: new RegExp(names),
      ...{ allow, important },
      except: except === null ? undefined : new RegExp(`(^|\\.)${escaped(except)}$`),
      type: type ?? undefined,
      client: client === null ? undefined : listAddress(client),
    };
  });

const holds = (one: Line, asked: string, type: number, client: IpAddress): boolean =>
  one.names.test(asked) &&
  !(one.except?.test(asked) ?? false) &&
  (one.type ?? type) === type &&
  (one.client ?? client) === client;

function expected(lines: readonly Line[], asked: string, type: number, client: IpAddress): string {
  const rules = lines.filter((one) => holds(one, asked, type, client));
  for (const important of [true, false]) {
    const same = rules.filter((one) => one.important === important);
    if (same.some(({ allow }) => allow)) return 'allow';
    if (same.length > 0) return 'block';
  }
  return 'none';
}

t.test('each name as if its lines were gone through one by one', async (t) => {
  const met = { none: 0, allow: 0, block: 0 };
  const run = async (
    lists: readonly [Line[], Line[]],
    names: readonly string[],
    mask: bigint,
  ): Promise<void> => {
    const blocks = new PlainBlocks();
    const sources = lists.map(
      (lines, place): CompileSource => ({
        list: { id: place + 2, name: '', sha256: new Uint8Array(32) },
        reading: { format: 'adblock', effect: 'block', subdomains: false, mayRewrite: false },
        own: false,
        read: async function* () {
          yield new TextEncoder().encode(lines.map(({ text }) => text).join('\n'));
        },
      }),
    );
    const options = { key: new Uint8Array(16), note: '', path: '', own: [] };
    const compiled = await compileLists(sources, blocks, options, new AbortController().signal);
    if (!compiled.ok) throw compiled.error;
    for (const { rejectedLines } of compiled.value.lists) {
      if (rejectedLines[0] !== undefined) throw new Error(JSON.stringify(rejectedLines[0]));
    }
    const side = new SideRules();
    for (const one of compiled.value.side) side.add(one);
    const places = ['', 'a', 'b'].map((id) => ({ id, name: id }));
    const counting = lists.filter((_, place) => (mask >> BigInt(place + 1)) & 1n).flat();
    for (const asked of names) {
      for (const type of [TYPE.A, TYPE.AAAA]) {
        for (const client of CLIENTS) {
          const judged = judge(
            { name: dnsName(asked), type },
            {
              ...{ mask, client, host: undefined },
              match: (one, listMask) => blocks.match(encodeName(one), listMask),
              compiled: { lists: places, side, rewriteKey: '' },
            },
          );
          const wanted = expected(counting, asked, type, client);
          met[judged.effect] += 1;
          if (judged.effect !== wanted) {
            throw new Error(`${asked} ${type} ${client}: ${judged.effect}, but ${wanted}`);
          }
        }
      }
    }
  };
  const lines = fc.array(line, { maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(lines, lines),
      fc.array(name, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(0b110n, 0b010n, 0b100n, 0n),
      run,
    ),
    { numRuns: 700, seed: 1 },
  );
  t.ok(met.block > 1000 && met.allow > 1000 && met.none > 1000, JSON.stringify(met));
});
