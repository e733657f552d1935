import t from 'tap';
import { line } from './run.ts';

t.test('one line for each comparison', async (t) => {
  const row = {
    ours: 8123.4,
    peer: 10_000,
    unit: 'calls/s',
    peerName: 'C relay 1',
    higherIsBetter: true,
    oursCpuSec: 1.234,
    peerCpuSec: 0.5,
  };
  t.equal(
    line('ubus', { ...row, name: '200 B', note: 'p50 80 µs' }),
    'ubus 200 B: gatehouse 8,123 calls/s, C relay 1 10,000 calls/s, 0.812 ×  (higher is better; CPU 1.23 s, 0.5 s; p50 80 µs)',
  );
  t.match(line('start', { ...row, unit: 'ms', higherIsBetter: false }), /lower is better/);
});
