/** Names for the DNS benchmark, the same in every run. */
import { randomFrom } from '../../fuzz/run.ts';

const TLDS = ['com', 'net', 'org', 'info', 'io', 'de'];
const text = (n: number): string => n.toString(36);

/** Two labels and a top-level domain, as lists have them. */
export function blockedNames(count: number): string[] {
  const next = randomFrom(20);
  return Array.from(
    { length: count },
    (_, i) => `${text(next())}.${text(next() % 1_000_003)}${text(i)}.${TLDS[next() % 6]}`,
  );
}

export function sampleOf(names: readonly string[], count: number): string[] {
  const next = randomFrom(21);
  return Array.from({ length: count }, () => names[next() % names.length] ?? '');
}

export const cachedNames = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `host${i}.site${i % 500}.example`);
