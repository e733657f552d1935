/** The command line's own commands and requests, with what they print caught for the screen. */
import type { JsonObject } from '../cli/bus.ts';
import { isObject } from '../cli/bus.ts';
import { EXIT } from '../cli/environment.ts';
import type { CommandResponse, Router } from '../cli/router.ts';
import { Session } from '../cli/session.ts';
import type { ConsoleParts } from './parts.ts';
import type { Screen } from './screen.ts';

export class RouterTalk {
  readonly #parts: ConsoleParts;
  readonly #screen: Screen;

  constructor(parts: ConsoleParts, screen: Screen) {
    this.#parts = parts;
    this.#screen = screen;
  }

  /** What a command prints, data and messages in their order. */
  async run(
    command: (session: Session) => Promise<void>,
  ): Promise<{ text: string; done: boolean }> {
    const { environment, options, terminal } = this.#parts;
    let text = '';
    const caught = {
      isTerminal: terminal.colour,
      write: (more: string) => {
        text += more;
      },
    };
    const session = new Session({ ...environment, stdout: caught, stderr: caught }, () => ({
      ...options,
      json: false,
    }));
    await command(session);
    return { text, done: session.exitCode === EXIT.done };
  }

  /** Runs a command and shows what it said. */
  async show(command: (session: Session) => Promise<void>): Promise<void> {
    const { text } = await this.run(command);
    await this.#screen.page(text);
  }

  /** Asks the router; undefined after it was said why there is no answer. */
  async ask<T>(question: (router: Router) => Promise<T>): Promise<T | undefined> {
    let answer: T | undefined;
    const { text } = await this.run((session) =>
      session.withRouter(async (router) => {
        answer = await question(router);
      }),
    );
    this.#screen.lines(text);
    return answer;
  }

  /** Values by path; none where the router does not answer, which was said then. */
  async values(paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const answer = await this.ask((router) => router.get(paths));
    if (answer === undefined) return new Map();
    if (!answer.ok) {
      this.#screen.say(answer.error.message);
      return new Map();
    }
    return new Map(answer.value.rows.map(({ path, value }) => [path, value]));
  }

  /** The data of a service's command; undefined after it was said what went wrong. */
  async command(
    service: string,
    command: string,
    args: JsonObject = {},
  ): Promise<JsonObject | undefined> {
    const answer = await this.ask((router) => router.command(service, command, args));
    if (answer === undefined) return undefined;
    if (!answer.ok) {
      this.#screen.say(answer.error.message);
      return undefined;
    }
    const { status, message, data }: CommandResponse = answer.value;
    if (status === 'success') return isObject(data) ? data : {};
    for (const line of (message ?? `${service} ${command} failed`).split('\n')) {
      this.#screen.say(line);
    }
    return undefined;
  }
}
