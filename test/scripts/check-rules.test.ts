import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  check,
  importsOf,
  judge,
  judgeText,
  type Rules,
  roomOf,
} from '../../scripts/check-rules.ts';

const rules: Rules = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../scripts/import-rules.json'), 'utf8'),
);

t.test('every form of import is seen, comments and strings are not', async (t) => {
  const source = [
    "import type { A } from './a.ts';",
    "import { type B, type C } from './b.ts';",
    "import { type D, e } from './d.ts';",
    "import {\n  f,\n} from './f.ts';",
    "import * as g from 'node:g';",
    "import './h.ts';",
    "export { i } from './i.ts';",
    "export type * from './j.ts';",
    "// import k from './k.ts';",
    "/* import l from './l.ts'; */",
    "const m = await import('./m.ts');",
    "type N = typeof import('./n.ts');",
    "const text = `import o from './o.ts'`; const from = 'p';",
  ].join('\n');
  t.same(
    importsOf(source).map((found) => [found.specifier, found.typeOnly, found.line]),
    [
      ['./a.ts', true, 1],
      ['./b.ts', true, 2],
      ['./d.ts', false, 3],
      ['./f.ts', false, 4],
      ['node:g', false, 7],
      ['./i.ts', false, 9],
      ['./j.ts', true, 10],
      ['./h.ts', false, 8],
      ['./m.ts', false, 13],
      ['./n.ts', true, 14],
    ],
  );
});

t.test('a path stands in the narrowest room', async (t) => {
  const home = (path: string): unknown => {
    const place = roomOf(rules, path);
    return place === undefined ? undefined : [place.room.room, place.home];
  };
  t.same(home('src/services/dns/machine.ts'), ['services/*', 'src/services/dns/']);
  t.same(home('src/edge/cli/main.ts'), ['edge/cli', 'src/edge/cli/']);
  t.same(home('src/edge/ubus/client.ts'), ['edge/*', 'src/edge/ubus/']);
  t.same(home('src/os/ports.ts'), ['os/ports', 'src/os/ports.ts']);
  t.same(home('src/stray.ts'), undefined);
  t.same(home('src/services/stray.ts'), undefined);
});

t.test('the table is enforced', async (t) => {
  const allowed: [from: string, specifier: string, typeOnly: boolean][] = [
    ['src/wire/dhcp4/message.ts', '../../base/bytes.ts', false],
    ['src/services/dns/service.ts', '../../os/ports.ts', true],
    ['src/services/dns/service.ts', './config.ts', false],
    ['src/services/dns/zone/a.ts', '../config.ts', false],
    ['src/tr181/objects/dns.ts', '../../services/dns/config.ts', true],
    ['src/control/loop.ts', '../services/dns/service.ts', false],
    ['src/os/linux/log.ts', 'pino', false],
    ['src/edge/cli/program.ts', '../ubus/client.ts', false],
    ['src/edge/cli/program.ts', 'commander', false],
    ['src/main.ts', './os/linux/log.ts', false],
  ];
  for (const [from, specifier, typeOnly] of allowed)
    t.equal(
      judge(rules, from, { specifier, typeOnly, line: 1 }),
      undefined,
      `${from} ${specifier}`,
    );

  const refused: [from: string, specifier: string, typeOnly: boolean, why: RegExp][] = [
    ['src/base/a.ts', '../wire/b.ts', true, /base may not/],
    ['src/wire/a.ts', 'node:buffer', true, /node:buffer/],
    ['src/wire/a.ts', 'lmdb', false, /package lmdb/],
    ['src/services/dns/service.ts', '../dhcp-client/config.ts', true, /never a sibling/],
    ['src/services/dns/service.ts', '../../state/rows.ts', true, /state\/rows/],
    ['src/services/dns/service.ts', '../../tr181/model.ts', true, /tr181\/model/],
    ['src/services/dns/service.ts', '../../os/ports.ts', false, /more than types of os\/ports/],
    ['src/services/dns/service.ts', '../../os/linux/log.ts', true, /os\/linux/],
    ['src/tr181/model.ts', '../services/dns/service.ts', false, /more than types/],
    ['src/state/rows.ts', '../tr181/model.ts', true, /state may not/],
    ['src/edge/ubus/client.ts', '../../os/linux/net.ts', false, /edge\/\* may not/],
    ['src/edge/ubus/client.ts', 'node:net', false, /node:net/],
    ['src/edge/cli/program.ts', '@scope/thing/deep', false, /package @scope\/thing,/],
    ['src/web/page.ts', '../edge/http/types.ts', false, /more than types of edge\/http/],
    ['src/stray.ts', './main.ts', false, /stands in no room/],
    ['src/base/a.ts', '../../scripts/test.ts', false, /scripts\/test\.ts/],
  ];
  for (const [from, specifier, typeOnly, why] of refused)
    t.match(judge(rules, from, { specifier, typeOnly, line: 1 }) ?? 'allowed', why);
});

t.test('every room gives its reason', async (t) => {
  for (const row of [...rules.rooms, ...rules.words, rules.lines]) t.ok(row.reason.length > 20);
});

t.test('forbidden words and long files are named with their line', async (t) => {
  const judged = (path: string, source: string): string[] => judgeText(rules, path, source);
  t.match(judged('src/state/a.ts', 'a;\nconst b = Date.now();'), [/a\.ts:2 says Date\.now\(/]);
  t.match(judged('src/state/a.ts', "throw new Error('x');"), [/throw new Error/]);
  t.match(judged('src/state/a.ts', '// @ts-ignore\n'), [/@ts-ignore/]);
  t.same(judged('src/state/a.ts', '// Date.now() is not called\n'), []);
  t.same(judged('src/os/linux/clock.ts', 'Date.now();'), []);
  t.match(judged('src/state/a.ts', 'x;\n'.repeat(501)), [/has 501 lines/]);
  t.same(judged('src/state/a.ts', 'x;\n'.repeat(500)), []);
});

t.test('a tree with breaches is refused as a whole', async (t) => {
  const root = t.testdir();
  mkdirSync(join(root, 'src/wire'), { recursive: true });
  writeFileSync(join(root, 'src/wire/a.ts'), "import fs from 'node:fs';\nexport const a = fs;\n");
  t.match(check(root, rules), [/src\/wire\/a\.ts:1 imports node:fs/, /src\/wire\/ has no README/]);
});
