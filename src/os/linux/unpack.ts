/** gzip (RFC 1952) and Zstandard (RFC 8878), told by their first bytes, unpacked piece by piece. */
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { errorMessage } from '../../base/errors.ts';

export type Packing = 'gzip' | 'zstd';

const CHUNK_BYTES = 256 << 10;
/** What is given to be unpacked at once. gzip makes a thousand times as much of it at most, */
const SLICE_BYTES = 16 << 10;
/** zstd more: it waits when so much lies ready. */
const READY_BYTES = 16 << 20;

export function packing(first: Uint8Array): Packing | undefined {
  const [a, b, c, d] = first;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  return undefined;
}

/** What packs files, and is not unpacked here, with what writes its content to standard output. */
const OTHERS: readonly (readonly [name: string, magic: string, program: string])[] = [
  ['xz', 'fd377a585a00', 'xz -dc'],
  ['bzip2', '425a68', 'bzip2 -dc'],
  ['lz4', '04224d18', 'lz4 -dc'],
  ['compress', '1f9d', 'gzip -dc'],
  ['zip', '504b0304', 'unzip -p'],
];

/** What is wrong with a file that begins so, and what to do; undefined when it is nothing of the kind. */
export function otherPacking(first: Uint8Array): string | undefined {
  const start = Buffer.from(first.buffer, first.byteOffset, Math.min(8, first.length));
  const [name, , program] =
    OTHERS.find(([, magic]) => start.toString('hex').startsWith(magic)) ?? [];
  return name === undefined
    ? undefined
    : `it is packed by ${name}: unpack it first, such as by ${program} FILE | gatehouse analyze -`;
}

/**
 * Hands `use` what the pieces unpack to, in order, one at a time; it answers whether it wants more.
 * What could be unpacked comes before the fault, which is the answer.
 */
export async function unpacked(
  packed: Packing,
  pieces: AsyncIterable<Uint8Array>,
  use: (bytes: Uint8Array) => Promise<boolean>,
): Promise<string | undefined> {
  const options = { chunkSize: CHUNK_BYTES };
  const stream = packed === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  // An iterator over the stream would throw away what it holds when the fault comes.
  const ready: Uint8Array[] = [];
  let readyBytes = 0;
  let ended = false;
  let fault: string | undefined;
  let wake = (): void => {};
  stream.on('data', (bytes: Uint8Array) => {
    ready.push(bytes);
    readyBytes += bytes.length;
    if (readyBytes < READY_BYTES) return;
    stream.pause();
    wake();
  });
  stream.on('end', () => {
    ended = true;
    wake();
  });
  stream.on('error', (thrown) => {
    fault = `the file is no whole ${packed}: ${errorMessage(thrown)}`;
    wake();
  });
  /** Uses what comes until `done`, the end or a fault; false when no more is wanted. */
  const through = async (done: () => boolean): Promise<boolean> => {
    for (;;) {
      for (let bytes = ready.shift(); bytes !== undefined; bytes = ready.shift()) {
        readyBytes -= bytes.length;
        if (!(await use(bytes))) return false;
      }
      stream.resume();
      if (done() || ended || fault !== undefined) return true;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  try {
    for await (const piece of pieces) {
      for (let at = 0; at < piece.length; at += SLICE_BYTES) {
        let taken = false;
        stream.write(piece.subarray(at, at + SLICE_BYTES), () => {
          taken = true;
          wake();
        });
        if (!(await through(() => taken && ready.length === 0))) return undefined;
        if (fault !== undefined) return fault;
      }
    }
    stream.end();
    await through(() => false);
    return fault;
  } finally {
    stream.destroy();
  }
}
