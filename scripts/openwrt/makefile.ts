/** What the feed's Makefiles say of a package, so that it is said once. Only the plain forms that they use are read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FeedPackage {
  /** `KEY:=value` of the file and of `define Package/NAME`. */
  readonly values: ReadonlyMap<string, string>;
  readonly description: string;
  readonly conffiles: readonly string[];
}

export function readFeed(folder: string, name: string): FeedPackage {
  const text = readFileSync(join(folder, 'Makefile'), 'utf8');
  const define = (part: string): string =>
    new RegExp(`^define Package/${name}${part}\\n(.*?)^endef$`, 'ms').exec(text)?.[1] ?? '';
  const lines = (block: string): string[] => block.split('\n').map((line) => line.trim());
  return {
    values: new Map(
      [...text.matchAll(/^ *([A-Z_]+):=(.*)$/gm)].map(([, key = '', value = '']) => [key, value]),
    ),
    description: lines(define('/description')).filter(Boolean).join('\n'),
    conffiles: lines(define('/conffiles')).filter(Boolean),
  };
}

/** `DEPENDS` without the conditions of the buildroot's menu. */
export const dependencies = (depends: string): string =>
  depends
    .split(/\s+/)
    .filter((word) => word.startsWith('+'))
    .map((word) => word.slice(1))
    .join(', ');
