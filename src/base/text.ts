/** Control characters (C0, DEL, C1), formatting ones that reorder text, and line separators: none may reach a terminal raw. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The text with every unsafe character as `\n`, `\t`, `\x1b` or `\u{202e}`: what the network says cannot steer a terminal or forge a line. */
export const escapeControls = (text: string): string =>
  text.replace(UNSAFE, (c) => {
    if (c === '\n') return '\\n';
    if (c === '\t') return '\\t';
    const code = c.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });

/** One label of a host name: 1 to 63 letters and digits, with hyphens inside (RFC 1123 §2.1). */
export const isHostLabel = (text: string): boolean =>
  /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(text);
