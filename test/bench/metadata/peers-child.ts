/**
 * A peer that has COUNT torrents, the same for both clients: `node peers-child.ts COUNT [HOLD]`. Says its port.
 * With HOLD the last byte of each piece waits until so many pieces were asked for, and it says `held`;
 * then for a line on standard input.
 */
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { PeerStream } from '../../../src/wire/peer-stream.ts';
import {
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMetadataMessage,
} from '../../../src/wire/peer-wire.ts';
import { infoOf } from './infos.ts';

const [count = 0, hold = 0] = process.argv.slice(2).map(Number);
const held = new Map<string, Uint8Array>();
for (let n = 0; n < count; n++) {
  const { info, v1 } = infoOf(n);
  held.set(Buffer.from(v1).toString('hex'), info);
}
const waiting: (() => void)[] = [];

const server = createServer({ noDelay: true }, (socket: Socket) => {
  let info: Uint8Array = new Uint8Array(0);
  let utMetadata = 0;
  const stream = new PeerStream((message) => {
    if (message.type === 'handshake') {
      const { infoHash } = message.handshake;
      info = held.get(Buffer.from(infoHash).toString('hex')) ?? info;
      socket.write(encodeHandshake({ infoHash, peerId: new Uint8Array(20), extended: true }));
      socket.write(
        encodeExtendedHandshake({ utMetadata: 1, metadataSizeBytes: info.length, client: 'peer' }),
      );
    } else if (message.type === 'extended') utMetadata = message.handshake.utMetadata ?? 0;
    else if (message.type === 'request') {
      const { piece } = message;
      const bytes = encodeMetadataMessage(utMetadata, {
        ...{ type: 'data', piece, totalBytes: info.length, data: info },
      });
      if (hold === 0) socket.write(bytes);
      else {
        socket.write(bytes.subarray(0, -1));
        waiting.push(() => socket.write(bytes.subarray(-1)));
        if (waiting.length === hold) process.stdout.write('held\n');
      }
    }
    return true;
  });
  socket.on('data', (chunk: Buffer) => void stream.push(chunk));
  socket.on('error', () => undefined);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const bound = server.address();
  process.stdout.write(`${typeof bound === 'object' ? bound?.port : 0}\n`);
});
createInterface(process.stdin).on('line', () => {
  for (const go of waiting.splice(0)) go();
});
