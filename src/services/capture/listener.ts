/** What captures and triggers share: a filter, a state that follows a table, and one engine that hears a link at a time. */
import { errorMessage, SystemError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { err, type Result } from '../../base/result.ts';
import type { CaptureEngine, CaptureReport, ListenOptions } from '../../os/ports-capture.ts';
import { type FilterRequest, filterText } from './filter.ts';
import { hostNames } from './filter-names.ts';

/** How the engine says that a link is not there, or not up. */
const GONE: ReadonlySet<string> = new Set(['ENETDOWN', 'ENODEV', 'ENXIO']);

export const isGone = ({ code }: SystemError): boolean => GONE.has(code);

/** For people. */
export const reasonOf = ({ message, remedy }: SystemError): string =>
  remedy === undefined ? message : `${message}; ${remedy}`;

export const thrownError = (thrown: unknown): SystemError =>
  new SystemError(errorMessage(thrown), 'EINVAL');

/** The text of a filter that the daemon may hand to libpcap: one without names, which would hold all of it up. */
export function routerFilter(request: FilterRequest): Result<string, readonly string[]> {
  const text = filterText(request);
  const names = text.ok ? hostNames(text.value) : [];
  if (names.length === 0) return text;
  return err(names.map((name) => `${name} is a name: the router's filters take addresses`));
}

export interface ListenerDeps {
  readonly engine: CaptureEngine;
  readonly log: Log;
  /** Something of it changed; a turn may have become free. */
  changed(): void;
}

export interface ListenerSetup<State, Event> {
  /** Whose it is, for the log. */
  readonly about: Readonly<Record<string, string>>;
  readonly filter: FilterRequest;
  readonly first: State;
  step(state: State, event: Event): State | undefined;
}

export abstract class Listener<State extends string, Event extends string> {
  protected readonly filter: string;
  protected readonly faults: readonly string[];
  protected now: State;
  protected reason = '';
  protected ifName: string | undefined;
  protected ending = new AbortController();
  protected running: Promise<void> | undefined;
  readonly #deps: ListenerDeps;
  readonly #setup: ListenerSetup<State, Event>;

  constructor(deps: ListenerDeps, setup: ListenerSetup<State, Event>) {
    this.#deps = deps;
    this.#setup = setup;
    this.now = setup.first;
    const text = routerFilter(setup.filter);
    this.filter = text.ok ? text.value : '';
    this.faults = text.ok ? [] : text.error;
  }

  get state(): State {
    return this.now;
  }

  /** Its engine works, or has not yet let go. */
  get busy(): boolean {
    return this.running !== undefined;
  }

  /** Why it waits. */
  wait(reason: string): void {
    if (this.now !== 'waiting' || this.reason === reason) return;
    this.reason = reason;
    this.#deps.changed();
  }

  /** Hears a link from now on; `over` is told how that ended, with the engine gone. */
  protected hear(
    ifName: string,
    options: Omit<ListenOptions, 'signal' | 'filter'>,
    over: (heard: Result<CaptureReport, SystemError>) => void,
  ): void {
    this.ifName = ifName;
    this.ending = new AbortController();
    const { signal } = this.ending;
    this.running = this.#deps.engine
      .listen(ifName, {
        ...options,
        signal,
        ...(this.filter === '' ? {} : { filter: this.filter }),
      })
      .catch((thrown: unknown) => err(thrownError(thrown)))
      .then((heard) => {
        over(heard);
        this.running = undefined;
        this.#deps.changed();
      });
  }

  protected to(event: Event, reason = ''): boolean {
    const next = this.#setup.step(this.now, event);
    if (next === undefined) return false;
    this.#deps.log.info({ ...this.#setup.about, reason }, `${this.now} → ${next}`);
    this.now = next;
    this.reason = reason;
    this.#deps.changed();
    return true;
  }

  protected get wrongFilter(): string {
    return this.faults.length === 0 ? '' : `Filter: ${this.faults.join('; ')}`;
  }
}
