import fc from 'fast-check';
import t from 'tap';
import { formatPath, MAX_PATH_LENGTH, type Path, parsePath } from '../../src/tr181/paths.ts';

const parsed = (text: string): Path => {
  const path = parsePath(text);
  if (!path.ok) throw new Error(path.error.message);
  return path.value;
};

t.test('what a path can be', async (t) => {
  t.same(parsed('Device.'), {
    segments: [{ kind: 'name', name: 'Device' }],
    ends: 'object',
    concrete: true,
  });
  const full = parsed('Device.DHCPv4.Client.1.Enable');
  t.equal(full.ends, 'name');
  t.same(full.segments.at(-2), { kind: 'instance', instance: 1 });
  t.ok(full.concrete);
  t.equal(parsed('Device.DHCPv4.Client.1.Renew()').ends, 'command');
  t.equal(parsed('Device.Boot!').ends, 'event');
  t.same(parsed('Device.A.*.B').segments[2], { kind: 'all' });
  t.same(parsed('Device.A.{i}.B').segments[2], { kind: 'template' });
  t.same(parsed('Device.A.[wan].B').segments[2], { kind: 'alias', alias: 'wan' });
  t.notOk(parsed('Device.A.[wan].B').concrete);
  t.same(parsed('Device.A.[Alias=="w.a%22n" && Stats.N >= 3&&Enable!=true].').segments[2], {
    kind: 'search',
    terms: [
      { param: 'Alias', op: '==', value: 'w.a"n' },
      { param: 'Stats.N', op: '>=', value: '3' },
      { param: 'Enable', op: '!=', value: 'true' },
    ],
  });
  for (const op of ['==', '!=', '<', '>', '<=', '>=']) {
    t.match(parsed(`Device.A.[N${op}5].`).segments[2], { terms: [{ op, value: '5' }] });
  }
  t.same(
    parsed('Device.X_GATEHOUSE_Firewall.A-b').segments.map((s) =>
      s.kind === 'name' ? s.name : '',
    ),
    ['Device', 'X_GATEHOUSE_Firewall', 'A-b'],
  );
});

t.test('what it cannot be, and where it goes wrong', async (t) => {
  const wrong: [string, RegExp, number?][] = [
    ['', /start with Device/, 0],
    ['Device', /start with Device/, 0],
    ['InternetGatewayDevice.X', /start with Device/, 0],
    ['Device..A', /empty part/, 7],
    ['Device.A.01', /no instance number/, 9],
    ['Device.A.0', /no instance number/, 9],
    ['Device.A.4294967296.', /no instance number/, 9],
    ['Device.A.1x', /unexpected "x"/, 10],
    ['Device.A b', /unexpected " "/, 8],
    ['Device.A()x', /nothing can follow/, 10],
    ['Device.A!.', /nothing can follow/, 9],
    ['Device.A.[', /expected a term/, 10],
    ['Device.A.[]', /expected a term/, 10],
    ['Device.A.[Enable=true]', /expected a term/, 10],
    ['Device.A.[Enable==true', /&& or \]/, 22],
    ['Device.A.[Enable=="x]', /expected a term/, 10],
    ['Device.A.[A=="%zz"]', /broken % escape/, 10],
    ['Device.A.[A==1||B==2]', /&& or \]/, 14],
    [`Device.A.[${Array(9).fill('A==1').join('&&')}]`, /more than 8 terms/],
    [`Device.${'A.'.repeat(32)}`, /more than 32 parts/],
    [`Device.${'A'.repeat(MAX_PATH_LENGTH)}`, /longer than 1024/, 0],
    ['Device.Ä', /unexpected/, 7],
    ['Device.A\n', /unexpected/, 8],
    ['Device.{j}', /unexpected/, 7],
  ];
  for (const [text, why, offset] of wrong) {
    const path = parsePath(text);
    if (path.ok) t.fail(`${text} was taken`);
    else {
      t.match(path.error.message, why, text.slice(0, 40));
      if (offset !== undefined) t.equal(path.error.offset, offset);
    }
  }
});

t.test('text → path → text → path is a fixed point', async (t) => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,8}$/);
  const value = fc.string({ maxLength: 8 }).filter((text) => text.isWellFormed());
  const term = fc
    .tuple(
      name.map((n) => n.replaceAll('-', '_')),
      fc.constantFrom('==', '!=', '<', '>', '<=', '>='),
      value,
    )
    .map(([n, op, v]) => `${n}${op}"${v.replaceAll('%', '%25').replaceAll('"', '%22')}"`);
  const segment = fc.oneof(
    name,
    fc.integer({ min: 1, max: 4294967295 }).map(String),
    fc.constantFrom('*', '{i}', '[wan]'),
    fc.array(term, { minLength: 1, maxLength: 8 }).map((terms) => `[${terms.join('&&')}]`),
  );
  const path = fc
    .tuple(
      fc.array(segment, { minLength: 1, maxLength: 10 }),
      name,
      fc.constantFrom('', '.', '()', '!'),
    )
    .map(([segments, last, end]) => `Device.${segments.join('.')}.${last}${end}`);
  fc.assert(
    fc.property(path, (text) => {
      if (text.length > MAX_PATH_LENGTH) return true;
      const once = parsed(text);
      return JSON.stringify(parsed(formatPath(once))) === JSON.stringify(once);
    }),
    { seed: 13, numRuns: 2000 },
  );
  t.pass('2,000 paths');
});
