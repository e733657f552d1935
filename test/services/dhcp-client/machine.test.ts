import t from 'tap';
import { backoff, failed } from '../../../src/base/backoff.ts';
import {
  OFF,
  type SupervisorEvent,
  type SupervisorState,
  superviseStep,
  supervisorDeadlineMs,
} from '../../../src/services/client-programs/supervisor.ts';
import type { Lease } from '../../../src/services/dhcp-client/lease.ts';
import {
  type ClientEvent,
  type ClientState,
  deadlineMs,
  INITIAL,
  step,
} from '../../../src/services/dhcp-client/machine.ts';

const lease = {
  address: 1,
  leaseSec: 100,
  t1Sec: 50,
  t2Sec: 87,
  receivedAtMs: 1000,
} as unknown as Lease;
const other = { ...lease, address: 2, receivedAtMs: 40_000 } as unknown as Lease;
const forever = { ...lease, leaseSec: Infinity, t1Sec: Infinity, t2Sec: Infinity } as Lease;

const STATES: ClientState[] = [
  { name: 'Init', held: undefined },
  { name: 'Init', held: lease },
  { name: 'Selecting', held: undefined },
  { name: 'Selecting', held: lease },
  { name: 'Requesting', held: undefined },
  { name: 'Requesting', held: lease },
  { name: 'Bound', held: lease },
  { name: 'Renewing', held: lease, asked: false },
  { name: 'Renewing', held: lease, asked: true },
  { name: 'Rebinding', held: lease, asked: true },
];
const EVENTS: ClientEvent[] = [
  { type: 'recovered', lease, clientAlive: true },
  { type: 'recovered', lease, clientAlive: false },
  { type: 'lease', lease: other },
  { type: 'discover' },
  { type: 'request', renewal: 'none' },
  { type: 'request', renewal: 'unicast' },
  { type: 'request', renewal: 'broadcast' },
  { type: 'nak' },
  { type: 'release' },
  { type: 'restarted' },
  { type: 'deconfig' },
  { type: 'time' },
  { type: 'stop' },
];
const EARLY = 2000;

// What each event makes of each state, early in the lease: `state[+held] effects`.
const says = (state: ClientState, event: ClientEvent, now: number): string => {
  const s = step(state, event, now);
  const asked = 'asked' in s.state && s.state.asked ? '?' : '';
  const effects = s.effects.map((effect) => ` ${effect.type}`).join('');
  return `${s.state.name}${s.state.held === undefined ? '' : '+'}${asked}${effects}`;
};

t.test('every cell of the table', async (t) => {
  const got = STATES.map((state) => EVENTS.map((e) => says(state, e, EARLY)));
  const same = (name: string, held: string) => [
    'Bound+ install',
    'Init+ install',
    'Bound+ install',
    `Selecting${held}`,
    `Requesting${held}`,
    held === '' ? 'Requesting' : 'Renewing+?',
    held === '' ? 'Requesting' : 'Rebinding+?',
    `Selecting${held === '' ? '' : ' remove'}`,
    `Selecting${held === '' ? '' : ' remove'}`,
    `Init${held}`,
    `${name}${held}`,
    `${name}${held}`,
    `Init${held === '' ? '' : ' remove'}`,
  ];
  const holding = (name: string, timed: string) => [
    name,
    name,
    'Bound+ install',
    'Selecting+',
    'Requesting+',
    'Renewing+?',
    'Rebinding+?',
    'Selecting remove',
    'Selecting remove',
    'Init+',
    'Selecting+',
    timed,
    'Init remove',
  ];
  t.same(got, [
    same('Init', ''),
    same('Init', '+'),
    same('Selecting', ''),
    same('Selecting', '+'),
    same('Requesting', ''),
    same('Requesting', '+'),
    holding('Bound+', 'Bound+'),
    holding('Renewing+', 'Renewing+'),
    holding('Renewing+?', 'Renewing+?'),
    holding('Rebinding+?', 'Rebinding+?'),
  ]);
});

t.test('a silent server: T1, a nudge, T2, expiry, each on time', async (t) => {
  let state: ClientState = { name: 'Bound', held: lease };
  const seen: string[] = [];
  for (;;) {
    const at = deadlineMs(state);
    if (at === Infinity) break;
    t.same(step(state, { type: 'time' }, at - 1).state, state, 'not a moment early');
    seen.push(`${at}: ${says(state, { type: 'time' }, at)}`);
    const next: ClientState = step(state, { type: 'time' }, at).state;
    t.notSame(next, state, 'a deadline always moves on');
    state = next;
  }
  t.same(seen, [
    '51000: Renewing+',
    '52500: Renewing+? renew',
    '88000: Rebinding+?',
    '101000: Selecting remove restartClient',
  ]);
});

