/** The info dictionary: v1 (BEP 3, padding by BEP 47), v2 and both at once (BEP 52). */
import type { BencodeDocument, BencodeNode } from './bencode.ts';
import type { Digests, TorrentFault, TorrentFile, TorrentInfo } from './torrent.ts';
import { PathSet, safeName } from './torrent-names.ts';

const SHA1_BYTES = 20;
const SHA256_BYTES = 32;
const MIN_V2_PIECE = 16_384;
const MAX_PIECE = 2 ** 30;
const MAX_TOTAL = Number.MAX_SAFE_INTEGER;
const MAX_PATH_PARTS = 64;
const MAX_PATH_CHARACTERS = 4096;
/** As many are told; a broken file has as many faults as it has files. */
const MAX_FAULTS = 100;

class InfoReader {
  readonly document: BencodeDocument;
  readonly node: BencodeNode;
  readonly faults: TorrentFault[] = [];

  constructor(document: BencodeDocument, node: BencodeNode) {
    this.document = document;
    this.node = node;
  }

  fault(field: string, message: string): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push({ field: `info.${field}`, message });
  }

  get(key: string): BencodeNode {
    return this.document.get(this.node, key);
  }

  name(node: BencodeNode, field: string): string {
    const bytes = this.document.bytes(node);
    if (bytes === undefined) {
      this.fault(field, 'it is missing, or no string');
      return '_';
    }
    const { name, fault } = safeName(bytes);
    if (fault !== undefined) this.fault(field, `${JSON.stringify(name)}: ${fault}`);
    return name;
  }

  size(node: BencodeNode, field: string): number {
    const size = this.document.integerIn(node, 0, MAX_TOTAL);
    if (size === undefined) this.fault(field, 'no length in bytes');
    return size ?? 0;
  }

  /** By BEP 3: one file under the torrent's name, or a list. */
  filesV1(name: string): TorrentFile[] {
    const { document } = this;
    const [length, list] = [this.get('length'), this.get('files')];
    if ((document.kind(length) === undefined) === (document.kind(list) === undefined)) {
      this.fault('length', 'either this or files is wanted');
      return [];
    }
    if (document.kind(length) !== undefined)
      return [
        {
          path: [name],
          sizeBytes: this.size(length, 'length'),
          piecesRoot: undefined,
          padding: false,
        },
      ];
    if (document.kind(list) !== 'list') this.fault('files', 'not a list');
    const files: TorrentFile[] = [];
    for (const file of document.children(list)) {
      const field = `files.${files.length}`;
      const path: string[] = [];
      for (const part of document.children(document.get(file, 'path'))) {
        if (path.length >= MAX_PATH_PARTS) {
          this.fault(`${field}.path`, 'too deep');
          break;
        }
        path.push(this.name(part, `${field}.path`));
      }
      if (path.length === 0) {
        this.fault(`${field}.path`, 'it is missing');
        path.push('_');
      }
      files.push({
        path,
        sizeBytes: this.size(document.get(file, 'length'), `${field}.length`),
        piecesRoot: undefined,
        padding: document.text(document.get(file, 'attr'))?.includes('p') === true,
      });
    }
    if (files.length === 0) this.fault('files', 'there are none');
    return files;
  }

  /** By BEP 52: folders are dictionaries, a file is one with the empty key. */
  filesV2(): TorrentFile[] {
    const files: TorrentFile[] = [];
    this.#folder(this.get('file tree'), [], files);
    if (files.length === 0) this.fault('file tree', 'there are no files');
    return files;
  }

  #folder(node: BencodeNode, above: readonly string[], files: TorrentFile[]): void {
    const { document } = this;
    const field = ['file tree', ...above].join('.');
    if (document.kind(node) !== 'dictionary') {
      this.fault(field, 'not a dictionary');
      return;
    }
    const children = [...document.children(node)];
    for (let i = 0; i + 1 < children.length; i += 2) {
      const [key = -1, value = -1] = [children[i], children[i + 1]];
      if (document.length(key) === 0) {
        // A file is told by its folder; here something stands beside it, or above the first name.
        this.fault(field, 'a file where a folder is');
        continue;
      }
      const path = [...above, this.name(key, field)];
      const file = document.get(value, '');
      if (document.kind(file) === undefined) this.#folder(value, path, files);
      else files.push(this.#file(file, path));
    }
  }

  #file(node: BencodeNode, path: readonly string[]): TorrentFile {
    const { document } = this;
    const field = ['file tree', ...path].join('.');
    const sizeBytes = this.size(document.get(node, 'length'), `${field}.length`);
    const root = document.bytes(document.get(node, 'pieces root'));
    if (sizeBytes > 0 && root?.length !== SHA256_BYTES)
      this.fault(`${field}.pieces root`, 'no SHA-256');
    const padding = document.text(document.get(node, 'attr'))?.includes('p') === true;
    const piecesRoot = sizeBytes > 0 && root?.length === SHA256_BYTES ? root : undefined;
    return { path, sizeBytes, piecesRoot, padding };
  }

  paths(files: readonly TorrentFile[]): void {
    // One alone has nobody to stand beside.
    const paths = files.length > 1 ? new PathSet() : undefined;
    for (const [i, { path, padding }] of files.entries()) {
      if (padding) continue;
      const fault = paths?.add(path);
      if (fault !== undefined) this.fault(`files.${i}.path`, `${path.join('/')}: ${fault}`);
      if (path.reduce((sum, part) => sum + part.length + 1, 0) > MAX_PATH_CHARACTERS)
        this.fault(`files.${i}.path`, 'too long');
    }
  }

  pieceLength(isV2: boolean): number {
    const length = this.document.integerIn(this.get('piece length'), 1, MAX_PIECE);
    if (length === undefined) this.fault('piece length', `not from 1 to ${MAX_PIECE}`);
    else if (isV2 && (length < MIN_V2_PIECE || (length & (length - 1)) !== 0))
      this.fault('piece length', 'not a power of two from 16 KiB on');
    return length ?? 0;
  }

  /** v1: as many SHA-1 as there are pieces, padding counted. */
  pieces(totalBytes: number, pieceLengthBytes: number): void {
    const length = this.document.length(this.get('pieces'));
    if (length < 0) this.fault('pieces', 'it is missing');
    else if (
      length % SHA1_BYTES !== 0 ||
      (pieceLengthBytes > 0 && length / SHA1_BYTES !== Math.ceil(totalBytes / pieceLengthBytes))
    )
      this.fault('pieces', 'not as many hashes as there are pieces');
  }

  /** A hybrid says the same twice. */
  agree(v1: readonly TorrentFile[], v2: readonly TorrentFile[], name: string): void {
    const told = (files: readonly TorrentFile[]): string =>
      files
        .filter(({ padding }) => !padding)
        .map(({ path, sizeBytes }) => `${sizeBytes} ${path.join('/')}`)
        .join('\n');
    const single = this.document.kind(this.get('length')) !== undefined;
    if (single && (v2.length !== 1 || v2[0]?.path.join('/') !== name))
      this.fault('file tree', 'not the file that length and name tell');
    else if (told(v1) !== told(v2)) this.fault('file tree', 'not the files that files tells');
  }
}

