/**
 * One line typed character by character: erase and kill as a terminal in cooked mode has them, echo
 * that takes no cursor addressing, and a bound. Pure.
 */
import { escapeControls } from '../../base/text.ts';
import { CTRL_C } from './terminal.ts';

export interface Editing {
  readonly text: string;
  /** Inside an escape sequence, such as an arrow key sends: it is swallowed whole. */
  readonly escape: 'none' | 'began' | 'inside';
}

export interface LineRules {
  readonly maxChars: number;
  /** Nothing is echoed. */
  readonly secret: boolean;
}

export type Step =
  | { readonly kind: 'more'; readonly editing: Editing; readonly echo: string }
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'interrupt' }
  | { readonly kind: 'end' };

export const START: Editing = { text: '', escape: 'none' };

const BELL = '\u0007';
const ERASED = '\b \b';
const ESCAPE = '\u001b';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';

export function typed(editing: Editing, key: string, { maxChars, secret }: LineRules): Step {
  const { text, escape: inEscape } = editing;
  const more = (now: string, echo: string): Step => ({
    kind: 'more',
    editing: { text: now, escape: 'none' },
    echo: secret ? '' : echo,
  });
  if (key === CTRL_C) return { kind: 'interrupt' };
  if (inEscape === 'began') {
    // CSI and SS3 sequences go on (ECMA-48 §5.4); any other one is two characters long.
    const inside = key === '[' || key === 'O';
    return { kind: 'more', editing: { text, escape: inside ? 'inside' : 'none' }, echo: '' };
  }
  if (inEscape === 'inside') {
    const last = key >= '@' && key <= '~';
    return { kind: 'more', editing: { text, escape: last ? 'none' : 'inside' }, echo: '' };
  }
  switch (key) {
    case '\r':
    case '\n':
      return { kind: 'line', text };
    case CTRL_D:
      return text === '' ? { kind: 'end' } : more(text, BELL);
    case ESCAPE:
      return { kind: 'more', editing: { text, escape: 'began' }, echo: '' };
    case '\b':
    case '\u007f':
      return text === '' ? more(text, BELL) : more([...text].slice(0, -1).join(''), ERASED);
    case CTRL_U:
      return more('', ERASED.repeat([...text].length));
    default:
      // What cannot be shown cannot be erased by one step back either, so it is not taken.
      return escapeControls(key) !== key || [...text].length >= maxChars
        ? more(text, BELL)
        : more(text + key, key);
  }
}
