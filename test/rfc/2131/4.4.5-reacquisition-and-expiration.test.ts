/** RFC 2131 §4.4.5: reacquisition and expiration; figure 5. */
import t from 'tap';
import {
  type ClientEvent,
  type ClientState,
  INITIAL,
  step,
} from '../../../src/services/dhcp-client/machine.ts';
import { judged, type Options, u32 } from '../dhcp4.ts';

const times = (options: Options): readonly number[] => {
  const { leaseSec, t1Sec, t2Sec } = judged(options).lease;
  return [t1Sec, t2Sec, leaseSec];
};

// "T1 defaults to (0.5 * duration_of_lease). T2 defaults to (0.875 * duration_of_lease)."
t.test('defaults', async (t) => {
  t.same(times([[51, u32(3600)]]), [1800, 3150, 3600]);
  t.same(times([[51, u32(86_400)]]), [43_200, 75_600, 86_400]);
});

// "Times T1 and T2 are configurable by the server through options."
t.test('options 58 and 59', async (t) => {
  t.same(
    times([
      [51, u32(3600)],
      [58, u32(100)],
      [59, u32(200)],
    ]),
    [100, 200, 3600],
  );
});

// "T1 MUST be earlier than T2, which, in turn, MUST be earlier than the time at which the client's
// lease will expire."
t.test('T1 before T2 before the end, whatever the server says', async (t) => {
  const said = [0, 1, 2, 3, 7, 10, 1800, 3149, 3150, 3599, 3600, 3601, 0xffffffff];
  for (const leaseSec of [0, 1, 10, 11, 60, 3600, 0xfffffffe]) {
    for (const t1 of said) {
      for (const t2 of said) {
        const [first = 0, second = 0, end = 0] = times([
          [51, u32(leaseSec)],
          [58, u32(t1)],
          [59, u32(t2)],
        ]);
        if (!(first >= 1 && first < second && second < end)) {
          t.fail(`lease ${leaseSec}, T1 ${t1}, T2 ${t2} gave ${first}, ${second}, ${end}`);
        }
      }
    }
  }
  t.same(times([[59, u32(200)]]), [114, 200, 3600], 'T2 alone: T1 keeps its share of it');
});

const { lease } = judged([[51, u32(100)]]);
const run = (state: ClientState, event: ClientEvent, atSec: number) =>
  step(state, event, atSec * 1000);
const bound = run(INITIAL, { type: 'lease', lease }, 0).state;
const effects = (state: ClientState, event: ClientEvent, atSec: number) =>
  run(state, event, atSec).effects.map(({ type }) => type);

// "T1 is the time at which the client enters the RENEWING state […]. T2 is the time at which the client
// enters the REBINDING state".
t.test('the states by time', async (t) => {
  const at = (sec: number) => run(bound, { type: 'time' }, sec).state.name;
  t.same([49, 50, 86, 87, 99].map(at), ['Bound', 'Renewing', 'Renewing', 'Rebinding', 'Rebinding']);
});

// "If the lease expires before the client receives a DHCPACK, the client moves to INIT state, MUST
// immediately stop any other network processing and requests network initialization parameters as if
// the client were uninitialized."
t.test('expiry', async (t) => {
  t.same(effects(bound, { type: 'time' }, 100), ['remove', 'restartClient']);
  t.equal(run(bound, { type: 'time' }, 100).state.held, undefined);
  const searching = run(bound, { type: 'restarted' }, 60).state;
  t.same(effects(searching, { type: 'time' }, 99), []);
  t.same(effects(searching, { type: 'time' }, 100), ['remove'], 'also while it looks for a server');
});

// "If the client then receives a DHCPACK allocating that client its previous network address, the
// client SHOULD continue network processing. If the client is given a new network address, it MUST NOT
// continue using the previous network address".
t.test('a new lease replaces the old one', async (t) => {
  const rebinding = run(bound, { type: 'time' }, 87).state;
  const other = judged([[51, u32(50)]]).lease;
  const again = run(rebinding, { type: 'lease', lease: { ...other, receivedAtMs: 90_000 } }, 90);
  t.equal(again.state.name, 'Bound');
  t.equal(again.state.held?.leaseSec, 50);
  t.same(
    again.effects.map(({ type }) => type),
    ['install'],
  );
});

// Figure 5: DHCPNAK in REQUESTING, RENEWING or REBINDING: "Halt network" and INIT.
t.test('NAK', async (t) => {
  const renewing = run(bound, { type: 'time' }, 50).state;
  const rebinding = run(bound, { type: 'time' }, 87).state;
  for (const state of [bound, renewing, rebinding]) {
    t.same(effects(state, { type: 'nak' }, 90), ['remove']);
    t.equal(run(state, { type: 'nak' }, 90).state.held, undefined);
  }
  const requesting = run(INITIAL, { type: 'request', renewal: 'none' }, 0).state;
  t.same(effects(requesting, { type: 'nak' }, 1), [], 'there was no address yet');
});
