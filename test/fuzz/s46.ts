import { fromHex, toHex } from '../../src/base/bytes.ts';
import { BugError } from '../../src/base/errors.ts';
import { decodeAftrName, decodeS46Container, encodeS46Container } from '../../src/wire/s46.ts';

const must = (holds: boolean, what: string): void => {
  if (!holds) throw new BugError(what);
};

/** Whatever stands in options 64 and 94 to 96: nothing throws, and what decodes is the same when encoded again. */
export const target = {
  name: 's46',
  run(bytes: Uint8Array): void {
    const container = decodeS46Container(bytes);
    if (container.ok) {
      const once = encodeS46Container(container.value);
      must(once.length === bytes.length, 'another length');
      const again = decodeS46Container(once);
      must(again.ok && toHex(encodeS46Container(again.value)) === toHex(once), 'another container');
    } else {
      must(container.error.offset <= bytes.length, 'offset behind the end');
    }
    const name = decodeAftrName(bytes);
    must(name.ok || name.error.offset <= bytes.length, 'offset behind the end');
  },
  seeds: (): Uint8Array[] =>
    [
      '0059001501 1018c00002002820010db800005d000406083400 005b00094020010db8ffff0000',
      '0059000d001018c00002002820010db800 005a001020010db8000000000000000000000001',
      '005c001ac00002123820010db8001234005d00040408340000ff0002abcd',
      '046166747203697370076578616d706c6500',
    ].map((text) => fromHex(text.replaceAll(' ', '')) ?? new Uint8Array(0)),
};
