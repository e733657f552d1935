/** Files from elsewhere, by HTTPS or from the box itself. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorCode, errorMessage, SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Download, Downloads } from '../ports.ts';

const MAX_REDIRECTS = 5;

export class LinuxDownloads implements Downloads {
  async open(text: string, signal: AbortSignal): Promise<Result<Download, SystemError>> {
    const url = URL.parse(text);
    try {
      if (url?.protocol === 'file:') return ok(await openFile(fileURLToPath(url)));
      if (url?.protocol === 'https:') return ok(await openHttps(url, signal));
    } catch (thrown) {
      if (thrown instanceof SystemError) return err(thrown);
      // fetch says no more than that it failed; its cause does.
      const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown;
      return err(new SystemError(`${text}: ${errorMessage(cause)}`, errorCode(cause), { cause }));
    }
    return err(new SystemError(`${text}: neither https://… nor file:///…`, 'EINVAL'));
  }
}

async function openFile(path: string): Promise<Download> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const is = await file.stat();
  if (!is.isFile()) {
    await file.close();
    throw new SystemError(`${path}: not a file`, 'EINVAL');
  }
  return { sizeBytes: is.size, pieces: file.createReadStream() };
}

/** A redirect must not lead to where nobody proves who he is. */
async function openHttps(first: URL, signal: AbortSignal): Promise<Download> {
  let url = first;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await fetch(url, { signal, redirect: 'manual' });
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
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new SystemError(`${first.href}: HTTP ${response.status}`, 'ENOENT');
    }
    const length = response.headers.get('content-length');
    return {
      sizeBytes: length === null ? undefined : Number(length),
      pieces: response.body,
    };
  }
  throw new SystemError(`${first.href}: more than ${MAX_REDIRECTS} redirects`, 'ELOOP');
}
