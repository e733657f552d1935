/** The `piece layers` of a v2 torrent file: hashes of pieces, which must lead to the root of each file (BEP 52). */

import { latin1 } from '../base/bytes.ts';
import type { BencodeDocument } from './bencode.ts';
import type { Digests, TorrentFault, TorrentInfo } from './torrent.ts';

const HASH_BYTES = 32;
const BLOCK_BYTES = 16_384;
const MAX_FAULTS = 100;

export function layerFaults(
  document: BencodeDocument,
  info: TorrentInfo,
  digests: Digests,
): TorrentFault[] {
  const faults: TorrentFault[] = [];
  if (info.version === 'v1') return faults;
  const layers = document.get(0, 'piece layers');
  if (document.kind(layers) !== 'dictionary')
    return [{ field: 'piece layers', message: 'they are missing' }];
  const layerOf = new Map<string, Uint8Array | undefined>();
  let root: string | undefined;
  for (const node of document.children(layers)) {
    if (root === undefined) root = document.text(node);
    else {
      layerOf.set(root, document.bytes(node));
      root = undefined;
    }
  }
  for (const [i, { sizeBytes, piecesRoot }] of info.files.entries()) {
    if (piecesRoot === undefined || sizeBytes <= info.pieceLengthBytes) continue;
    const field = `piece layers of file ${i}`;
    const layer = layerOf.get(latin1(piecesRoot));
    if (layer === undefined) faults.push({ field, message: 'it is missing' });
    else if (layer.length !== Math.ceil(sizeBytes / info.pieceLengthBytes) * HASH_BYTES)
      faults.push({ field, message: 'not as many hashes as the file has pieces' });
    else if (!leadsTo(layer, info.pieceLengthBytes, piecesRoot, digests))
      faults.push({ field, message: 'the hashes do not lead to the root of the file' });
    if (faults.length >= MAX_FAULTS) break;
  }
  return faults;
}

function leadsTo(
  layer: Uint8Array,
  pieceLengthBytes: number,
  root: Uint8Array,
  { sha256 }: Digests,
): boolean {
  const pair = new Uint8Array(2 * HASH_BYTES);
  const joined = (a: Uint8Array, b: Uint8Array): Uint8Array => {
    pair.set(a);
    pair.set(b, HASH_BYTES);
    return sha256(pair);
  };
  // What stands for pieces behind the end: a tree over blocks whose hashes are zero.
  let padding: Uint8Array = new Uint8Array(HASH_BYTES);
  for (let bytes = BLOCK_BYTES; bytes < pieceLengthBytes; bytes *= 2)
    padding = joined(padding, padding);
  let level: Uint8Array[] = [];
  for (let at = 0; at < layer.length; at += HASH_BYTES)
    level.push(layer.subarray(at, at + HASH_BYTES));
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2)
      above.push(joined(level[i] ?? padding, level[i + 1] ?? padding));
    level = above;
    padding = joined(padding, padding);
  }
  return level[0]?.every((byte, i) => byte === root[i]) === true;
}
