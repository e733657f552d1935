import { randomBytes } from 'node:crypto';
import t from 'tap';
import { ipv4 } from '#src/base/ip.ts';
import { ok } from '#src/base/result.ts';
import type {
  TcpConnection,
  TcpHandlers,
  TcpListenOptions,
  TcpSockets,
} from '#src/os/ports-tcp.ts';
import { MetadataSeeder, SEEDER_LIMITS } from '#src/services/dht/metadata-seeder.ts';
import {
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMetadataMessage,
  METADATA_PIECE_BYTES,
} from '#src/wire/peer-wire.ts';
import { FakeClock } from '../../lib/clock.ts';

const HASH = randomBytes(20);
const PIECES = 40;

/** A seeder on a network in which nothing is ever queued. */
function rig(bytesPerSec: number) {
  const clock = new FakeClock();
  let listening: TcpListenOptions | undefined;
  const tcp: TcpSockets = {
    connect: () => {
      throw new RangeError('a seeder does not connect');
    },
    listen: (options) => {
      listening = options;
      return ok({ local: options.local, refused: 0, [Symbol.asyncDispose]: async () => {} });
    },
  };
  const limits = { ...SEEDER_LIMITS, bytesPerSec };
  const seeder = new MetadataSeeder({ tcp, clock, peerId: randomBytes(20), limits });
  seeder.hold({ v1: HASH }, randomBytes(PIECES * METADATA_PIECE_BYTES));
  seeder.listen({ address: ipv4(0x7f000001), port: 6881 });
  const given: number[] = [];
  /** Counts under `name` what it is given. */
  const leecher = (name: number) => {
    const connection: TcpConnection = {
      ...{ remote: { address: ipv4(name), port: 1 }, queuedBytes: 0, close: () => {} },
      write: (bytes) => {
        if (bytes.length > METADATA_PIECE_BYTES) given.push(name);
        return true;
      },
    };
    const handlers = listening?.accepted(connection) as TcpHandlers;
    handlers.data(encodeHandshake({ infoHash: HASH, peerId: randomBytes(20), extended: true }));
    handlers.data(
      encodeExtendedHandshake({ utMetadata: 3, metadataSizeBytes: undefined, client: 'x' }),
    );
    return {
      handlers,
      ask: (piece: number): void =>
        handlers.data(encodeMetadataMessage(1, { type: 'request', piece })),
    };
  };
  return { clock, seeder, leecher, given };
}

t.test('who came first does not keep the others waiting', async (t) => {
  const { clock, seeder, leecher, given } = rig(4 * METADATA_PIECE_BYTES);
  const greedy = leecher(1);
  for (let piece = 0; piece < PIECES; piece++) greedy.ask(piece);
  t.same(given, [1, 1, 1, 1], 'alone, it has all there is');
  for (const name of [2, 3]) leecher(name).ask(0);
  t.equal(given.length, 4);
  clock.advance(1_000);
  t.same(given.slice(4, 7).toSorted(), [1, 2, 3], 'then each has its turn');
  clock.advance(8_000);
  t.equal(given.filter((name) => name === 1).length, 38, 'and who is left has the rest');
  await seeder[Symbol.asyncDispose]();
  t.equal(clock.pending, 0);
});

t.test('who goes away is no longer in the row', async (t) => {
  const { clock, seeder, leecher, given } = rig(METADATA_PIECE_BYTES);
  const first = leecher(1);
  const second = leecher(2);
  for (let piece = 0; piece < 3; piece++) {
    first.ask(piece);
    second.ask(piece);
  }
  first.handlers.closed(undefined);
  clock.advance(10_000);
  t.same(given, [1, 2, 2, 2]);
  await seeder[Symbol.asyncDispose]();
});
