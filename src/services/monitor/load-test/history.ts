/** What is kept of tests beyond a restart: the last runs, and the bytes that they took. */
import type { Store, StoreChange } from '../../../os/ports.ts';
import type { LoadRun } from './types.ts';
import { UNUSED, type Usage } from './usage.ts';

/** Runs that are kept; the oldest makes room. */
export const KEPT_RUNS = 100;
const PREFIX = 'load-test/';
const USAGE = `${PREFIX}usage`;
const RUNS = `${PREFIX}run/`;

/** The place of a run among those that are kept: it takes that of the run 100 before it. */
export const slotOf = ({ number }: Pick<LoadRun, 'number'>): number => number % KEPT_RUNS;

const bytesOf = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
/** The store has checked that these are the bytes that were written here. */
const valueOf = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;

/** Whether there ever was a test. */
export const wasUsed = (store: Pick<Store, 'get'>): boolean => store.get(USAGE) !== undefined;

export function readUsage(store: Pick<Store, 'get'>): Usage {
  const bytes = store.get(USAGE);
  return bytes === undefined ? UNUSED : { ...UNUSED, ...valueOf<Usage>(bytes) };
}

/** Oldest first. */
export const readRuns = (store: Pick<Store, 'entries'>): LoadRun[] =>
  [...store.entries(RUNS)]
    .map(([, bytes]) => valueOf<LoadRun>(bytes))
    .sort((a, b) => a.number - b.number);

export const usageChange = (usage: Usage): StoreChange => ({ key: USAGE, value: bytesOf(usage) });

export const runChange = (run: LoadRun): StoreChange => ({
  key: `${RUNS}${String(slotOf(run)).padStart(2, '0')}`,
  value: bytesOf(run),
});
