import { createHash } from 'node:crypto';
import { encodeBencode } from '../../../src/wire/bencode-writer.ts';

/** An info dictionary of 4 KB, another for each number; and its SHA-1. */
export function infoOf(n: number): { readonly info: Uint8Array; readonly v1: Uint8Array } {
  const info = encodeBencode({
    ...{ length: 200 * 16_384, name: `file ${n}`, 'piece length': 16_384 },
    pieces: Uint8Array.from({ length: 4000 }, (_, i) => (i * 31) & 255),
  });
  return { info, v1: createHash('sha1').update(info).digest() };
}
