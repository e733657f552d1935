/** Talking to the person at the console: lines out, questions with bounded answers, pages, work that Ctrl-C ends. */
import { escapeControls } from '../../base/text.ts';
import { START, type Step, typed } from './line-editor.ts';
import { fold, pages } from './pages.ts';
import { CTRL_C, type Key, type Terminal } from './terminal.ts';

/** Ctrl-C at a question: back to the menu. */
export class Interrupted extends Error {}
/** The input has ended: nobody is there any more. */
export class Left extends Error {}

const MAX_CHARS = 128;

export class Screen {
  readonly terminal: Terminal;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  /** Text that was made here, or escaped before. */
  write(text: string): void {
    this.terminal.write(text);
  }

  /** Whole lines, broken where they are wider than the screen; as for `write`. */
  lines(text: string): void {
    if (text !== '') this.write(`${fold(text, this.terminal.columns).join('\n')}\n`);
  }

  /** One line, whatever it holds. */
  say(text: string): void {
    this.lines(escapeControls(text));
  }

  /** What was typed, without the blanks around it. Throws `Interrupted` and `Left`. */
  async ask(question: string, maxChars = MAX_CHARS): Promise<string> {
    return (await this.#line(question, { maxChars, secret: false })).trim();
  }

  /** Without echo, and as it was typed. */
  askSecret(question: string): Promise<string> {
    return this.#line(question, { maxChars: MAX_CHARS, secret: true });
  }

  async confirm(question: string): Promise<boolean> {
    return /^y(es)?$/i.test(await this.ask(`${question} [y/N] `, 8));
  }

  /** As much at once as the screen holds; `q` leaves out the rest. */
  async page(text: string): Promise<void> {
    const { columns, rows } = this.terminal;
    const all = pages(fold(text, columns), rows);
    for (const [i, page] of all.entries()) {
      this.write(`${page.join('\n')}\n`);
      if (i === all.length - 1) return;
      const answer = await this.ask(
        `-- page ${i + 1} of ${all.length}: Enter for more, q ends -- `,
        8,
      );
      if (/^q/i.test(answer)) return;
    }
  }

  /** So that the menu does not push away what was to be read. */
  async pause(): Promise<void> {
    await this.ask('Enter goes back to the menu. ', 8);
  }

  /**
   * Runs what takes its time; Ctrl-C (or any key, where that is said) fires its signal. Gives whether
   * it was ended so. Throws `Left` once the input has ended.
   */
  async during(
    work: (signal: AbortSignal) => Promise<void>,
    endsAt: 'ctrl-c' | 'any key' = 'ctrl-c',
  ): Promise<boolean> {
    const ending = new AbortController();
    let left = false;
    this.terminal.forget();
    const listening = this.terminal.listen((key) => {
      left ||= key === undefined;
      if (key === undefined || key === CTRL_C || endsAt === 'any key') ending.abort();
    });
    try {
      await work(ending.signal);
    } finally {
      listening[Symbol.dispose]();
    }
    if (left) throw new Left();
    return ending.signal.aborted;
  }

  async #line(
    question: string,
    rules: { readonly maxChars: number; readonly secret: boolean },
  ): Promise<string> {
    this.write(question);
    const step = await new Promise<Step>((resolve) => {
      let editing = START;
      let over = false;
      const listening: { current?: Disposable } = {};
      const done = (last: Step): void => {
        over = true;
        listening.current?.[Symbol.dispose]();
        resolve(last);
      };
      const heard = (key: Key): void => {
        if (over) return;
        const next: Step = key === undefined ? { kind: 'end' } : typed(editing, key, rules);
        if (next.kind === 'more') {
          editing = next.editing;
          if (next.echo !== '') this.terminal.write(next.echo);
        } else done(next);
      };
      listening.current = this.terminal.listen(heard);
      // What was typed ahead may have ended the line already.
      if (over) listening.current[Symbol.dispose]();
    });
    if (step.kind === 'interrupt') {
      this.write('^C\n');
      throw new Interrupted();
    }
    this.write('\n');
    if (step.kind === 'end') throw new Left();
    return step.kind === 'line' ? step.text : '';
  }
}
