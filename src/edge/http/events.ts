/**
 * What happens, live (server-sent events): changes of the model, traffic once a second while someone
 * listens, counters once a second to whom looks at them, log and audit lines, and pending
 * roll-backs. Whoever reads too slowly is dropped and
 * counted, never waited for; the page connects again and reads everything anew.
 */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Model, Notification } from '../../tr181/model.ts';
import type { Configuration, Line, LinkCounters, PendingChange } from './faces.ts';

export interface EventDeps {
  readonly model: Pick<Model, 'revision' | 'subscribe' | 'get'>;
  readonly configuration: Pick<Configuration, 'pending' | 'onPending'>;
  readonly clock: Clock;
  readonly bootId: string;
  /** Fresh counters of every link. */
  links(): readonly LinkCounters[];
}

const MAX_LISTENERS = 32;
/** What one listener may be behind. */
const MAX_BEHIND_BYTES = 256 * 1024;
const TICK_MS = 1000;
const COMMENT_TICKS = 15;
/** Log lines a second; the rest is in the file. */
const MAX_LINES = 100;
/** Values that one listener is sent in a second. */
const MAX_LIVE_VALUES = 512;
/** Objects that one listener may look at. */
export const MAX_LIVE_PATHS = 32;

type Controller = ReadableStreamDefaultController<Uint8Array>;

interface Listener {
  readonly stream: number;
  /** Of the session that it belongs to. */
  readonly ended: AbortSignal;
  /** Objects whose own parameters it shows now, and what it was sent of them. */
  paths: readonly string[];
  sent: Map<string, string>;
}

export class EventHub implements Disposable {
  readonly #deps: EventDeps;
  readonly #listeners = new Map<Controller, Listener>();
  readonly #subscriptions: Disposable[] = [];
  readonly #encoder = new TextEncoder();
  #tick: Timer | undefined;
  #ticks = 0;
  #lines = 0;
  #before: { readonly atMs: number; readonly links: ReadonlyMap<string, LinkCounters> } | undefined;
  #dropped = 0;
  #streams = 0;
  #changes = 0;
  #closed = false;

