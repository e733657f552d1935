/** Leases of another server's file become this one's, where they fit what it serves and what it lent itself. Pure. */
import { contains, formatIpv4, networkOf } from '../../base/ip.ts';
import type { SegmentConfig } from './config.ts';
import type { ExportNow } from './export-leases.ts';
import { adopt, type ImportFault, type LeaseImport } from './import-leases.ts';
import type { Lease, LeaseTable } from './lease.ts';

export interface TakenOver {
  readonly leases: readonly Lease[];
  /** By line of the file. */
  readonly faults: readonly ImportFault[];
}

/** What of `imported` can be taken over; nothing is changed. Own leases that are bound win. */
export function takeOver(
  imported: LeaseImport,
  segments: readonly Pick<SegmentConfig, 'ifName' | 'addresses'>[],
  table: LeaseTable,
  now: ExportNow,
): TakenOver {
  const leases: Lease[] = [];
  const faults: ImportFault[] = [...imported.faults];
  for (const row of imported.leases) {
    const { line, address } = row;
    const text = formatIpv4(address);
    const segment = segments.find(({ addresses }) =>
      addresses.some((subnet) => contains(subnet, address)),
    );
    const fault = (reason: string): void => void faults.push({ line, reason });
    if (segment === undefined) {
      fault(`${text} is in no subnet that is served`);
      continue;
    }
    if (segment.addresses.some((own) => own.address === address || networkOf(own) === address)) {
      fault(`${text} is the box itself or no address of a host`);
      continue;
    }
    const lease = adopt(row, segment.ifName, now);
    const holder = table.at(segment.ifName, address);
    const had = table.find(segment.ifName, lease.key);
    if (holder !== undefined && holder.state !== 'free' && holder !== had) {
      fault(`${text} is on loan to somebody else here`);
    } else if (had?.state === 'bound') {
      fault(`its client has ${formatIpv4(had.address)} here already`);
    } else leases.push(lease);
  }
  return { leases, faults: faults.toSorted((a, b) => a.line - b.line) };
}
