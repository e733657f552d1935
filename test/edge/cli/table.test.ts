import t from 'tap';
import { render } from '../../../src/edge/cli/data.ts';
import { ansi, paintFor, pairs, plain, statusStyle, table } from '../../../src/edge/cli/table.ts';

const COLUMNS = [
  { title: 'NAME', cell: (row: readonly string[]) => row[0] ?? '' },
  { title: 'V', cell: (row: readonly string[]) => row[1] ?? '', style: () => 'green' as const },
];

t.test('columns are as wide as their widest cell', async (t) => {
  t.equal(
    table(
      COLUMNS,
      [
        ['a', 'x'],
        ['long name', ''],
        ['ü', 'y'],
      ],
      plain,
    ),
    'NAME       V\na          x\nlong name\nü          y\n',
  );
  t.equal(table(COLUMNS, [], plain), '');
});

t.test('colour does not move columns', async (t) => {
  const esc = String.fromCharCode(27);
  t.equal(
    table(COLUMNS, [['a', 'x']], ansi),
    `${esc}[1mNAME${esc}[0m  ${esc}[1mV${esc}[0m\na     ${esc}[32mx${esc}[0m\n`,
  );
});

t.test('a cell cannot steer the terminal or forge a line', async (t) => {
  const esc = String.fromCharCode(27);
  t.equal(table(COLUMNS, [[`${esc}[2J`, 'a\nb']], plain), 'NAME     V\n\\x1b[2J  a\\nb\n');
  t.equal(pairs([['a\nb', `${esc}c`]], plain).split('\n').length, 2);
  t.equal(
    render({ [`k${esc}`]: `v${esc}`, rows: [{ [`c${esc}`]: `w${esc}` }] }, plain).includes(esc),
    false,
  );
});

t.test('NO_COLOR and pipes are obeyed', async (t) => {
  t.equal(paintFor(true, undefined), ansi);
  t.equal(paintFor(true, ''), ansi);
  t.equal(paintFor(true, '1'), plain);
  t.equal(paintFor(false, undefined), plain);
});

t.test('any data is printed', async (t) => {
  t.equal(
    render(
      { version: '1', memory: { rss: 5 }, dns: ['a', 'b'], rows: [{ n: 1 }, { n: 2, up: true }] },
      plain,
    ),
    'version     1\nmemory.rss  5\ndns         a, b\n\nrows:\nN  UP\n1\n2  true\n',
  );
  t.equal(
    render([{ name: 'dns', commands: [{ name: 'a', args: {} }, { name: 'b' }] }], plain),
    'NAME  COMMANDS\ndns   a, b\n',
  );
  t.equal(render('text', plain), 'text\n');
  t.equal(render([{ a: null }], plain), 'A\n\n');
  t.equal(render([1, 2], plain), '1, 2\n');
});

t.test('words of state have their colour', async (t) => {
  t.equal(statusStyle('Bound'), 'green');
  t.equal(statusStyle('Error_Misconfigured'), 'red');
  t.equal(statusStyle('Selecting'), 'yellow');
  t.equal(statusStyle('eth0'), undefined);
});
