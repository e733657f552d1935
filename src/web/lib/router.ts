/** Where the reader is, kept in the address behind `#`, so that the server has one page alone. */

export const PLACES = [
  'overview',
  'devices',
  'dns',
  'network',
  'monitor',
  'capture',
  'model',
  'system',
] as const;

export type Place = (typeof PLACES)[number];

export interface Route {
  readonly place: Place;
  /** What follows the place, decoded: `['dhcp', '1']`. */
  readonly rest: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

/** Anything unknown leads to the overview. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const [place, ...rest] = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const query = Object.fromEntries(new URLSearchParams(search));
  const known = PLACES.find((name) => name === place);
  return known === undefined
    ? { place: 'overview', rest: [], query: {} }
    : { place: known, rest, query };
}

export function href(
  place: Place,
  rest: readonly string[] = [],
  query: Readonly<Record<string, string>> = {},
): string {
  const search = new URLSearchParams(query).toString();
  const path = [place, ...rest].map(encodeURIComponent).join('/');
  return `#/${path}${search === '' ? '' : `?${search}`}`;
}

/** A stray `%` in a typed address is no reason to fail. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
