/** A silenced channel: nothing leaves, and afterwards it is told what it came to. */
import t from 'tap';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { NotTaken } from '../../../src/os/ports-alerts.ts';
import type { ChannelConfig, RuleConfig } from '../../../src/services/alerts/config.ts';
import { AlertsService } from '../../../src/services/alerts/service.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { MemoryStore } from '../../state/memory-store.ts';

const HOUR_MS = 3_600_000;
const START_MS = 1_800_000_000_000;
const RULES: readonly RuleConfig[] = (['Target', 'NewDevice'] as const).map((watch) => ({
  ...{ id: watch, watch, subject: '', severity: 'Critical', raiseAfterMs: 0, clearAfterMs: 0 },
  ...{ behind: undefined, evidence: false },
}));
const HOOK: ChannelConfig = {
  ...{ id: 'Device.X.Channel.2', kind: 'Webhook', url: '', username: '', password: '', topic: '' },
  ...{ from: '', to: [], authority: '', least: 'Info', silencedUntilMs: 0 },
};
const AWAY = err({ message: 'nobody is there', forGood: false });

/** One life of the daemon. */
class Life {
  readonly clock: FakeClock;
  readonly log = new MemoryLog();
  readonly service: AlertsService;
  readonly store: MemoryStore;
  answer: Result<void, NotTaken> = ok(undefined);
  readonly #sent: string[] = [];

  constructor(hours: number, store = new MemoryStore(), wallMs = START_MS) {
    this.clock = new FakeClock({ wallMs });
    this.store = store;
    let ids = 0;
    this.service = new AlertsService({
      ...{ clock: this.clock, log: this.log, store, announce: () => {}, report: () => {} },
      newId: () => `${++ids}`,
      messenger: {
        send: async (_channel, { json }) => {
          const { kind, name } = JSON.parse(json);
          this.#sent.push(`${kind} ${name}`);
          return this.answer;
        },
      },
      evidence: async () => ({ trace: [], capture: '' }),
    });
    this.silence(hours);
  }

  /** Until so many hours after the start of the test; 0: it is told. */
  silence(hours: number): void {
    const silencedUntilMs = hours === 0 ? 0 : START_MS + hours * HOUR_MS;
    const channels = [{ ...HOOK, silencedUntilMs }];
    this.service.apply({ enable: true, rules: RULES, channels });
  }

  /** These are bad, of three. */
  async look(...bad: readonly string[]): Promise<void> {
    this.service.look(
      ['a', 'b', 'c'].map((name) => ({
        ...{ watch: 'Target', subject: name, name, bad: bad.includes(name), reason: 'x' },
      })),
    );
    this.clock.advance(0);
    await settled();
  }

  /** What was sent since the last time. */
  get sent(): readonly string[] {
    return this.#sent.splice(0);
  }

  get channel() {
    return this.service.observed.channels[0];
  }

  get said(): readonly string[] {
    return this.log.lines.map(({ message }) => message).filter((text) => /silenced/.test(text));
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 16; i++) await new Promise((resolve) => setImmediate(resolve));
}

t.test('what came and went is not told, what is bad or over by then is', async (t) => {
  const life = new Life(0);
  await life.look('a', 'b');
  t.same(life.sent, ['raised a', 'raised b']);
  life.silence(2);
  t.match(life.channel, { state: 'silenced', queued: 0 });
  await life.look('b', 'c');
  await life.look('c');
  await life.look('b', 'c');
  await life.look('b');
  life.service.happened({ watch: 'NewDevice', subject: 'n', name: 'n', bad: true, reason: '' });
  await life.look('b', 'c');
  t.same(life.sent, []);
  t.equal(life.service.history(50).notices.length, 9, 'the box knows of all');
  t.match(life.channel, { state: 'silenced', queued: 2, muted: 5 });
  life.clock.advance(2 * HOUR_MS - 1);
  await settled();
  t.same(life.sent, []);
  life.clock.advance(1);
  await settled();
  t.same(life.sent, ['cleared a', 'raised c'], 'b is bad as it was told');
  t.match(life.channel, { state: 'idle', queued: 0, delivered: 4, failed: 0, dropped: 0 });
  t.same(life.said, ['a channel is silenced', 'a channel is not silenced any more']);
  t.equal(life.store.data.size > 0, true);
  await life.look();
  t.same(life.sent, ['cleared b', 'cleared c']);
  await life.service[Symbol.asyncDispose]();
  t.equal(life.clock.pending, 0);
});

t.test('it can be ended early, and the wall clock may be set meanwhile', async (t) => {
  const life = new Life(50);
  await life.look('a');
  life.clock.advance(26 * HOUR_MS);
  await settled();
  t.match(life.channel, { queued: 1, failed: 0 }, 'a silence makes nothing old');
  life.silence(0);
  await settled();
  t.same(life.sent, ['raised a']);
  life.silence(60);
  await life.look('a', 'b');
  t.same(life.sent, []);
  life.clock.setWall(START_MS + 60 * HOUR_MS);
  life.clock.advance(60_000);
  await settled();
  t.same(life.sent, ['raised b']);
  await life.service[Symbol.asyncDispose]();
});

t.test('it outlives the daemon, and so does what waits for its end', async (t) => {
  const first = new Life(48);
  await first.look('a', 'b');
  t.match(first.channel, { state: 'silenced', queued: 2 });
  // A kill: nothing is closed.
  const again = new Life(48, first.store, START_MS + 30 * HOUR_MS);
  await again.look('a');
  t.match(again.channel, { state: 'silenced', queued: 1, muted: 2, failed: 0 });
  await again.service[Symbol.asyncDispose]();
  const last = new Life(48, first.store, START_MS + 49 * HOUR_MS);
  await last.look('a');
  t.same(last.sent, ['raised a'], 'it ended while no daemon ran');
  t.match(last.channel, { state: 'idle', queued: 0 });
  await last.service[Symbol.asyncDispose]();
});

t.test('what nobody took before it is taken up after it', async (t) => {
  const life = new Life(0);
  life.answer = AWAY;
  await life.look('a', 'b');
  life.silence(1);
  t.match(life.channel, { state: 'silenced', queued: 2, reason: 'nobody is there' });
  await life.look('b');
  t.match(life.channel, { queued: 1, muted: 2 });
  life.sent;
  life.answer = ok(undefined);
  const tested = await life.service.test(HOOK.id, new AbortController().signal);
  t.ok(tested.ok, 'a test goes through');
  t.same(life.sent, ['test ']);
  life.clock.advance(HOUR_MS);
  await settled();
  t.same(life.sent, ['raised b']);
  await life.service[Symbol.asyncDispose]();
});
