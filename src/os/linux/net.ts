/** The kernel's links, addresses and routes: a copy kept by rtnetlink(7), and changes to them. */
import { SystemError } from '../../base/errors.ts';
import { formatPrefix } from '../../base/ip.ts';
import { formatPrefix6 } from '../../base/ip6.ts';
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
  type NetlinkMessage,
  NetlinkWriter,
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
import {
  decodeAddress6,
  decodeRoute6,
  dumpAddresses6,
  dumpRoutes6,
  RTNLGRP6,
  writeDeleteAddress6,
  writeDeleteRoute6,
  writeReplaceRoute6,
  writeSetAddress6,
} from '../../wire/rtnetlink6.ts';
import type { Address, Address6, Link, Net, NetChange, NetEvent, Route, Route6 } from '../ports.ts';
import { systemError } from './errno.ts';
import type { Reactor } from './native.ts';
import { type Dumped, NetCopy } from './net-copy.ts';
import { RtnetlinkMonitor } from './rtnetlink-monitor.ts';

const MONITOR_BYTES = 1024 * 1024;
/** Acknowledgements of one exchange wait in the socket's queue together. */
const CHANGES_PER_EXCHANGE = 128;

export interface NetOptions {
  /** Size of the notifications' queue: small, so that a test can overrun it. */
  readonly monitorBytes?: number;
}

export class LinuxNet implements Net {
  readonly #monitor: RtnetlinkMonitor;
  readonly #listeners = new Set<(events: readonly NetEvent[]) => void>();
  readonly #copy = new NetCopy();
  #pending = new Map<string, NetEvent>();

  private constructor(monitor: RtnetlinkMonitor) {
    this.#monitor = monitor;
  }

  static open(
    reactor: Reactor,
    { monitorBytes = MONITOR_BYTES }: NetOptions = {},
  ): Result<LinuxNet, SystemError> {
    const groups = [
      ...[RTNLGRP.link, RTNLGRP.ipv4Address, RTNLGRP.ipv4Route],
      ...[RTNLGRP6.address, RTNLGRP6.route],
    ];
    const what = 'rtnetlink monitor';
    const opened = RtnetlinkMonitor.open(reactor, { groups, bytes: monitorBytes, what });
    if (!opened.ok) return opened;
    const net = new LinuxNet(opened.value);
    const failed = opened.value.keep({
      take: (message) => net.#take(message),
      dump: () => net.#dumpAll(),
      // At the end of what is queued, so that a burst costs one dump.
      drained: () => net.#settleDoubts(),
      resynced: () => net.#note({ what: 'resync', ifIndex: undefined }),
      emit: () => net.#emit(),
    });
    return failed === undefined ? ok(net) : err(failed);
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

  addresses6(): readonly Address6[] {
    return this.#copy.addresses6();
  }

  routes6(): readonly Route6[] {
    return this.#copy.routes6();
  }

  get resyncs(): number {
    return this.#monitor.resyncs;
  }

  refreshStats(): void {
    this.#monitor.report(this.#dump('links'));
  }

  apply(changes: readonly NetChange[]): readonly (SystemError | undefined)[] {
    const outcomes: (SystemError | undefined)[] = [];
    for (let i = 0; i < changes.length; i += CHANGES_PER_EXCHANGE) {
      outcomes.push(...this.#exchange(changes.slice(i, i + CHANGES_PER_EXCHANGE)));
    }
    // The kernel told the monitor before it acknowledged, so its queue already holds the results.
    this.#monitor.drain();
    // Not within the caller's own call: a listener may well want to apply something itself.
    if (this.#pending.size > 0) queueMicrotask(() => this.#emit());
    return outcomes;
  }

  subscribe(listener: (events: readonly NetEvent[]) => void): Disposable {
    const own = (events: readonly NetEvent[]): void => listener(events);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => this.#listeners.delete(own) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor.close();
    this.#listeners.clear();
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
        if (address.value === undefined) return this.#takeAddress6(message);
        this.#copy.takeAddress(address.value, type === RTM.delAddress);
        this.#note({ what: 'address', ifIndex: address.value.ifIndex });
        return true;
      }
      case RTM.newRoute:
      case RTM.delRoute: {
        const route = decodeRoute(body);
        if (!route.ok) return false;
        if (route.value === undefined) return this.#takeRoute6(message);
        if (route.value.table !== RT_TABLE_MAIN) return true;
        this.#copy.takeRoute(route.value, type === RTM.delRoute, flags);
        this.#note({ what: 'route', ifIndex: route.value.ifIndex });
        return true;
      }
      default:
        return true;
    }
  }

  #takeAddress6({ type, body }: NetlinkMessage): boolean {
    const address = decodeAddress6(body);
    if (!address.ok) return false;
    if (address.value === undefined) return true;
    this.#copy.takeAddress6(address.value, type === RTM.delAddress);
    this.#note({ what: 'address', ifIndex: address.value.ifIndex });
    return true;
  }

