/** What every command does alike: print data or JSON, report faults, reach the router, remember the exit code. */
import type { SystemError } from '../../base/errors.ts';
import { escapeControls } from '../../base/text.ts';
import { type Bus, type BusError, isObject, type Json, type JsonObject } from './bus.ts';
import { type CliEnvironment, EXIT } from './environment.ts';
import { type Answer, type FaultRow, Router } from './router.ts';
import { type Column, type Paint, paintFor, type Style, table } from './table.ts';

export interface GlobalOptions {
  readonly json?: boolean;
  readonly color?: boolean;
  readonly ubusSocket: string;
}

export class Session {
  readonly environment: CliEnvironment;
  readonly #options: () => GlobalOptions;
  exitCode: number = EXIT.done;

  constructor(environment: CliEnvironment, options: () => GlobalOptions) {
    this.environment = environment;
    this.#options = options;
  }

  get json(): boolean {
    return this.#options().json === true;
  }

  get paint(): Paint {
    return this.#paint(this.environment.stdout.isTerminal);
  }

  #paint(isTerminal: boolean): Paint {
    const wanted = this.#options().color !== false;
    return paintFor(isTerminal && wanted, this.environment.env['NO_COLOR']);
  }

  data(text: string): void {
    this.environment.stdout.write(text);
  }

  /** More than should be in memory at once: a slow reader is waited for. */
  async pieces(texts: Iterable<string>): Promise<void> {
    for (const text of texts) {
      this.data(text);
      await this.environment.stdout.taken?.();
    }
  }

  printJson(value: Json): void {
    this.data(`${JSON.stringify(value, undefined, 2)}\n`);
  }

  print<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
    this.data(table(columns, rows, this.paint));
  }

  /** One line of data that came from elsewhere. */
  line(text: string, style: Style | undefined): void {
    const shown = escapeControls(text);
    this.data(`${style === undefined ? shown : this.paint(style, shown)}\n`);
  }

  /** For people, on stderr; `--json` leaves it out, the data says it all. */
  note(message: string): void {
    if (!this.json) this.environment.stderr.write(`${escapeControls(message)}\n`);
  }

  fail(message: string, code: number = EXIT.failed): void {
    const label = this.#paint(this.environment.stderr.isTerminal)('red', 'gatehouse:');
    this.environment.stderr.write(`${label} ${escapeControls(message)}\n`);
    this.exitCode = code;
  }

  /** Whether a file was written; says why not. `replace` is the command's --force. */
  writeFile(path: string, bytes: Uint8Array, replace = false): boolean {
    const written = this.environment.writeFile(path, bytes, replace);
    if (written.ok) return true;
    const hint = written.error.code === 'EEXIST' ? '; --force writes over it' : '';
    this.fail(`${written.error.message}${hint}`);
    return false;
  }

  /** What the system refused, with what the owner can do. */
  refused({ message, remedy }: SystemError, where = ''): void {
    this.fail(`${where}${message}${remedy === undefined ? '' : `; ${remedy}`}`);
  }

  faults(faults: readonly FaultRow[]): void {
    for (const { path, message } of faults)
      this.fail(
        message === ''
          ? `refused: ${path}`
          : message.includes(path)
            ? message
            : `${path}: ${message}`,
      );
  }

  /** Rows of an answer after its faults were reported; undefined when there was no answer at all. */
  rows<Row>(
    answer: { ok: true; value: Answer<Row> } | { ok: false; error: BusError },
  ): readonly Row[] | undefined {
    if (!answer.ok) {
      this.fail(answer.error.message);
      return undefined;
    }
    this.faults(answer.value.faults);
    return answer.value.rows;
  }

  /** Runs a command of a service and gives its data; undefined after it said why not. */
  ask(service: string, command: string, args: JsonObject = {}): Promise<JsonObject | undefined> {
    return this.#ask(service, command, (router) => router.command(service, command, args));
  }

  /** The same of one that takes its time: Ctrl-C ends the waiting. */
  askPatiently(
    service: string,
    command: string,
    args: JsonObject,
  ): Promise<JsonObject | undefined> {
    return this.#ask(service, command, (router) =>
      this.unlessInterrupted(router.command(service, command, args)),
    );
  }

  async #ask(
    service: string,
    command: string,
    run: (router: Router) => Promise<Awaited<ReturnType<Router['command']>> | undefined>,
  ): Promise<JsonObject | undefined> {
    let data: JsonObject | undefined;
    await this.withRouter(async (router) => {
      const answer = await run(router);
      if (answer === undefined) return;
      if (!answer.ok) return this.fail(answer.error.message);
      const { status, message } = answer.value;
      if (status === 'success') data = isObject(answer.value.data) ? answer.value.data : {};
      else {
        for (const line of (message ?? `${service} ${command} failed`).split('\n')) this.fail(line);
      }
    });
    return data;
  }

  /** What is waited for; undefined, and it is said, when Ctrl-C came first. */
  async unlessInterrupted<T extends object>(answer: Promise<T>): Promise<T | undefined> {
    const { signal } = this.environment;
    const stopped = Promise.withResolvers<undefined>();
    const stop = (): void => stopped.resolve(undefined);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const first = await Promise.race([answer, stopped.promise]);
    signal.removeEventListener('abort', stop);
    if (first === undefined) this.fail('interrupted');
    return first;
  }

  /** Whether the daemon answers. */
  async reachable(): Promise<boolean> {
    const bus = await this.environment.connect(this.#options().ubusSocket);
    if (bus.ok) await bus.value[Symbol.asyncDispose]();
    return bus.ok;
  }

  /** Runs `work` with the router; undefined, and nothing is said, when it cannot be reached. */
  async withRouterIfThere<T>(work: (router: Router) => Promise<T>): Promise<T | undefined> {
    const bus = await this.environment.connect(this.#options().ubusSocket);
    if (!bus.ok) return undefined;
    await using connected = bus.value;
    return await work(new Router(connected));
  }

  /** Runs `work` with the router, or says why it cannot be reached. */
  async withRouter(work: (router: Router, bus: Bus) => Promise<void>): Promise<void> {
    const bus = await this.environment.connect(this.#options().ubusSocket);
    if (!bus.ok) return this.fail(bus.error.message);
    await using connected = bus.value;
    await work(new Router(connected), connected);
  }
}