/** `node` is the dictionary in `document`, `bytes` the same as it came. */
export function readInfo(
  document: BencodeDocument,
  node: BencodeNode,
  bytes: Uint8Array,
  digests: Digests,
): { readonly info: TorrentInfo | undefined; readonly faults: readonly TorrentFault[] } {
  const reader = new InfoReader(document, node);
  const metaVersion = document.kind(reader.get('meta version'));
  const isV2 = metaVersion !== undefined;
  if (isV2 && document.integerIn(reader.get('meta version'), 2, 2) === undefined) {
    reader.fault('meta version', 'not 2: no other is known');
    return { info: undefined, faults: reader.faults };
  }
  const isV1 = !isV2 || document.kind(reader.get('pieces')) !== undefined;
  const name = reader.name(reader.get('name'), 'name');
  const pieceLengthBytes = reader.pieceLength(isV2);
  const v1 = isV1 ? reader.filesV1(name) : [];
  const v2 = isV2 ? reader.filesV2() : [];
  if (isV1) {
    reader.paths(v1);
    reader.pieces(sum(v1), pieceLengthBytes);
  }
  if (isV2) reader.paths(v2);
  if (isV1 && isV2) reader.agree(v1, v2, name);
  const files = isV2 ? v2 : v1;
  if (sum(files) > MAX_TOTAL) reader.fault('length', 'more than can be counted');
  const pieces = isV2
    ? files.reduce((total, { sizeBytes }) => total + piecesOf(sizeBytes, pieceLengthBytes), 0)
    : piecesOf(sum(files), pieceLengthBytes);
  const info: TorrentInfo = {
    version: isV1 && isV2 ? 'hybrid' : isV2 ? 'v2' : 'v1',
    id: {
      ...(isV1 ? { v1: digests.sha1(bytes) } : {}),
      ...(isV2 ? { v2: digests.sha256(bytes) } : {}),
    },
    name,
    files,
    pieceLengthBytes,
    pieces,
    totalBytes: sum(files.filter(({ padding }) => !padding)),
    private: document.integerIn(reader.get('private'), 1, 1) === 1,
  };
  return { info, faults: reader.faults };
}

const sum = (files: readonly TorrentFile[]): number =>
  files.reduce((total, { sizeBytes }) => total + sizeBytes, 0);

const piecesOf = (sizeBytes: number, pieceLengthBytes: number): number =>
  pieceLengthBytes === 0 ? 0 : Math.ceil(sizeBytes / pieceLengthBytes);
