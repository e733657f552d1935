/** What the console is handed of a terminal: characters in, text out, and nothing that a teletype lacks. */

/** One character; undefined once the input has ended, for good. */
export type Key = string | undefined;

export interface Terminal {
  /** 80 × 24 where the line does not tell. */
  readonly columns: number;
  readonly rows: number;
  /** Whether it shows colours. */
  readonly colour: boolean;
  write(text: string): void;
  /**
   * Hears every key until disposal; one listener at a time. What is typed while nobody listens is
   * kept for the next one, up to a bound.
   */
  listen(heard: (key: Key) => void): Disposable;
  /** What was typed ahead is forgotten: an answer must not be older than its question. */
  forget(): void;
}

export const CTRL_C = '\u0003';

/** Terminals of which the name says that they have no colour. */
const PLAIN = /^(dumb|unknown|vt(52|100|102|220)(-.*)?)$/;

/** https://no-color.org, and what `TERM` says; without it there is no colour either. */
export const hasColour = (env: Readonly<Record<string, string | undefined>>): boolean => {
  const { TERM: term = '', NO_COLOR: none = '' } = env;
  return none === '' && term !== '' && !PLAIN.test(term);
};
