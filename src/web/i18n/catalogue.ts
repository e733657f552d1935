/** Strings of the page by key. English is the source; every other language has every key of it. */
import { de } from './de.ts';
import { en, type Key } from './en.ts';

export type Language = 'en' | 'de';

export const CATALOGUES: Readonly<Record<Language, Readonly<Record<Key, string>>>> = { en, de };

export type Args = Readonly<Record<string, string | number>>;
export type Translate = (key: Key, args?: Args) => string;

/** `{name}` is filled in; of `one|other` the form that fits `{n}` is taken. */
export const translator =
  (language: Language): Translate =>
  (key, args = {}) => {
    const text = CATALOGUES[language][key];
    const forms = text.split('|');
    const form = forms.length === 2 ? forms[pluralIndex(language, Number(args['n']))] : text;
    return (form ?? text).replace(/\{(\w+)\}/g, (_, name: string) => shown(args[name], language));
  };

const pluralIndex = (language: Language, n: number): number =>
  new Intl.PluralRules(language).select(n) === 'one' ? 0 : 1;

const shown = (value: string | number | undefined, language: Language): string =>
  typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : (value ?? '');

export const isKey = (key: string): key is Key => Object.hasOwn(en, key);
