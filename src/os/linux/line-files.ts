/** Searches files of JSON lines, such as the log and the audit trail, from their end: newest lines first. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../base/errors.ts';
import { ROTATION, rotated } from './rotate.ts';

export interface LineSearch {
  /** Whether a parsed line is wanted. */
  wanted(line: Readonly<Record<string, unknown>>, text: string): boolean;
  readonly limit: number;
}

const CHUNK_BYTES = 256 * 1024;
/** What one search reads at most: a few tenths of a second of a slow card. */
const MAX_BYTES = 16 * 1024 * 1024;
const NEWLINE = 10;

/** Lines of `file` in `directory` and of its older rotations. Lines that are no JSON objects are left out. */
export async function newestLines(
  directory: string,
  file: string,
  search: LineSearch,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const found: Readonly<Record<string, unknown>>[] = [];
  let budget = MAX_BYTES;
  for (const path of rotated(join(directory, file), ROTATION.maxFiles).toReversed()) {
    for await (const text of backwards(path)) {
      budget -= text.length + 1;
      const line = parsed(text);
      if (line !== undefined && search.wanted(line, text)) found.push(line);
      if (found.length >= search.limit || budget <= 0) return found;
    }
  }
  return found;
}

async function* backwards(path: string): AsyncGenerator<string> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    let end = (await handle.stat()).size;
    let rest = Buffer.alloc(0);
    while (end > 0) {
      const size = Math.min(CHUNK_BYTES, end);
      const chunk = Buffer.alloc(size);
      const { bytesRead } = await handle.read(chunk, 0, size, end - size);
      if (bytesRead < size) return; // Cut off while it was read.
      end -= size;
      let block = Buffer.concat([chunk, rest]);
      for (let at = block.lastIndexOf(NEWLINE); at >= 0; at = block.lastIndexOf(NEWLINE)) {
        if (at + 1 < block.length) yield block.toString('utf8', at + 1);
        block = block.subarray(0, at);
      }
      rest = block;
    }
    if (rest.length > 0) yield rest.toString('utf8');
  } finally {
    await handle.close();
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    // Torn by a crash.
    return undefined;
  }
}
