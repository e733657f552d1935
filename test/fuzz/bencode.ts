import { BencodeDocument, decodeBencode } from '../../src/wire/bencode.ts';
import { encodeBencode } from '../../src/wire/bencode-writer.ts';

const LIMITS = { maxBytes: 1 << 16, maxDepth: 20, maxTokens: 4000 };
const document = new BencodeDocument(LIMITS);

/** What is accepted is canonical: written again it is the same bytes. What is refused is so inside its bytes. */
export const target = {
  name: 'bencode',
  run(bytes: Uint8Array): void {
    const decoded = decodeBencode(bytes, LIMITS);
    const error = document.load(bytes);
    if ((error === undefined) !== decoded.ok) throw new TypeError('a used document differs');
    if (!decoded.ok) {
      if (decoded.error.offset > bytes.length) throw new RangeError('offset behind the end');
      return;
    }
    if (!Buffer.from(bytes).equals(encodeBencode(decoded.value)))
      throw new TypeError('accepted, but not canonical');
    if (!Buffer.from(bytes).equals(document.raw(0) ?? new Uint8Array(0)))
      throw new TypeError('the root is not the whole');
  },
  seeds: (): Uint8Array[] =>
    [
      'd1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe',
      'd5:filesld6:lengthi9007199254740993e4:pathl1:a2:bbeee4:name0:12:piece lengthi-16384ee',
      'lli0ei-1ei9223372036854775807eeldee0:e',
    ].map((text) => new TextEncoder().encode(text)),
};
