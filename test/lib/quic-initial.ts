/** First packets of QUIC clients, of versions 1 (RFC 9001) and 2 (RFC 9369), made with Node's cryptography. */
import { createCipheriv, createHmac } from 'node:crypto';

const VERSIONS = {
  1: {
    number: 1,
    first: 0xc0,
    salt: '38762cf7f55934b34d179ae6a4c80cadccbb7f0a',
    labels: ['quic key', 'quic iv', 'quic hp'],
  },
  2: {
    number: 0x6b3343cf,
    first: 0xd0,
    salt: '0dede3def700a6db819381be6e269dcbf9bd2ed9',
    labels: ['quicv2 key', 'quicv2 iv', 'quicv2 hp'],
  },
} as const;

/** The ClientHello of RFC 9001 appendix A.2, for example.com and the protocol `alpn`. */
export const RFC_HELLO = Buffer.from(
  `010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c
   00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a
   00080006001d0017001800100007000504616c706e0005000501000000000033002600240
   01d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b
   0003020304000d0010000e0403050306030203080408050806002d00020101001c0002400
   1003900320408ffffffffffffffff05048000ffff07048000ffff08011001048000753009011
   00f088394c8f03e51570806048000ffff`.replaceAll(/\s/g, ''),
  'hex',
);

/** A CRYPTO frame (RFC 9000 §19.6). */
export function cryptoFrame(offset: number, bytes: Uint8Array): Buffer {
  const head = Buffer.from('0680000000' + '4000', 'hex');
  head.writeUInt32BE(0x80000000 + offset, 1);
  head.writeUInt16BE(0x4000 + bytes.length, 5);
  return Buffer.concat([head, bytes]);
}

const hmac = (key: Uint8Array, message: Uint8Array): Buffer =>
  createHmac('sha256', key).update(message).digest();

/** RFC 8446 §7.1, of at most 32 bytes. */
export function expandLabel(secret: Uint8Array, label: string, length: number): Buffer {
  const name = `tls13 ${label}`;
  const info = [0, length, name.length, ...Buffer.from(name), 0, 1];
  return hmac(secret, Buffer.from(info)).subarray(0, length);
}

const number16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(0x4000 + value);
  return bytes;
};

/** A protected Initial; without more, that of the RFC's appendix, byte for byte. */
export function quicInitial({
  version = 1,
  target = Buffer.from('8394c8f03e515708', 'hex'),
  token = new Uint8Array(0),
  packetNumber = Buffer.from('00000002', 'hex'),
  frames = Buffer.concat([Buffer.from('060040f1', 'hex'), RFC_HELLO]),
  payloadBytes = 1162,
}: {
  readonly version?: 1 | 2;
  readonly target?: Uint8Array;
  readonly token?: Uint8Array;
  readonly packetNumber?: Uint8Array;
  readonly frames?: Uint8Array;
  readonly payloadBytes?: number;
} = {}): Buffer {
  const { number, first, salt, labels } = VERSIONS[version];
  const client = expandLabel(hmac(Buffer.from(salt, 'hex'), target), 'client in', 32);
  const [key, iv, headerKey] = [
    expandLabel(client, labels[0], 16),
    expandLabel(client, labels[1], 12),
    expandLabel(client, labels[2], 16),
  ];
  const begin = Buffer.alloc(5, first | (packetNumber.length - 1));
  begin.writeUInt32BE(number, 1);
  const head = Buffer.concat([
    begin,
    Buffer.from([target.length, ...target, 0]),
    token.length === 0 ? Buffer.alloc(1) : number16(token.length),
    token,
    number16(packetNumber.length + payloadBytes + 16),
    packetNumber,
  ]);
  for (const [i, byte] of packetNumber.entries()) {
    const at = 12 - packetNumber.length + i;
    iv[at] = (iv[at] ?? 0) ^ byte;
  }
  const gcm = createCipheriv('aes-128-gcm', key, iv).setAAD(head);
  const payload = Buffer.alloc(payloadBytes);
  payload.set(frames);
  const packet = Buffer.concat([head, gcm.update(payload), gcm.final(), gcm.getAuthTag()]);
  const at = head.length - packetNumber.length;
  const sample = packet.subarray(at + 4, at + 20);
  const mask = createCipheriv('aes-128-ecb', headerKey, null).update(sample);
  packet[0] = (packet[0] ?? 0) ^ ((mask[0] ?? 0) & 15);
  for (let i = 0; i < packetNumber.length; i++)
    packet[at + i] = (packet[at + i] ?? 0) ^ (mask[1 + i] ?? 0);
  return packet;
}
