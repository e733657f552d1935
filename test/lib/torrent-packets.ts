/** What BitTorrent says in the clear, made by hand: the bytes behind TCP or UDP. */

export const HASH = Buffer.from('0123456789abcdef0123456789abcdef01234567', 'hex');
export const OTHER = Buffer.from('fedcba9876543210fedcba9876543210fedcba98', 'hex');

const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
const string = (bytes: Uint8Array | string): Buffer => {
  const raw = typeof bytes === 'string' ? latin(bytes) : bytes;
  return Buffer.concat([latin(`${raw.length}:`), raw]);
};

/** BEP 3, with the bit of BEP 10. */
export const handshake = (infoHash: Uint8Array, peerId = '-TR4050-abcdefghijkl'): Buffer =>
  Buffer.concat([
    latin('\x13BitTorrent protocol'),
    Buffer.from('0000000000100005', 'hex'),
    infoHash,
    latin(peerId),
  ]);

/** BEP 10: the extended handshake, which may name the port that its sender listens at. */
export function extended(port: number): Buffer {
  const body = latin(`d1:md11:ut_metadatai3ee1:pi${port}e1:v4:teste`);
  const head = Buffer.alloc(6);
  head.writeUInt32BE(body.length + 2, 0);
  head[4] = 20;
  return Buffer.concat([head, body]);
}

/** BEP 29: `type` 0 carries data, 4 opens. `extension`: a selective acknowledgement in front of the data. */
export function utp(type: number, payload: Uint8Array, extension = false): Buffer {
  const head = Buffer.alloc(20);
  head[0] = (type << 4) | 1;
  head[1] = extension ? 1 : 0;
  head.writeUInt16BE(77, 2);
  const acknowledged = Buffer.from(extension ? '000401000000' : '', 'hex');
  return Buffer.concat([head, acknowledged, payload]);
}

const ID = 'abcdefghij0123456789';

/** BEP 5 */
export const getPeers = (infoHash: Uint8Array): Buffer =>
  Buffer.concat([
    latin(`d1:ad2:id20:${ID}9:info_hash`),
    string(infoHash),
    latin('4:wantl2:n4ee1:q9:get_peers1:t2:aa1:v4:TEST1:y1:qe'),
  ]);

export const announcePeer = (infoHash: Uint8Array, port: number, implied = 0): Buffer =>
  Buffer.concat([
    latin(`d1:ad2:id20:${ID}12:implied_porti${implied}e9:info_hash`),
    string(infoHash),
    latin(`4:porti${port}e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe`),
  ]);

/** An address and a port as lists of peers have them. */
export function compact(address: number, port: number): Buffer {
  const peer = Buffer.alloc(6);
  peer.writeUInt32BE(address >>> 0, 0);
  peer.writeUInt16BE(port, 4);
  return peer;
}

export const peersAnswer = (...peers: readonly Buffer[]): Buffer =>
  Buffer.concat([
    latin(`d1:rd2:id20:${ID}5:token8:aoeusnth6:valuesl`),
    ...peers.map(string),
    latin('ee1:t2:aa1:y1:re'),
  ]);

/** BEP 15 */
export const trackerConnect = (): Buffer => Buffer.from('0000041727101980000000000000002a', 'hex');

export function trackerAnnounce(infoHash: Uint8Array, port: number): Buffer {
  const bytes = Buffer.alloc(98);
  bytes.writeUInt32BE(1, 8);
  bytes.set(infoHash, 16);
  bytes.set(latin('-TR4050-abcdefghijkl'), 36);
  bytes.writeUInt32BE(2, 80);
  bytes.writeUInt16BE(port, 96);
  return bytes;
}

export const trackerPeers = (...peers: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from('000000010000002a000007080000000100000001', 'hex'), ...peers]);

/** BEP 3: every byte escaped, as some clients do, or only those that must be. */
export function httpAnnounce(infoHash: Uint8Array, port: number, all = true): Buffer {
  const escaped = [...infoHash]
    .map((byte) => {
      const plain = String.fromCharCode(byte);
      return !all && /[A-Za-z0-9._~-]/.test(plain)
        ? plain
        : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
  return latin(
    `GET /announce?peer_id=-TR4050-abcdefghijkl&info_hash=${escaped}&port=${port}&left=0 HTTP/1.1\r\nHost: tracker.example\r\n\r\n`,
  );
}

export const httpPeers = (...peers: readonly Buffer[]): Buffer =>
  Buffer.concat([
    latin('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nd8:intervali1800e5:peers'),
    string(Buffer.concat(peers)),
    latin('e'),
  ]);

/** BEP 14 */
export const lanSearch = (port: number, ...infoHashes: readonly Buffer[]): Buffer =>
  latin(
    [
      'BT-SEARCH * HTTP/1.1',
      'Host: 239.192.152.143:6771',
      `Port: ${port}`,
      ...infoHashes.map((hash) => `Infohash: ${hash.toString('hex').toUpperCase()}`),
      'cookie: 1',
      '',
      '',
      '',
    ].join('\r\n'),
  );
