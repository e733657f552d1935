/**
 * How large the page may be, compressed by Brotli: what a browser loads to show any of the places that
 * the page began with, and each part that is loaded when it is first opened.
 */
const PAGE_BYTES = 80_000;
const PART_BYTES = 12_000;

/** A file of the build, by name, and its size by Brotli. */
export type Sizes = Readonly<Record<string, number>>;

/** Of the page (`page`) and each part: bytes, and how many it may have. */
export function budgets(sizes: Sizes): Record<string, { bytes: number; limit: number }> {
  const all: Record<string, { bytes: number; limit: number }> = {
    page: { bytes: 0, limit: PAGE_BYTES },
  };
  for (const [name, bytes] of Object.entries(sizes)) {
    const part = /\/part-([a-z0-9]+)-/.exec(name)?.[1];
    all[part ?? 'page'] ??= { bytes: 0, limit: PART_BYTES };
    const budget = all[part ?? 'page'];
    if (budget !== undefined) budget.bytes += bytes;
  }
  return all;
}
