/** The remainders of half a byte, for the reflected polynomial 0xEDB88320. */
const NIBBLES: readonly number[] = [
  0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
  0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
];

/**
 * CRC-32 as zlib and Ethernet have it (ISO/IEC 8802-3 §3.2.9), from `before`, the sum of what came
 * before. Node's own is in its zlib, which takes 4 ms to load; this is for some kilobytes.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  let sum = ~before;
  for (const byte of bytes) {
    sum = (NIBBLES[(sum ^ byte) & 15] ?? 0) ^ (sum >>> 4);
    sum = (NIBBLES[(sum ^ (byte >>> 4)) & 15] ?? 0) ^ (sum >>> 4);
  }
  return ~sum >>> 0;
}
