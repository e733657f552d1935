/** `gatehouse.load-test`: tests of the line under load, as the bus, the page and the command line have them. */
import { err, type Result } from '../base/result.ts';
import { type CommandService, done, failed } from '../edge/ubus/gatehouse.ts';
import { wasUsed } from '../services/monitor/load-test/history.ts';
import type { LoadTests, LoadWish } from '../services/monitor/load-test/service.ts';
import type { LoadOrder, LoadRun } from '../services/monitor/load-test/types.ts';
import type { CompiledConfig, Origin } from '../tr181/model.ts';
import { Lazy } from './lazy.ts';
import type { LoadTestSurroundings } from './load-test.ts';

export class LazyLoadTests implements AsyncDisposable {
  readonly #around: LoadTestSurroundings;
  readonly #built: Lazy<LoadTests>;

  constructor(around: LoadTestSurroundings, config: () => CompiledConfig['loadTest']) {
    this.#around = around;
    this.#built = new Lazy({
      name: 'load tests',
      log: around.log,
      build: async (attempt) => {
        const { buildLoadTests } = await import('./load-test.ts');
        const tests = attempt.use(buildLoadTests(around));
        tests.apply(config());
        return tests;
      },
    });
  }

  /** Loaded where there is a schedule, or what earlier tests came to is to be seen. */
  async apply(wanted: CompiledConfig['loadTest']): Promise<readonly string[]> {
    const idle = !wanted.enable && !wasUsed(this.#around.store);
    if (this.#built.begun || !idle) (await this.load()).apply(wanted);
    return [];
  }

  /** As a controller asks for it: from the beginning to the end. */
  async test(signal: AbortSignal): Promise<Result<LoadRun, string>> {
    const tests = await this.load();
    if (signal.aborted) return err('called off');
    const begun = await tests.begin('Controller');
    if (!begun.ok) return begun;
    const stop = (): void => void tests.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const run = await begun.value.done;
    signal.removeEventListener('abort', stop);
    return { ok: true, value: run };
  }

  /** It is built when it is asked for first. */
  load(): Promise<LoadTests> {
    return this.#built.load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#built[Symbol.asyncDispose]();
  }
}

/** `record` writes a line into the audit log: whoever begins a test takes the line from others. */
export const loadTestCommands = (
  tests: LazyLoadTests,
  record: (what: string, origin: Origin) => Promise<void>,
): CommandService => ({
  name: 'load-test',
  about: 'how the line fares while it is loaded',
  commands: {
    run: {
      about:
        'begins a test, by the word of the owner; answers with what it may take at most, while it goes on. Absent arguments are as configured',
      args: {
        ...{ url: 'string', 'upload-url': 'string', target: 'string' },
        ...{ seconds: 'int32', streams: 'int32', cap: 'int64' },
      },
      run: async (args, { origin }) => {
        const wish = wishOf(args);
        if (!wish.ok) return failed(wish.error);
        const begun = await (await tests.load()).begin('Owner', wish.value);
        if (!begun.ok) return failed(begun.error);
        await record('run', origin);
        return done(plainOrder(begun.value.order));
      },
    },
    stop: {
      about: 'calls off the test under way',
      args: {},
      run: async (_, { origin }) => {
        if (!(await tests.load()).stop()) return failed('no test is under way');
        await record('stop', origin);
        return done();
      },
    },
    status: {
      about: 'how it stands: what a test does now, what is left of today, and the last run',
      args: {},
      run: async () => {
        const { runs, running, nextMs, ...rest } = (await tests.load()).observed;
        return done({
          ...{ ...rest, running: running ?? null, last: runs.at(-1) ?? null },
          next: nextMs === undefined ? null : new Date(nextMs).toISOString(),
        });
      },
    },
    history: {
      about: 'the last hundred runs, the newest first',
      args: {},
      run: async () => done({ runs: (await tests.load()).observed.runs.toReversed() }),
    },
  },
});

const plainOrder = (order: LoadOrder): object => ({ ...order });

type Args = Readonly<Record<string, unknown>>;

/** What the owner asks for at the moment, within the same bounds as the configuration. */
function wishOf(args: Args): Result<LoadWish, string> {
  const wish: { -readonly [K in keyof LoadWish]: LoadWish[K] } = {};
  for (const [name, field] of [
    ['url', 'downloadUrl'],
    ['upload-url', 'uploadUrl'],
  ] as const) {
    const text = args[name];
    if (text === undefined) continue;
    const url = typeof text === 'string' && text.length <= 1024 ? URL.parse(text) : null;
    if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.password) {
      return err(`${name}: http://… or https://… without a name and a password is wanted`);
    }
    wish[field] = url.href;
  }
  const { target } = args;
  if (target !== undefined) {
    if (typeof target !== 'string' || !/^[A-Za-z0-9._:%-]{1,253}$/.test(target)) {
      return err('target: a name or an address is wanted');
    }
    wish.host = target;
  }
  for (const [name, field, factor, least, most] of [
    ['seconds', 'durationMs', 1000, 1, 30],
    ['streams', 'streams', 1, 1, 16],
    ['cap', 'capBytes', 1, 1_000_000, 1e12],
  ] as const) {
    if (args[name] === undefined) continue;
    const value = Number(args[name]);
    if (!Number.isInteger(value) || value < least || value > most) {
      return err(`${name}: a whole number from ${least} to ${most} is wanted`);
    }
    wish[field] = factor * value;
  }
  return { ok: true, value: wish };
}
