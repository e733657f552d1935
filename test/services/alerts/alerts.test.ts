import t from 'tap';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { Letter, NotTaken } from '../../../src/os/ports-alerts.ts';
import type {
  AlertsConfig,
  AlertsObserved,
  ChannelConfig,
  Evidence,
  Notice,
  RuleConfig,
  Signal,
} from '../../../src/services/alerts/config.ts';
import { letterOf } from '../../../src/services/alerts/letter.ts';
import {
  type AlertEvent,
  type AlertState,
  raisedAgain,
  step,
  suppressedForMs,
  TABLE,
  UNDAMPED,
} from '../../../src/services/alerts/machine.ts';
import { MAX_QUEUED } from '../../../src/services/alerts/outbox.ts';
import { AlertsService, MAX_ALERTS, MAX_HISTORY } from '../../../src/services/alerts/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { MemoryStore } from '../../state/memory-store.ts';

const RULE: RuleConfig = {
  ...{ id: 'gateway', watch: 'Target', subject: 'gw', severity: 'Critical' },
  ...{ raiseAfterMs: 30_000, clearAfterMs: 60_000, behind: undefined, evidence: false },
};
const CHANNEL: ChannelConfig = {
  ...{ id: 'hook', kind: 'Webhook', url: 'https://example.test/', username: '', password: '' },
  ...{ topic: '', from: '', to: [], authority: '', least: 'Info' },
  silencedUntilMs: 0,
};

const target = (name: string, bad: boolean): Signal => ({
  ...{ watch: 'Target', subject: name, name, bad, reason: bad ? 'Down, Timeout' : 'it answers' },
  host: '192.0.2.1',
});

