/** A flood of flows between addresses that nobody saw before, made as it is fed to the capture engine. */
import type { NativeCapture } from '../../src/os/linux/capture-native.ts';

/** What a router gives one capture; the tables of the command line are sixteen times as large. */
export const TABLE_ROWS = 4096;
const PIECE = 20_000;
const FRAME_BYTES = 42;
const RECORD_BYTES = 16 + FRAME_BYTES;
/** Microseconds, little-endian, Ethernet (draft-ietf-opsawg-pcap §4). */
const HEADER = Buffer.from('d4c3b2a10200040000000000000000000000040001000000', 'hex');

export interface Flood {
  readonly packets: number;
  readonly report: {
    readonly packets: number;
    readonly bytes: number;
    readonly totals: Readonly<Record<'endpoints' | 'conversations' | 'flows', number>>;
    readonly approximation: {
      readonly exact: boolean;
      readonly endpointFloorBytes: number;
      readonly endpointsForgotten: number;
    };
    readonly endpoints: readonly { address: string; packets: number; missedPackets?: number }[];
  };
  /** Growth of the resident set from the first piece, when all tables were full, to the end. */
  readonly grownBytes: number;
}

/** `flows` datagrams from and to random addresses, and one in ten of them from 192.0.2.1, which must be found in it. */
export async function flood(native: NativeCapture, flows: number, seed: number): Promise<Flood> {
  const raw = native.createCapture(TABLE_ROWS, TABLE_ROWS, TABLE_ROWS);
  if (typeof raw === 'number') throw new Error(`no capture: ${raw}`);
  const piece = Buffer.alloc(PIECE * RECORD_BYTES);
  for (let i = 0; i < PIECE; i++) record(piece, i * RECORD_BYTES);
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  await raw.feed(HEADER);
  let packets = 0;
  let before = 0;
  while (packets < flows) {
    for (let i = 0; i < PIECE; i++) {
      const ip = i * RECORD_BYTES + 16 + 14;
      piece.writeUInt32BE(i % 10 === 0 ? 0xc0000201 : random(), ip + 12);
      piece.writeUInt32BE(random(), ip + 16);
      piece.writeUInt16BE(random() >>> 16, ip + 20);
    }
    await raw.feed(piece);
    packets += PIECE;
    if (before === 0) before = process.memoryUsage.rss();
  }
  raw.end();
  const grownBytes = process.memoryUsage.rss() - before;
  const report = raw.report(10, 10, 10, 10);
  raw.release();
  if (typeof report === 'number') throw new Error(`no report: ${report}`);
  return { packets, report: JSON.parse(Buffer.from(report).toString()), grownBytes };
}

/** One record of a frame with an empty datagram; addresses and source port are filled in later. */
function record(into: Buffer, at: number): void {
  into.writeUInt32LE(1_700_000_000, at);
  into.writeUInt32LE(FRAME_BYTES, at + 8);
  into.writeUInt32LE(FRAME_BYTES, at + 12);
  const frame = Buffer.from(
    '0200000000020200000000010800' + // Ethernet
      '4500001c000000004011000000000000' + // IPv4, up to its source
      '00000000000013880008' + // its destination, ports, length
      '0000',
    'hex',
  );
  frame.copy(into, at + 16);
}
