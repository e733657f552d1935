/** Clients that come, renew, leave and take each other's addresses, over a journal on a fake disk. */
import { ipv4 } from '../../../src/base/ip.ts';
import {
  type JournalDeps,
  LeaseJournal,
  type OpenedJournal,
} from '../../../src/services/dhcp-server/journal.ts';
import type { JournalLimits } from '../../../src/services/dhcp-server/journal-size.ts';
import { type Lease, LeaseTable } from '../../../src/services/dhcp-server/lease.ts';
import { randomFrom } from '../../fuzz/run.ts';
import { FakeClock } from '../../lib/clock.ts';
import { MemoryLog } from '../../lib/log.ts';
import type { FakeDisk } from './fake-disk.ts';
import { someLease } from './some-leases.ts';

export const PATHS = ['/state/dhcp4-a.journal', '/state/dhcp4-b.journal'] as const;
export const BOOT = '11111111-2222-3333-4444-555555555555';
/** A take-over every thirty records or so. */
export const TINY: JournalLimits = { fileBytes: 4096, queuedBytes: 1536, sweepBytes: 300 };

export interface Bench {
  readonly table: LeaseTable;
  readonly clock: FakeClock;
  readonly log: MemoryLog;
  readonly deps: JournalDeps;
}

export function bench(disk: FakeDisk, more: Partial<JournalDeps> = {}): Bench {
  const table = new LeaseTable();
  const clock = new FakeClock();
  const log = new MemoryLog();
  const random32 = randomFrom(disk.changes.length + 1);
  const deps = { files: disk, paths: PATHS, clock, log, bootId: BOOT, random32, table };
  return { table, clock, log, deps: { ...deps, capacity: 0, limits: TINY, ...more } };
}

export async function opened(deps: JournalDeps): Promise<OpenedJournal> {
  const result = await LeaseJournal.open(deps);
  if (!result.ok) throw result.error;
  return result.value;
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

/** One word on one client: `version` is its number among all words, from 1 on. */
export interface Word {
  readonly key: string;
  readonly address: number;
  readonly version: number;
  readonly gone: boolean;
  /** It was said before a crash, to nobody, and is forgotten. */
  void: boolean;
  /** A word that came before a crash, was told to nobody, but is on disk, overruled it: it may be there. */
  overruled: boolean;
}

export const versionOf = (lease: Lease): number => lease.firstWallMs;

/** Every word that was given to a journal. */
export class Workload {
  readonly words: Word[] = [];
  /** Words before the journal's first ticket. */
  base = 0;
  readonly #next: () => number;
  readonly #clients: number;
  readonly #addresses: number;

  constructor(seed: number, clients = 12, addresses = 10) {
    this.#next = randomFrom(seed);
    this.#clients = clients;
    this.#addresses = addresses;
  }

  below(n: number): number {
    return this.#next() % n;
  }

  /** A client is bound, releases, or is forgotten. */
  step(table: LeaseTable, journal: LeaseJournal): void {
    const fresh = someLease(this.below(this.#clients));
    const known = table.find(fresh.segment, fresh.key);
    const version = this.words.length + 1;
    const gone = known !== undefined && this.below(12) === 0;
    const lease = known ?? fresh;
    const address = ipv4(0x0a000001 + this.below(this.#addresses));
    if (gone) table.remove(lease);
    else if (known === undefined) {
      fresh.address = address;
      table.add(fresh);
    } else if (this.below(4) === 0) table.move(lease, address);
    lease.firstWallMs = version;
    lease.state = this.below(8) === 0 ? 'free' : 'bound';
    lease.vendorClass = 'v'.repeat(this.below(30));
    const ticket = gone ? journal.forget(lease) : journal.append(lease);
    if (this.base + ticket !== version)
      throw new RangeError(`ticket ${ticket} for word ${version}`);
    this.words.push({
      key: lease.key,
      address: lease.address,
      version,
      gone,
      void: false,
      overruled: false,
    });
  }
}

/**
 * What is wrong with `leases`, recovered when tickets up to `durable` were acknowledged and those up
 * to `given` had been appended; empty when all is well.
 */
export function faultsOf(
  leases: readonly Lease[],
  words: readonly Word[],
  durable: number,
  given: number,
): string[] {
  const faults: string[] = [];
  const recovered = new Map(leases.map((lease) => [lease.key, lease]));
  const addresses = new Set(leases.map((lease) => lease.address));
  if (recovered.size !== leases.length) faults.push('a client twice');
  if (addresses.size !== leases.length) faults.push('an address twice');
  const acknowledged = new Map<string, Word>();
  const later = new Map<string, Word[]>();
  const said = words.slice(0, given).filter((word) => !word.void);
  for (const word of said) {
    if (word.overruled) continue;
    if (word.version <= durable) acknowledged.set(word.key, word);
    else later.set(word.key, [...(later.get(word.key) ?? []), word]);
  }
  // An address that somebody else was given later is no longer the client's.
  const lost = (word: Word): boolean =>
    said.some((w) => w.version > word.version && w.address === word.address && w.key !== word.key);
  for (const word of acknowledged.values()) {
    const lease = recovered.get(word.key);
    const newer = later.get(word.key) ?? [];
    if (lease === undefined) {
      if (!word.gone && !lost(word) && newer.length === 0) faults.push(`word ${word.version} lost`);
    } else if (word.gone ? newer.length === 0 : versionOf(lease) < word.version) {
      faults.push(`version ${versionOf(lease)} instead of word ${word.version}`);
    }
  }
  for (const lease of leases) {
    const word = words[versionOf(lease) - 1];
    if (
      word === undefined ||
      word.void ||
      word.version > given ||
      word.key !== lease.key ||
      word.gone
    ) {
      faults.push(`version ${versionOf(lease)} is nobody's`);
    } else if (word.address !== lease.address) faults.push(`word ${word.version} moved`);
  }
  return faults;
}
