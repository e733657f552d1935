/** Names in torrents: what may be the name of a file on this box, and what a name is made when it may not. */
import { decodeUtf8 } from './utf8.ts';

export interface SafeName {
  /** Never empty, `.` or `..`; without separators, control characters and overrides of writing direction; at most 255 bytes. */
  readonly name: string;
  /** Why it is not what the torrent says; undefined when it is. */
  readonly fault: string | undefined;
}

const MAX_NAME_BYTES = 255;
/** Control characters, separators of lines, and what turns the direction of writing. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** One name: of the torrent, of a folder or of a file. */
export function safeName(bytes: Uint8Array): SafeName {
  let name = decodeUtf8(bytes, 0, bytes.length);
  const faults: string[] = [];
  const replace = (pattern: RegExp, fault: string): void => {
    const safe = name.replace(pattern, '_');
    if (safe !== name) faults.push(fault);
    name = safe;
  };
  if (!name.isWellFormed()) {
    faults.push('it is not UTF-8');
    name = name.toWellFormed();
  }
  replace(/[/\\]/g, 'it has a path separator');
  replace(UNSAFE, 'it has control characters');
  if (name === '' || name === '.' || name === '..') {
    faults.push(
      name === '' ? 'it is empty' : `it is ${JSON.stringify(name)}, which leads elsewhere`,
    );
    name = '_';
  }
  if (bytes.length > MAX_NAME_BYTES) {
    faults.push(`it is longer than ${MAX_NAME_BYTES} bytes`);
    name = shortened(name);
  }
  return { name, fault: faults.length === 0 ? undefined : faults.join(', ') };
}

/** At most 85 characters of three bytes, or fewer code units of four. */
function shortened(name: string): string {
  let bytes = 0;
  let out = '';
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > MAX_NAME_BYTES) break;
    out += character;
  }
  return out;
}

/** Whether every path is there once, and no file is the folder of another. Gives the first that is not. */
export class PathSet {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  /** Why the path cannot stand beside those added before; undefined when it can. */
  add(path: readonly string[]): string | undefined {
    let folder = '';
    for (const part of path.slice(0, -1)) {
      folder = folder === '' ? part : `${folder}/${part}`;
      if (this.#files.has(folder)) return 'a file is its folder';
      this.#folders.add(folder);
    }
    const whole = path.join('/');
    if (this.#files.has(whole)) return 'it is there twice';
    if (this.#folders.has(whole)) return 'it is a folder, too';
    this.#files.add(whole);
    return undefined;
  }
}
