/** RFC 2131 §3.3: interpretation and representation of time values. */
import t from 'tap';
import { deadlineMs, INITIAL, step } from '../../../src/services/dhcp-client/machine.ts';
import { judged, u32 } from '../dhcp4.ts';

// "The time value of 0xffffffff is reserved to represent 'infinity'."
t.test('infinity', async (t) => {
  const { lease } = judged([
    [51, u32(0xffffffff)],
    [58, u32(60)],
    [59, u32(120)],
  ]);
  t.same([lease.leaseSec, lease.t1Sec, lease.t2Sec], [Infinity, Infinity, Infinity]);
  const { state } = step(INITIAL, { type: 'lease', lease }, 0);
  t.equal(deadlineMs(state), Infinity);
  t.same(step(state, { type: 'time' }, 1e15), { state, effects: [] });
  t.equal(judged([[51, u32(0xfffffffe)]]).lease.leaseSec, 0xfffffffe, 'the longest that ends');
});

// "As clients and servers may not have synchronized clocks, times are represented in DHCP messages as
// relative times, to be interpreted with respect to the client's local clock." 32 bits are 136 years,
// more than any timer of the platform takes at once.
t.test('times are relative to when the lease was received', async (t) => {
  const { lease } = judged([[51, u32(0xfffffffe)]]);
  const receivedAtMs = 123_456;
  const { state } = step(INITIAL, { type: 'lease', lease: { ...lease, receivedAtMs } }, 0);
  t.equal(deadlineMs(state), receivedAtMs + Math.floor(0xfffffffe / 2) * 1000);
});
