/** Classic BPF programs (linux/filter.h) for packet sockets: a frame must pass every check of one alternative, in order. */

/** `load` gives a number; a check that is not passed ends the program, and the frame is not heard. */
export type Check =
  | { readonly load: Load; readonly oneOf: readonly number[] }
  /** None of these bits is set. */
  | { readonly load: Load; readonly without: number };

interface Load {
  readonly code: number;
  readonly offset: number;
  /** The offset counts from the end of the IPv4 header. */
  readonly afterIpv4?: boolean;
}

const LD_HALF = 0x28;
const LD_BYTE = 0x30;
const LD_HALF_INDEXED = 0x48;
const LDX_HEADER_LENGTH = 0xb1;
const JUMP_EQUAL = 0x15;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
const WHOLE_FRAME = 0x40000;
const ETHERNET_BYTES = 14;
/** Ancillary load: 1 when a VLAN tag was taken off the frame (SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT). */
const VLAN_TAG_PRESENT = 0xfffff030;

const half = (offset: number): Load => ({ code: LD_HALF, offset });
const byte = (offset: number): Load => ({ code: LD_BYTE, offset });

/** A tagged frame belongs to the VLAN's own interface. */
export const untagged: Check = { load: byte(VLAN_TAG_PRESENT), oneOf: [0] };
export const etherType = (type: number): Check => ({ load: half(12), oneOf: [type] });
export const ipv4Protocol = (protocol: number): Check => ({ load: byte(23), oneOf: [protocol] });
/** `bits` of flags and fragment offset: 0x1fff in later fragments, 0x2000 in all but the last. */
export const ipv4Fragment = (bits: number): Check => ({ load: half(20), without: bits });
export const ipv4UdpTo = (...ports: number[]): Check => ({
  load: { code: LD_HALF_INDEXED, offset: ETHERNET_BYTES + 2, afterIpv4: true },
  oneOf: ports,
});
export const ipv6NextHeader = (header: number): Check => ({ load: byte(20), oneOf: [header] });
export const ipv6UdpTo = (...ports: number[]): Check => ({ load: half(56), oneOf: ports });
export const icmp6Type = (...types: number[]): Check => ({ load: byte(54), oneOf: types });

/** Words for `attach` in native/filter.h: code, jumps and operand of each instruction. */
export function program(...alternatives: readonly (readonly Check[])[]): Uint32Array {
  const words: number[] = [];
  for (const checks of alternatives) addAlternative(words, checks);
  words.push(...instruction(RETURN, 0));
  return Uint32Array.from(words);
}

const instruction = (code: number, operand: number, yes = 0, no = 0): [number, number] => [
  ((code << 16) | (yes << 8) | no) >>> 0,
  operand >>> 0,
];

function addAlternative(words: number[], checks: readonly Check[]): void {
  const lengths = checks.map(
    (check) =>
      1 + (check.load.afterIpv4 === true ? 1 : 0) + ('oneOf' in check ? check.oneOf.length : 1),
  );
  // What comes behind the accepting return: the next alternative, or the end.
  const other = lengths.reduce((sum, length) => sum + length, words.length / 2 + 1);
  const add = (...parts: Parameters<typeof instruction>): void => {
    words.push(...instruction(...parts));
  };
  /** Jump from the instruction that comes next. */
  const toOther = (): number => other - words.length / 2 - 1;
  for (const check of checks) {
    if (check.load.afterIpv4 === true) add(LDX_HEADER_LENGTH, ETHERNET_BYTES);
    add(check.load.code, check.load.offset);
    if ('without' in check) {
      add(JUMP_ANY_BIT, check.without, toOther(), 0);
      continue;
    }
    check.oneOf.forEach((value, i) => {
      const left = check.oneOf.length - 1 - i;
      add(JUMP_EQUAL, value, left, left === 0 ? toOther() : 0);
    });
  }
  add(RETURN, WHOLE_FRAME);
}
