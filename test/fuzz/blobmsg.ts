import { BugError } from '../../src/base/errors.ts';
import { array, bool, decodeTable, field, int32, string, table } from '../../src/wire/blobmsg.ts';
import { formatJson, parseJson } from '../../src/wire/blobmsg-json.ts';
import { scanFields } from '../../src/wire/blobmsg-scan.ts';
import { encodeTable } from '../../src/wire/blobmsg-writer.ts';
import { decodeUtf8 } from '../../src/wire/utf8.ts';

const sample = [
  field('on', bool(true)),
  field('n', int32(-5)),
  field('big', { type: 'int64', value: 9_007_199_254_740_993n }),
  field('d', { type: 'double', value: 2.25 }),
  field('s', string('héllo ✓ 🚀')),
  field('nul', { type: 'unspec' }),
  field('a', array([int32(1), string('x'), table([field('k', { type: 'int16', value: 7 })])])),
  field('', table([field('y', table([]))])),
] as const;

/** What decodes encodes again to something that decodes to the same; JSON of it is JSON. */
export const target = {
  name: 'blobmsg',
  run(bytes: Uint8Array): void {
    scanFields(bytes, 0, bytes.length, false);
    parseJson(decodeUtf8(bytes, 0, bytes.length));
    const decoded = decodeTable(bytes);
    if (!decoded.ok) return;
    const encoded = encodeTable(decoded.value);
    const again = encoded === undefined ? undefined : decodeTable(encoded);
    if (again?.ok !== true) throw new BugError('what was decoded cannot be encoded');
    const json = formatJson(decoded.value);
    if (formatJson(again.value) !== json) throw new BugError('the round trip changed a value');
    JSON.parse(json);
  },
  seeds: (): Uint8Array[] => [
    encodeTable(sample) ?? new Uint8Array(),
    encodeTable(sample.slice(0, 2)) ?? new Uint8Array(),
    new TextEncoder().encode(formatJson(sample)),
  ],
};
