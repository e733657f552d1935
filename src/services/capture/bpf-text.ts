/** Programs of the kernel's packet filter (linux/filter.h) as text, one line an instruction, as `tcpdump -d` has them. Pure. */

const SIZES = ['', 'h', 'b'];
const ALU = ['add', 'sub', 'mul', 'div', 'or', 'and', 'lsh', 'rsh', 'neg', 'mod', 'xor'];
const JUMPS = ['ja', 'jeq', 'jgt', 'jge', 'jset'];

const hex = (value: number): string => `#0x${value.toString(16)}`;

/** Where it loads from: the low three bits of the mode say how `k` is meant. */
function operand(code: number, k: number): string {
  switch (code & 0xe0) {
    case 0x00:
      return hex(k);
    case 0x20:
      return `[${k}]`;
    case 0x40:
      return `[x + ${k}]`;
    case 0x60:
      return `M[${k}]`;
    case 0x80:
      return '#pktlen';
    default:
      return `4*([${k}]&0xf)`;
  }
}

/** Bits are shown as such, amounts as numbers. */
function arithmetic(name: string, source: string, k: number): string {
  if (name === 'neg') return name;
  return `${name} ${source === 'x' || ['and', 'or', 'xor'].includes(name) ? source : `#${k}`}`;
}

function instruction(code: number, jt: number, jf: number, k: number, at: number): string {
  const source = (code & 8) === 0 ? hex(k) : 'x';
  switch (code & 7) {
    case 0:
      return `ld${SIZES[(code >> 3) & 3] ?? ''} ${operand(code, k)}`;
    case 1:
      return `ldx${(code & 0xe0) === 0xa0 ? 'b' : ''} ${operand(code, k)}`;
    case 2:
      return `st M[${k}]`;
    case 3:
      return `stx M[${k}]`;
    case 4:
      return arithmetic(ALU[code >> 4] ?? '?', source, k);
    case 5:
      return (code & 0xf0) === 0
        ? `ja ${at + 1 + k}`
        : `${JUMPS[code >> 4] ?? '?'} ${source} jt ${at + 1 + jt} jf ${at + 1 + jf}`;
    case 6:
      return (code & 0x18) === 0x10 ? 'ret a' : `ret #${k}`;
    default:
      return (code & 0xf8) === 0 ? 'tax' : 'txa';
  }
}

/** `program`: two words for each instruction, as they stand in memory of a little-endian machine. */
export function bpfText(program: Uint32Array): string[] {
  const lines: string[] = [];
  for (let i = 0; 2 * i + 1 < program.length; i++) {
    const head = program[2 * i] ?? 0;
    const k = program[2 * i + 1] ?? 0;
    lines.push(instruction(head & 0xffff, (head >> 16) & 0xff, head >>> 24, k, i));
  }
  return lines;
}
