/** What is on the disk of lists: which versions, and which compiled file was made of them. One small file, replaced whole. */
import type { ListFormat, RejectedLine } from '../policy-config.ts';

/** A version of one list. */
export interface StoredVersion {
  /** Its source: a version of another is none. */
  readonly url: string;
  /** Name of its file; undefined: the list's text stands in the configuration. */
  readonly file: string | undefined;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Unix ms. */
  readonly fetchedMs: number;
}

export interface StoredCounts {
  readonly format: ListFormat;
  readonly rules: number;
  readonly rejected: number;
  readonly rejectedLines: readonly RejectedLine[];
}

export interface StoredCompiled {
  /** Names of its two files. */
  readonly blocks: string;
  readonly side: string;
  /** What it was made of: whatever differs from it is to be compiled anew. */
  readonly made: string;
  /** Of `rewriteKey`. */
  readonly rewriteKey: string;
  /** In the order of their places, from 1 on. */
  readonly lists: readonly {
    readonly id: string;
    readonly name: string;
    readonly counts: StoredCounts;
  }[];
  readonly names: number;
}

export interface ListIndex {
  /** 16 bytes in hex: of the hashes. */
  readonly key: string;
  /** Goes up with each file that is made. */
  readonly serial: number;
  readonly versions: Readonly<Record<string, StoredVersion>>;
  readonly compiled: StoredCompiled | undefined;
}

const VERSION = 1;

export const encodeIndex = (index: ListIndex): string =>
  JSON.stringify({ version: VERSION, ...index });

/** Undefined for what `encodeIndex` did not write: then all is fetched and compiled anew. */
export function decodeIndex(text: string): ListIndex | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const index = value as ListIndex & { readonly version: number };
  const whole =
    index.version === VERSION &&
    /^[0-9a-f]{32}$/.test(String(index.key)) &&
    Number.isSafeInteger(index.serial) &&
    typeof index.versions === 'object' &&
    index.versions !== null &&
    files(index).every((file) => /^[a-z0-9-]+\.[a-z]+$/.test(file));
  return whole ? index : undefined;
}

/** Names of the files that it speaks of. */
export const files = ({ versions, compiled }: ListIndex): string[] => [
  ...Object.values(versions).flatMap(({ file }) => file ?? []),
  ...(compiled === undefined ? [] : [String(compiled.blocks), String(compiled.side)]),
];
