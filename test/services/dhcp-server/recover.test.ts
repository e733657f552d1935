/** Times of leases over restarts, reboots and wrong clocks; and what two files tell that do not tell all. */
import fc from 'fast-check';
import t from 'tap';
import {
  bufferOf,
  encodeFileHeader,
  FILE_HEADER_BYTES,
  GROUP_HEADER_BYTES,
  sealGroup,
} from '../../../src/services/dhcp-server/journal-file.ts';
import type { Lease } from '../../../src/services/dhcp-server/lease.ts';
import { encodeRecord, encodeWhole } from '../../../src/services/dhcp-server/record.ts';
import {
  type Recovered,
  recover,
  recoverTimes,
} from '../../../src/services/dhcp-server/recover.ts';
import { someLease } from './some-leases.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;
const WALL = Date.UTC(2026, 10, 20);
const [BEFORE, SAME] = ['boot-1', 'boot-2'];

interface Row {
  readonly what: string;
  readonly boot?: string;
  /** By default bound for 12 hours, acknowledged at 100 hours of uptime, when the wall clock said WALL. */
  readonly lease?: Partial<Lease>;
  readonly wallAtBootMs?: number;
  readonly nowBootMs: number;
  readonly nowWallMs: number;
  readonly state?: Lease['state'];
  readonly expiresAtMs: number;
  readonly held?: boolean;
}

const START: Partial<Lease> = {
  bootMs: 100 * HOUR,
  expiresAtMs: 112 * HOUR,
  leaseSec: 43_200,
  lastWallMs: WALL,
};
const restart = { boot: SAME, nowBootMs: 105 * HOUR, expiresAtMs: 112 * HOUR };
const MINUTE = 60_000;

const rows: readonly Row[] = [
  { what: 'restart', ...restart, nowWallMs: WALL + 5 * HOUR },
  { what: 'restart, clock ten years on', ...restart, nowWallMs: WALL + 10 * YEAR },
  { what: 'restart, clock ten years back', ...restart, nowWallMs: WALL - 10 * YEAR },
  { what: 'restart in 2038', ...restart, nowWallMs: 2 ** 31 * 1000 + 1 },
  { what: 'restart in 2106', ...restart, nowWallMs: 2 ** 32 * 1000 + 1 },
  {
    what: 'restart after the end',
    boot: SAME,
    nowBootMs: 113 * HOUR,
    nowWallMs: WALL,
    expiresAtMs: 112 * HOUR,
  },
  {
    what: 'restart, held before',
    ...restart,
    lease: { state: 'free', held: true },
    nowWallMs: WALL,
    state: 'free',
    held: true,
  },
  {
    what: 'the machine was put back to its state of hours ago',
    boot: SAME,
    nowBootMs: 90 * HOUR,
    nowWallMs: WALL + DAY,
    expiresAtMs: 102 * HOUR,
  },
  {
    what: 'reboot, five hours after the ACK',
    nowBootMs: MINUTE,
    nowWallMs: WALL + 5 * HOUR,
    expiresAtMs: 7 * HOUR + MINUTE,
  },
  {
    what: 'reboot over the end of 31-bit seconds',
    lease: { lastWallMs: 2 ** 31 * 1000 - HOUR },
    nowBootMs: MINUTE,
    nowWallMs: 2 ** 31 * 1000 + HOUR,
    expiresAtMs: 10 * HOUR + MINUTE,
  },
  {
    what: 'reboot over the end of 32-bit seconds',
    lease: { lastWallMs: 2 ** 32 * 1000 - HOUR },
    nowBootMs: MINUTE,
    nowWallMs: 2 ** 32 * 1000 + HOUR,
    expiresAtMs: 10 * HOUR + MINUTE,
  },
  {
    what: 'reboot, clock stands still (no battery): all of its length from the reboot',
    nowBootMs: MINUTE,
    nowWallMs: WALL,
    expiresAtMs: 12 * HOUR,
  },
  {
    what: 'reboot, clock ten years back',
    nowBootMs: MINUTE,
    nowWallMs: WALL - 10 * YEAR,
    expiresAtMs: 12 * HOUR,
  },
  {
    what: 'reboot, clock at 1970',
    nowBootMs: MINUTE,
    nowWallMs: 12_000,
    expiresAtMs: 12 * HOUR,
  },
  {
    what: 'reboot, clock ten years on: looks over, is held',
    nowBootMs: MINUTE,
    nowWallMs: WALL + 10 * YEAR,
    expiresAtMs: 12 * HOUR + MINUTE - 10 * YEAR,
    held: true,
  },
  {
    what: 'reboot, and up for longer than the lease: over for sure',
    nowBootMs: 13 * HOUR,
    nowWallMs: WALL + 10 * YEAR,
    expiresAtMs: 25 * HOUR - 10 * YEAR,
    held: false,
  },
  {
    what: 'reboot, acknowledged when the clock was at 1970, which was set right later in that boot',
    lease: { lastWallMs: 100 * HOUR },
    wallAtBootMs: WALL - 100 * HOUR,
    nowBootMs: MINUTE,
    nowWallMs: WALL + 5 * HOUR,
    expiresAtMs: 7 * HOUR + MINUTE,
  },
  {
    what: 'second reboot, after a boot with a clock ten years on: the clock of the ACK counts',
    lease: { state: 'free', held: true, bootMs: -10 * YEAR, expiresAtMs: 12 * HOUR - 10 * YEAR },
    wallAtBootMs: WALL,
    nowBootMs: MINUTE,
    nowWallMs: WALL + 5 * HOUR,
    expiresAtMs: 7 * HOUR + MINUTE,
  },
  {
    what: 'reboot, without end',
    lease: { expiresAtMs: Number.POSITIVE_INFINITY, leaseSec: Number.POSITIVE_INFINITY },
    nowBootMs: MINUTE,
    nowWallMs: WALL + 10 * YEAR,
    expiresAtMs: Number.POSITIVE_INFINITY,
  },
  {
    what: 'reboot, free: it stays so, and its end is not in the future',
    lease: { state: 'free', expiresAtMs: 101 * HOUR },
    nowBootMs: MINUTE,
    nowWallMs: WALL - 10 * YEAR,
    state: 'free',
    expiresAtMs: MINUTE,
  },
  {
    what: 'reboot, declined: no longer than its quarantine from the reboot',
    lease: { state: 'declined', expiresAtMs: 100 * HOUR + 10 * MINUTE },
    nowBootMs: MINUTE,
    nowWallMs: WALL - 10 * YEAR,
    state: 'declined',
    expiresAtMs: 10 * MINUTE,
  },
];

