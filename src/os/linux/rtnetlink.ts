/** Requests to rtnetlink(7) and their answers: what every copy of a kernel table asks by. */
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import {
  decodeAcknowledgement,
  decodeMessages,
  type NetlinkMessage,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../../wire/rtnetlink-frame.ts';
import { systemError } from './errno.ts';
import type { Reactor } from './native.ts';

export const NETLINK_ROUTE = 0;

const REPLY_BYTES = 4 * 1024 * 1024;
const DUMP_TRIES = 5;
const ENOENT = 2;

/** A socket for requests. */
export class RtnetlinkRequests {
  readonly #reactor: Reactor;
  readonly #id: number;
  #sequence = 0;

  private constructor(reactor: Reactor, id: number) {
    this.#reactor = reactor;
    this.#id = id;
  }

  static open(reactor: Reactor, protocol = NETLINK_ROUTE): Result<RtnetlinkRequests, SystemError> {
    const id = reactor.raw.requests(protocol, REPLY_BYTES);
    return id < 0 ? err(systemError('netlink', id)) : ok(new RtnetlinkRequests(reactor, id));
  }

  /** The number of the next request. */
  next(): number {
    this.#sequence = this.#sequence >= 0x7fff0000 ? 1 : this.#sequence + 1;
    return this.#sequence;
  }

  /** Sends requests, the last of which has `lastSequence`, and gives all answers. */
  transact(
    request: Uint8Array,
    lastSequence: number,
    what: string,
  ): Result<readonly NetlinkMessage[], SystemError> {
    const reply = this.#reactor.raw.transact(this.#id, request, lastSequence);
    if (typeof reply === 'number') return err(systemError(what, reply));
    const messages = decodeMessages(new Uint8Array(reply));
    if (!messages.ok) return err(new SystemError(`${what}: ${messages.error.message}`, 'EBADMSG'));
    return messages;
  }

  /** The bodies of a dump, made again while the table changes under it; the last try counts as it is. */
  dump(
    request: (sequence: number) => Uint8Array,
    what: string,
  ): Result<readonly Uint8Array[], SystemError> {
    for (let tries = 1; ; tries++) {
      const answer = this.#ask(request, `dump of ${what}`);
      if (!answer.ok) return answer;
      if (!answer.value.interrupted || tries === DUMP_TRIES) return ok(answer.value.rows);
    }
  }

  close(): void {
    this.#reactor.close(this.#id);
  }

  #ask(
    request: (sequence: number) => Uint8Array,
    what: string,
  ): Result<{ rows: readonly Uint8Array[]; interrupted: boolean }, SystemError> {
    const sequence = this.next();
    const answer = this.transact(request(sequence), sequence, what);
    if (!answer.ok) return answer;
    const rows: Uint8Array[] = [];
    let interrupted = false;
    for (const message of answer.value) {
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
      if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
        rows.push(message.body);
        continue;
      }
      const end = decodeAcknowledgement(message);
      if (!end.ok) return err(new SystemError(`${what}: ${end.error.message}`, 'EBADMSG'));
      // Table main does not exist before its first route.
      if (end.value.errno !== 0 && end.value.errno !== ENOENT) {
        return err(systemError(what, -end.value.errno));
      }
    }
    return ok({ rows, interrupted });
  }
}
