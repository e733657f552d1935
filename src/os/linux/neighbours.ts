/** The kernel's neighbour tables: a copy kept by rtnetlink(7). */
import { SystemError } from '../../base/errors.ts';
import type { Mac } from '../../base/ip.ts';
import { err, ok, type Result } from '../../base/result.ts';
import {
  decodeAcknowledgement,
  type NetlinkMessage,
  NetlinkWriter,
  NLMSG_ERROR,
} from '../../wire/rtnetlink-frame.ts';
import {
  decodeNeighbour,
  dumpForwarding,
  dumpNeighbours,
  RTM_NEIGH,
  RTNLGRP_NEIGH,
  type RtForwarding,
  type RtNeighbour,
  writeUseNeighbour,
} from '../../wire/rtnetlink-neighbour.ts';
import type { Neighbour, NeighbourBurst, Neighbours } from '../ports-neighbours.ts';
import { systemError } from './errno.ts';
import type { Reactor } from './native.ts';
import { RtnetlinkMonitor } from './rtnetlink-monitor.ts';

const MONITOR_BYTES = 256 * 1024;
const CHECKS_PER_EXCHANGE = 64;
/** The entry is gone by now, or its interface is. */
const PASSED_OVER: ReadonlySet<string> = new Set(['ENOENT', 'ENODEV']);

export interface NeighboursOptions {
  /** Size of the notifications' queue: small, so that a test can overrun it. */
  readonly monitorBytes?: number;
}

type Place = Pick<Neighbour, 'ifIndex' | 'address'>;
const keyOf = ({ ifIndex, address }: Place): string =>
  `${ifIndex} ${typeof address} ${address.toString(16)}`;

export class LinuxNeighbours implements Neighbours {
  readonly #monitor: RtnetlinkMonitor;
  readonly #listeners = new Set<(burst: NeighbourBurst) => void>();
  #rows = new Map<string, Neighbour>();
  /** By MAC: bridge and port, of which a bridge knows one at a time; the one heard of last at the end. */
  #ports = new Map<Mac, readonly RtForwarding[]>();
  /** Of the burst under way; undefined for an entry that went. */
  #changed = new Map<string, { readonly place: Place; readonly now: Neighbour | undefined }>();
  readonly #learned = new Set<Mac>();
  #resynced = false;

  private constructor(monitor: RtnetlinkMonitor) {
    this.#monitor = monitor;
  }

  static open(
    reactor: Reactor,
    { monitorBytes = MONITOR_BYTES }: NeighboursOptions = {},
  ): Result<LinuxNeighbours, SystemError> {
    const what = 'rtnetlink monitor of neighbours';
    const opened = RtnetlinkMonitor.open(reactor, {
      ...{ groups: [RTNLGRP_NEIGH], bytes: monitorBytes, what },
    });
    if (!opened.ok) return opened;
    const copy = new LinuxNeighbours(opened.value);
    const failed = opened.value.keep({
      take: (message) => copy.#take(message),
      dump: () => copy.#dump(),
      resynced: () => {
        copy.#resynced = true;
      },
      emit: () => copy.#emit(),
    });
    return failed === undefined ? ok(copy) : err(failed);
  }

  neighbours(): readonly Neighbour[] {
    return [...this.#rows.values()];
  }

  portOf(mac: Mac): number | undefined {
    return this.#ports.get(mac)?.at(-1)?.ifIndex;
  }

  get resyncs(): number {
    return this.#monitor.resyncs;
  }

  check(these: readonly Place[]): SystemError | undefined {
    let failed: SystemError | undefined;
    for (let at = 0; at < these.length; at += CHECKS_PER_EXCHANGE) {
      failed = this.#check(these.slice(at, at + CHECKS_PER_EXCHANGE)) ?? failed;
    }
    return failed;
  }

  subscribe(listener: (burst: NeighbourBurst) => void): Disposable {
    const own = (burst: NeighbourBurst): void => listener(burst);
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => this.#listeners.delete(own) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor.close();
    this.#listeners.clear();
  }

  /** False when it cannot be read. */
  #take({ type, body }: NetlinkMessage): boolean {
    if (type !== RTM_NEIGH.new && type !== RTM_NEIGH.del) return true;
    const row = decodeNeighbour(body);
    if (!row.ok) return false;
    const gone = type === RTM_NEIGH.del;
    if (row.value?.kind === 'forwarding') this.#takePort(row.value, gone);
    else if (row.value !== undefined) this.#takeRow(row.value, gone);
    return true;
  }

