/**
 * What was heard so far, over captures that begin anew and forget: the engine's figures are taken as steps since
 * the look before. Pure; bounded; what was not heard of for long goes.
 */
import type {
  CaptureTorrents,
  HostTorrent,
  TorrentHost,
  TorrentSeen,
} from '../../os/ports-capture.ts';
import type { LanTorrent, TorrentDevice, TorrentPart } from './config.ts';

/** Addresses, and infohashes of an address. The model holds as many rows of a table. */
export const MAX_ADDRESSES = 256;
export const MAX_PARTS = 1024;

interface AddressRecord {
  readonly address: string;
  mac: string | undefined;
  sentBytes: number;
  receivedBytes: number;
  likelySentBytes: number;
  likelyReceivedBytes: number;
  firstMs: number;
  lastMs: number;
}

interface PartRecord {
  readonly address: string;
  readonly infoHash: string;
  readonly seen: Set<TorrentSeen>;
  client: string | undefined;
  sentBytes: number;
  receivedBytes: number;
  firstMs: number;
  lastMs: number;
}

/** The smallest numbers that are free: what names a row anywhere else tells nothing of it. */
class Numbers {
  readonly #of = new Map<string, number>();
  readonly #used = new Set<number>();

  of(key: string): number {
    let number = this.#of.get(key);
    if (number === undefined) {
      number = 1;
      while (this.#used.has(number)) number++;
      this.#of.set(key, number);
      this.#used.add(number);
    }
    return number;
  }

  keep(keys: ReadonlySet<string>): void {
    for (const [key, number] of this.#of) {
      if (keys.has(key)) continue;
      this.#of.delete(key);
      this.#used.delete(number);
    }
  }
}

/** What the engine of one link told last. */
interface Before {
  readonly hosts: ReadonlyMap<string, TorrentHost>;
  readonly parts: ReadonlyMap<string, HostTorrent>;
  readonly forgotten: number;
}

const NOTHING: Before = { hosts: new Map(), parts: new Map(), forgotten: 0 };
const partKey = ({ address, infoHash }: { address: string; infoHash: string }): string =>
  `${infoHash} ${address}`;

export class Ledger {
  readonly #addresses = new Map<string, AddressRecord>();
  readonly #parts = new Map<string, PartRecord>();
  readonly #before = new Map<string, Before>();
  readonly #deviceNumbers = new Numbers();
  readonly #torrentNumbers = new Numbers();
  #forgotten = 0;

  get forgotten(): number {
    return this.#forgotten;
  }

  /** A capture of this link begins: its engine knows nothing. */
  begin(link: string): void {
    this.#before.delete(link);
  }

