/**
 * `firstrun.sh` as Raspberry Pi Imager writes it: a program, which is read here as data and never
 * run. Its settings stand in calls of two helpers of Raspberry Pi OS, one a line:
 * `imager_custom VERB WORD…` and `userconf NAME HASH`.
 */
import { err, ok, type Result } from '../base/result.ts';

export interface FirstRunCall {
  /** From 1. */
  readonly line: number;
  /** `userconf`, or the verb of `imager_custom` such as `set_hostname`. */
  readonly verb: string;
  readonly words: readonly string[];
}

const CUSTOM = '/usr/lib/raspberrypi-sys-mods/imager_custom';
const USERCONF = '/usr/lib/userconf-pi/userconf';
/** In '' nothing counts, in "" what a shell would act on is not taken, and bare words are plain. */
const PIECE = /'([^']*)'|"([^"$`\\]*)"|([A-Za-z0-9._:/@%+=,-]+)/y;

/** The calls that can be read, and the lines of those that cannot. */
export function decodeFirstRun(text: string): {
  readonly calls: readonly FirstRunCall[];
  readonly faults: readonly string[];
} {
  const calls: FirstRunCall[] = [];
  const faults: string[] = [];
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    const program = [CUSTOM, USERCONF].find((path) => line.startsWith(`${path} `));
    if (program === undefined) continue;
    const words = wordsOf(line.slice(program.length));
    if (!words.ok) {
      faults.push(`line ${i + 1}: ${words.error}`);
      continue;
    }
    const [verb = '', ...rest] = program === USERCONF ? ['userconf', ...words.value] : words.value;
    calls.push({ line: i + 1, verb, words: rest });
  }
  return { calls, faults };
}

function wordsOf(text: string): Result<readonly string[], string> {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === ' ' || text[at] === '\t') {
      at++;
      continue;
    }
    let word = '';
    // Pieces that touch are one word: 'it'"'"'s'.
    for (;;) {
      PIECE.lastIndex = at;
      const match = PIECE.exec(text);
      PIECE.lastIndex = 0;
      if (match === null) break;
      word += match[1] ?? match[2] ?? match[3] ?? '';
      at += match[0].length;
    }
    if (at < text.length && text[at] !== ' ' && text[at] !== '\t') {
      return err('it holds what a shell would act on, and is not taken');
    }
    if (/\p{Cc}/u.test(word)) return err('it holds a control character, and is not taken');
    words.push(word);
  }
  return ok(words);
}
