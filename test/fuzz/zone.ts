import { formatPhc, parsePhc } from '../../src/base/phc.ts';
import { formatPosixZone, offsetAt, parsePosixZone } from '../../src/tr181/posix-zone.ts';

const YEAR = Date.UTC(2026, 0, 1);

/** Any text is a time zone that can be reckoned with or none, and a hash of bounded cost or none. */
export const target = {
  name: 'zone',
  run(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    const zone = parsePosixZone(text);
    if (zone !== undefined) {
      const again = parsePosixZone(formatPosixZone(zone));
      for (let month = 0; month < 24; month++) {
        const atMs = YEAR + month * 30.5 * 86_400_000;
        const offset = offsetAt(zone, atMs);
        if (!Number.isFinite(offset) || Math.abs(offset) > 25 * 3600) {
          throw new TypeError(`${text}: ${offset}`);
        }
        if (again === undefined || offsetAt(again, atMs) !== offset) {
          throw new TypeError(`${text} became ${formatPosixZone(zone)}`);
        }
      }
    }
    const phc = parsePhc(text);
    if (!phc.ok) return;
    if (phc.value.memoryKib > 262_144 || phc.value.passes > 16) throw new TypeError('cost');
    if (formatPhc(phc.value) !== text) throw new TypeError('two texts of one hash');
  },
  seeds: (): Uint8Array[] =>
    [
      'CET-1CEST,M3.5.0,M10.5.0/3',
      '<+1030>-10:30<+11>-11,M10.1.0,M4.1.0',
      'IST-2IDT,M3.4.4/26,M10.5.0',
      'AAA0BBB,J60/0,300/-5:30',
      '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    ].map((text) => new TextEncoder().encode(text)),
};
