import t from 'tap';
import {
  bootedAs,
  isCounted,
  step,
  TABLE,
  type UpdateEvent,
  type UpdateState,
} from '#src/services/update/machine.ts';
import type { UpdateStatus } from '#src/wire/update-status.ts';

/** Every cell that leads somewhere; all others refuse. */
const LEADS: Readonly<Record<UpdateState, Partial<Record<UpdateEvent, UpdateState>>>> = {
  none: {},
  idle: { begin: 'receiving', activate: 'activated', confirm: 'confirmed' },
  receiving: { received: 'verifying', cancel: 'idle', fail: 'failed' },
  verifying: { verifying: 'verifying', writing: 'writing', installed: 'ready', fail: 'failed' },
  writing: { verifying: 'verifying', writing: 'writing', installed: 'ready', fail: 'failed' },
  ready: { begin: 'receiving', activate: 'activated' },
  activated: { begin: 'receiving', activate: 'activated', keep: 'idle' },
  trying: { activate: 'activated', confirm: 'confirmed' },
  confirmed: { begin: 'receiving', activate: 'activated', confirm: 'confirmed' },
  rolledBack: { begin: 'receiving', activate: 'activated', confirm: 'rolledBack' },
  failed: { begin: 'receiving', activate: 'activated' },
};

t.test('every cell', async (t) => {
  const events = Object.keys(TABLE.none) as UpdateEvent[];
  t.equal(events.length, 10);
  for (const state of Object.keys(TABLE) as UpdateState[]) {
    for (const event of events)
      t.equal(step(state, event), LEADS[state][event], `${state} ${event}`);
  }
});

t.test('how the box was booted', async (t) => {
  const said = (change: Partial<UpdateStatus>): UpdateStatus => ({
    arch: 'arm64',
    running: 'a',
    order: ['a'],
    left: 9,
    leastSerial: 5,
    slots: { a: { version: '1', serial: 5 }, b: undefined },
    phase: 'idle',
    percent: 0,
    fault: '',
    ...change,
  });
  const newer = { a: { version: '2', serial: 6 }, b: undefined };
  const cases: readonly (readonly [Partial<UpdateStatus>, string, boolean])[] = [
    [{}, 'idle', false],
    [{ order: ['a', 'b'], left: 2 }, 'trying', true],
    [{ order: ['a', 'b'], left: 0 }, 'trying', true],
    [{ slots: newer }, 'trying', false],
    [{ slots: { a: undefined, b: undefined } }, 'idle', false],
    [{ order: ['b', 'a'], left: 3 }, 'activated', false],
    [{ order: ['b', 'a'], left: 0 }, 'rolledBack', false],
    [{ order: ['b', 'a'], left: 9 }, 'rolledBack', false],
  ];
  for (const [change, as, counted] of cases) {
    t.equal(bootedAs(said(change)), as);
    t.equal(isCounted(said(change)), counted);
  }
});
