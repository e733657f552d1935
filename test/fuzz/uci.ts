import { readUciConfig } from '../../src/edge/cli/uci.ts';
import { decodeUci } from '../../src/wire/uci.ts';

/** Any text is sections or a fault inside it; what is made of it has the promised shape. */
export const target = {
  name: 'uci',
  run(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    const decoded = decodeUci(text);
    const config = readUciConfig(text);
    if (!decoded.ok) {
      if (decoded.error.offset > text.length) throw new RangeError('offset behind the end');
      if (config.ok) throw new TypeError('a configuration of what does not decode');
      return;
    }
    for (const { values } of decoded.value) {
      for (const list of values.values()) {
        if (list.length === 0 || list.includes('')) throw new TypeError('an empty value');
      }
    }
    if (!config.ok && config.error.length === 0) throw new TypeError('refused without a fault');
  },
  seeds: (): Uint8Array[] =>
    [
      "config gatehouse 'main'\n\toption wan 'eth1'\n\tlist lan 'br-lan'\n\tlist set 'Device.X=1'\n",
      'package a\nconfig b c # d\noption e "f\\"g" ; list h i\\ j\n',
      "config a\n\toption b 'two\nlines'\n",
    ].map((text) => new TextEncoder().encode(text)),
};
