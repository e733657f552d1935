import { BugError } from '../../src/base/errors.ts';
import {
  bufferOf,
  decodeFileHeader,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  GROUP_HEADER_BYTES,
  scanFile,
  sealGroup,
} from '../../src/services/dhcp-server/journal-file.ts';
import type { Lease } from '../../src/services/dhcp-server/lease.ts';
import {
  decodeRecord,
  encodeRecord,
  encodeWhole,
  recordBound,
} from '../../src/services/dhcp-server/record.ts';
import { recover } from '../../src/services/dhcp-server/recover.ts';
import { someLease } from '../services/dhcp-server/some-leases.ts';

const SALT = 0x5a17c0de;
const NOW = { bootId: 'boot', bootMs: 5_000, wallMs: 1_767_225_600_000 };

function record(lease: Lease): Uint8Array {
  const bytes = new Uint8Array(recordBound(lease));
  return bytes.slice(0, encodeRecord(bufferOf(bytes), 0, lease, false));
}

function file(leases: readonly Lease[]): Uint8Array {
  const buffer = bufferOf(new Uint8Array(4096));
  encodeFileHeader(buffer, 0, { number: 1, salt: SALT });
  let at = FILE_HEADER_BYTES;
  for (const lease of leases) {
    let end = encodeRecord(buffer, at + GROUP_HEADER_BYTES, lease, false);
    end = encodeWhole(buffer, end);
    sealGroup(buffer, at, end, SALT, 'boot');
    at = end;
  }
  return buffer.bytes.slice(0, at + 100);
}

/** A record that decodes encodes to the same bytes' worth; a file of any bytes is read without harm. */
export const target = {
  name: 'dhcp4-record',
  run(bytes: Uint8Array): void {
    const decoded = decodeRecord(bufferOf(bytes), 0, bytes.length);
    if (decoded.ok && 'lease' in decoded.value) {
      const again = record(decoded.value.lease);
      const back = decodeRecord(bufferOf(again), 0, again.length);
      if (!back.ok || !('lease' in back.value)) throw new BugError('does not decode again');
      if (Buffer.compare(record(back.value.lease), again) !== 0) throw new BugError('not the same');
    }
    scanFile(bufferOf(bytes), SALT, () => {});
    decodeFileHeader(bufferOf(bytes));
    const recovered = recover([bytes, undefined], NOW);
    if (!recovered.ok) return;
    const addresses = new Set(recovered.value.leases.map((l) => `${l.segment} ${l.address}`));
    if (addresses.size !== recovered.value.leases.length) throw new BugError('given twice');
    const tail = recovered.value.end?.tail ?? 0;
    if (tail > Math.max(bytes.length, FILE_HEADER_BYTES)) throw new BugError('tail outside');
  },
  seeds: (): Uint8Array[] => [
    record(someLease(2)),
    record(someLease(3, { hostName: undefined, vendorClass: undefined, pool: undefined })),
    file([someLease(1), someLease(2)]),
    file([]),
  ],
};
