import { globSync, readFileSync } from 'node:fs';
import t from 'tap';
import { CATALOGUES, type Catalogue, isKey, translator } from '../../src/web/i18n/catalogue.ts';

const placeholders = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].sort();

const ROOT = new URL('../../src/web/', import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, ROOT), 'utf8');

/** Each catalogue with the folder whose sources name its keys: the page's own, and those of its parts. */
const catalogues: [name: string, catalogue: Catalogue<string>, sources: string][] = [
  ['page', CATALOGUES, '**/*.{ts,tsx}'],
];
for (const path of globSync('parts/*/*texts.ts', { cwd: ROOT })) {
  const { texts } = (await import(new URL(path, ROOT).href)) as { texts: Catalogue<string> };
  const folder = path.replace(/[^/]*$/, '');
  catalogues.push([path, texts, `${folder}**/*.{ts,tsx}`]);
}

for (const [name, { en, de }, pattern] of catalogues) {
  t.test(`${name}: every language has every key, and fills in the same`, async (t) => {
    t.same(Object.keys(de).sort(), Object.keys(en).sort());
    for (const [key, english] of Object.entries(en)) {
      const german = de[key] ?? '';
      t.not(german.trim(), '', `${key} says something`);
      t.same(placeholders(german), placeholders(english), key);
      t.equal(german.split('|').length, english.split('|').length, `${key} has as many forms`);
    }
  });

  t.test(`${name}: every key that the sources name exists, and every key is named`, async (t) => {
    const source = globSync(pattern, {
      cwd: ROOT,
      exclude: (path) => /(?:\/en|\/de|texts)\.ts$/.test(String(path)),
    })
      .map(text)
      .join('\n');
    const known = (key: string): boolean =>
      isKey(key) || catalogues.some(([, part]) => Object.hasOwn(part.en, key));
    for (const [, key = ''] of source.matchAll(/\bt\(\s*'([^']+)'/g)) t.ok(known(key), key);
    // Forms look in the catalogue of the part that they stand in.
    const forms = source.includes('PartTexts') ? text('ui/field.tsx') : '';
    const stems = [...(source + forms).matchAll(/`(\w+\.[\w.]*)\$\{/g)].map(
      ([, stem = '']) => stem,
    );
    for (const key of Object.keys(en)) {
      const used = source.includes(`'${key}'`) || stems.some((stem) => key.startsWith(stem));
      t.ok(used, `${key} is used`);
    }
  });
}

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
