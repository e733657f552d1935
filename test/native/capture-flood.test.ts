/** Random addresses without end: memory keeps its bound, nothing is lost from the sums, and a real talker is found. */
import t from 'tap';
import { loadNative } from '#src/os/linux/native.ts';
import { flood, TABLE_ROWS } from '../lib/capture-flood.ts';

const FLOWS = 400_000;

t.test('a flood of flows', async (t) => {
  const { packets, report, grownBytes } = await flood(loadNative(), FLOWS, 20_261_129);
  t.equal(packets, FLOWS);
  t.equal(report.packets, FLOWS);
  t.equal(report.bytes, FLOWS * 42);
  for (const [name, rows] of Object.entries(report.totals)) t.ok(rows <= TABLE_ROWS, name);
  t.equal(report.approximation.exact, false, 'it says that it approximates');
  t.ok(report.approximation.endpointsForgotten > FLOWS);
  const [first] = report.endpoints;
  t.equal(first?.address, '192.0.2.1');
  const counted = first?.packets ?? 0;
  t.ok(counted <= FLOWS / 10 && counted + (first?.missedPackets ?? 0) >= FLOWS / 10);
  // A row for each would be more than 200 MB.
  t.ok(grownBytes < 32 << 20, `grown by ${grownBytes} bytes`);
});
