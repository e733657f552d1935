/** The built page in memory, read when it is first asked for: some hundred kilobytes, and no path of a request ever reaches the file system. */
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

interface BuiltFile {
  readonly bytes: Uint8Array;
  readonly br: Uint8Array | undefined;
  readonly gzip: Uint8Array | undefined;
  readonly etag: string;
}

export class BuiltWebFiles {
  readonly #directory: string;
  #files: ReadonlyMap<string, BuiltFile> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** `path` is relative to the folder of the build, with slashes. */
  read(path: string): BuiltFile | undefined {
    // A page that is built later is found; one that is built anew needs a new daemon.
    if (this.#files === undefined || this.#files.size === 0) this.#files = this.#load();
    return this.#files.get(path);
  }

  #load(): ReadonlyMap<string, BuiltFile> {
    const raw = new Map<string, Uint8Array>();
    for (const entry of this.#entries()) {
      if (!entry.isFile()) continue;
      const full = join(entry.parentPath, entry.name);
      raw.set(relative(this.#directory, full), readFileSync(full));
    }
    const files = new Map<string, BuiltFile>();
    for (const [path, bytes] of raw) {
      if (/\.(br|gz)$/.test(path) && raw.has(path.replace(/\.(br|gz)$/, ''))) continue;
      const etag = `"${hash('sha256', bytes, 'base64url').slice(0, 22)}"`;
      files.set(path, { bytes, br: raw.get(`${path}.br`), gzip: raw.get(`${path}.gz`), etag });
    }
    return files;
  }

  #entries() {
    try {
      return readdirSync(this.#directory, { recursive: true, withFileTypes: true });
    } catch {
      // Not built: the page says so.
      return [];
    }
  }
}
