/** Where lists of names come from: types only, apart from the engine's in `ports-dns.ts`. */
import type { SystemError } from '../base/errors.ts';
import type { Result } from '../base/result.ts';

/** By what a server tells whether a file is still the one that somebody has (RFC 9110 §8.8). */
export interface Validators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

export interface ListOrder {
  /** `https://…` or `file:///…`. */
  readonly url: string;
  /** Made anew; nothing is left of it unless the answer is `new`. */
  readonly path: string;
  /** Of the version that is there; undefined: it is wanted in any case. */
  readonly have: Validators | undefined;
  readonly maxBytes: number;
  /** Lower-case hex. */
  readonly sha256: string | undefined;
  /** Ed25519 over the whole file, by the 32 bytes of the public key. */
  readonly signature: { readonly url: string; readonly publicKey: Uint8Array } | undefined;
}

export type FetchedList =
  | { readonly kind: 'unchanged' }
  | ({
      readonly kind: 'new';
      readonly sizeBytes: number;
      /** Lower-case hex. */
      readonly sha256: string;
    } & Validators);

export interface ListFetches {
  /**
   * On disk, whole and checked, when it resolves with `new`. EFBIG beyond `maxBytes`, EBADMSG where
   * hash or signature do not fit, ETIMEDOUT when nothing comes for a minute.
   */
  fetch(order: ListOrder, signal: AbortSignal): Promise<Result<FetchedList, SystemError>>;
  /**
   * A file that was fetched, in pieces of at most 16 KiB, each valid until the next is asked for.
   * Everything else has its turn between two. Throws a SystemError.
   */
  read(path: string): AsyncIterable<Uint8Array>;
}
