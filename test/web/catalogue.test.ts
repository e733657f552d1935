import { globSync, readFileSync } from 'node:fs';
import t from 'tap';
import { CATALOGUES, isKey, translator } from '../../src/web/i18n/catalogue.ts';

const placeholders = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].sort();

t.test('every language has every key, and fills in the same', async (t) => {
  const { en, de } = CATALOGUES;
  t.same(Object.keys(de).sort(), Object.keys(en).sort());
  for (const [key, text] of Object.entries(en)) {
    const german = (de as Readonly<Record<string, string>>)[key] ?? '';
    t.not(german.trim(), '', `${key} says something`);
    t.same(placeholders(german), placeholders(text), key);
    t.equal(german.split('|').length, text.split('|').length, `${key} has as many forms`);
  }
});

t.test('every key that the sources name exists, and every key is named', async (t) => {
  const root = new URL('../../src/web/', import.meta.url);
  const source = globSync('**/*.{ts,tsx}', {
    cwd: root,
    exclude: (name) => /(?:en|de)\.ts$/.test(String(name)),
  })
    .map((name) => readFileSync(new URL(name, root), 'utf8'))
    .join('\n');
  for (const [, key = ''] of source.matchAll(/\bt\(\s*'([^']+)'/g)) t.ok(isKey(key), key);
  const stems = [...source.matchAll(/`([\w.]+\.)\$\{/g)].map(([, stem = '']) => stem);
  for (const key of Object.keys(CATALOGUES.en)) {
    const used = source.includes(`'${key}'`) || stems.some((stem) => key.startsWith(stem));
    t.ok(used, `${key} is used`);
  }
});

t.test('forms by number, and what is filled in', async (t) => {
  const [en, de] = [translator('en'), translator('de')];
  t.equal(en('form.save', { n: 1 }), 'Save 1 change');
  t.equal(en('form.save', { n: 3 }), 'Save 3 changes');
  t.equal(de('form.save', { n: 2 }), '2 Änderungen sichern');
  t.equal(en('logs.count', { n: 1234 }), '1,234 lines');
  t.equal(de('logs.count', { n: 1234 }), '1.234 Zeilen');
  t.equal(
    en('verdict.up', { name: '<b>', address: '{name}' }),
    'Online through <b>, {name}.',
    'filled in once',
  );
});
