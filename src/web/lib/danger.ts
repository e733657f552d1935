/** Which changes could cut the reader off from the box: those are tried for a minute first. Pure. */
import type { Values } from './patch.ts';
import { asReference, parentOf, rowsOf } from './paths.ts';
import type { Change } from './shapes.ts';

const IP = 'Device.IP.Interface.';
const HARMLESS = new Set(['Alias']);

/** Interfaces of the LAN, and the Ethernet ports below them. */
function lanObjects(values: Values): readonly string[] {
  const found: string[] = [];
  for (const row of rowsOf(values.keys(), IP)) {
    if (values.get(`${row}X_GATEHOUSE_Zone`)?.value !== 'Lan') continue;
    found.push(row);
    const ports = values.get(`${row}LowerLayers`)?.value ?? '';
    for (const port of ports.split(',')) if (port !== '') found.push(`${port}.`);
  }
  return found;
}

/** True for changes of the LAN's interfaces, addresses and ports, of what becomes LAN, and of IPv4 as a whole. */
export function cutsOff(values: Values, changes: readonly Change[]): boolean {
  const lan = lanObjects(values);
  return changes.some(({ path, value }) => {
    if (values.get(path)?.value === value) return false;
    if (path === 'Device.IP.IPv4Enable') return value !== 'true';
    if (path.endsWith('.X_GATEHOUSE_Zone') && value === 'Lan') return true;
    // A port of the LAN that is given to another interface.
    if (path.endsWith('.LowerLayers')) {
      const given = value.split(',');
      if (lan.some((object) => given.includes(asReference(object)))) return true;
    }
    return (
      lan.some((object) => path.startsWith(object)) &&
      !HARMLESS.has(path.slice(path.lastIndexOf('.') + 1))
    );
  });
}

/** The address at which the box will answer after these changes, where they move it; undefined else. */
export function movesTo(
  values: Values,
  changes: readonly Change[],
  host: string,
): string | undefined {
  for (const { path, value } of changes) {
    if (!path.startsWith(IP) || !path.endsWith('.IPAddress')) continue;
    if (values.get(path)?.value === host && value !== host && value !== '') return value;
  }
  return undefined;
}

/** Whether deleting this row takes the address away by which the reader came. */
export const deletesOwnAddress = (values: Values, object: string, host: string): boolean =>
  [...values].some(
    ([path, { value }]) => path.startsWith(object) && path.endsWith('.IPAddress') && value === host,
  ) ||
  lanObjects(values).includes(object) ||
  lanObjects(values).includes(parentOf(object));
