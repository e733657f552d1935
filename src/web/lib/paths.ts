/** TR-181 paths as text: objects end in a dot, rows are numbers, the supported model has `{i}` there. */

/** `Device.DHCPv4.Client.1.Enable` → `Device.DHCPv4.Client.{i}.Enable`. */
export const generic = (path: string): string => path.replace(/\.\d+(?=\.)/g, '.{i}');

/** Object of a parameter, or the object above an object, with its final dot; `` above the root. */
export function parentOf(path: string): string {
  const end = path.endsWith('.') ? path.length - 1 : path.length;
  return path.slice(0, path.lastIndexOf('.', end - 1) + 1);
}

/** Last part, without the final dot. */
export function nameOf(path: string): string {
  const end = path.endsWith('.') ? path.length - 1 : path.length;
  return path.slice(path.lastIndexOf('.', end - 1) + 1, end);
}

export const isRow = (path: string): boolean => /\.\d+\.$/.test(path);

/** Rows of `table` (final dot) that `paths` speak of, by their numbers. */
export function rowsOf(paths: Iterable<string>, table: string): readonly string[] {
  const numbers = new Set<number>();
  for (const path of paths) {
    if (!path.startsWith(table)) continue;
    const number = /^(\d+)\./.exec(path.slice(table.length))?.[1];
    if (number !== undefined) numbers.add(Number(number));
  }
  return [...numbers].sort((a, b) => a - b).map((n) => `${table}${n}.`);
}

/** Whether it belongs to an account: those are never returned to, whatever the history holds. */
export const ofAccount = (path: string): boolean => path.startsWith('Device.Users.');

/** References are written without their final dot. */
export const asReference = (object: string): string => object.replace(/\.$/, '');

/** The tree's own order: by parts, numbers as numbers. */
export function comparePaths(a: string, b: string): number {
  const [left, right] = [a.split('.'), b.split('.')];
  for (let at = 0; at < Math.min(left.length, right.length); at++) {
    const [x = '', y = ''] = [left[at], right[at]];
    if (x === y) continue;
    const [n, m] = [Number(x), Number(y)];
    if (x !== '' && y !== '' && !Number.isNaN(n) && !Number.isNaN(m)) return n - m;
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}
