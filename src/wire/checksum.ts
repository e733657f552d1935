/** The Internet checksum (RFC 1071). */

/** The 16-bit words of `bytes[start, end)`, added up; an odd last byte counts as if a zero followed. */
export function sumWords(bytes: Uint8Array, start: number, end: number): number {
  let total = 0;
  let at = start;
  for (; at + 1 < end; at += 2) total += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if (at < end) total += (bytes[at] ?? 0) << 8;
  return total;
}

/** What stands in the checksum field for that sum of all else, of less than 2^32. */
export const checksumOf = (total: number): number => {
  const once = (total & 0xffff) + (total >>> 16);
  return ((once & 0xffff) + (once >>> 16)) ^ 0xffff;
};

/** Sums up an IPv4 packet without options that carries UDP, at `ipAt` in `bytes`, up to `end` (RFC 791, RFC 768). */
export function sumIpv4Udp(bytes: Uint8Array, ipAt: number, end: number): void {
  put16(bytes, ipAt + 10, 0);
  put16(bytes, ipAt + 10, checksumOf(sumWords(bytes, ipAt, ipAt + 20)));
  const udpAt = ipAt + 20;
  put16(bytes, udpAt + 6, 0);
  const pseudo = sumWords(bytes, ipAt + 12, ipAt + 20) + 17 + (end - udpAt);
  // 0 would say that there is none.
  put16(bytes, udpAt + 6, checksumOf(pseudo + sumWords(bytes, udpAt, end)) || 0xffff);
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
