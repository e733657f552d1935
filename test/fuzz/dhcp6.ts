import { fromHex, toHex } from '../../src/base/bytes.ts';
import { BugError } from '../../src/base/errors.ts';
import { decodeDhcp6, encodeDhcp6 } from '../../src/wire/dhcp6.ts';
import { CODEC6, checkOption6, type Shape6 } from '../../src/wire/dhcp6-options.ts';
import { decodeUdp6, encodeUdp6 } from '../../src/wire/udp6.ts';

const must = (holds: boolean, what: string): void => {
  if (!holds) throw new BugError(what);
};

/** Whatever a client or relay says: nothing throws, and what decodes is the same when encoded again. */
export const target = {
  name: 'dhcp6',
  run(bytes: Uint8Array): void {
    const udp = decodeUdp6(bytes);
    if (udp.ok) {
      const again = decodeUdp6(encodeUdp6(udp.value));
      must(again.ok && toHex(again.value.payload) === toHex(udp.value.payload), 'another datagram');
    }
    const packet = decodeDhcp6(bytes);
    if (packet.ok) {
      const again = decodeDhcp6(encodeDhcp6(packet.value));
      must(
        again.ok && toHex(encodeDhcp6(again.value)) === toHex(encodeDhcp6(packet.value)),
        'another message',
      );
      for (const option of packet.value.message.options) checkOption6(option);
    } else {
      must(packet.error.offset <= bytes.length, 'offset behind the end');
    }
    for (const shape of Object.keys(CODEC6) as Shape6[]) {
      const codec = CODEC6[shape] as {
        decode(b: Uint8Array): { ok: boolean; value?: unknown };
        encode(v: unknown): Uint8Array;
      };
      const value = codec.decode(bytes);
      if (value.ok) must(codec.encode(value.value).length <= bytes.length + 1, `${shape} grew`);
    }
  },
  seeds: (): Uint8Array[] =>
    [
      '01100874 0001000a00030001020000000001 0006000400170018 000800020064 000e0000 0003000c0000000100000e1000001518',
      '07100874 00010006000300010203 0002000600030001aabb 000300280000000100000e10000015180005001820010db80000000000000000000000010000070800000e10',
      '0c00 20010db8000000000000000000000001 fe80000000000000000000fffe000001 004f00080001020000000001 0012000465746830 00090004 0b010203',
      '0027000701 04686f7374 00',
      '333300010002 020000000001 86dd 60000000 000c 1140 fe80000000000000000000fffe000001 ff020000000000000000000000010002 0222 0223 000c 0000 0b010203',
    ].map((text) => fromHex(text.replaceAll(' ', '')) ?? new Uint8Array(0)),
};
