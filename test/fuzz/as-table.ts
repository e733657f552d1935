/** Any text: a table of autonomous systems or a refusal, and no address that breaks a table. */
import { ipv4 } from '../../src/base/ip.ts';
import { ipv6 } from '../../src/base/ip6.ts';
import { parseAsTable } from '../../src/wire/as-table.ts';
import type { FuzzTarget } from './run.ts';

export const target: FuzzTarget = {
  name: 'as-table',
  run(bytes) {
    const parsed = parseAsTable(new TextDecoder().decode(bytes));
    if (!parsed.ok) {
      if (parsed.error.offset > bytes.length * 3) throw new RangeError('an offset past the end');
      return;
    }
    for (const address of [
      ipv4(0),
      ipv4(0x01000005),
      ipv4(0xffffffff),
      ipv6(0n),
      ipv6(1n << 127n),
    ]) {
      const found = parsed.value.asOf(address);
      if (found !== undefined && (found.number < 1 || found.number > 0xffffffff)) {
        throw new RangeError(`AS ${found.number}`);
      }
    }
  },
  seeds: () =>
    [
      '1.0.0.0\t1.0.0.255\t13335\tUS\tCLOUDFLARENET\n0.0.0.0 0.255.255.255 0 None Not routed\n',
      '# prefixes\n2001:db8::/32 AS64500 Example\n1.0.0.0/8 64501\n1.0.0.0/24 64502\n',
    ].map((text) => new TextEncoder().encode(text)),
};
