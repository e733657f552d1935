/** Which lines of a list speak of a name. */
import t from 'tap';
import { findLines } from '#src/services/dns/lists/find-lines.ts';
import { dnsName } from '../../../lib/dns-blocks.ts';

const LIST = `! title
||ads.example^
@@||good.ads.example^$important
/^track[0-9]+\\./
||x.ads.example^$dnstype=AAAA
||gone.example^$badfilter
|exact.example^
*$denyallow=example|net
`;

const lines = async (name: string): Promise<string[]> => {
  const found = await findLines(
    (async function* () {
      yield new TextEncoder().encode(LIST);
    })(),
    { format: 'auto', effect: 'block', subdomains: false, mayRewrite: false },
    dnsName(name),
    new AbortController().signal,
  );
  return found.map(({ line, text, effect, important, isConditional }) =>
    [
      line,
      ...(important ? ['important'] : []),
      effect,
      ...(isConditional ? ['if'] : []),
      text,
    ].join(' '),
  );
};

t.test('each with its number and text, whatever made it', async (t) => {
  const everywhere = '8 block if *$denyallow=example|net';
  t.same(await lines('x.ads.example'), [
    '2 block ||ads.example^',
    '5 block if ||x.ads.example^$dnstype=AAAA',
    everywhere,
  ]);
  t.same(await lines('good.ads.example'), [
    '2 block ||ads.example^',
    '3 important allow @@||good.ads.example^$important',
    everywhere,
  ]);
  t.same(await lines('track12.net'), ['4 block /^track[0-9]+\\./', everywhere]);
  t.same(await lines('x.exact.example'), [everywhere]);
  t.same(await lines('gone.example'), [everywhere], 'a $badfilter is no rule');
});

t.test('a long list is not read further than needed, and reading can be given up', async (t) => {
  let read = 0;
  const pieces = async function* () {
    for (; read < 1000; read++) yield new TextEncoder().encode('||a.example^\n'.repeat(2000));
  };
  const reading = {
    format: 'adblock',
    effect: 'block',
    subdomains: false,
    mayRewrite: false,
  } as const;
  const found = await findLines(
    pieces(),
    reading,
    dnsName('a.example'),
    new AbortController().signal,
  );
  t.equal(found.length, 20);
  t.ok(read < 5);
  await t.rejects(findLines(pieces(), reading, dnsName('b.example'), AbortSignal.abort()), {
    name: 'AbortError',
  });
});
