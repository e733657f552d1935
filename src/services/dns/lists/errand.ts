/** What the process that compiles is told, and what it says. */

import type { StoredCounts } from './list-index.ts';
import type { ListReading } from './read-list.ts';

export interface CompileOrder {
  readonly key: string;
  readonly note: string;
  /** The two files that it makes. */
  readonly blocksPath: string;
  readonly sidePath: string;
  readonly own: readonly { readonly name: string; readonly scope: 'exact' | 'below' }[];
  readonly lists: readonly {
    readonly number: number;
    readonly name: string;
    readonly sha256: string;
    readonly isOwn: boolean;
    readonly reading: ListReading;
    /** Path of its file, or its text. */
    readonly path: string | undefined;
    readonly text: string | undefined;
  }[];
}

export interface CompileAnswer {
  readonly names: number;
  readonly sizeBytes: number;
  readonly counts: readonly StoredCounts[];
}
