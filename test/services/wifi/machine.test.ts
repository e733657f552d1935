import t from 'tap';
import {
  OFF,
  type Station,
  type StationEvent,
  type StationState,
  stationStep,
} from '../../../src/services/wifi/machine.ts';

const EVENTS: readonly StationEvent[] = [
  { type: 'started' },
  { type: 'ended' },
  { type: 'searches' },
  { type: 'absent' },
  { type: 'joins' },
  { type: 'joined' },
  { type: 'refused', reason: 'no' },
];

/** Rows: states; columns: what each event leads to, in the order above. `-` stays. */
const TABLE: Readonly<Record<StationState, string>> = {
  off: 'starting - - - - - -',
  starting: '- off searching searching joining joined refused',
  searching: 'starting off - - joining joined refused',
  joining: 'starting off searching searching - joined refused',
  joined: 'starting off searching searching - - refused',
  refused: 'starting off - searching - joined -',
};

t.test('every cell', async (t) => {
  for (const [state, row] of Object.entries(TABLE)) {
    const before: Station = { state: state as StationState, reason: undefined };
    for (const [i, cell] of row.split(' ').entries()) {
      const event = EVENTS[i];
      if (event === undefined) throw new TypeError('a column too many');
      const after = stationStep(before, event);
      t.equal(after.state, cell === '-' ? state : cell, `${state} × ${event.type}`);
    }
  }
});

t.test('what is wrong stays told until it is mended', async (t) => {
  const walk = (...events: StationEvent[]): Station => events.reduce(stationStep, OFF);
  const wrong: StationEvent = { type: 'refused', reason: 'the password is not the right one' };
  const again = walk(
    { type: 'started' },
    { type: 'joins' },
    wrong,
    { type: 'searches' },
    { type: 'joins' },
  );
  t.same(again, { state: 'refused', reason: 'the password is not the right one' });
  t.same(stationStep(again, { type: 'joined' }), { state: 'joined', reason: undefined });
  const away = walk({ type: 'started' }, { type: 'absent' }, { type: 'searches' });
  t.same(away, { state: 'searching', reason: 'the network is not in range' });
  t.same(stationStep(away, { type: 'joins' }).reason, undefined);
});
