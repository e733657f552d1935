/** Files from elsewhere, by HTTPS or from the box itself. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Download, Downloads } from '../ports.ts';
import type { Validators } from '../ports-dns-lists.ts';

const MAX_REDIRECTS = 5;

/** One that can be asked for again, if it changed. */
export interface ValidatedDownload extends Download, Validators {}

export interface DownloadLimits {
  /** Of the version that is there. */
  readonly have: Validators | undefined;
  /** EFBIG where more is announced, or comes (after decompression). */
  readonly maxBytes: number;
}

const NO_LIMITS: DownloadLimits = { have: undefined, maxBytes: Infinity };

export class LinuxDownloads implements Downloads {
  async open(text: string, signal: AbortSignal): Promise<Result<Download, SystemError>> {
    const opened = await this.openIfChanged(text, NO_LIMITS, signal);
    if (!opened.ok || opened.value !== undefined) return opened as Result<Download, SystemError>;
    return err(new SystemError(`${text}: HTTP 304 without being asked`, 'EPROTO'));
  }

  /** Undefined when it is still the one of `have` (RFC 9110 §13.1). */
  async openIfChanged(
    text: string,
    limits: DownloadLimits,
    signal: AbortSignal,
  ): Promise<Result<ValidatedDownload | undefined, SystemError>> {
    const url = URL.parse(text);
    try {
      if (url?.protocol === 'file:') return ok(await openFile(fileURLToPath(url), limits));
      if (url?.protocol === 'https:') return ok(await openHttps(url, limits, signal));
    } catch (thrown) {
      if (thrown instanceof SystemError) return err(thrown);
      // fetch says no more than that it failed; its cause does.
      const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
      return err(new SystemError(`${text}: ${errorMessage(cause)}`, errorCode(cause), { cause }));
    }
    return err(new SystemError(`${text}: neither https://… nor file:///…`, 'EINVAL'));
  }
}

async function openFile(
  path: string,
  { have, maxBytes }: DownloadLimits,
): Promise<ValidatedDownload | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const is = await file.stat();
  if (!is.isFile()) {
    await file.close();
    throw new SystemError(`${path}: not a file`, 'EINVAL');
  }
  const etag = `"${is.ino}-${is.size}-${is.mtimeMs}"`;
  if (have?.etag === etag) {
    await file.close();
    return undefined;
  }
  if (is.size > maxBytes) {
    await file.close();
    throw tooLong(path, maxBytes);
  }
  const pieces = capped(file.createReadStream(), path, maxBytes);
  return { sizeBytes: is.size, pieces, etag, lastModified: undefined };
}

/** A redirect must not lead to where nobody proves who he is. */
async function openHttps(
  first: URL,
  { have, maxBytes }: DownloadLimits,
  signal: AbortSignal,
): Promise<ValidatedDownload | undefined> {
  const headers: Record<string, string> = {};
  if (have?.etag !== undefined) headers['if-none-match'] = have.etag;
  if (have?.lastModified !== undefined) headers['if-modified-since'] = have.lastModified;
  let url = first;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await fetch(url, { signal, redirect: 'manual', headers });
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      url = new URL(location, url);
      if (url.protocol !== 'https:') {
        throw new SystemError(
          `${first.href}: leads to ${url.protocol}//, which is not secure`,
          'EPROTO',
        );
      }
      continue;
    }
    if (response.status === 304 && have !== undefined) {
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new SystemError(`${first.href}: HTTP ${response.status}`, 'ENOENT');
    }
    const length = response.headers.get('content-length');
    if (Number(length) > maxBytes) {
      await response.body.cancel();
      throw tooLong(first.href, maxBytes);
    }
    return {
      sizeBytes: length === null ? undefined : Number(length),
      pieces: capped(response.body, first.href, maxBytes),
      etag: validator(response.headers.get('etag')),
      lastModified: validator(response.headers.get('last-modified')),
    };
  }
  throw new SystemError(`${first.href}: more than ${MAX_REDIRECTS} redirects`, 'ELOOP');
}

/** Longer ones are not worth keeping. */
const validator = (value: string | null): string | undefined =>
  value === null || value.length > 256 ? undefined : value;

const tooLong = (what: string, maxBytes: number): SystemError =>
  new SystemError(`${what}: longer than ${maxBytes} bytes`, 'EFBIG');

async function* capped(
  pieces: AsyncIterable<Uint8Array>,
  what: string,
  maxBytes: number,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > maxBytes) throw tooLong(what, maxBytes);
    yield piece;
  }
}
