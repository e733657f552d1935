/** What is kept of tests beyond a restart: the last runs, and the bytes that they took. */
import type { Store, StoreChange } from '../../../os/ports.ts';
import type { LoadRun } from './types.ts';
import { UNUSED, type Usage } from './usage.ts';

/** Runs that are kept; the oldest makes room. */
export const KEPT_RUNS = 100;
const PREFIX = 'load-test/';
const USAGE = `${PREFIX}usage`;
const RUNS = `${PREFIX}run/`;

/** Where the run of this number is kept: in the place of the one a hundred before it. */
export const slotOf = (number: number): number => number % KEPT_RUNS;

const bytesOf = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
/** The store has checked that these are the bytes that were written here. */
const readAs = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes)) as T;

/** Whether there ever was a test. */
export const wasUsed = (store: Pick<Store, 'get'>): boolean => store.get(USAGE) !== undefined;

export function readUsage(store: Pick<Store, 'get'>): Usage {
  const bytes = store.get(USAGE);
  return bytes === undefined ? UNUSED : { ...UNUSED, ...readAs<Usage>(bytes) };
}

/** Oldest first. */
export const readRuns = (store: Pick<Store, 'entries'>): LoadRun[] =>
  [...store.entries(RUNS)]
    .map(([, bytes]) => readAs<LoadRun>(bytes))
    .sort((a, b) => a.number - b.number);

export const usageChange = (usage: Usage): StoreChange => ({ key: USAGE, value: bytesOf(usage) });

export const runChange = (run: LoadRun): StoreChange => ({
  key: `${RUNS}${String(run.slot).padStart(2, '0')}`,
  value: bytesOf(run),
});
