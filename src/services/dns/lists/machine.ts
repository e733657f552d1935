/** Where one list stands, as a table: what may follow in which state, where it leads, and what is done. */

export type ListState =
  | 'disabled'
  /** No version of it is here. */
  | 'waiting'
  | 'fetching'
  /** What is here is what the source had last. */
  | 'current'
  /** The last try failed; the version before it, if there is one, stays in use. */
  | 'failed';

export type ListEvent =
  /** It is enabled, and its source is another than that of the version here, or there is none. */
  | 'want'
  /** It is enabled, and its version is here. */
  | 'keep'
  | 'disable'
  /** Its time has come, or somebody asked for it. */
  | 'due'
  | 'fetched'
  | 'unchanged'
  | 'fail';

export type ListEffect =
  | 'fetch'
  /** What is under way is of no use any longer. */
  | 'abort'
  /** The compiled file is to be made anew. */
  | 'compile';

export interface ListStep {
  readonly state: ListState;
  readonly effects: readonly ListEffect[];
}

type Row = Readonly<Record<ListEvent, ListStep | undefined>>;

const to = (state: ListState, ...effects: ListEffect[]): ListStep => ({ state, effects });

const RESTING: Row = {
  want: to('waiting'),
  keep: to('current', 'compile'),
  disable: to('disabled', 'compile'),
  due: to('fetching', 'fetch'),
  fetched: undefined,
  unchanged: undefined,
  fail: undefined,
};

export const LIST_TABLE: Readonly<Record<ListState, Row>> = {
  disabled: { ...RESTING, disable: to('disabled'), due: undefined },
  waiting: RESTING,
  fetching: {
    want: to('waiting', 'abort'),
    keep: to('current', 'abort', 'compile'),
    disable: to('disabled', 'abort', 'compile'),
    due: to('fetching'),
    fetched: to('current', 'compile'),
    unchanged: to('current'),
    fail: to('failed'),
  },
  // What was fetched may turn out to have no rule in it when it is compiled.
  current: { ...RESTING, fail: to('failed') },
  failed: RESTING,
};
