/**
 * Edits that are not sent yet: parameter path → text. They outlive pages, connections, and a reload
 * of the page, but neither the browser's tab nor a log-out. Secrets are never kept.
 */
import { effect, type Signal, signal } from '@preact/signals';

export type Drafts = ReadonlyMap<string, string>;

const KEY = 'gatehouse.drafts';
/** More is kept in memory alone. */
const MAX_CHARACTERS = 32_768;

export interface KeptDrafts {
  readonly drafts: Signal<Drafts>;
  /** Who is at the page now: nobody gets another's drafts. */
  ownedBy(user: string): void;
}

export function keptDrafts(isSecret: (path: string) => boolean): KeptDrafts {
  const before = stored();
  let owner = before?.user;
  const drafts = signal<Drafts>(new Map(before?.drafts));
  effect(() => {
    const kept = [...drafts.value].filter(([path]) => !isSecret(path));
    const text = JSON.stringify({ user: owner, drafts: kept });
    try {
      if (kept.length > 0 && text.length <= MAX_CHARACTERS) sessionStorage.setItem(KEY, text);
      else sessionStorage.removeItem(KEY);
    } catch {
      // Storage may be forbidden by the browser: then drafts last as long as the page.
    }
  });
  return {
    drafts,
    ownedBy: (user) => {
      if (owner !== undefined && owner !== user) drafts.value = new Map();
      owner = user;
    },
  };
}

interface Stored {
  readonly user: string;
  readonly drafts: readonly (readonly [string, string])[];
}

function stored(): Stored | undefined {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
    return isStored(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isStored = (value: unknown): value is Stored => {
  const { user, drafts } = (value ?? {}) as Partial<Stored>;
  return (
    typeof user === 'string' &&
    Array.isArray(drafts) &&
    drafts.every(
      (pair) =>
        Array.isArray(pair) && pair.length === 2 && pair.every((x) => typeof x === 'string'),
    )
  );
};
