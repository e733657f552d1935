import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Frames of a capture of `../shared/data/captures`, from Ethernet on; undefined where it is not at hand. */
export function captured(name: string): readonly Uint8Array[] | undefined {
  const file = join(import.meta.dirname, '../../../shared/data/captures', name);
  if (!existsSync(file)) return undefined;
  const bytes = readFileSync(file);
  const little = bytes.readUInt32LE(0) === 0xa1b2c3d4;
  const u32 = (at: number): number => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const frames: Uint8Array[] = [];
  for (let at = 24; at + 16 <= bytes.length; ) {
    const length = u32(at + 8);
    frames.push(new Uint8Array(bytes.subarray(at + 16, at + 16 + length)));
    at += 16 + length;
  }
  return frames;
}