  #takeRoute6({ type, flags, body }: NetlinkMessage): boolean {
    const route = decodeRoute6(body);
    if (!route.ok) return false;
    if (route.value?.table !== RT_TABLE_MAIN) return true;
    this.#copy.takeRoute6(route.value, type === RTM.delRoute, flags);
    this.#note({ what: 'route', ifIndex: route.value.ifIndex });
    return true;
  }

  #settleDoubts(): SystemError | undefined {
    const routes = this.#copy.routesInDoubt ? this.#dump('routes') : undefined;
    return (this.#copy.routes6InDoubt ? this.#dump('routes6') : undefined) ?? routes;
  }

  #dumpAll(): SystemError | undefined {
    for (const what of Object.keys(DUMPS) as Dumped[]) {
      const failed = this.#dump(what);
      if (failed !== undefined) return failed;
    }
    return undefined;
  }

  #dump(what: Dumped): SystemError | undefined {
    const request = DUMPS[what];
    const rows = this.#monitor.requests.dump(request, what);
    if (!rows.ok) return rows.error;
    const wrong = this.#copy.replace(what, rows.value);
    return wrong === undefined
      ? undefined
      : new SystemError(`dump of ${what}: ${wrong.field}: ${wrong.message}`, 'EBADMSG');
  }

  #exchange(changes: readonly NetChange[]): (SystemError | undefined)[] {
    const writer = new NetlinkWriter();
    const numbers = changes.map(() => this.#monitor.requests.next());
    for (const [i, change] of changes.entries()) write(writer, numbers[i] ?? 0, change);
    const answer = this.#monitor.requests.transact(
      writer.bytes(),
      numbers.at(-1) ?? 0,
      'rtnetlink',
    );
    if (!answer.ok) return changes.map(() => answer.error);
    const outcomes: (SystemError | undefined)[] = changes.map(
      (change) => new SystemError(`${describe(change)}: no answer`, 'EPROTO'),
    );
    for (const message of answer.value) {
      const at = numbers.indexOf(message.sequence);
      const change = changes[at];
      if (change === undefined || message.type !== NLMSG_ERROR) continue;
      outcomes[at] = outcome(change, message);
    }
    return outcomes;
  }

  #note(event: NetEvent): void {
    this.#pending.set(`${event.what} ${event.ifIndex}`, event);
  }

  #emit(): void {
    if (this.#pending.size === 0) return;
    const events = [...this.#pending.values()];
    this.#pending = new Map();
    for (const listener of [...this.#listeners]) listener(events);
  }
}

const DUMPS: Readonly<Record<Dumped, (sequence: number) => Uint8Array>> = {
  links: dumpLinks,
  addresses: dumpAddresses,
  routes: dumpRoutes,
  addresses6: dumpAddresses6,
  routes6: dumpRoutes6,
};

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
    case 'address6.set':
      return writeSetAddress6(w, sequence, change.address);
    case 'address6.del':
      return writeDeleteAddress6(w, sequence, change.address);
    case 'route6.replace':
      return writeReplaceRoute6(w, sequence, change.route);
    case 'route6.del':
      return writeDeleteRoute6(w, sequence, change.route);
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
  'address6.set': ['EEXIST'],
  'address6.del': ['EADDRNOTAVAIL', 'ENODEV', 'ESRCH'],
  'route6.replace': [],
  'route6.del': ['ESRCH', 'ENODEV', 'EADDRNOTAVAIL'],
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
    case 'address6.set':
    case 'address6.del':
      return `${change.op} ${formatPrefix6(change.address)}`;
    case 'route6.replace':
    case 'route6.del': {
      const { destination, prefixLen } = change.route;
      return `${change.op} ${formatPrefix6({ address: destination, prefixLen })}`;
    }
    case 'bridge.add':
      return `${change.op} ${change.name}`;
    case 'link.set':
    case 'link.del':
      return `${change.op} ${change.ifIndex}`;
  }
}
