/** Magnet links (BEP 9, BEP 53 for v2) and bare infohashes: what names a torrent. */
import { fromHex, toHex } from '../base/bytes.ts';
import { formatIpPort, type IpPort, parseIpPort } from '../base/ip-port.ts';
import { decodeError, ok, type Result } from '../base/result.ts';

/** Which torrent: SHA-1 (20 bytes) or SHA-256 (32 bytes) of its info dictionary, or both. One is there at least. */
export interface TorrentId {
  readonly v1?: Uint8Array;
  readonly v2?: Uint8Array;
}

export interface Magnet {
  readonly id: TorrentId;
  /** As the link has it: not to be trusted, nor to be used as a file name. */
  readonly displayName: string | undefined;
  readonly trackers: readonly string[];
  /** `x.pe`; those that give a host name instead of an address are left out. */
  readonly peers: readonly IpPort[];
}

const MAX_CHARACTERS = 16_384;
const MAX_PARAMETERS = 256;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A magnet link, or an infohash alone: 40 hex digits, 32 of base32, 64 hex digits, or the multihash `1220…`. */
export function parseMagnet(text: string): Result<Magnet> {
  if (text.length > MAX_CHARACTERS)
    return decodeError('longer than allowed', 'magnet', MAX_CHARACTERS);
  if (!/^magnet:\?/i.test(text)) {
    const id = parseInfoHash(text);
    return id.ok ? ok({ id: id.value, displayName: undefined, trackers: [], peers: [] }) : id;
  }
  const parts = text.slice('magnet:?'.length).split('&');
  if (parts.length > MAX_PARAMETERS) return decodeError('too many parameters', 'magnet', 0);
  let id: TorrentId = {};
  let displayName: string | undefined;
  const trackers: string[] = [];
  const peers: IpPort[] = [];
  let offset = 'magnet:?'.length;
  for (const part of parts) {
    const equals = part.indexOf('=');
    const key = (equals < 0 ? part : part.slice(0, equals)).toLowerCase().replace(/\.\d+$/, '');
    const value = unescaped(equals < 0 ? '' : part.slice(equals + 1));
    if (value === undefined) return decodeError('a broken percent escape', key, offset);
    if (key === 'xt') {
      const topic = parseTopic(value, offset);
      if (!topic.ok) return topic;
      for (const version of ['v1', 'v2'] as const)
        if (topic.value[version] !== undefined && id[version] !== undefined)
          return decodeError('there twice', 'xt', offset);
      id = { ...id, ...topic.value };
    } else if (key === 'dn') displayName ??= value;
    else if (key === 'tr') trackers.push(value);
    else if (key === 'x.pe') {
      const peer = parseIpPort(value, 'x.pe');
      if (peer.ok) peers.push(peer.value);
    }
    offset += part.length + 1;
  }
  if (id.v1 === undefined && id.v2 === undefined)
    return decodeError('no infohash of BitTorrent', 'xt', 0);
  return ok({ id, displayName, trackers, peers });
}

export function parseInfoHash(text: string): Result<TorrentId> {
  const hex = fromHex(text);
  if (hex?.length === 20) return ok({ v1: hex });
  if (hex?.length === 32) return ok({ v2: hex });
  if (hex?.length === 34 && hex[0] === 0x12 && hex[1] === 0x20) return ok({ v2: hex.subarray(2) });
  const base32 = text.length === 32 ? fromBase32(text) : undefined;
  if (base32 !== undefined) return ok({ v1: base32 });
  return decodeError(
    `neither a magnet link nor an infohash: ${JSON.stringify(text.slice(0, 80))}`,
    'infohash',
    0,
  );
}

export function formatMagnet(magnet: Magnet): string {
  const { id, displayName, trackers, peers } = magnet;
  const parts = [
    ...(id.v1 === undefined ? [] : [`xt=urn:btih:${toHex(id.v1)}`]),
    ...(id.v2 === undefined ? [] : [`xt=urn:btmh:1220${toHex(id.v2)}`]),
    ...(displayName === undefined ? [] : [`dn=${encodeURIComponent(displayName.toWellFormed())}`]),
    ...trackers.map((tracker) => `tr=${encodeURIComponent(tracker.toWellFormed())}`),
    ...peers.map((peer) => `x.pe=${formatIpPort(peer)}`),
  ];
  return `magnet:?${parts.join('&')}`;
}

/** What is asked for in the DHT and said in the handshake: SHA-1, or the first 20 bytes of SHA-256 (BEP 52). */
export const shortHash = ({ v1, v2 }: TorrentId): Uint8Array =>
  v1 ?? v2?.subarray(0, 20) ?? new Uint8Array(20);

function parseTopic(value: string, offset: number): Result<TorrentId> {
  const [, kind, hash = ''] = /^urn:(btih|btmh):(.*)$/i.exec(value) ?? [];
  // Topics of other networks may stand beside ours.
  if (kind === undefined) return ok({});
  const id = parseInfoHash(hash);
  if (!id.ok || (kind.toLowerCase() === 'btih') !== (id.value.v1 !== undefined))
    return decodeError(`no infohash: ${JSON.stringify(value.slice(0, 80))}`, 'xt', offset);
  return id;
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** 32 characters are 20 bytes. */
function fromBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(20);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const character of text.toUpperCase()) {
    const value = BASE32.indexOf(character);
    if (value < 0) return undefined;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 255;
    }
  }
  return bytes;
}
