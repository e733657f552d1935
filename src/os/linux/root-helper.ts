/** The root helper at the other end of `RUN_DIR/root.sock`: one connection, kept open to know that it is there. */
import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock, Timer } from '../../base/clock.ts';
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import {
  decodeRootAnswer,
  encodeRootRequest,
  ROOT_ANSWER_BYTES,
  type RootAnswer,
  type RootOutcome,
  type RootRequest,
  type SlotVerb,
} from '../../wire/root-helper.ts';
import type { RootHelper, UnixConnection, UnixHandlers, UnixSockets } from '../ports.ts';
import { systemError } from './errno.ts';

/** It answers before it does what takes long; a slow card takes its time to sync. */
const ANSWER_MS = 20_000;
const MAX_QUEUED_BYTES = 4096;

const REFUSALS: Readonly<
  Record<Exclude<RootOutcome, 'done' | 'failed'>, readonly [code: string, why: string]>
> = {
  malformed: ['EPROTO', 'it is of another version than this program'],
  unknownVerb: ['EPROTO', 'it is of another version than this program'],
  badArgument: ['EINVAL', 'it does not take this value'],
  stranger: ['EACCES', 'it hears user gatehouse and root alone'],
  tooMany: ['EAGAIN', 'it was asked too often; try again in a few seconds'],
  goingDown: ['EALREADY', 'the box is going down already'],
  busy: ['EBUSY', 'an update is being installed'],
  absent: ['ENOTSUP', 'this box has no slots for firmware'],
};

export interface RootHelperDeps {
  readonly sockets: UnixSockets;
  readonly clock: Clock;
  /** Full path of its socket; the folder must exist. */
  readonly path: string;
}

interface Waiting {
  readonly request: RootRequest;
  readonly done: (result: Result<void, SystemError>) => void;
}

export class LinuxRootHelper implements RootHelper {
  readonly #deps: RootHelperDeps;
  readonly #listeners = new Set<() => void>();
  readonly #watch: Disposable;
  #connection: UnixConnection | undefined;
  #missing: string | undefined;
  /** The first is asked, the others wait: answers carry no number. */
  readonly #queue: Waiting[] = [];
  #answer: Uint8Array = new Uint8Array(0);
  #timer: Timer | undefined;

  constructor(deps: RootHelperDeps) {
    this.#deps = deps;
    const name = basename(deps.path);
    // The socket gets its name once somebody listens on it.
    const watcher = watch(dirname(deps.path), { persistent: false }, (_, changed) => {
      if (changed === name) this.#connect();
    });
    watcher.on('error', () => watcher.close());
    this.#watch = { [Symbol.dispose]: () => watcher.close() };
    this.#connect();
  }

  get missing(): string | undefined {
    return this.#missing;
  }

  reboot(): Promise<Result<void, SystemError>> {
    return this.#ask({ verb: 'reboot' });
  }

  powerOff(): Promise<Result<void, SystemError>> {
    return this.#ask({ verb: 'poweroff' });
  }

  setHostName(name: string): Promise<Result<void, SystemError>> {
    return this.#ask({ verb: 'hostname', name });
  }

  slots(verb: SlotVerb): Promise<Result<void, SystemError>> {
    return this.#ask({ verb });
  }

  subscribe(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    this.#listeners.clear();
    this.#connection?.close();
    this.#lost('the daemon is ending');
  }

  #connect(): void {
    if (this.#connection !== undefined) return;
    const { sockets, path } = this.#deps;
    const made = sockets.connect(path, MAX_QUEUED_BYTES, () => this.#handlers());
    if (made.ok) this.#connection = made.value;
    this.#tell(made.ok ? undefined : made.error.message);
  }

  #tell(why: string | undefined): void {
    const missing = why === undefined ? undefined : `no root helper runs here: ${why}`;
    if (missing === this.#missing) return;
    this.#missing = missing;
    for (const listener of [...this.#listeners]) listener();
  }

  #handlers(): UnixHandlers {
    return {
      data: (chunk) => {
        this.#answer = new Uint8Array([...this.#answer, ...chunk]);
        if (this.#answer.length < ROOT_ANSWER_BYTES) return;
        const answer = decodeRootAnswer(this.#answer);
        this.#answer = new Uint8Array(0);
        if (!answer.ok) this.#drop('it answered what this program does not understand');
        // Strangers are told so before they ask.
        else if (this.#queue.length === 0) this.#drop(REFUSALS.stranger[1]);
        else this.#settle(resultOf(answer.value));
      },
      closed: () => this.#lost('it ended'),
    };
  }

  #ask(request: RootRequest): Promise<Result<void, SystemError>> {
    this.#connect();
    if (this.#connection === undefined) {
      return Promise.resolve(err(new SystemError(this.#missing ?? '', 'ENOENT')));
    }
    return new Promise((done) => {
      this.#queue.push({ request, done });
      if (this.#queue.length === 1) this.#send();
    });
  }

  #send(): void {
    const [first] = this.#queue;
    if (first === undefined) return;
    const sent = this.#connection?.write(encodeRootRequest(first.request));
    if (sent !== true) this.#drop('it takes no more requests');
    else this.#timer = this.#deps.clock.after(ANSWER_MS, () => this.#drop('it did not answer'));
  }

  #settle(result: Result<void, SystemError>): void {
    this.#timer?.cancel();
    this.#queue.shift()?.done(result);
    this.#send();
  }

  #drop(why: string): void {
    this.#connection?.close();
    this.#lost(why);
  }

  /** The next request tries again, and so does the helper's next socket. */
  #lost(why: string): void {
    this.#timer?.cancel();
    this.#connection = undefined;
    this.#answer = new Uint8Array(0);
    for (const { done } of this.#queue.splice(0)) {
      done(err(new SystemError(`the root helper gave no answer: ${why}`, 'EPIPE')));
    }
    this.#tell(why);
  }
}

function resultOf({ outcome, errno }: RootAnswer): Result<void, SystemError> {
  if (outcome === 'done') return ok(undefined);
  if (outcome === 'failed') return err(systemError('the root helper', -errno));
  const [code, why] = REFUSALS[outcome];
  return err(new SystemError(`the root helper refused: ${why}`, code));
}
