/** Asking a person at the terminal. */
import { createInterface } from 'node:readline/promises';
import { StringDecoder } from 'node:string_decoder';

/** Return, line feed, and end of transmission (Ctrl-D). */
const ENTER: ReadonlySet<string> = new Set(['\r', '\n', '\u0004']);
const INTERRUPT = '\u0003';
/** Backspace, and what the key of that name sends. */
const ERASE: ReadonlySet<string> = new Set(['\u0008', '\u007f']);

/** A line typed without echo; undefined where standard input is no terminal. Ctrl-C ends the program. */
export function readSecret(question: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return Promise.resolve(undefined);
  stderr.write(question);
  stdin.setRawMode(true);
  const decoder = new StringDecoder('utf8');
  return new Promise((resolve) => {
    let typed: readonly string[] = [];
    const end = (): void => {
      stdin.off('data', heard);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
    };
    const heard = (chunk: Buffer): void => {
      for (const character of decoder.write(chunk)) {
        if (character === INTERRUPT) {
          end();
          process.exit(130);
        } else if (ENTER.has(character)) {
          end();
          resolve(typed.join(''));
          return;
        } else if (ERASE.has(character)) typed = typed.slice(0, -1);
        else typed = [...typed, character];
      }
    };
    stdin.on('data', heard);
    stdin.resume();
  });
}

/** A line typed for all to see; undefined where standard input is no terminal. */
export async function readLine(question: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return undefined;
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}
