/** wpa_supplicant's control socket: one question at a time, and the events between. */
import type { Clock, Timer } from '../../base/clock.ts';
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DatagramSocket, DatagramSockets } from '../../os/ports-datagram.ts';
import { decodeWpaMessage } from '../../wire/wpa-control.ts';

export interface WpaControlDeps {
  readonly sockets: DatagramSockets;
  readonly clock: Clock;
  /** Its own end and that of wpa_supplicant. */
  readonly own: string;
  readonly server: string;
  event(name: string, rest: string): void;
  /** The socket failed; nothing comes any more. */
  failed(error: SystemError): void;
}

/** Questions that may wait. */
const MAX_QUESTIONS = 16;
const ANSWER_MS = 10_000;

interface Question {
  readonly command: string;
  readonly answered: (answer: Result<string, SystemError>) => void;
}

export class WpaControl {
  readonly #deps: WpaControlDeps;
  readonly #waiting: Question[] = [];
  #socket: DatagramSocket | undefined;
  #asked: Question | undefined;
  #late: Timer | undefined;

  constructor(deps: WpaControlDeps) {
    this.#deps = deps;
  }

  open(): Result<void, SystemError> {
    const { sockets, own, server } = this.#deps;
    const opened = sockets.open(own, server, {
      data: (datagram) => this.#heard(datagram),
      failed: (error) => {
        this.close();
        this.#deps.failed(error);
      },
    });
    if (!opened.ok) return opened;
    this.#socket = opened.value;
    return ok(undefined);
  }

  /** Its answer, without the line's end. EBUSY when too many wait, ETIMEDOUT, or why the socket failed. */
  ask(command: string): Promise<Result<string, SystemError>> {
    if (this.#socket === undefined) return Promise.resolve(err(notThere()));
    if (this.#waiting.length >= MAX_QUESTIONS) {
      return Promise.resolve(err(new SystemError('too many questions wait', 'EBUSY')));
    }
    const { promise, resolve } = Promise.withResolvers<Result<string, SystemError>>();
    this.#waiting.push({ command, answered: resolve });
    this.#next();
    return promise;
  }

  close(reason: SystemError = notThere()): void {
    this.#late?.cancel();
    this.#socket?.close();
    this.#socket = undefined;
    const left = [...(this.#asked === undefined ? [] : [this.#asked]), ...this.#waiting.splice(0)];
    this.#asked = undefined;
    for (const { answered } of left) answered(err(reason));
  }

  #next(): void {
    if (this.#asked !== undefined) return;
    const question = this.#waiting.shift();
    if (question === undefined || this.#socket === undefined) return;
    this.#asked = question;
    const sent = this.#socket.send(new TextEncoder().encode(question.command));
    if (!sent.ok) {
      this.#answer(sent);
      return;
    }
    this.#late = this.#deps.clock.after(ANSWER_MS, () => {
      // An answer that comes yet would be taken for that of the next question: a new socket has none.
      const error = new SystemError('wpa_supplicant does not answer', 'ETIMEDOUT');
      this.close(error);
      this.#deps.failed(error);
    });
  }

  #answer(answer: Result<string, SystemError>): void {
    const question = this.#asked;
    if (question === undefined) return;
    this.#late?.cancel();
    this.#asked = undefined;
    question.answered(answer);
    this.#next();
  }

  #heard(datagram: Uint8Array): void {
    const message = decodeWpaMessage(datagram);
    if (message?.type === 'event') this.#deps.event(message.name, message.rest);
    // What is nothing of its own, or an answer that nobody waits for, is passed over.
    else if (message !== undefined) this.#answer(ok(message.text.replace(/\n$/, '')));
  }
}

const notThere = (): SystemError => new SystemError('wpa_supplicant is not there', 'ENOTCONN');
