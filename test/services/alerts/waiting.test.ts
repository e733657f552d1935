/** Alerts that wait when the daemon ends, in order or by a kill, are told by the next one, once each. */
import fc from 'fast-check';
import t from 'tap';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { Letter, NotTaken } from '../../../src/os/ports-alerts.ts';
import type {
  AlertsConfig,
  ChannelConfig,
  Evidence,
  RuleConfig,
} from '../../../src/services/alerts/config.ts';
import { MAX_QUEUED } from '../../../src/services/alerts/outbox.ts';
import { waitingCodec } from '../../../src/services/alerts/record.ts';
import { AlertsService } from '../../../src/services/alerts/service.ts';
import { KINDS, SEVERITIES, WATCHES } from '../../../src/wire/alert.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import { MemoryStore } from '../../state/memory-store.ts';

const RULE: RuleConfig = {
  ...{ id: 'new', watch: 'NewDevice', subject: '', severity: 'Info', raiseAfterMs: 0 },
  ...{ clearAfterMs: 0, behind: undefined, evidence: false },
};
const TARGET: RuleConfig = { ...RULE, id: 'target', watch: 'Target', evidence: true };
const HOOK: ChannelConfig = {
  ...{ id: 'Device.X.Channel.2', kind: 'Webhook', url: '', username: '', password: '', topic: '' },
  ...{ from: '', to: [], authority: '', least: 'Info' },
  silencedUntilMs: 0,
};
const AWAY = err({ message: 'nobody is there', forGood: false });
const DAY_MS = 86_400_000;

let lives = 0;

/** One life of the daemon. */
class Life {
  readonly clock: FakeClock;
  readonly log = new MemoryLog();
  readonly letters: Letter[] = [];
  readonly service: AlertsService;
  answer: Result<void, NotTaken>;
  evidence: Promise<Evidence> = Promise.resolve({ trace: [], capture: '' });

  constructor(
    store: MemoryStore,
    answer: Result<void, NotTaken>,
    { wallMs = 1_800_000_000_000, ...config }: Partial<AlertsConfig & { wallMs: number }> = {},
  ) {
    this.clock = new FakeClock({ wallMs });
    this.answer = answer;
    const life = ++lives;
    let ids = 0;
    this.service = new AlertsService({
      ...{ clock: this.clock, log: this.log, store, announce: () => {}, report: () => {} },
      newId: () => `${life}-${++ids}`,
      messenger: {
        send: async (_channel, letter) => {
          this.letters.push(letter);
          return this.answer;
        },
      },
      evidence: () => this.evidence,
    });
    this.service.apply({ enable: true, rules: [RULE, TARGET], channels: [HOOK], ...config });
  }

  come(...names: readonly string[]): void {
    for (const name of names) {
      this.service.happened({ watch: 'NewDevice', subject: name, name, bad: true, reason: 'new' });
    }
  }

  fail(): void {
    this.service.look([{ watch: 'Target', subject: 'gw', name: 'gw', bad: true, reason: 'Down' }]);
    this.clock.advance(0);
  }

  recover(): void {
    this.service.look([{ watch: 'Target', subject: 'gw', name: 'gw', bad: false, reason: 'Up' }]);
    this.clock.advance(0);
  }

  get told(): readonly string[] {
    return this.letters.map(({ title }) => title);
  }

  get channel() {
    return this.service.observed.channels[0];
  }
}

/** Writes, and what is sent when they are done, take some turns. */
async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** What a clock of the wall says in the next life. */
const after = (life: Life, ms: number) => ({ wallMs: life.clock.wallMs() + ms });

for (const end of ['is killed', 'ends'] as const) {
  t.test(
    `what waits when the daemon ${end} is told by the next, in order, once each`,
    async (t) => {
      const store = new MemoryStore();
      const first = new Life(store, AWAY);
      first.come('a', 'b', 'c');
      await settled();
      t.match(first.channel, { queued: 3, state: 'retrying' });
      t.equal(store.data.size, 3);
      if (end === 'ends') await first.service[Symbol.asyncDispose]();
      const next = new Life(store, ok(undefined), after(first, 3_600_000));
      await settled();
      t.same(next.told, ['Info: a: new', 'Info: b: new', 'Info: c: new']);
      t.equal(next.letters[0]?.id, first.letters[0]?.id, 'who heard it already knows it by its id');
      t.equal(new Set(next.letters.map(({ id }) => id)).size, 3);
      t.match(JSON.parse(next.letters[1]?.json ?? ''), { id: next.letters[1]?.id, name: 'b' });
      t.match(next.channel, { queued: 0, delivered: 3 });
      t.equal(store.data.size, 0);
      const third = new Life(store, ok(undefined), after(next, 1));
      await settled();
      t.same(third.told, []);
    },
  );
}