t.test('nothing fires early, and a late clock passes several times at once', async (t) => {
  const bound: ClientState = { name: 'Bound', held: lease };
  t.equal(says(bound, { type: 'time' }, 50_999), 'Bound+');
  t.equal(says(bound, { type: 'time' }, 88_000), 'Rebinding+');
  t.equal(says(bound, { type: 'time' }, 1e9), 'Selecting remove restartClient');
  const held: ClientState = { name: 'Selecting', held: lease };
  t.equal(says(held, { type: 'time' }, 100_999), 'Selecting+');
  t.equal(says(held, { type: 'time' }, 101_000), 'Selecting remove');
});

t.test('a lease without end never fires', async (t) => {
  const { state } = step(INITIAL, { type: 'lease', lease: forever }, 1000);
  t.equal(deadlineMs(state), Infinity);
  t.equal(says(state, { type: 'time' }, 1e15), 'Bound+');
});

// ---- the process -------------------------------------------------------------------------------

const b = failed(backoff(1000, 60_000));
const PROCESS: SupervisorState[] = [
  OFF,
  { name: 'Absent' },
  { name: 'Running', backoff: b },
  { name: 'Backoff', backoff: b, dueMs: 5000 },
  { name: 'Stopping', next: 'Off' },
  { name: 'Stopping', next: 'Absent' },
  { name: 'Stopping', next: 'Start' },
];
const TOLD: SupervisorEvent[] = [
  { type: 'start' },
  { type: 'adopted' },
  { type: 'gone' },
  { type: 'stop', release: true },
  { type: 'restart' },
  { type: 'exited' },
  { type: 'spawnFailed' },
  { type: 'healthy' },
  { type: 'time' },
];

t.test('every cell of the supervisor', async (t) => {
  const told = (state: SupervisorState, event: SupervisorEvent) => {
    const s = superviseStep(state, event, 4000);
    const next = s.state.name === 'Stopping' ? `>${s.state.next}` : '';
    const effects = s.effects.map((e) =>
      e.type === 'spawn' ? ' spawn' : ` end${e.release ? '!' : ''}`,
    );
    return `${s.state.name}${next}${effects.join('')}`;
  };
  t.same(
    PROCESS.map((state) => TOLD.map((event) => told(state, event))),
    [
      ['Running spawn', 'Running', 'Absent', 'Off', 'Off', 'Off', 'Off', 'Off', 'Off'],
      [
        'Running spawn',
        'Running',
        'Absent',
        'Off',
        'Absent',
        'Absent',
        'Absent',
        'Absent',
        'Absent',
      ],
      [
        'Running',
        'Running',
        'Stopping>Absent end',
        'Stopping>Off end!',
        'Stopping>Start end',
        'Backoff',
        'Backoff',
        'Running',
        'Running',
      ],
      [
        'Backoff',
        'Running',
        'Absent',
        'Off',
        'Running spawn',
        'Backoff',
        'Backoff',
        'Backoff',
        'Backoff',
      ],
      [
        'Stopping>Start',
        'Stopping>Off',
        'Stopping>Absent',
        'Stopping>Off',
        'Stopping>Start',
        'Off',
        'Stopping>Off',
        'Stopping>Off',
        'Stopping>Off',
      ],
      [
        'Stopping>Start',
        'Stopping>Absent',
        'Stopping>Absent',
        'Stopping>Off',
        'Stopping>Start',
        'Absent',
        'Stopping>Absent',
        'Stopping>Absent',
        'Stopping>Absent',
      ],
      [
        'Stopping>Start',
        'Stopping>Start',
        'Stopping>Absent',
        'Stopping>Off',
        'Stopping>Start',
        'Running spawn',
        'Stopping>Start',
        'Stopping>Start',
        'Stopping>Start',
      ],
    ],
  );
});

t.test(
  'back-off: at once after health, then 1 s, 2 s … 60 s, and from the start again after health',
  async (t) => {
    let state = superviseStep(OFF, { type: 'start' }, 0).state;
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const died = superviseStep(state, { type: 'exited' }, 0);
      const due = supervisorDeadlineMs(died.state);
      waits.push(due === Infinity ? 0 : due);
      state =
        due === Infinity ? died.state : superviseStep(died.state, { type: 'time' }, due).state;
      t.equal(state.name, 'Running');
    }
    t.same(waits, [0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    state = superviseStep(state, { type: 'healthy' }, 0).state;
    t.same(superviseStep(state, { type: 'exited' }, 0).effects, [{ type: 'spawn' }]);
  },
);
