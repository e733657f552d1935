import t from 'tap';
import { runParts } from '#src/main/parts.ts';

const part = (body: string): string =>
  `(function (exports, require, module, __filename, __dirname) {${body}})`;

t.test('a part is run once; one that could not be run is run again', (t) => {
  const texts: Record<string, string> = {
    'main.js': part("exports.load = require; require('heard')(exports);"),
    'mill.js': part("exports.flour = require('./water.js').flows; require('ran')('mill');"),
  };
  const ran: string[] = [];
  let main: { load(name: string): unknown } | undefined;
  const outside: Record<string, unknown> = {
    heard: (exports: typeof main) => {
      main = exports;
    },
    ran: (name: string) => void ran.push(name),
  };
  runParts({
    text: (name) => {
      const text = texts[name];
      if (text === undefined) throw Object.assign(new Error(`no ${name}`), { code: 'ENOENT' });
      return text;
    },
    compiled: () => undefined,
    load: (name) => outside[name],
    filename: '/nowhere/program.cjs',
  });
  t.throws(() => main?.load('./mill.js'), { code: 'ENOENT' });
  t.throws(() => main?.load('./mill.js'), { code: 'ENOENT' }, 'and not what is half done');
  texts['water.js'] = part("exports.flows = true; require('ran')('water');");
  t.same(main?.load('./mill.js'), { flour: true });
  t.same(main?.load('./mill.js'), { flour: true });
  t.same(ran, ['water', 'mill']);
  t.end();
});