t.test('what is new is told after what waited, under ids of its own', async (t) => {
  const store = new MemoryStore();
  const first = new Life(store, AWAY);
  first.come('a');
  await settled();
  const next = new Life(store, AWAY, after(first, 1));
  next.come('b');
  await settled();
  const third = new Life(store, ok(undefined), after(next, 1));
  await settled();
  t.same(third.told, ['Info: a: new', 'Info: b: new']);
});

t.test('what is older than a day is told no more, wherever the clock was set', async (t) => {
  const store = new MemoryStore();
  const first = new Life(store, AWAY);
  first.come('old');
  await settled();
  first.clock.advance(DAY_MS / 2);
  first.come('young');
  await settled();
  const next = new Life(store, AWAY, after(first, DAY_MS / 2));
  await settled();
  t.same(next.told, ['Info: young: new']);
  t.match(next.channel, { queued: 1, failed: 1 });
  t.equal(store.data.size, 1);
  next.clock.advance(DAY_MS / 2);
  await settled();
  t.match(next.channel, { queued: 0, failed: 2 }, 'the day counts on over the restart');
  next.come('again');
  await settled();
  const back = new Life(store, ok(undefined), { wallMs: 0 });
  await settled();
  t.same(back.told, ['Info: again: new'], 'a clock that was set back loses nothing');
  back.answer = AWAY;
  back.come('early');
  await settled();
  const set = new Life(store, ok(undefined));
  await settled();
  t.same(set.told, ['Info: early: new'], 'nor does one that is set for the first time');
});

t.test('bounded on disk as well', async (t) => {
  const store = new MemoryStore();
  const first = new Life(store, AWAY);
  first.come(...Array.from({ length: MAX_QUEUED + 9 }, (_, i) => `${i}`));
  await settled();
  t.match(first.channel, { queued: MAX_QUEUED, dropped: 9 });
  t.equal(store.data.size, MAX_QUEUED);
  // Such as an earlier version left it.
  const [key = '', value = new Uint8Array()] = [...store.data][0] ?? [];
  for (let i = 0; i < 5; i++) store.data.set(key.replace(/\d$/, `${i}x`), value);
  const next = new Life(store, AWAY, after(first, 1));
  await settled();
  t.match(next.channel, { queued: MAX_QUEUED, dropped: 5 });
  t.equal(store.data.size, MAX_QUEUED);
});

t.test('a channel that is gone is told nothing, and leaves nothing on disk', async (t) => {
  const store = new MemoryStore();
  const first = new Life(store, AWAY);
  first.come('a');
  await settled();
  first.service.apply({ enable: true, rules: [RULE], channels: [] });
  await settled();
  t.equal(store.data.size, 0);
  first.service.apply({ enable: true, rules: [RULE], channels: [HOOK] });
  first.come('b');
  await settled();
  const other = { ...HOOK, id: 'Device.X.Channel.20' };
  const next = new Life(store, ok(undefined), { ...after(first, 1), channels: [other] });
  await settled();
  t.same(next.told, []);
  t.equal(store.data.size, 0);
});

t.test('a full disk: told from memory, stored once there is room', async (t) => {
  const store = new MemoryStore();
  const first = new Life(store, AWAY);
  store.failing = 'ENOSPC';
  first.come('a');
  await settled();
  t.match(first.channel, { queued: 1 });
  t.match(first.log.lines.at(-1), { level: 'error', fields: { code: 'ENOSPC' } });
  first.answer = ok(undefined);
  first.clock.advance(5_000);
  await settled();
  t.match(first.channel, { queued: 0, delivered: 1 }, 'it is told all the same');
  first.answer = AWAY;
  first.come('b');
  store.failing = undefined;
  first.clock.advance(10_000);
  await settled();
  t.equal(store.data.size, 1, 'by itself, after a while');
  store.failing = 'ENOSPC';
  first.come('c');
  await settled();
  store.failing = undefined;
  await first.service[Symbol.asyncDispose]();
  t.equal(store.data.size, 2, 'and once more at the end');
  t.equal(first.clock.pending, 0);
});

t.test('what is still looked into when the daemon ends is told without', async (t) => {
  const store = new MemoryStore();
  const first = new Life(store, ok(undefined));
  const found = Promise.withResolvers<Evidence>();
  first.evidence = found.promise;
  first.fail();
  first.come('a');
  await settled();
  t.same(first.told, [], 'what comes after it waits, so that the order is kept');
  t.same([...store.data.keys()].filter((key) => key.startsWith('alerts/waiting/')).length, 2);
  const next = new Life(store, AWAY, after(first, 1));
  await settled();
  t.match(next.told, ['Info: gw: Down']);
  found.resolve({ trace: ['1  192.0.2.254  2/2'], capture: 'x.pcapng' });
  await settled();
  t.match(first.letters[0]?.text, /192\.0\.2\.254/);

  const last = new MemoryStore();
  const away = new Life(last, AWAY);
  away.evidence = found.promise;
  away.fail();
  await settled();
  const told = new Life(last, ok(undefined), after(away, 1));
  await settled();
  t.match(told.letters[0]?.text, /192\.0\.2\.254[\s\S]*x\.pcapng/, 'what was found is kept, too');
});

