/** Rules as JSON: to compare them, and to keep them beside the compiled file. */
import { fromHex, toHex } from '../../../base/bytes.ts';
import type { SideRule } from './side-rules.ts';

/** With bytes as `{"hex":…}` and IPv6 addresses as `{"big":…}`. */
export const encodeRule = (rule: unknown): string =>
  JSON.stringify(rule, (_, value: unknown) => {
    if (typeof value === 'bigint') return { big: value.toString() };
    return value instanceof Uint8Array ? { hex: toHex(value) } : value;
  });

/** What `encodeRule` wrote; undefined for what it did not. */
export function decodeSideRules(text: string): SideRule[] | undefined {
  try {
    return JSON.parse(text, (_, value: unknown) => {
      if (typeof value !== 'object' || value === null) return value;
      if ('big' in value && typeof value.big === 'string') return BigInt(value.big);
      return 'hex' in value && typeof value.hex === 'string' ? fromHex(value.hex) : value;
    }) as SideRule[];
  } catch {
    return undefined;
  }
}
