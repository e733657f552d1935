/** What rtnetlink(7) notifies of, for a copy of kernel tables that must miss nothing. */
import type { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { decodeMessages, type NetlinkMessage } from '../../wire/rtnetlink-frame.ts';
import { systemError } from './errno.ts';
import type { Reactor, Sink } from './native.ts';
import { NETLINK_ROUTE, RtnetlinkRequests } from './rtnetlink.ts';

const DATAGRAM_BYTES = 64 * 1024;
const EAGAIN = 11;
/** ENOBUFS and EMSGSIZE: a notification did not reach us. */
const LOST: readonly number[] = [-105, -90];
/** Datagrams handled before Node's loop gets its turn. */
const DATAGRAMS_PER_TURN = 64;
/** A dump that failed is made again after so long. */
const RETRY_MS = 200;

export interface Copy {
  /** Takes a notification into the copy; false when it cannot be read. */
  take(message: NetlinkMessage): boolean;
  /** Makes all of the copy anew; a failure leaves it as it was. */
  dump(): SystemError | undefined;
  /** All that was queued is taken. A failure has the copy made anew soon. */
  drained?(): SystemError | undefined;
  /** The copy was made anew because notifications were lost or could not be read. */
  resynced(): void;
  /** The end of a burst: what changed is to be told. */
  emit(): void;
}

export interface MonitorOptions {
  readonly groups: readonly number[];
  /** Size of the notifications' queue. */
  readonly bytes: number;
  readonly what: string;
}

export class RtnetlinkMonitor implements Sink {
  readonly requests: RtnetlinkRequests;
  readonly #reactor: Reactor;
  readonly #id: number;
  readonly #buffer = new Uint8Array(DATAGRAM_BYTES);
  #copy: Copy | undefined;
  #resyncs = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(reactor: Reactor, id: number, requests: RtnetlinkRequests) {
    this.#reactor = reactor;
    this.#id = id;
    this.requests = requests;
  }

  /** From now on notifications are queued: what changes during the first dump is told as well. */
  static open(
    reactor: Reactor,
    { groups, bytes, what }: MonitorOptions,
  ): Result<RtnetlinkMonitor, SystemError> {
    const { raw } = reactor;
    const id = raw.monitor(NETLINK_ROUTE, Uint32Array.from(groups), bytes);
    if (id < 0) return err(systemError(what, id));
    const requests = RtnetlinkRequests.open(reactor);
    if (!requests.ok) {
      raw.close(id);
      return requests;
    }
    return ok(new RtnetlinkMonitor(reactor, id, requests.value));
  }

  /** Fills the copy and keeps it; after a failure the monitor is closed. */
  keep(copy: Copy): SystemError | undefined {
    const failed = copy.dump();
    if (failed !== undefined) {
      this.#reactor.raw.close(this.#id);
      this.requests.close();
      return failed;
    }
    this.#copy = copy;
    this.#reactor.attach(this.#id, this);
    return undefined;
  }

  get resyncs(): number {
    return this.#resyncs;
  }

  /** There are datagrams. */
  event(): void {
    for (let i = 0; i < DATAGRAMS_PER_TURN && this.#receive(); i++);
    this.#emit();
  }

  /** Takes all that is queued into the copy, without telling. */
  drain(): void {
    while (this.#receive());
  }

  /** After a failure the copy is made anew soon, and told when that worked. */
  report(failed: SystemError | undefined): void {
    if (failed === undefined || this.#closed) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#resync();
      this.#emit();
    }, RETRY_MS).unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#reactor.close(this.#id);
    this.requests.close();
  }

  /** Takes one datagram; false when there was none. */
  #receive(): boolean {
    const copy = this.#copy;
    if (this.#closed || copy === undefined) return false;
    const length = this.#reactor.raw.receive(this.#id, this.#buffer);
    if (length === -EAGAIN) {
      this.report(copy.drained?.());
      return false;
    }
    if (length < 0) {
      if (!LOST.includes(length)) return false; // the reactor is closed
      this.#resync();
      return true;
    }
    const messages = decodeMessages(this.#buffer.subarray(0, length));
    // What cannot be read may have said anything, and what follows it is older than the dump.
    if (!messages.ok || !messages.value.every((message) => copy.take(message))) this.#resync();
    return true;
  }

  /** Notifications were lost: what is still queued is older than a dump made now, and worth nothing. */
  #resync(): void {
    this.#resyncs++;
    let length: number;
    do length = this.#reactor.raw.receive(this.#id, this.#buffer);
    while (length >= 0 || LOST.includes(length));
    const failed = this.#copy?.dump();
    if (failed === undefined) this.#copy?.resynced();
    else this.report(failed);
  }

  #emit(): void {
    if (!this.#closed) this.#copy?.emit();
  }
}