t.test('what cannot be looked into is told', async (t) => {
  const life = new Life(new MemoryStore(), ok(undefined));
  life.evidence = Promise.reject(new Error('no'));
  life.fail();
  await settled();
  t.same(life.told, ['Info: gw: Down']);
  t.match(life.log.lines.at(-1), { level: 'error' });
});

t.test(
  'what was told as bad is not told again by the next daemon, but that it is over',
  async (t) => {
    const store = new MemoryStore();
    const first = new Life(store, ok(undefined));
    first.fail();
    await settled();
    const sinceMs = first.service.observed.alerts[0]?.sinceMs;
    const next = new Life(store, ok(undefined), after(first, 600_000));
    await settled();
    t.same(next.service.observed.alerts, [], 'nothing is known of it yet');
    next.fail();
    await settled();
    t.same(next.told, []);
    t.match(next.service.observed.alerts, [{ state: 'raised', name: 'gw', sinceMs }]);
    await next.service[Symbol.asyncDispose]();

    const third = new Life(store, ok(undefined), after(next, 1));
    third.recover();
    await settled();
    t.same(third.told, ['Info: over: gw']);
    t.match(JSON.parse(third.letters[0]?.json ?? ''), {
      since: new Date(sinceMs ?? 0).toISOString(),
    });
    t.equal(store.data.size, 0);
    third.fail();
    await settled();
    t.same(third.told.slice(1), ['Info: gw: Down'], 'then it is as ever');
  },
);

t.test(
  'what was told by a rule that is another now, or of what is gone, is forgotten',
  async (t) => {
    const store = new MemoryStore();
    const first = new Life(store, ok(undefined));
    first.fail();
    await settled();
    t.equal(store.data.size, 1);
    const rules = [{ ...TARGET, severity: 'Critical' as const }];
    const next = new Life(store, ok(undefined), { ...after(first, 1), rules });
    await settled();
    t.equal(store.data.size, 0);
    next.fail();
    await settled();
    t.same(next.told, ['Critical: gw: Down']);
    const third = new Life(store, ok(undefined), { ...after(next, 1), rules });
    third.service.look([]);
    await settled();
    t.equal(store.data.size, 1, 'it may be heard of yet');
    third.clock.advance(DAY_MS);
    third.service.look([]);
    await settled();
    t.equal(store.data.size, 0, 'but not after a day');
    third.fail();
    await settled();
    third.service.look([]);
    await settled();
    t.equal(store.data.size, 0, 'nor what was here and is gone');
  },
);

t.test('what is no alert is left out, and goes', async (t) => {
  const store = new MemoryStore();
  const texts = ['', 'null', '[]', '{"notice":{}}', '{"putMs":1,"notice":{"kind":"raised"}}'];
  for (const [i, text] of texts.entries()) {
    store.data.set(`alerts/waiting/${HOOK.id}/00000000000${i}`, new TextEncoder().encode(text));
  }
  for (const [i, text] of texts.entries()) {
    store.data.set(`alerts/told/${TARGET.id} ${i}`, new TextEncoder().encode(text));
  }
  const life = new Life(store, ok(undefined));
  await settled();
  t.same(life.told, []);
  t.equal(life.log.lines.filter(({ level }) => level === 'warn').length, 2 * texts.length);
  t.equal(store.data.size, 0);
});

t.test('a record comes back as it was, and cut ones are refused', async (t) => {
  const text = fc.string({ maxLength: 200 });
  const count = fc.nat();
  const notice = fc.record(
    {
      id: fc.string({ minLength: 1, maxLength: 64 }),
      kind: fc.constantFrom(...KINDS),
      severity: fc.constantFrom(...SEVERITIES),
      watch: fc.constantFrom(...WATCHES, 'Test' as const),
      ...{
        number: count,
        rule: text,
        subject: text,
        name: text,
        reason: text,
        atMs: count,
        sinceMs: count,
      },
      evidence: fc.record({ trace: fc.array(text, { maxLength: 5 }), capture: text }),
    },
    {
      requiredKeys: [
        ...([
          'id',
          'kind',
          'severity',
          'watch',
          'number',
          'rule',
          'subject',
          'name',
          'reason',
        ] as const),
        ...(['atMs', 'sinceMs'] as const),
      ],
    },
  );
  fc.assert(
    fc.property(notice, count, (one, putMs) => {
      const bytes = waitingCodec.encode({ notice: one, putMs });
      const back = waitingCodec.decode('k', bytes);
      t.same(back, { ok: true, value: { notice: one, putMs } });
      for (let length = 0; length < bytes.length; length += 7) {
        if (waitingCodec.decode('k', bytes.subarray(0, length)).ok)
          t.fail(`${length} of ${bytes.length}`);
      }
    }),
    { seed: 20_261_129 },
  );
});