  /** What the engine of a link knows; true when there is a device or a torrent that was not there before. */
  take(link: string, now: CaptureTorrents): boolean {
    const before = this.#before.get(link) ?? NOTHING;
    const known = this.#addresses.size + this.#parts.size;
    const forgotten = now.hostsForgotten + now.infoHashesForgotten;
    let isNew = false;
    for (const host of now.hosts) isNew = this.#host(host, before.hosts.get(host.address)) || isNew;
    for (const part of now.infoHashes)
      isNew = this.#part(part, before.parts.get(partKey(part))) || isNew;
    this.#forgotten += forgotten - before.forgotten;
    this.#before.set(link, {
      hosts: new Map(now.hosts.map((host) => [host.address, host])),
      parts: new Map(now.infoHashes.map((part) => [partKey(part), part])),
      forgotten,
    });
    this.#bound();
    return isNew || this.#addresses.size + this.#parts.size !== known;
  }

  /** Forgets what was heard of last before `sinceMs`; true when there was any. */
  forget(sinceMs: number): boolean {
    const size = this.#addresses.size + this.#parts.size;
    for (const [key, { lastMs }] of this.#parts) if (lastMs < sinceMs) this.#parts.delete(key);
    for (const [key, { lastMs }] of this.#addresses)
      if (lastMs < sinceMs) this.#addresses.delete(key);
    return this.#addresses.size + this.#parts.size !== size;
  }

  /** Forgets all. The engines still know it: each that is asked again shall have begun anew. */
  clear(): void {
    this.#addresses.clear();
    this.#parts.clear();
    this.#before.clear();
    this.#forgotten = 0;
  }

  devices(): readonly TorrentDevice[] {
    const groups = Map.groupBy(this.#addresses.values(), deviceKey);
    this.#deviceNumbers.keep(new Set(groups.keys()));
    return [...groups].map(([key, records]) => ({
      id: this.#deviceNumbers.of(key),
      mac: records[0]?.mac,
      addresses: records.map(({ address }) => address),
      ...sum(records),
      likely: {
        sentBytes: records.reduce((all, one) => all + one.likelySentBytes, 0),
        receivedBytes: records.reduce((all, one) => all + one.likelyReceivedBytes, 0),
      },
    }));
  }

  /** `nameOf` an infohash. */
  torrents(nameOf: (infoHash: string) => string | undefined): readonly LanTorrent[] {
    const groups = Map.groupBy(this.#parts.values(), ({ infoHash }) => infoHash);
    this.#torrentNumbers.keep(new Set(groups.keys()));
    return [...groups].map(([infoHash, records]) => {
      const byDevice = Map.groupBy(records, ({ address }) => {
        const record = this.#addresses.get(address);
        return record === undefined ? address : deviceKey(record);
      });
      const parts = [...byDevice].map(
        ([key, ofDevice]): TorrentPart => ({
          device: this.#deviceNumbers.of(key),
          seen: [...new Set(ofDevice.flatMap(({ seen }) => [...seen]))],
          client: ofDevice.find(({ client }) => client !== undefined)?.client,
          ...sum(ofDevice),
        }),
      );
      return {
        id: this.#torrentNumbers.of(infoHash),
        ...{ infoHash, name: nameOf(infoHash), parts },
        ...sum(records),
      };
    });
  }

  #host(host: TorrentHost, before: TorrentHost | undefined): boolean {
    const step = stepOf(host, before);
    const lastMs = host.lastSec * 1000;
    let record = this.#addresses.get(host.address);
    // What the engine still tells of a host that was forgotten here says nothing new.
    if (record === undefined && before !== undefined && before.lastSec === host.lastSec)
      return false;
    const isNew = record === undefined || (record.mac === undefined && host.mac !== undefined);
    record ??= {
      ...{ address: host.address, mac: undefined, sentBytes: 0, receivedBytes: 0 },
      ...{ likelySentBytes: 0, likelyReceivedBytes: 0 },
      ...{ firstMs: host.firstSec * 1000, lastMs },
    };
    this.#addresses.set(host.address, record);
    if (host.mac !== undefined) record.mac = host.mac;
    record.sentBytes += step('sentBytes');
    record.receivedBytes += step('receivedBytes');
    record.likelySentBytes += step('likelySentBytes');
    record.likelyReceivedBytes += step('likelyReceivedBytes');
    record.lastMs = Math.max(record.lastMs, lastMs);
    return isNew;
  }

  #part(part: HostTorrent, before: HostTorrent | undefined): boolean {
    const step = stepOf(part, before);
    const lastMs = part.lastSec * 1000;
    const key = partKey(part);
    let record = this.#parts.get(key);
    if (record === undefined && before !== undefined && before.lastSec === part.lastSec)
      return false;
    const isNew = record === undefined;
    record ??= {
      ...{ address: part.address, infoHash: part.infoHash, seen: new Set(), client: undefined },
      ...{ sentBytes: 0, receivedBytes: 0 },
      ...{ firstMs: part.firstSec * 1000, lastMs },
    };
    this.#parts.set(key, record);
    for (const how of part.seen) record.seen.add(how);
    if (part.client !== undefined) record.client = part.client;
    record.sentBytes += step('sentBytes');
    record.receivedBytes += step('receivedBytes');
    record.lastMs = Math.max(record.lastMs, lastMs);
    return isNew;
  }

  #bound(): void {
    for (const [map, most] of [
      [this.#addresses, MAX_ADDRESSES],
      [this.#parts, MAX_PARTS],
    ] as const) {
      if (map.size <= most) continue;
      const oldest = [...map].sort(([, a], [, b]) => a.lastMs - b.lastMs);
      for (const [key] of oldest.slice(0, map.size - most)) {
        map.delete(key);
        this.#forgotten += 1;
      }
    }
  }
}

const deviceKey = ({ mac, address }: AddressRecord): string => mac ?? address;

/** How much more it is than before; all of it where the engine had let it go meanwhile. */
const stepOf =
  <T extends { readonly firstSec: number }>(now: T, before: T | undefined) =>
  (field: keyof T): number => {
    const [next, last] = [Number(now[field]), Number(before?.[field] ?? 0)];
    const same = before !== undefined && next >= last && now.firstSec <= before.firstSec;
    return same ? next - last : next;
  };

function sum(
  records: readonly {
    readonly sentBytes: number;
    readonly receivedBytes: number;
    readonly firstMs: number;
    readonly lastMs: number;
  }[],
): { sentBytes: number; receivedBytes: number; firstMs: number; lastMs: number } {
  return {
    sentBytes: records.reduce((all, one) => all + one.sentBytes, 0),
    receivedBytes: records.reduce((all, one) => all + one.receivedBytes, 0),
    firstMs: Math.min(...records.map(({ firstMs }) => firstMs)),
    lastMs: Math.max(...records.map(({ lastMs }) => lastMs)),
  };
}
