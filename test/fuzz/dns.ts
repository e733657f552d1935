import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { BugError } from '../../src/base/errors.ts';
import { decodeMessage, encodeMessage } from '../../src/wire/dns.ts';
import { formatRdata, parseRdata } from '../../src/wire/dns-rdata-text.ts';

const golden: {
  readonly messages: readonly { readonly answer: string; readonly query: string }[];
} = JSON.parse(readFileSync(new URL('../golden/dns.json', import.meta.url), 'utf8'));

/** Whatever clients and resolvers say: nothing throws, what decodes is the same when encoded again, and its text is read as it is written. */
export const target = {
  name: 'dns',
  run(bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (!message.ok) return;
    const once = encodeMessage(message.value);
    const again = decodeMessage(once);
    if (!again.ok || toHex(encodeMessage(again.value)) !== toHex(once)) {
      throw new BugError('not the same again');
    }
    for (const { type, rdata } of message.value.answers) {
      const back = parseRdata(type, formatRdata(type, rdata));
      if (!back.ok || toHex(back.value) !== toHex(rdata)) throw new BugError('not the same text');
    }
  },
  seeds: (): Uint8Array[] =>
    golden.messages.flatMap(({ answer, query }) =>
      [answer, query].map((hex) => fromHex(hex) ?? new Uint8Array(0)),
    ),
};
