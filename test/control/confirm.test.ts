/** The table of a change that waits for its confirmation: every cell. */
import t from 'tap';
import {
  type ConfirmEvent,
  type ConfirmState,
  type Pending,
  step,
} from '../../src/control/confirm.ts';

const pending: Pending = { token: 'a', revision: 8, before: 7, user: 'ann', via: 'http' };
const other: Pending = { ...pending, token: 'b', revision: 9, before: 8 };

const STATES: Readonly<Record<ConfirmState['tag'], ConfirmState>> = {
  idle: { tag: 'idle' },
  waiting: { tag: 'waiting', pending },
  confirming: { tag: 'confirming', pending },
  returning: { tag: 'returning', pending, attempt: 2 },
};

const EVENTS: Readonly<Record<ConfirmEvent['tag'], ConfirmEvent>> = {
  armed: { tag: 'armed', pending: other },
  confirm: { tag: 'confirm' },
  rollback: { tag: 'rollback' },
  deadline: { tag: 'deadline' },
  forgotten: { tag: 'forgotten' },
  notForgotten: { tag: 'notForgotten' },
  returned: { tag: 'returned' },
  notReturned: { tag: 'notReturned' },
  impossible: { tag: 'impossible' },
  retry: { tag: 'retry' },
};

/** State after and effects; what is not listed stays as it is and does nothing. */
const TABLE: Readonly<
  Record<ConfirmState['tag'], Readonly<Partial<Record<ConfirmEvent['tag'], string>>>>
> = {
  idle: { armed: 'waiting: arm' },
  waiting: {
    confirm: 'confirming: disarm forget',
    rollback: 'returning: disarm return',
    deadline: 'returning: disarm return',
  },
  confirming: { forgotten: 'idle:', notForgotten: 'waiting: arm' },
  returning: {
    returned: 'idle:',
    notReturned: 'returning: pause',
    impossible: 'confirming: forget',
    retry: 'returning: return',
  },
};

t.test('every cell', async (t) => {
  for (const [tag, state] of Object.entries(STATES)) {
    for (const [name, event] of Object.entries(EVENTS)) {
      const wanted = TABLE[state.tag][event.tag] ?? `${tag}:`;
      const { state: after, effects } = step(state, event);
      const seen = `${after.tag}: ${effects.map((effect) => effect.tag).join(' ')}`.trim();
      t.equal(seen, wanted, `${tag} × ${name}`);
      if (wanted === `${tag}:`) t.same(after, state, `${tag} × ${name} leaves it untouched`);
    }
  }
});

t.test('a change that waits is the one that came first, and attempts are counted', async (t) => {
  const armed = step(STATES.idle, { tag: 'armed', pending });
  t.same(step(armed.state, EVENTS.armed).state, { tag: 'waiting', pending });
  const failed = step(STATES.returning, EVENTS.notReturned);
  t.same(failed.state, { tag: 'returning', pending, attempt: 3 });
  t.same(failed.effects, [{ tag: 'pause', attempt: 2 }]);
});
