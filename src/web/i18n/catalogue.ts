/** Strings of the page by key. English is the source; every other language has every key of it. */
import { de } from './de.ts';
import { en, type Key } from './en.ts';

export type Language = 'en' | 'de';

/** Texts of one language by key. */
type Texts<K extends string> = Readonly<Record<K, string>>;

/** The texts of the page, or of a part of it that is loaded later, in all languages. */
export type Catalogue<K extends string> = Readonly<Record<Language, Texts<K>>>;

export const CATALOGUES: Catalogue<Key> = { en, de };

export type Args = Readonly<Record<string, string | number>>;
export type Translate<K extends string = Key> = (key: K, args?: Args) => string;

/** `{name}` is filled in; of `one|other` the form that fits `{n}` is taken. */
export function translator<K extends string = Key>(
  language: Language,
  part?: Catalogue<K>,
): Translate<K | Key> {
  const texts: Readonly<Record<string, string>> = { ...CATALOGUES[language], ...part?.[language] };
  return (key, args = {}) => {
    const text = texts[key] ?? key;
    const forms = text.split('|');
    const form = forms.length === 2 ? forms[pluralIndex(language, Number(args['n']))] : text;
    return (form ?? text).replace(/\{(\w+)\}/g, (_, name: string) => shown(args[name], language));
  };
}

const pluralIndex = (language: Language, n: number): number =>
  new Intl.PluralRules(language).select(n) === 'one' ? 0 : 1;

const shown = (value: string | number | undefined, language: Language): string =>
  typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : (value ?? '');

export const isKey = (key: string): key is Key => Object.hasOwn(en, key);
