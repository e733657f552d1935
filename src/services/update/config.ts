/** What the box knows of its firmware, and where it is handed over. */
import type { UpdateStatus } from '../../wire/update-status.ts';
import type { UpdateState } from './machine.ts';

/** The daemon's part of `update.conf`, which belongs to root's slot writer. */
export interface UpdatePlaces {
  /** Where the slot writer looks for a bundle; its folder is the daemon's. */
  readonly bundle: string;
  /** What the slot writer says. */
  readonly status: string;
}

export interface UpdateObserved {
  readonly state: UpdateState;
  /** Why nothing can be updated here; undefined where it can. */
  readonly missing: string | undefined;
  /** Where it failed, for `failed`. */
  readonly failedIn: 'receiving' | 'verifying' | 'writing' | undefined;
  /** Why, for people; empty otherwise. */
  readonly fault: string;
  /** Of receiving, verifying or writing. */
  readonly percent: number;
  /** What the slot writer said last. */
  readonly said: UpdateStatus | undefined;
}

/** Lines `KEY VALUE`; undefined when it does not name both places. */
export function placesOf(text: string): UpdatePlaces | undefined {
  const lines = new Map(
    text.split('\n').map((line): [string, string] => {
      const space = line.indexOf(' ');
      return [line.slice(0, space), line.slice(space + 1)];
    }),
  );
  const [bundle, status] = [lines.get('bundle'), lines.get('status')];
  return bundle?.startsWith('/') && status?.startsWith('/') ? { bundle, status } : undefined;
}