for (const row of rows) {
  t.test(row.what, async (t) => {
    const lease = someLease(1, { ...START, ...row.lease });
    const now = { bootId: SAME, bootMs: row.nowBootMs, wallMs: row.nowWallMs };
    const times = recoverTimes(lease, row.boot ?? BEFORE, row.wallAtBootMs, now);
    t.equal(times.expiresAtMs, row.expiresAtMs, 'end');
    t.equal(times.state, row.state ?? 'bound', 'state');
    t.equal(times.held, row.held ?? false, 'held');
    t.ok(times.bootMs <= now.bootMs);
  });
}

t.test(
  'whatever the clocks say, a lease is neither immortal nor lost while it may run',
  async (t) => {
    const wall = fc.integer({ min: -(2 ** 41), max: 2 ** 43 });
    const uptime = fc.integer({ min: 0, max: 400 * DAY });
    const lengths = fc.integer({ min: 1, max: 0xfffffffe }).map((sec) => sec * 1000);
    fc.assert(
      fc.property(wall, wall, wall, uptime, uptime, lengths, (w1, w2, w3, at, nowMs, lengthMs) => {
        const expiresAtMs = at + lengthMs;
        const lease = someLease(1, { bootMs: at, expiresAtMs, lastWallMs: w1 });
        const now = { bootId: SAME, bootMs: nowMs, wallMs: w2 };
        const times = recoverTimes(lease, BEFORE, undefined, now);
        if (times.expiresAtMs > lengthMs) t.fail('longer than its length from the reboot');
        // Really running still: the ACK may have been right before the reboot.
        if (nowMs < lengthMs && times.expiresAtMs <= nowMs && !times.held) t.fail('lost');
        // A second reboot, from what the first one wrote down.
        const again = recoverTimes({ ...times, lastWallMs: w1 }, SAME, w2 - nowMs, {
          bootId: 'boot-3',
          bootMs: nowMs,
          wallMs: w3,
        });
        if (again.expiresAtMs > lengthMs + 1) t.fail('longer after the second reboot');
        if (nowMs < lengthMs - 1 && again.expiresAtMs <= nowMs && !again.held) t.fail('lost later');
      }),
      { seed: 5, numRuns: 2000 },
    );
    t.pass('for 2000 histories');
  },
);

const SALTS = [0x11223344, 0x55667788] as const;

interface Content {
  readonly number: number;
  readonly leases: readonly Lease[];
  readonly whole: boolean;
  readonly boot?: string;
  readonly forgotten?: readonly Lease[];
}

/** A file with a group for each lease. */
function file(index: 0 | 1, { number, leases, whole, boot, forgotten }: Content): Uint8Array {
  const salt = SALTS[index];
  const buffer = bufferOf(new Uint8Array(8192));
  encodeFileHeader(buffer, 0, { number, salt });
  let at = FILE_HEADER_BYTES;
  const group = (fill: (from: number) => number): void => {
    const end = fill(at + GROUP_HEADER_BYTES);
    sealGroup(buffer, at, end, salt, boot ?? BEFORE);
    at = end;
  };
  for (const lease of leases) group((from) => encodeRecord(buffer, from, lease, false));
  for (const lease of forgotten ?? []) group((from) => encodeRecord(buffer, from, lease, true));
  if (whole) group((from) => encodeWhole(buffer, from));
  return buffer.bytes;
}

