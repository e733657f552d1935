/** A terminal that is typed at by a script, and a console that runs at it. */
import { SystemError } from '../../../src/base/errors.ts';
import { err, ok } from '../../../src/base/result.ts';
import type { BusError, JsonObject } from '../../../src/edge/cli/bus.ts';
import { runConsole } from '../../../src/edge/console/menu.ts';
import type { ConsoleParts } from '../../../src/edge/console/parts.ts';
import type { Key, Terminal } from '../../../src/edge/console/terminal.ts';
import { FakeBus, fakeEnvironment } from '../cli/fake.ts';

/** Whoever waits for a text on the screen types the answer when it is there. */
export class FakeTerminal implements Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  shown = '';
  #seen = 0;
  #listener: ((key: Key) => void) | undefined;
  #ahead: Key[] = [];
  #changed: () => void = () => {};

  constructor(options: { columns?: number; rows?: number; colour?: boolean } = {}) {
    this.columns = options.columns ?? 80;
    this.rows = options.rows ?? 24;
    this.colour = options.colour ?? false;
  }

  write(text: string): void {
    this.shown += text;
    this.#changed();
  }

  listen(heard: (key: Key) => void): Disposable {
    if (this.#listener !== undefined) throw new Error('two listen at once');
    this.#listener = heard;
    while (this.#ahead.length > 0 && this.#listener === heard) heard(this.#ahead.shift());
    return {
      [Symbol.dispose]: () => {
        if (this.#listener === heard) this.#listener = undefined;
      },
    };
  }

  forget(): void {
    this.#ahead = this.#ahead.filter((key) => key === undefined);
  }

  /** Types character by character; undefined ends the input. */
  type(text: string | undefined): void {
    for (const key of text === undefined ? [undefined] : text) {
      if (this.#listener === undefined) this.#ahead.push(key);
      else this.#listener(key);
    }
  }

  /** What was shown since the last call, once it ends in `text`. */
  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.shown.indexOf(text, this.#seen);
      if (at >= 0) {
        const part = this.shown.slice(this.#seen, at + text.length);
        this.#seen = at + text.length;
        return part;
      }
      await new Promise<void>((resolve, reject) => {
        const bound = setTimeout(
          () => reject(new Error(`${JSON.stringify(text)} did not come after: ${this.shown}`)),
          5000,
        );
        this.#changed = () => {
          clearTimeout(bound);
          resolve();
        };
      });
    }
  }
}

type Handlers = ConstructorParameters<typeof FakeBus>[0];

export const success = (data: JsonObject | null = null): JsonObject => ({
  status: 'success',
  message: null,
  data,
});

export const refused = (message: string): JsonObject => ({ status: 'error', message, data: null });

/** Rows of bbfdm's raw answer. */
export const rowsOf = (values: Readonly<Record<string, string>>): JsonObject => ({
  results: Object.entries(values).map(([path, data]) => ({ path, data, type: 'xsd:string' })),
});

export interface Sitting {
  readonly terminal: FakeTerminal;
  readonly bus: FakeBus;
  readonly ended: Promise<void>;
  /** Chooses an entry and gives what it shows until `text`. */
  choose(entry: number, text: string): Promise<string>;
  answer(text: string, until: string): Promise<string>;
  leave(): Promise<void>;
}

export function sitDown(
  handlers: Handlers | BusError,
  overrides: Partial<ConsoleParts> = {},
  options: ConstructorParameters<typeof FakeTerminal>[0] = {},
): Sitting {
  const terminal = new FakeTerminal(options);
  const broken = typeof handlers['message'] === 'string';
  const bus = new FakeBus(broken ? {} : (handlers as Handlers));
  const missing = (what: string) => async () => err(new SystemError(`no ${what} here`, 'ENOENT'));
  const ended = runConsole({
    terminal,
    environment: fakeEnvironment(broken ? (handlers as BusError) : bus),
    options: { ubusSocket: '/nowhere' },
    line: 'ttyS0',
    ping: missing('ping'),
    followLog: missing('log'),
    capture: missing('capture'),
    shell: async () => ok(undefined),
    ...overrides,
  });
  const answer = async (text: string, until: string): Promise<string> => {
    terminal.type(`${text}\r`);
    return terminal.until(until);
  };
  return {
    terminal,
    bus,
    ended,
    answer,
    choose: async (entry, until) => {
      await terminal.until('Choice: ');
      return answer(String(entry), until);
    },
    leave: async () => {
      terminal.type('\r');
      await terminal.until('Choice: ');
      terminal.type('0\r');
      await ended;
    },
  };
}
