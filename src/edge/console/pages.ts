/** Text for a screen of so many columns and rows. Pure. */

/** Without colours as `edge/cli/table.ts` writes them; all other control characters were escaped before. */
const uncoloured = (line: string): string =>
  line
    .split('\u001b')
    .map((part, i) => (i === 0 ? part : part.replace(/^\[[0-9;]*m/, '')))
    .join('');

export const widthOf = (line: string): number => [...uncoloured(line)].length;

/** Lines that fit: longer ones are broken, at a blank where there is one, and lose their colour. */
export function fold(text: string, columns: number): readonly string[] {
  const lines = text.replace(/\n$/, '').split('\n');
  return lines.flatMap((line) => (widthOf(line) <= columns ? [line] : broken(line, columns)));
}

function broken(line: string, columns: number): string[] {
  const parts: string[] = [];
  let rest = [...uncoloured(line)];
  // What follows is set in, so that it does not pass for a line of its own.
  let indent = '';
  while (indent.length + rest.length > columns) {
    const room = columns - indent.length;
    const blank = rest.lastIndexOf(' ', room);
    const at = blank > room / 2 ? blank : room;
    parts.push(indent + rest.slice(0, at).join(''));
    rest = rest.slice(rest[at] === ' ' ? at + 1 : at);
    indent = '  ';
  }
  return [...parts, indent + rest.join('')];
}

/** Pages of at most `rows` lines, the last line of the screen left free for the prompt. */
export function pages(lines: readonly string[], rows: number): readonly (readonly string[])[] {
  const size = Math.max(1, rows - 1);
  const count = Math.max(1, Math.ceil(lines.length / size));
  return Array.from({ length: count }, (_, i) => lines.slice(i * size, (i + 1) * size));
}