const NOW = { bootId: BEFORE, bootMs: 5_000, wallMs: WALL };

function recovered(a: Uint8Array | undefined, b: Uint8Array | undefined): Recovered {
  const result = recover([a, b], NOW);
  if (!result.ok) throw result.error;
  return result.value;
}
const names = ({ leases }: Recovered): (string | undefined)[] =>
  leases.map((l) => l.hostName).sort();

t.test(
  'a newer file that is whole counts alone, one that is not counts after the older',
  async (t) => {
    const old = file(0, { number: 4, leases: [someLease(1), someLease(2)], whole: true });
    const renewed = someLease(2, { hostName: 'renewed' });
    const part = recovered(old, file(1, { number: 5, leases: [renewed], whole: false }));
    t.same(names(part), ['host-1', 'renewed']);
    t.match(part.end, { index: 1, number: 5, whole: false, salt: SALTS[1] });
    t.equal(part.damage, undefined);
    t.same(
      part.leases.map((l) => [l.hostName, l.journalFile]),
      [
        ['host-1', 4],
        ['renewed', 5],
      ],
      'each knows where it stands',
    );
    const all = recovered(old, file(1, { number: 5, leases: [renewed], whole: true }));
    t.same(names(all), ['renewed']);
    const gone = { number: 5, leases: [], forgotten: [someLease(1)], whole: false };
    t.same(names(recovered(old, file(1, gone))), ['host-2']);
  },
);

t.test('an address is the latest client’s who had it', async (t) => {
  const taker = someLease(2, { address: someLease(1).address });
  t.same(
    names(recovered(file(0, { number: 1, leases: [someLease(1), taker], whole: true }), undefined)),
    ['host-2'],
  );
  const back = [someLease(1), taker, someLease(2, { address: someLease(9).address }), someLease(1)];
  t.same(names(recovered(file(0, { number: 1, leases: back, whole: true }), undefined)), [
    'host-1',
    'host-2',
  ]);
});

t.test('nothing, nothing yet, and an older file that is lost', async (t) => {
  t.same(recovered(undefined, undefined), { leases: [], end: undefined, damage: undefined });
  t.equal(recovered(new Uint8Array(64), new Uint8Array(1 << 16)).end, undefined);
  const alone = file(1, { number: 5, leases: [someLease(1)], whole: false });
  t.match(recovered(new Uint8Array(8192), alone).damage, /a file of the lease journal is lost/);
  t.equal(recovered(undefined, file(0, { number: 1, leases: [], whole: false })).damage, undefined);
});

t.test('what the disk lost in the middle takes no more with it', async (t) => {
  const leases = [someLease(1), someLease(2), someLease(3)];
  const whole = file(0, { number: 1, leases, whole: true });
  const text = Buffer.from(whole).indexOf('host-2');
  const bad = whole.slice();
  bad[text] = 0;
  const { damage, ...rest } = recovered(bad, undefined);
  t.same(names({ damage, ...rest }), ['host-1', 'host-3']);
  t.match(damage, /^1 damaged places in the lease journal: some leases may be missing$/);
  t.equal(rest.end?.tail, recovered(whole, undefined).end?.tail, 'it goes on behind the last');
});

t.test('a later version is not touched', async (t) => {
  const bytes = file(0, { number: 1, leases: [], whole: true });
  const { view } = bufferOf(bytes);
  view.setUint32(4, 2);
  t.match(recover([bytes, undefined], NOW), { ok: true, value: { end: undefined } }, 'bad sum');
  const later = Buffer.alloc(8192);
  later.write('GHDJ');
  later.writeUInt32BE(2, 4);
  const { crc32 } = await import('node:zlib');
  later.writeUInt32BE(crc32(later.subarray(0, 16)), 16);
  t.match(recover([later, undefined], NOW), {
    ok: false,
    error: { message: /version 2, this program knows 1/, remedy: /newer version/ },
  });
});

t.test('the clock of a boot is the one of its latest ACK', async (t) => {
  const early = someLease(1, {
    bootMs: 60_000,
    expiresAtMs: 60_000 + 12 * HOUR,
    lastWallMs: 60_000,
  });
  const late = someLease(2, { bootMs: 2 * HOUR, expiresAtMs: 14 * HOUR, lastWallMs: WALL });
  const bytes = file(0, { number: 1, leases: [early, late], whole: true, boot: 'earlier' });
  const { leases } = recovered(bytes, undefined);
  const first = leases.find((l) => l.hostName === 'host-1');
  // 2 h before WALL, but for a minute; now is WALL, 5 s after the boot.
  t.equal(first?.expiresAtMs, 12 * HOUR - 2 * HOUR + 60_000 + 5_000);
  t.equal(first?.durableUntilMs, first?.expiresAtMs);
});
