/** What the journal files tell after a start: which leases there are, and when they end. Pure. */
import { SystemError } from '../../base/errors.ts';
import { err, ok, type Result } from '../../base/result.ts';
import {
  bufferOf,
  decodeFileHeader,
  type FileHeader,
  type Scan,
  scanFile,
} from './journal-file.ts';
import type { Lease } from './lease.ts';

/** This moment, by all three clocks. */
export interface Now {
  readonly bootId: string;
  /** CLOCK_BOOTTIME. */
  readonly bootMs: number;
  readonly wallMs: number;
}

/** The end of what is written, where the journal goes on. */
export interface JournalEnd extends FileHeader {
  /** Which of the two files is the newer one. */
  readonly index: 0 | 1;
  readonly tail: number;
  readonly whole: boolean;
}

export interface Recovered {
  readonly leases: readonly Lease[];
  /** Undefined when neither file was ever begun. */
  readonly end: JournalEnd | undefined;
  /** What the disk lost, for people; undefined when nothing is known to be missing. */
  readonly damage: string | undefined;
}

/** A lease, and the boot that its times count from. */
interface Found {
  readonly lease: Lease;
  readonly bootId: string;
}

/**
 * Replays the two files (undefined or never begun: nothing): the newer alone if it is whole, else
 * the older and then the newer. The latest word on a client counts, and the latest word on an
 * address: whoever had it before has it no more.
 */
export function recover(
  files: readonly [Uint8Array | undefined, Uint8Array | undefined],
  now: Now,
): Result<Recovered, SystemError> {
  const begun: Begun[] = [];
  for (const index of [0, 1] as const) {
    const bytes = files[index];
    if (bytes === undefined) continue;
    const header = decodeFileHeader(bufferOf(bytes));
    if (!header.ok) {
      return err(
        new SystemError(`the lease journal cannot be read: ${header.error.message}`, 'EPROTO', {
          remedy: 'start the newer version of Gatehouse again that wrote it',
        }),
      );
    }
    if (header.value !== undefined) begun.push({ index, bytes, header: header.value });
  }
  begun.sort((a, b) => b.header.number - a.header.number);
  const [newer, older] = begun;
  if (newer === undefined) return ok({ leases: [], end: undefined, damage: undefined });
  let history = new History();
  const newest = history.replay(newer);
  const { tail, whole } = newest;
  const scans = [newest];
  if (!whole && older !== undefined) {
    history = new History();
    scans.unshift(history.replay(older));
    history.replay(newer);
  }
  const found = history.leases();
  const wallAtBoot = wallOfBoots(found);
  for (const { lease, bootId } of found) {
    const times = recoverTimes(lease, bootId, wallAtBoot.get(bootId), now);
    lease.state = times.state;
    lease.expiresAtMs = times.expiresAtMs;
    lease.bootMs = times.bootMs;
    lease.held = times.held;
    lease.durableUntilMs = times.expiresAtMs;
  }
  return ok({
    leases: found.map(({ lease }) => lease),
    end: { index: newer.index, ...newer.header, tail, whole },
    damage: damageOf(scans, older === undefined || whole ? newer : older),
  });
}

interface Begun {
  readonly index: 0 | 1;
  readonly bytes: Uint8Array;
  readonly header: FileHeader;
}

/** The words of the journal in the order in which they were said, as the lease table took them. */
class History {
  readonly #byClient = new Map<string, Found>();
  readonly #byAddress = new Map<string, Found>();

  replay({ bytes, header }: Begun): Scan {
    return scanFile(bufferOf(bytes), header.salt, ({ kind, lease }, bootId) => {
      lease.journalFile = header.number;
      this.#say({ lease, bootId }, kind === 'forgotten');
    });
  }