  constructor(deps: EventDeps) {
    this.#deps = deps;
    const subscribed = deps.model.subscribe('Device.', (notification) =>
      this.#changed(notification),
    );
    if (subscribed.ok) this.#subscriptions.push(subscribed.value);
    this.#subscriptions.push(deps.configuration.onPending((pending) => this.#pending(pending)));
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Events of kind `change` since start, sent or not: an answer is from before those that it does not count. */
  get changes(): number {
    return this.#changes;
  }

  /** Listeners that were too slow, since start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** A stream until `ended` fires; undefined when there are too many. */
  open(ended: AbortSignal): ReadableStream<Uint8Array> | undefined {
    if (this.#closed || this.#listeners.size >= MAX_LISTENERS || ended.aborted) return undefined;
    let mine: Controller | undefined;
    const leave = (): void => {
      ended.removeEventListener('abort', end);
      if (mine !== undefined) this.#forget(mine);
    };
    const end = (): void => {
      if (mine !== undefined && this.#listeners.has(mine)) mine.close();
      leave();
    };
    ended.addEventListener('abort', end);
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          mine = controller;
          const stream = ++this.#streams;
          this.#listeners.set(controller, { stream, ended, paths: [], sent: new Map() });
          const { model, bootId, clock, configuration } = this.#deps;
          const serverTimeMs = clock.wallMs();
          const { revision } = model;
          const hello = { stream, revision, changes: this.#changes, bootId, serverTimeMs };
          this.#send(controller, this.#encode('hello', hello));
          if (configuration.pending !== undefined) {
            this.#send(controller, this.#encode('pending', configuration.pending));
          }
          if (this.#tick === undefined) this.#startTicking();
        },
        cancel: leave,
      },
      { highWaterMark: MAX_BEHIND_BYTES, size: (chunk) => chunk?.byteLength ?? 0 },
    );
  }

  /**
   * What a stream's reader looks at from now on: objects whose own parameters are sent once a second
   * where they differ from what was sent. False when `ended`'s session has no such stream.
   */
  look(stream: number, ended: AbortSignal, paths: readonly string[]): boolean {
    for (const listener of this.#listeners.values()) {
      if (listener.stream !== stream || listener.ended !== ended) continue;
      listener.paths = paths;
      listener.sent = new Map();
      return true;
    }
    return false;
  }

  log(line: Line): void {
    this.#line('log', line);
  }

  audit(line: Line): void {
    this.#line('audit', line);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]();
    for (const controller of [...this.#listeners.keys()]) {
      this.#forget(controller);
      controller.close();
    }
  }

  #changed({ revision, notices }: Notification): void {
    if (notices.some(({ kind }) => kind !== 'event')) this.#changes++;
    if (this.#listeners.size === 0) return;
    const values: (readonly [string, string])[] = [];
    const [added, removed]: [string[], string[]] = [[], []];
    for (const notice of notices) {
      if (notice.kind === 'value') values.push([notice.path, notice.value]);
      else if (notice.kind === 'added') added.push(notice.path);
      else if (notice.kind === 'removed') removed.push(notice.path);
      else this.#all('event', { path: notice.path, args: notice.args });
    }
    if (values.length + added.length + removed.length === 0) return;
    this.#all('change', { revision, values, added, removed });
  }

  #pending(pending: PendingChange | undefined): void {
    this.#all('pending', pending ?? { deadlineMs: null });
  }

  #line(event: 'log' | 'audit', line: Line): void {
    if (this.#listeners.size === 0 || ++this.#lines > MAX_LINES) return;
    this.#all(event, line);
  }

  #startTicking(): void {
    this.#ticks = 0;
    this.#before = this.#counters();
    this.#armTick();
  }

  #armTick(): void {
    this.#tick = this.#deps.clock.after(TICK_MS, () => {
      this.#tick = undefined;
      if (this.#listeners.size === 0) return;
      this.#lines = 0;
      if (++this.#ticks % COMMENT_TICKS === 0) this.#everyone(this.#encoder.encode(': here\n\n'));
      this.#traffic();
      // After traffic, which reads the kernel's counters afresh.
      for (const [controller, listener] of [...this.#listeners]) this.#live(controller, listener);
      this.#armTick();
    });
  }

  #counters() {
    const links = new Map(this.#deps.links().map((link) => [link.name, link]));
    return { atMs: this.#deps.clock.monoMs(), links };
  }

  #traffic(): void {
    const before = this.#before;
    const now = this.#counters();
    this.#before = now;
    if (before === undefined || now.atMs <= before.atMs) return;
    const rate = (new_: bigint, old: bigint): number =>
      // An interface that was made anew counts from zero.
      Math.round((Number(new_ < old ? new_ : new_ - old) * 1000) / (now.atMs - before.atMs));
    const links = [...now.links.values()].flatMap(({ name, rxBytes, txBytes }) => {
      const old = before.links.get(name);
      if (old === undefined) return [];
      return {
        name,
        rxBytesPerSec: rate(rxBytes, old.rxBytes),
        txBytesPerSec: rate(txBytes, old.txBytes),
      };
    });
    this.#all('traffic', { atMs: this.#deps.clock.wallMs(), links });
  }

  #live(controller: Controller, { paths, sent }: Listener): void {
    if (paths.length === 0) return;
    const values: (readonly [string, string])[] = [];
    for (const { result } of this.#deps.model.get(paths, { maxDepth: 1 })) {
      for (const { path, value } of result.ok ? result.value : []) {
        if (sent.get(path) === value || values.length === MAX_LIVE_VALUES) continue;
        sent.set(path, value);
        values.push([path, value]);
      }
    }
    if (values.length > 0) this.#send(controller, this.#encode('live', { values }));
  }

  #encode(event: string, data: object): Uint8Array {
    // JSON has no line breaks of its own, so one data line holds it.
    return this.#encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #all(event: string, data: object): void {
    if (this.#listeners.size > 0) this.#everyone(this.#encode(event, data));
  }

  #everyone(bytes: Uint8Array): void {
    for (const controller of [...this.#listeners.keys()]) this.#send(controller, bytes);
  }

  #send(controller: Controller, bytes: Uint8Array): void {
    if ((controller.desiredSize ?? 0) >= bytes.byteLength) {
      controller.enqueue(bytes);
      return;
    }
    this.#dropped++;
    this.#forget(controller);
    controller.error('too slow');
  }

  #forget(controller: Controller): void {
    this.#listeners.delete(controller);
    if (this.#listeners.size > 0) return;
    this.#tick?.cancel();
    this.#tick = undefined;
  }
}
