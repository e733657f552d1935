/** One line of the menu: what it says, and what it does. */
import { ansi, type Paint, plain } from '../cli/table.ts';
import type { ConsoleParts } from './parts.ts';
import { RouterTalk } from './router-talk.ts';
import { Screen } from './screen.ts';

/** What every entry works with. */
export interface Desk {
  readonly parts: ConsoleParts;
  readonly screen: Screen;
  readonly router: RouterTalk;
  readonly paint: Paint;
}

export interface Entry {
  readonly title: string;
  run(desk: Desk): Promise<void>;
}

export function deskOf(parts: ConsoleParts): Desk {
  const screen = new Screen(parts.terminal);
  return {
    parts,
    screen,
    router: new RouterTalk(parts, screen),
    paint: parts.terminal.colour ? ansi : plain,
  };
}