  #takeRow(row: RtNeighbour, gone: boolean): void {
    const key = keyOf(row);
    const now = gone ? undefined : toNeighbour(row);
    if (now === undefined) this.#rows.delete(key);
    else this.#rows.set(key, now);
    this.#changed.set(key, { place: { ifIndex: row.ifIndex, address: row.address }, now });
  }

  #takePort(row: RtForwarding, gone: boolean): void {
    const { mac, master } = row;
    const others = (this.#ports.get(mac) ?? []).filter((other) => other.master !== master);
    const ports = gone ? others : [...others, row];
    if (ports.length === 0) this.#ports.delete(mac);
    else this.#ports.set(mac, ports);
    if (!gone) this.#learned.add(mac);
  }

  #dump(): SystemError | undefined {
    const rows = this.#monitor.requests.dump(dumpNeighbours, 'neighbours');
    if (!rows.ok) return rows.error;
    // Without any bridge this is an empty list.
    const ports = this.#monitor.requests.dump(dumpForwarding, 'bridge ports');
    if (!ports.ok) return ports.error;
    const decoded: (RtNeighbour | RtForwarding)[] = [];
    for (const body of [...rows.value, ...ports.value]) {
      const row = decodeNeighbour(body);
      if (!row.ok) {
        return new SystemError(
          `dump of neighbours: ${row.error.field}: ${row.error.message}`,
          'EBADMSG',
        );
      }
      if (row.value !== undefined) decoded.push(row.value);
    }
    this.#rows = new Map();
    this.#ports = new Map();
    for (const row of decoded) {
      if (row.kind === 'forwarding') this.#takePort(row, false);
      else this.#rows.set(keyOf(row), toNeighbour(row));
    }
    this.#changed.clear();
    this.#learned.clear();
    return undefined;
  }

  #check(these: readonly Place[]): SystemError | undefined {
    const writer = new NetlinkWriter();
    let last = 0;
    for (const place of these) {
      last = this.#monitor.requests.next();
      writeUseNeighbour(writer, last, place);
    }
    const answer = this.#monitor.requests.transact(writer.bytes(), last, 'check of neighbours');
    if (!answer.ok) return answer.error;
    for (const message of answer.value) {
      const end = message.type === NLMSG_ERROR ? decodeAcknowledgement(message) : undefined;
      if (end === undefined || !end.ok || end.value.errno === 0) continue;
      const error = systemError('check of neighbours', -end.value.errno);
      if (!PASSED_OVER.has(error.code)) return error;
    }
    return undefined;
  }

  #emit(): void {
    const [changed, learned, resync] = [this.#changed, [...this.#learned], this.#resynced];
    if (changed.size === 0 && learned.length === 0 && !resync) return;
    this.#changed = new Map();
    this.#learned.clear();
    this.#resynced = false;
    const entries = [...changed.values()];
    const burst: NeighbourBurst = {
      changed: entries.flatMap(({ now }) => now ?? []),
      gone: entries.flatMap(({ place, now }) => (now === undefined ? [place] : [])),
      learned,
      resync,
    };
    for (const listener of [...this.#listeners]) listener(burst);
  }
}

const toNeighbour = ({ ifIndex, address, state, mac }: RtNeighbour): Neighbour => ({
  ifIndex,
  address,
  state,
  mac,
});
