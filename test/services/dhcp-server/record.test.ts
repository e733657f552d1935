import fc from 'fast-check';
import t from 'tap';
import { bufferOf } from '../../../src/services/dhcp-server/journal-file.ts';
import type { Lease } from '../../../src/services/dhcp-server/lease.ts';
import {
  decodeRecord,
  encodeRecord,
  encodeWhole,
  recordBound,
  recordEstimate,
  recordLength,
  WHOLE_BYTES,
} from '../../../src/services/dhcp-server/record.ts';
import { anyLease, someLease } from './some-leases.ts';

function encoded(lease: Lease, forgotten = false): Uint8Array {
  const bytes = new Uint8Array(recordBound(lease));
  return bytes.slice(0, encodeRecord(bufferOf(bytes), 0, lease, forgotten));
}

t.test('a lease comes back as it was, wherever in the buffer it stands', async (t) => {
  fc.assert(
    fc.property(anyLease, fc.boolean(), fc.nat(40), (lease, forgotten, at) => {
      const buffer = bufferOf(new Uint8Array(at + recordBound(lease) + 3).fill(0xa5));
      const end = encodeRecord(buffer, at, lease, forgotten);
      const length = recordLength(buffer, at, buffer.bytes.length);
      t.same(length, { ok: true, value: end - at });
      const decoded = decodeRecord(buffer, at, end);
      t.same(decoded, { ok: true, value: { kind: forgotten ? 'forgotten' : 'lease', lease } });
      t.ok(
        buffer.bytes.subarray(0, at).every((b) => b === 0xa5) && buffer.bytes[end] === 0xa5,
        'nothing beside it is touched',
      );
    }),
    { seed: 11, numRuns: 300 },
  );
});

t.test('the bytes on disk stay what they are', async (t) => {
  const bytes = encoded(someLease(2, { held: true }));
  t.equal(
    Buffer.from(bytes).toString('hex'),
    [
      '008401f80a000002', // 132 bytes, a lease, bound and held, with all fields, 10.0.0.2
      '4184998f40000000', // 43,201 s in ms
      '408f400000000000',
      '4279b76daa800000', // 2026-01-01
      '4279b76daa800000',
      '40e5180000000000',
      '010600080007000600' + '0c001b0004',
      '020000000002',
      '6901020000000002', // the key
      '01020000000002',
      Buffer.from('host-2udhcp 1.36.1Device.DHCPv4.Server.Pool.1lan0').toString('hex'),
    ].join(''),
  );
  t.equal(recordEstimate(someLease(2)), bytes.length);
});

t.test('cut anywhere, or with a byte too many, it is refused', async (t) => {
  for (const lease of [someLease(2), someLease(3, { hostName: undefined, pool: undefined })]) {
    const whole = encoded(lease);
    for (let length = 0; length < whole.length; length++) {
      const cut = whole.slice(0, length);
      if (decodeRecord(bufferOf(cut), 0, length).ok) t.fail(`accepted with ${length} bytes`);
      if (length < 4) continue;
      // Also when the length says so.
      bufferOf(cut).view.setUint16(0, length);
      if (decodeRecord(bufferOf(cut), 0, length).ok) t.fail(`accepted as ${length} bytes`);
    }
    const more = new Uint8Array([...whole, 0]);
    t.notOk(decodeRecord(bufferOf(more), 0, more.length).ok);
  }
});

t.test('what no lease says is refused, with field and offset', async (t) => {
  const good = encoded(someLease(2));
  const refused = (at: number, field: string, ...put: number[]): void => {
    const bad = good.slice();
    bad.set(put, at);
    const decoded = decodeRecord(bufferOf(bad), 0, bad.length);
    t.match(decoded, { ok: false, error: { field } }, `${field} at ${at}`);
  };
  refused(0, 'length', 0, 3);
  refused(0, 'length', 255, 255);
  refused(3, 'state', 0xf3);
  refused(3, 'state', 0xf4);
  refused(3, 'lengths', 0xe0);
  refused(3, 'lengths', 0x70);
  refused(8, 'expiresAtMs', 0x7f, 0xf8);
  refused(8, 'expiresAtMs', 0xff, 0xf0, 0, 0, 0, 0, 0, 0);
  for (const at of [16, 24, 32]) refused(at, 'bootMs', 0x7f, 0xf0, 0, 0, 0, 0, 0, 0);
  refused(40, 'leaseSec', 0xbf, 0xf0);
  refused(40, 'leaseSec', 0x7f, 0xf8);
  refused(49, 'lengths', 7);
  refused(60, 'lengths', 0xff);
});

t.test('the mark of a whole file, and kinds of a later version', async (t) => {
  const bytes = new Uint8Array(WHOLE_BYTES);
  t.equal(encodeWhole(bufferOf(bytes), 0), WHOLE_BYTES);
  t.same(decodeRecord(bufferOf(bytes), 0, WHOLE_BYTES), { ok: true, value: { kind: 'whole' } });
  bytes[3] = 1;
  t.notOk(decodeRecord(bufferOf(bytes), 0, WHOLE_BYTES).ok);
  bytes[2] = 9;
  t.same(decodeRecord(bufferOf(bytes), 0, WHOLE_BYTES), { ok: true, value: { kind: 'unknown' } });
});