  leases(): Found[] {
    return [...this.#byClient.values()];
  }

  #say(found: Found, forgotten: boolean): void {
    const client = clientOf(found.lease);
    const before = this.#byClient.get(client);
    if (before !== undefined) this.#byAddress.delete(addressOf(before.lease));
    if (forgotten) {
      this.#byClient.delete(client);
      return;
    }
    const address = addressOf(found.lease);
    const holder = this.#byAddress.get(address);
    if (holder !== undefined) this.#byClient.delete(clientOf(holder.lease));
    this.#byClient.set(client, found);
    this.#byAddress.set(address, found);
  }
}

const clientOf = ({ segment, key }: Lease): string => `${segment}\n${key}`;
const addressOf = ({ segment, address }: Lease): string => `${segment}\n${address}`;

/**
 * By boot, the Unix ms of its CLOCK_BOOTTIME 0, as its latest ACK knew it: a clock that was set
 * right in the course of a boot is right for the earlier leases of that boot, too.
 */
function wallOfBoots(found: readonly Found[]): ReadonlyMap<string, number> {
  const latest = new Map<string, Lease>();
  for (const { lease, bootId } of found) {
    const before = latest.get(bootId);
    if (lease.bootMs > (before?.bootMs ?? 0)) latest.set(bootId, lease);
  }
  return new Map(
    [...latest].map(([bootId, { lastWallMs, bootMs }]) => [bootId, lastWallMs - bootMs]),
  );
}

function damageOf(scans: readonly Scan[], oldest: Begun): string | undefined {
  const damaged = scans.reduce((sum, scan) => sum + scan.damaged, 0);
  const unreadable = scans.reduce((sum, scan) => sum + scan.unreadable, 0);
  const faults = [
    ...(damaged > 0 ? [`${damaged} damaged places in the lease journal`] : []),
    ...(unreadable > 0 ? [`${unreadable} records of the lease journal cannot be read`] : []),
    ...(scans[0]?.whole === false && oldest.header.number > 1
      ? ['a file of the lease journal is lost']
      : []),
  ];
  return faults.length === 0 ? undefined : `${faults.join(', ')}: some leases may be missing`;
}

export type LeaseTimes = Pick<Lease, 'state' | 'expiresAtMs' | 'bootMs' | 'held'>;

/**
 * A lease's times on this boot's clock. Within one boot they stand as recorded, whatever the wall
 * clock did. After a reboot only the wall clocks of then and now tell how long ago the ACK was, and
 * either may be wrong by years. What is sure: the ACK came before this boot began. So the lease never
 * ends later than its length after that, and until then one that looks over is held for its client.
 */
export function recoverTimes(
  lease: LeaseTimes & Pick<Lease, 'lastWallMs'>,
  bootId: string,
  wallAtBootMs: number | undefined,
  now: Now,
): LeaseTimes {
  const { state, held } = lease;
  const lengthMs = lease.expiresAtMs - lease.bootMs;
  if (bootId === now.bootId) {
    if (lease.bootMs <= now.bootMs) return lease;
    // The machine was put back to an earlier state of the same boot, and its clock with it.
    return { state, expiresAtMs: now.bootMs + lengthMs, bootMs: now.bootMs, held };
  }
  // A time before that boot is itself a guess by the wall clock; what the clock said is better.
  const ackWallMs =
    lease.bootMs > 0 && wallAtBootMs !== undefined ? wallAtBootMs + lease.bootMs : lease.lastWallMs;
  const bootMs = Math.min(0, now.bootMs - (now.wallMs - ackWallMs));
  const expiresAtMs = bootMs + lengthMs;
  if (state === 'free' && !held) {
    return { state, expiresAtMs: Math.min(expiresAtMs, now.bootMs), bootMs, held };
  }
  if (state === 'declined') return { state, expiresAtMs, bootMs, held: false };
  // One that is free because it looked over in the boot before is judged again.
  const over = expiresAtMs <= now.bootMs;
  return { state: 'bound', expiresAtMs, bootMs, held: over && lengthMs > now.bootMs };
}
