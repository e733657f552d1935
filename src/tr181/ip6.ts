/** IPv6 text (RFC 4291 §2.2) to the canonical text of RFC 5952, or undefined. Zone ids are not taken. */
export function canonicalIpv6(text: string): string | undefined {
  const groups = parseGroups(text);
  return groups === undefined ? undefined : formatGroups(groups);
}

function parseGroups(text: string): readonly number[] | undefined {
  if (text.length < 2 || text.length > 45) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseHalf(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseHalf(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1) return missing === 0 ? head : undefined;
  // `::` stands for at least one group.
  return missing < 1 ? undefined : [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** `last`: the half ends the address, so it may end in dotted decimal. */
function parseHalf(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const octets = parseOctets(part);
      if (octets === undefined) return undefined;
      const [a, b, c, d] = octets;
      groups.push(a * 256 + b, c * 256 + d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function parseOctets(text: string): readonly [number, number, number, number] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const [a = 256, b = 256, c = 256, d = 256] = match.slice(1).map(octet);
  return a > 255 || b > 255 || c > 255 || d > 255 ? undefined : [a, b, c, d];
}

const octet = (text: string): number =>
  text.length > 1 && text.startsWith('0') ? 256 : Number(text);

function formatGroups(groups: readonly number[]): string {
  // RFC 5952 §4.2.3: the longest run of two or more zeros, the first of equals.
  let bestAt = -1;
  let bestLength = 1;
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length += 1;
    if (length > bestLength) [bestAt, bestLength] = [at, length];
  }
  const hex = groups.map((group) => group.toString(16));
  // RFC 5952 §5: IPv4-mapped addresses in mixed notation.
  if (bestAt === 0 && bestLength === 5 && groups[5] === 0xffff) {
    const [high = 0, low = 0] = groups.slice(6);
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  if (bestAt < 0) return hex.join(':');
  return `${hex.slice(0, bestAt).join(':')}::${hex.slice(bestAt + bestLength).join(':')}`;
}
