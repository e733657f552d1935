import { createHash } from 'node:crypto';
import { BugError } from '../../src/base/errors.ts';
import { encodeBencode } from '../../src/wire/bencode-writer.ts';
import { type Digests, readTorrent, writeTorrent } from '../../src/wire/torrent.ts';

const digests: Digests = {
  sha1: (bytes) => createHash('sha1').update(bytes).digest(),
  sha256: (bytes) => createHash('sha256').update(bytes).digest(),
};
const file = (length: number) => ({ '': { length, 'pieces root': new Uint8Array(32) } });

/** Any torrent file: nothing throws, every name is safe, and what is read is the same when written again. */
export const target = {
  name: 'torrent',
  run(bytes: Uint8Array): void {
    const { torrent } = readTorrent(bytes, digests);
    if (torrent === undefined) return;
    const { info, infoBytes, trackers } = torrent;
    for (const part of [info.name, ...info.files.flatMap(({ path }) => path)])
      if (/^\.{0,2}$|[/\\\p{Cc}]/u.test(part)) throw new BugError('an unsafe name');
    const again = readTorrent(writeTorrent(infoBytes, trackers), digests).torrent;
    if (JSON.stringify(again?.info) !== JSON.stringify(info)) throw new BugError('not the same');
  },
  seeds: (): Uint8Array[] => {
    const v1 = { 'piece length': 16_384, name: 'n', pieces: new Uint8Array(20) };
    const v2 = { 'meta version': 2, 'piece length': 16_384, name: 'n' };
    return [
      { info: { ...v1, length: 5 } },
      { announce: 'udp://192.0.2.1:1', info: { ...v1, files: [{ length: 5, path: ['a', 'b'] }] } },
      { info: { ...v2, 'file tree': { a: { b: file(5) }, c: file(7) } }, 'piece layers': {} },
      { info: { ...v1, ...v2, length: 5, 'file tree': { n: file(5) } }, 'piece layers': {} },
    ].map((value) => encodeBencode(value));
  },
};
