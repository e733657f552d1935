import t from 'tap';
import { RoundTrip } from '../../../src/services/dht/round-trip.ts';

t.test('how long an answer may take follows those that came, within bounds', async (t) => {
  const roundTrip = new RoundTrip({ firstMs: 500, leastMs: 20, mostMs: 1000 });
  t.equal(roundTrip.timeoutMs, 500);
  t.equal(roundTrip.ms, 0, 'unknown');
  roundTrip.measured(80);
  t.equal(roundTrip.timeoutMs, 80 + 4 * 40, 'RFC 6298, 2.2');
  roundTrip.measured(160);
  t.equal(roundTrip.ms, 90, '2.3: the new one counts an eighth');
  t.equal(roundTrip.timeoutMs, 90 + 4 * 50);
  for (let i = 0; i < 100; i++) roundTrip.measured(1);
  t.equal(roundTrip.timeoutMs, 20);
  for (let i = 0; i < 100; i++) roundTrip.measured(50);
  t.ok(Math.abs(roundTrip.timeoutMs - 60) < 0.1, 'a timer is no finer than 10 ms');
  for (let i = 0; i < 100; i++) roundTrip.measured(5000);
  t.equal(roundTrip.timeoutMs, 1000);
});
