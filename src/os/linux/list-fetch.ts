/** Lists of names from elsewhere: streamed to the disk, bounded, and checked. */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { FetchedList, ListFetches, ListOrder } from '../ports-dns-lists.ts';
import { LinuxDownloads, type ValidatedDownload } from './download.ts';
import { LinuxSpools } from './spool.ts';

const SILENT_MS = 60_000;
/** So long it may take in all. */
const MOST_MS = 15 * 60_000;
const MAX_SIGNATURE_BYTES = 4096;
const SIGNATURE_BYTES = 64;
const PIECE_BYTES = 16 * 1024;
/** DER of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4) before the key. */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

export class LinuxListFetches implements ListFetches {
  readonly #downloads = new LinuxDownloads();
  readonly #spools = new LinuxSpools();

  async fetch(order: ListOrder, signal: AbortSignal): Promise<Result<FetchedList, SystemError>> {
    try {
      const fetched = await this.#fetch(order, signal);
      if (fetched.kind !== 'new') await this.#spools.remove(order.path);
      return ok(fetched);
    } catch (thrown) {
      await this.#spools.remove(order.path);
      if (thrown instanceof SystemError) return err(thrown);
      const why = `${order.url}: ${errorMessage(thrown)}`;
      return err(new SystemError(why, errorCode(thrown), { cause: thrown }));
    }
  }

  async *read(path: string): AsyncGenerator<Uint8Array> {
    try {
      await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      const buffer = new Uint8Array(PIECE_BYTES);
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } catch (thrown) {
      if (thrown instanceof SystemError) throw thrown;
      throw new SystemError(`${path}: ${errorMessage(thrown)}`, errorCode(thrown), {
        cause: thrown,
      });
    }
  }

  async #fetch(order: ListOrder, signal: AbortSignal): Promise<FetchedList> {
    const patience = new Patience(order.url, signal);
    using _ = patience;
    const download = await this.#open(order.url, order.have, order.maxBytes, patience);
    if (download === undefined) return { kind: 'unchanged' };
    const file = orThrow(await this.#spools.create(order.path, download.sizeBytes ?? 0));
    const hash = createHash('sha256');
    let sizeBytes = 0;
    try {
      for await (const piece of patience.over(download.pieces)) {
        sizeBytes += piece.length;
        hash.update(piece);
        orThrow(await file.append(piece));
      }
    } finally {
      orThrow(await file.finish());
    }
    const sha256 = hash.digest('hex');
    if (order.sha256 !== undefined && sha256 !== order.sha256) {
      throw new SystemError(`${order.url}: its SHA-256 is ${sha256}`, 'EBADMSG');
    }
    if (order.signature !== undefined) await this.#verify(order.path, order.signature, patience);
    const { etag, lastModified } = download;
    return { kind: 'new', sizeBytes, sha256, etag, lastModified };
  }

  async #open(
    url: string,
    have: ListOrder['have'],
    maxBytes: number,
    patience: Patience,
  ): Promise<ValidatedDownload | undefined> {
    const opened = await this.#downloads.openIfChanged(url, { have, maxBytes }, patience.signal);
    if (!opened.ok) throw patience.whyEnded ?? opened.error;
    return opened.value;
  }

  /** Ed25519 wants the message whole; it goes again after this. */
  async #verify(
    path: string,
    { url, publicKey }: NonNullable<ListOrder['signature']>,
    patience: Patience,
  ): Promise<void> {
    const download = await this.#open(url, undefined, MAX_SIGNATURE_BYTES, patience);
    const pieces: Uint8Array[] = [];
    for await (const piece of patience.over(download?.pieces ?? [])) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    const raw = bytes.length === SIGNATURE_BYTES;
    const signature = raw ? bytes : Buffer.from(bytes.toString('latin1').trim(), 'base64');
    const spki = Buffer.concat([ED25519_SPKI, publicKey]);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const fits = signature.length === SIGNATURE_BYTES;
    if (!fits || !verify(null, await readFile(path), key, signature)) {
      throw new SystemError(`${url}: the signature is not of that file and key`, 'EBADMSG');
    }
  }
}

/** Ends what nobody waits for any longer, what is silent, and what takes too long. */
class Patience implements Disposable {
  readonly #url: string;
  readonly #ending = new AbortController();
  readonly #outer: AbortSignal;
  readonly #onAbort = (): void => this.#ending.abort();
  readonly #most: NodeJS.Timeout;
  #silence: NodeJS.Timeout;
  whyEnded: SystemError | undefined;

  constructor(url: string, outer: AbortSignal) {
    this.#url = url;
    this.#outer = outer;
    if (outer.aborted) this.#ending.abort();
    outer.addEventListener('abort', this.#onAbort);
    this.#most = setTimeout(() => this.#timeOut(), MOST_MS);
    this.#silence = setTimeout(() => this.#timeOut(), SILENT_MS);
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  async *over(
    pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of pieces) {
        this.#silence.refresh();
        if (this.#outer.aborted) throw new SystemError('given up', 'ECANCELED');
        yield piece;
      }
    } catch (thrown) {
      throw this.whyEnded ?? thrown;
    }
  }

  #timeOut(): void {
    this.whyEnded = new SystemError(`${this.#url}: nothing came for too long`, 'ETIMEDOUT');
    this.#ending.abort();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#most);
    clearTimeout(this.#silence);
    this.#outer.removeEventListener('abort', this.#onAbort);
  }
}

function orThrow<T>(result: Result<T, SystemError>): T {
  if (!result.ok) throw result.error;
  return result.value;
}