class House implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly told: string[] = [];
  readonly letters: Letter[] = [];
  readonly looked: Signal[] = [];
  reports = 0;
  ids = 0;
  answer: (signal: AbortSignal) => Promise<Result<void, NotTaken>> = async () => ok(undefined);
  evidence: (aborted: AbortSignal) => Promise<Evidence> = async () => ({ trace: [], capture: '' });
  readonly service: AlertsService;

  constructor(config: Partial<AlertsConfig>, clock = new FakeClock(), store = new MemoryStore()) {
    this.clock = clock;
    this.store = store;
    this.service = new AlertsService({
      clock: this.clock,
      log: new MemoryLog(),
      store: this.store,
      newId: () => `id ${++this.ids}`,
      messenger: {
        send: async (_channel, letter, signal) => {
          this.letters.push(letter);
          return this.answer(signal);
        },
      },
      evidence: (signal, aborted) => {
        this.looked.push(signal);
        return this.evidence(aborted);
      },
      announce: ({ kind, name }: Notice) => void this.told.push(`${kind} ${name}`),
      report: () => {
        this.reports += 1;
      },
    });
    this.service.apply({ enable: true, rules: [RULE], channels: [], ...config });
  }

  look(...signals: readonly Signal[]): void {
    this.service.look(signals);
  }

  get observed(): AlertsObserved {
    return this.service.observed;
  }

  /** What was told since the last time. */
  get news(): readonly string[] {
    return this.told.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('every cell of the table', async (t) => {
  const seen: Record<string, string> = {};
  for (const [state, row] of Object.entries(TABLE)) {
    seen[state] = Object.keys(row)
      .map((event) => step(state as AlertState, event as AlertEvent)?.filter(Boolean) ?? '-')
      .join(' ');
  }
  t.same(seen, {
    quiet: 'pending - -',
    pending: '- quiet raised,raise',
    raised: '- clearing -',
    clearing: 'raised - quiet,clear',
  });
});

t.test('bad for long enough is told once, and good for long enough', async (t) => {
  await using house = new House({});
  house.look(target('gw', true));
  t.match(house.observed.alerts, [{ state: 'pending', name: 'gw', silenced: false }]);
  house.clock.advance(29_999);
  t.same(house.news, []);
  house.look(target('gw', true));
  house.clock.advance(1);
  t.same(house.news, ['raised gw']);
  house.clock.advance(3_600_000);
  house.look(target('gw', false));
  house.clock.advance(59_999);
  house.look(target('gw', true));
  house.clock.advance(100_000);
  t.same(house.news, [], 'one good moment is not the end of it');
  house.look(target('gw', false));
  house.clock.advance(60_000);
  t.same(house.news, ['cleared gw']);
  t.same(house.observed.alerts, []);
  t.equal(house.observed.raised, 1);
});

t.test('a short trouble is none', async (t) => {
  await using house = new House({});
  for (let i = 0; i < 20; i++) {
    house.look(target('gw', true));
    house.clock.advance(29_000);
    house.look(target('gw', false));
    house.clock.advance(1_000);
  }
  t.same(house.news, []);
});

t.test('what lies behind is silent, and told when it is bad by itself', async (t) => {
  const server: RuleConfig = { ...RULE, id: 'server', subject: 'srv', behind: 'gateway' };
  await using house = new House({ rules: [server, RULE] });
  house.look(target('srv', true), target('gw', true));
  house.clock.advance(30_000);
  t.same(house.news, ['raised gw']);
  t.match(house.observed.alerts, [{ name: 'srv', silenced: true }, { name: 'gw' }]);
  house.look(target('srv', true), target('gw', false));
  house.clock.advance(60_000);
  t.same(house.news, ['cleared gw']);
  await settled();
  house.clock.advance(29_999);
  t.same(house.news, [], 'it gets its time to come back');
  house.clock.advance(1);
  t.same(house.news, ['raised srv']);
});

t.test('what lies behind and comes back with it is never told', async (t) => {
  const server: RuleConfig = { ...RULE, id: 'server', subject: 'srv', behind: 'gateway' };
  await using house = new House({ rules: [server, RULE] });
  house.look(target('srv', true), target('gw', true));
  house.clock.advance(600_000);
  house.look(target('srv', false), target('gw', false));
  house.clock.advance(600_000);
  t.same(house.news, ['raised gw', 'cleared gw']);
});

t.test('what comes and goes is told no more until it stays', async (t) => {
  await using house = new House({ rules: [{ ...RULE, raiseAfterMs: 0, clearAfterMs: 0 }] });
  for (let i = 0; i < 10; i++) {
    house.look(target('gw', true));
    house.clock.advance(10_000);
    house.look(target('gw', false));
    house.clock.advance(10_000);
  }
  t.same(house.news, [
    ...['raised gw', 'cleared gw', 'raised gw', 'cleared gw', 'raised gw', 'cleared gw'],
    'flapping gw',
  ]);
  house.clock.advance(6 * 3_600_000);
  t.same(house.news, ['cleared gw'], 'it is good, and stayed so');
  house.look(target('gw', true));
  house.clock.advance(0);
  t.same(house.news, ['raised gw']);
});

t.test('damping falls by half in a quarter of an hour', async (t) => {
  let damping = UNDAMPED;
  for (let i = 0; i < 4; i++) damping = raisedAgain(damping, 0);
  t.equal(damping.suppressed, true);
  t.equal(suppressedForMs(damping, 0), 1_800_000);
  t.equal(suppressedForMs(damping, 900_000), 900_000);
  t.equal(suppressedForMs(damping, 1_800_000), 0);
});

t.test('a link is told when it was used, and what happens is told once', async (t) => {
  const link = (bad: boolean): Signal => ({
    ...{ watch: 'Link', subject: 'eth1', name: 'eth1', bad, reason: '', usedOnly: true },
  });
  const rules: RuleConfig[] = [
    { ...RULE, id: 'links', watch: 'Link', subject: '' },
    { ...RULE, id: 'new', watch: 'NewDevice', subject: '', severity: 'Info' },
  ];
  await using house = new House({ rules });
  house.look(link(true));
  house.clock.advance(600_000);
  t.same(house.news, []);
  house.look(link(false));
  house.look(link(true));
  house.clock.advance(30_000);
  t.same(house.news, ['raised eth1']);
  house.service.happened({
    ...{ watch: 'NewDevice', subject: 'm', name: 'tv', bad: true, reason: '' },
  });
  t.same(house.news, ['event tv']);
});

t.test('a channel: what was found out goes with it, and it is tried again', async (t) => {
  const found = Promise.withResolvers<Evidence>();
  await using house = new House({
    rules: [{ ...RULE, raiseAfterMs: 0, evidence: true }],
    channels: [CHANNEL, { ...CHANNEL, id: 'none' }],
  });
  house.evidence = () => found.promise;
  house.answer = async () => err({ message: 'HTTP 503', forGood: false });
  house.look(target('gw', true));
  house.clock.advance(0);
  t.same(house.news, ['raised gw'], 'the box hears at once');
  t.match(house.looked, [{ host: '192.0.2.1' }]);
  t.equal(house.letters.length, 0);
  found.resolve({ trace: ['1  192.0.2.254  2/2'], capture: '' });
  await settled();
  t.equal(house.letters.length, 2);
  t.match(house.letters[0]?.text, /at that moment:\n1 192\.0\.2\.254 2\/2\n/);
  t.match(house.observed.channels, [{ state: 'retrying', queued: 1, reason: 'HTTP 503' }, {}]);
  house.answer = async () => ok(undefined);
  house.clock.advance(5_000);
  await settled();
  t.match(house.observed.channels[0], { state: 'idle', queued: 0, delivered: 1, reason: '' });
});

t.test('a channel that is away: bounded, a day long', async (t) => {
  await using house = new House({
    rules: [{ ...RULE, watch: 'NewDevice', subject: '' }],
    channels: [CHANNEL],
  });
  house.answer = async () => err({ message: 'nobody is there', forGood: false });
  const device = (n: number): Signal => ({
    ...{ watch: 'NewDevice', subject: `${n}`, name: `${n}`, bad: true, reason: '' },
  });
  for (let n = 0; n < MAX_QUEUED + 7; n++) house.service.happened(device(n));
  await settled();
  t.match(house.observed.channels[0], { queued: MAX_QUEUED, dropped: 7 });
  for (let i = 0; i < 300; i++) {
    house.clock.advance(300_000);
    await settled();
  }
  t.match(house.observed.channels[0], { queued: 0, failed: MAX_QUEUED }, 'given up after a day');
  house.answer = async () => err({ message: 'HTTP 404', forGood: true });
  house.service.happened(device(1));
  await settled();
  t.match(house.observed.channels[0], { queued: 0, failed: MAX_QUEUED + 1, state: 'idle' });
});

t.test('a test on a channel that never answers is over in time', async (t) => {
  await using house = new House({ channels: [CHANNEL] });
  const asked: AbortSignal[] = [];
  house.answer = (signal) =>
    new Promise((resolve) => {
      asked.push(signal);
      signal.addEventListener('abort', () => resolve(err({ message: 'cut', forGood: false })));
    });
  const never = new AbortController().signal;
  const late = house.service.test('hook', never);
  house.clock.advance(29_999);
  t.equal(asked[0]?.aborted, false);
  house.clock.advance(1);
  t.equal(asked[0]?.aborted, true);
  if (asked[0]?.aborted) t.same(await late, { ok: false, error: 'no answer in time' });
  const caller = new AbortController();
  const left = house.service.test('hook', caller.signal);
  caller.abort();
  t.same(await left, { ok: false, error: 'cut' });
  t.equal(house.clock.pending, 0);
});

t.test('only what is bad enough goes to a channel', async (t) => {
  await using house = new House({
    rules: [{ ...RULE, watch: 'NewDevice', subject: '', severity: 'Info' }],
    channels: [{ ...CHANNEL, least: 'Warning' }],
  });
  house.service.happened({
    ...{ watch: 'NewDevice', subject: 'm', name: 'tv', bad: true, reason: '' },
  });
  await settled();
  t.equal(house.letters.length, 0);
  t.equal(house.service.history(9).notices.length, 1);
});

t.test('bounds: things that are watched, and notices that are kept', async (t) => {
  await using house = new House({ rules: [{ ...RULE, subject: '' }] });
  house.look(...Array.from({ length: MAX_ALERTS + 5 }, (_, n) => target(`t${n}`, true)));
  t.equal(house.observed.refused, 5);
  await settled();
  house.clock.advance(30_000);
  await settled();
  t.equal(house.service.history(MAX_HISTORY + 1).notices.length, MAX_HISTORY);
  t.equal(house.reports, 2, 'a burst is told once');
});

t.test('what was told is read in parts, the newest first', async (t) => {
  await using house = new House({ rules: [{ ...RULE, watch: 'NewDevice', subject: '' }] });
  t.same(house.service.history(2), { notices: [], more: false });
  for (const subject of ['a', 'b', 'c', 'd', 'e']) {
    const name = subject;
    house.service.happened({ ...{ watch: 'NewDevice', subject, name, bad: true, reason: '' } });
  }
  const part = (before?: number) => {
    const { notices, more } = house.service.history(2, before);
    return [notices.map(({ name }) => name).join(), more, notices.at(-1)?.number];
  };
  t.same(part(), ['e,d', true, 4]);
  t.same(part(4), ['c,b', true, 2]);
  t.same(part(2), ['a', false, 1]);
  t.same(part(1), ['', false, undefined]);
});

t.test('nothing goes on when it is over, or off', async (t) => {
  const house = new House({ channels: [CHANNEL] });
  house.look(target('gw', true));
  house.service.apply({ enable: false, rules: [RULE], channels: [CHANNEL] });
  t.equal(house.clock.pending, 0);
  t.match(await house.service.test('hook', new AbortController().signal), {
    ...{ ok: false, error: /^no channel .* that is on, or alerts are off$/ },
  });
  house.service.apply({ enable: true, rules: [RULE], channels: [CHANNEL] });
  t.equal(house.clock.pending, 1, 'what is still bad is pending again');
  await house[Symbol.asyncDispose]();
  t.equal(house.clock.pending, 0);
});

t.test('a letter is one line of title, whatever a name holds', async (t) => {
  const letter = letterOf({
    ...{ id: 'i', number: 1, kind: 'raised', severity: 'Warning', rule: 'r', watch: 'Target' },
    subject: 's',
    ...{ name: 'a\r\nBcc: b@c\u0000\u202e', reason: 'x\n.\n', atMs: 0, sinceMs: 0 },
  });
  t.equal(letter.title, 'Warning: a Bcc: b@c: x .');
  t.notMatch(letter.text, /\r|^\.$/m);
  t.match(JSON.parse(letter.json), { kind: 'raised', at: '1970-01-01T00:00:00.000Z' });
});
