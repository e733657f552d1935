/** Why a name is blocked or not: the line that decides, and the others that speak of it. */
import { join } from 'node:path';
import t from 'tap';
import { NativeBlockBuilders } from '#src/os/linux/dns-builder.ts';
import { loadNative } from '#src/os/linux/native.ts';
import { type CompileSource, compileLists } from '#src/services/dns/lists/compile.ts';
import { SideRules } from '#src/services/dns/lists/side-rules.ts';
import { Policy } from '#src/services/dns/policy.ts';
import type { ListConfig, PolicyConfig } from '#src/services/dns/policy-config.ts';
import { type WhyDeps, why } from '#src/services/dns/why.ts';
import { FakeClock } from '../../lib/clock.ts';
import { dnsName } from '../../lib/dns-blocks.ts';
import { CLIENT, engineFor, folderFor } from '../../lib/dns-engine.ts';

const LISTS: Readonly<Record<string, string>> = {
  ads: '! Adverts\n||ads.example^\n@@||good.ads.example^\n/^track[0-9]+\\./\n||only.example^$dnstype=AAAA\n',
  more: '# more\nads.example\n',
  elsewhere: '||ads.example^$important\n',
};

t.test('why', async (t) => {
  const engine = engineFor(t);
  const clock = new FakeClock();
  const list = (id: string): ListConfig => ({
    ...{ id, enable: true, name: `list ${id}`, effect: 'block', format: 'adblock' },
    ...{ source: { kind: 'text', text: LISTS[id] ?? '' }, subdomains: false, mayRewrite: false },
    ...{ everySec: 1, maxBytes: 1, sha256: undefined, signature: undefined },
  });
  const config: PolicyConfig = {
    lists: Object.keys(LISTS).map(list),
    groups: [
      {
        ...{ id: 'g', name: 'home', clients: [], lists: ['ads', 'more'], safeSearch: false },
        ...{ filterDuring: undefined, offlineDuring: undefined, blockMode: 'zero' },
      },
    ],
    ...{ defaultGroup: 'g', rewrites: [], blockTtlSec: 60 },
  };
  const pieces = async function* (id: string) {
    yield new TextEncoder().encode(LISTS[id]);
  };
  const sources = config.lists.map(
    (one, place): CompileSource => ({
      list: { id: place + 2, name: one.name, sha256: new Uint8Array(32) },
      ...{ reading: one, own: false, read: () => pieces(one.id) },
    }),
  );
  const path = join(folderFor(t), 'blocks.bin');
  const options = { key: new Uint8Array(16), note: '', path, own: [] };
  const builders = new NativeBlockBuilders(loadNative());
  const compiled = await compileLists(sources, builders, options, new AbortController().signal);
  if (!compiled.ok) throw compiled.error;
  engine.loadBlocks(path);
  const side = new SideRules();
  for (const one of compiled.value.side) side.add(one);
  const policy = new Policy({
    ...{ engine, clock, localTime: () => ({ day: 0, minute: 0 }), isLocal: () => false },
  });
  policy.apply(config);
  policy.useLists({ lists: [{ id: '', name: '' }, ...config.lists], side, rewriteKey: '' });
  const gone = new Set<string>();
  const deps: WhyDeps = {
    policy,
    engine,
    aliasesOf: async (name) => (name === 'news.example' ? [dnsName('x.ads.example')] : []),
    source: (id) => (gone.has(id) ? undefined : { reading: list(id), pieces: pieces(id) }),
  };
  const ask = (name: string) => why(deps, dnsName(name), CLIENT, new AbortController().signal);

  const blocked = await ask('ads.example');
  t.match(blocked, { verdict: 'block', by: 'list ads, line 2', group: 'home', alias: undefined });
  t.match(blocked.decides, { line: 2, text: '||ads.example^', list: 'list ads' });
  t.same(
    blocked.rules.map(({ list: from, line, effect, counts }) => [from, line, effect, counts]),
    [
      ['list ads', 2, 'block', true],
      ['list more', 2, 'block', true],
      ['list elsewhere', 1, 'important block', false],
    ],
    'each list that speaks of it, and whether it counts',
  );
  t.match(await ask('www.good.ads.example'), {
    verdict: 'allow',
    by: 'list ads, line 3',
    decides: { text: '@@||good.ads.example^' },
  });
  t.match(await ask('track9.example'), { verdict: 'block', by: 'list ads, line 4' });
  t.match(await ask('only.example'), {
    verdict: 'pass',
    by: undefined,
    rules: [{ line: 5, conditional: true }],
  });
  t.match(await ask('news.example'), {
    verdict: 'block',
    alias: 'x.ads.example',
    by: 'list ads, line 2',
  });
  t.match(await ask('other.example'), { verdict: 'pass', by: undefined, rules: [] });
  policy.pause(undefined, 1000);
  t.match(await ask('ads.example'), { verdict: 'allow', by: 'paused', decides: undefined });
  clock.advance(1000);
  gone.add('ads');
  t.match(await ask('ads.example'), {
    verdict: 'block',
    by: 'list ads',
    decides: undefined,
    unread: ['list ads: its text is not here'],
  });
});
