/** The kernel's links, IPv4 addresses and routes: a copy kept by rtnetlink(7), and changes to them. */
import { SystemError } from '../../base/errors.ts';
import { formatPrefix } from '../../base/ip.ts';
import { err, ok, type Result } from '../../base/result.ts';
import {
  decodeAddress,
  decodeLink,
  decodeRoute,
  RT_TABLE_MAIN,
  RTM,
  RTNLGRP,
} from '../../wire/rtnetlink.ts';
import {
  decodeAcknowledgement,
  decodeMessages,
  type NetlinkMessage,
  NetlinkWriter,
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../../wire/rtnetlink-frame.ts';
import {
  dumpAddresses,
  dumpLinks,
  dumpRoutes,
  writeAddAddress,
  writeAddBridge,
  writeDeleteAddress,
  writeDeleteLink,
  writeDeleteRoute,
  writeReplaceRoute,
  writeSetLink,
} from '../../wire/rtnetlink-requests.ts';
import type { Address, Link, Net, NetChange, NetEvent, Route } from '../ports.ts';
import { systemError } from './errno.ts';
import type { Reactor, Sink } from './native.ts';
import { NetCopy } from './net-copy.ts';

const NETLINK_ROUTE = 0;
const MONITOR_BYTES = 1024 * 1024;
const REPLY_BYTES = 4 * 1024 * 1024;
const DATAGRAM_BYTES = 64 * 1024;
/** Acknowledgements of one exchange wait in the socket's queue together. */
const CHANGES_PER_EXCHANGE = 128;
/** Datagrams handled before Node's loop gets its turn. */
const DATAGRAMS_PER_TURN = 64;
const DUMP_TRIES = 5;
const RETRY_MS = 200;

const EAGAIN = 11;
const ENOENT = 2;
/** ENOBUFS and EMSGSIZE: a notification did not reach us. */
const LOST = [-105, -90];

export interface NetOptions {
  /** Size of the notifications' queue: small, so that a test can overrun it. */
  readonly monitorBytes?: number;
}

export class LinuxNet implements Net, Sink {
  readonly #reactor: Reactor;
  readonly #requests: number;
  readonly #monitor: number;
  readonly #buffer = new Uint8Array(DATAGRAM_BYTES);
  readonly #listeners = new Set<(events: readonly NetEvent[]) => void>();
  readonly #copy = new NetCopy();
  #pending = new Map<string, NetEvent>();
  #sequence = 0;
  #resyncs = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(reactor: Reactor, requests: number, monitor: number) {
    this.#reactor = reactor;
    this.#requests = requests;
    this.#monitor = monitor;
  }

  static open(reactor: Reactor, options: NetOptions = {}): Result<LinuxNet, SystemError> {
    const { raw } = reactor;
    const groups = Uint32Array.of(RTNLGRP.link, RTNLGRP.ipv4Address, RTNLGRP.ipv4Route);
    // The monitor first: what changes during the dump is then told as well.
    const monitor = raw.monitor(NETLINK_ROUTE, groups, options.monitorBytes ?? MONITOR_BYTES);
    if (monitor < 0) return err(systemError('rtnetlink monitor', monitor));
    const requests = raw.requests(NETLINK_ROUTE, REPLY_BYTES);
    if (requests < 0) {
      raw.close(monitor);
      return err(systemError('rtnetlink', requests));
    }
    const net = new LinuxNet(reactor, requests, monitor);
    const failed = net.#dumpAll();
    if (failed !== undefined) {
      raw.close(monitor);
      raw.close(requests);
      return err(failed);
    }
    reactor.attach(monitor, net);
    return ok(net);
  }

  links(): readonly Link[] {
    return this.#copy.links();
  }

  addresses(): readonly Address[] {
    return this.#copy.addresses();
  }

  routes(): readonly Route[] {
    return this.#copy.routes();
  }

  get resyncs(): number {
    return this.#resyncs;
  }

  refreshStats(): void {
    this.#report(this.#dump('links'));
  }

  apply(changes: readonly NetChange[]): readonly (SystemError | undefined)[] {
    const outcomes: (SystemError | undefined)[] = [];
    for (let i = 0; i < changes.length; i += CHANGES_PER_EXCHANGE) {
      outcomes.push(...this.#exchange(changes.slice(i, i + CHANGES_PER_EXCHANGE)));
    }
    // The kernel told the monitor before it acknowledged, so its queue already holds the results.
    while (this.#receive());
    // Not within the caller's own call: a listener may well want to apply something itself.
    if (this.#pending.size > 0) queueMicrotask(() => this.#emit());
    return outcomes;
  }

  subscribe(listener: (events: readonly NetEvent[]) => void): Disposable {
    const own = (events: readonly NetEvent[]): void => listener(events);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => this.#listeners.delete(own) };
  }

  /** The monitor has datagrams. */
  event(): void {
    for (let i = 0; i < DATAGRAMS_PER_TURN && this.#receive(); i++);
    this.#emit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#reactor.close(this.#monitor);
    this.#reactor.close(this.#requests);
    this.#listeners.clear();
  }

  /** Takes one datagram into the copy; false when there was none. */
  #receive(): boolean {
    if (this.#closed) return false;
    const length = this.#reactor.raw.receive(this.#monitor, this.#buffer);
    if (length === -EAGAIN) {
      // At the end of what is queued, so that a burst costs one dump.
      if (this.#copy.routesInDoubt) this.#report(this.#dump('routes'));
      return false;
    }
    if (length < 0) {
      if (!LOST.includes(length)) return false; // the reactor is closed
      this.#resync();
      return true;
    }
    const messages = decodeMessages(this.#buffer.subarray(0, length));
    // What cannot be read may have said anything, and what follows it is older than the dump.
    if (!messages.ok || !messages.value.every((message) => this.#take(message))) this.#resync();
    return true;
  }

  /** False when it cannot be read. */
  #take(message: NetlinkMessage): boolean {
    const { type, flags, body } = message;
    switch (type) {
      case RTM.newLink:
      case RTM.delLink: {
        const link = decodeLink(body);
        if (!link.ok) return false;
        if (this.#copy.takeLink(link.value, type === RTM.delLink)) {
          this.#note({ what: 'link', ifIndex: link.value.ifIndex });
        }
        return true;
      }
      case RTM.newAddress:
      case RTM.delAddress: {
        const address = decodeAddress(body);
        if (!address.ok) return false;
        if (address.value === undefined) return true;
        this.#copy.takeAddress(address.value, type === RTM.delAddress);
        this.#note({ what: 'address', ifIndex: address.value.ifIndex });
        return true;
      }
      case RTM.newRoute:
      case RTM.delRoute: {
        const route = decodeRoute(body);
        if (!route.ok) return false;
        if (route.value?.table !== RT_TABLE_MAIN) return true;
        this.#copy.takeRoute(route.value, type === RTM.delRoute, flags);
        this.#note({ what: 'route', ifIndex: route.value.ifIndex });
        return true;
      }
      default:
        return true;
    }
  }

  /** Notifications were lost: what is still queued is older than a dump made now, and worth nothing. */
  #resync(): void {
    this.#resyncs++;
    let length: number;
    do length = this.#reactor.raw.receive(this.#monitor, this.#buffer);
    while (length >= 0 || LOST.includes(length));
    this.#report(this.#dumpAll());
    this.#note({ what: 'resync', ifIndex: undefined });
  }

  /** A dump that failed leaves the copy as it was; it is tried again soon, and the listeners hear when it worked. */
  #report(failed: SystemError | undefined): void {
    if (failed === undefined || this.#closed) return;
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#resync();
      this.#emit();
    }, RETRY_MS).unref();
  }

  #dumpAll(): SystemError | undefined {
    return this.#dump('links') ?? this.#dump('addresses') ?? this.#dump('routes');
  }

  #dump(what: 'links' | 'addresses' | 'routes'): SystemError | undefined {
    const request = { links: dumpLinks, addresses: dumpAddresses, routes: dumpRoutes }[what];
    for (let i = 0; i < DUMP_TRIES; i++) {
      const answer = this.#ask(request, `dump of ${what}`);
      if (!answer.ok) return answer.error;
      const { rows, interrupted } = answer.value;
      if (interrupted && i < DUMP_TRIES - 1) continue;
      const wrong = this.#copy.replace(what, rows);
      return wrong === undefined
        ? undefined
        : new SystemError(`dump of ${what}: ${wrong.field}: ${wrong.message}`, 'EBADMSG');
    }
    return undefined;
  }

  #ask(
    request: (sequence: number) => Uint8Array,
    what: string,
  ): Result<{ rows: readonly Uint8Array[]; interrupted: boolean }, SystemError> {
    const sequence = this.#next();
    const answer = this.#transact(request(sequence), sequence, what);
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

  #exchange(changes: readonly NetChange[]): (SystemError | undefined)[] {
    const writer = new NetlinkWriter();
    const first = this.#sequence + 1;
    for (const change of changes) write(writer, this.#next(), change);
    const answer = this.#transact(writer.bytes(), this.#sequence, 'rtnetlink');
    if (!answer.ok) return changes.map(() => answer.error);
    const outcomes: (SystemError | undefined)[] = changes.map(
      (change) => new SystemError(`${describe(change)}: no answer`, 'EPROTO'),
    );
    for (const message of answer.value) {
      const change = changes[message.sequence - first];
      if (change === undefined || message.type !== NLMSG_ERROR) continue;
      outcomes[message.sequence - first] = outcome(change, message);
    }
    return outcomes;
  }

  #transact(
    request: Uint8Array,
    lastSequence: number,
    what: string,
  ): Result<readonly NetlinkMessage[], SystemError> {
    const reply = this.#reactor.raw.transact(this.#requests, request, lastSequence);
    if (typeof reply === 'number') return err(systemError(what, reply));
    const messages = decodeMessages(new Uint8Array(reply));
    if (!messages.ok) return err(new SystemError(`${what}: ${messages.error.message}`, 'EBADMSG'));
    return messages;
  }

  #next(): number {
    this.#sequence = this.#sequence >= 0x7fff0000 ? 1 : this.#sequence + 1;
    return this.#sequence;
  }

  #note(event: NetEvent): void {
    this.#pending.set(`${event.what} ${event.ifIndex}`, event);
  }

  #emit(): void {
    if (this.#pending.size === 0 || this.#closed) return;
    const events = [...this.#pending.values()];
    this.#pending = new Map();
    for (const listener of [...this.#listeners]) listener(events);
  }
}

function write(w: NetlinkWriter, sequence: number, change: NetChange): NetlinkWriter {
  switch (change.op) {
    case 'address.add':
      return writeAddAddress(w, sequence, change.address);
    case 'address.del':
      return writeDeleteAddress(w, sequence, change.address);
    case 'route.replace':
      return writeReplaceRoute(w, sequence, change.route);
    case 'route.del':
      return writeDeleteRoute(w, sequence, change.route);
    case 'link.set':
      return writeSetLink(w, sequence, change);
    case 'bridge.add':
      return writeAddBridge(w, sequence, change.name);
    case 'link.del':
      return writeDeleteLink(w, sequence, change.ifIndex);
  }
}

const ALREADY: Readonly<Record<NetChange['op'], readonly string[]>> = {
  'address.add': ['EEXIST'],
  'bridge.add': ['EEXIST'],
  'route.replace': [],
  'link.set': [],
  'address.del': ['EADDRNOTAVAIL', 'ENODEV', 'ESRCH'],
  'route.del': ['ESRCH', 'ENODEV', 'EADDRNOTAVAIL'],
  'link.del': ['ENODEV', 'ESRCH', 'EADDRNOTAVAIL'],
};

function outcome(change: NetChange, message: NetlinkMessage): SystemError | undefined {
  const end = decodeAcknowledgement(message);
  if (!end.ok) return new SystemError(`${describe(change)}: ${end.error.message}`, 'EBADMSG');
  const { errno, reason } = end.value;
  if (errno === 0) return undefined;
  const error = systemError(describe(change), -errno);
  if (ALREADY[change.op].includes(error.code)) return undefined;
  return reason === undefined ? error : new SystemError(`${error.message} (${reason})`, error.code);
}

function describe(change: NetChange): string {
  switch (change.op) {
    case 'address.add':
    case 'address.del':
      return `${change.op} ${formatPrefix(change.address)}`;
    case 'route.replace':
    case 'route.del': {
      const { destination, prefixLen } = change.route;
      return `${change.op} ${formatPrefix({ address: destination, prefixLen })}`;
    }
    case 'bridge.add':
      return `${change.op} ${change.name}`;
    case 'link.set':
    case 'link.del':
      return `${change.op} ${change.ifIndex}`;
  }
}
