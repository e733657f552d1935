/** How the reader wants the page: kept in this browser alone. */
import { effect, type Signal, signal } from '@preact/signals';
import type { Language } from '../i18n/catalogue.ts';

export type Theme = 'auto' | 'light' | 'dark';
export type Contrast = 'auto' | 'more';

export interface Preferences {
  readonly theme: Signal<Theme>;
  readonly contrast: Signal<Contrast>;
  readonly language: Signal<Language>;
  /** Paths that the model browser watches. */
  readonly watched: Signal<readonly string[]>;
}

export function loadPreferences(): Preferences {
  const root = document.documentElement;
  const preferences: Preferences = {
    theme: kept('theme', 'auto', ['auto', 'light', 'dark']),
    contrast: kept('contrast', 'auto', ['auto', 'more']),
    language: kept('language', navigator.language.startsWith('de') ? 'de' : 'en', ['en', 'de']),
    watched: signal((read('watched') ?? '').split(' ').filter((path) => path !== '')),
  };
  effect(() => {
    root.dataset['theme'] = preferences.theme.value;
    root.dataset['contrast'] = preferences.contrast.value;
    root.lang = preferences.language.value;
  });
  effect(() => write('watched', preferences.watched.value.join(' ')));
  return preferences;
}

function kept<T extends string>(name: string, fallback: T, allowed: readonly T[]): Signal<T> {
  const stored = read(name);
  const made = signal<T>(allowed.find((value) => value === stored) ?? fallback);
  effect(() => write(name, made.value));
  return made;
}

/** Storage may be forbidden by the browser: then a preference lasts as long as the page. */
function read(name: string): string | null {
  try {
    return localStorage.getItem(`gatehouse.${name}`);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`gatehouse.${name}`, value);
  } catch {
    // As said above.
  }
}
