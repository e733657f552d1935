/** The live end: one event stream, opened again by itself for as long as somebody is logged in. */
import { type Signal, signal } from '@preact/signals';
import { type Contact, contact, retryMs, SILENCE_MS } from '../lib/contact.ts';
import type { LiveValues, LogLine, Patch, Pending, Traffic } from '../lib/shapes.ts';

export interface Hello {
  /** Number of this stream, to say what is looked at. */
  readonly stream: number;
  readonly revision: number;
  /** Events of kind `change` before this stream, which it does not tell. */
  readonly changes: number;
  readonly bootId: string;
  readonly serverTimeMs: number;
}

export interface Listeners {
  /** `again` after a loss: what was shown may be old. */
  hello(hello: Hello, again: boolean): void;
  change(patch: Patch): void;
  live(values: LiveValues): void;
  traffic(traffic: Traffic): void;
  log(line: LogLine): void;
  audit(line: LogLine): void;
  pending(pending: Pending | null): void;
  /** An event of the model, such as `Device.DHCPv4.Server.X_GATEHOUSE_NewDevice!`. */
  event(path: string, args: Readonly<Record<string, string>>): void;
  /** The stream broke: perhaps the session is over. */
  broken(): void;
}

export class Events {
  readonly contact: Signal<Contact> = signal({ state: 'connecting' });
  /** Clock of the box less the clock of the browser. */
  readonly skewMs: Signal<number> = signal(0);
  readonly #listeners: Listeners;
  #source: EventSource | undefined;
  #failures = 0;
  #helloed = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(listeners: Listeners) {
    this.#listeners = listeners;
  }

  open(): void {
    this.close();
    const source = new EventSource('/api/events');
    this.#source = source;
    const on = <T>(name: string, run: (data: T) => void): void =>
      source.addEventListener(name, (event) => {
        this.#heard();
        run(JSON.parse((event as MessageEvent<string>).data) as T);
      });
    on<Hello>('hello', (hello) => {
      this.#failures = 0;
      this.skewMs.value = hello.serverTimeMs - Date.now();
      this.#listeners.hello(hello, this.#helloed);
      this.#helloed = true;
    });
    on<Patch>('change', (patch) => this.#listeners.change(patch));
    on<{ values: LiveValues }>('live', ({ values }) => this.#listeners.live(values));
    on<Traffic>('traffic', (traffic) => this.#listeners.traffic(traffic));
    on<LogLine>('log', (line) => this.#listeners.log(line));
    on<LogLine>('audit', (line) => this.#listeners.audit(line));
    on<Pending | { deadlineMs: null }>('pending', (pending) =>
      this.#listeners.pending(pending.deadlineMs === null ? null : (pending as Pending)),
    );
    on<{ path: string; args: Readonly<Record<string, string>> }>('event', ({ path, args }) =>
      this.#listeners.event(path, args),
    );
    source.onopen = () => this.#heard();
    source.onerror = () => this.#broken();
  }

  /** Tries at once, without waiting for the pause to end. */
  retryNow(): void {
    if (this.contact.value.state !== 'live') this.open();
  }

  close(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = undefined;
  }

  #heard(): void {
    this.contact.value = contact(this.contact.value, { kind: 'heard', atMs: performance.now() });
    clearTimeout(this.#silence);
    // Comment lines do not reach us: they and traffic keep the stream open, silence is a loss.
    this.#silence = setTimeout(() => this.#broken(), SILENCE_MS);
  }

  #broken(): void {
    this.close();
    this.contact.value = contact(this.contact.value, { kind: 'broken', atMs: performance.now() });
    this.#listeners.broken();
    this.#retry = setTimeout(() => this.open(), retryMs(this.#failures++));
  }
}
