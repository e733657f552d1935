/**
 * Datagrams to oneself, exactly so many. Echoes are no measure: one socket of the kernel's answers
 * those of every namespace of the machine, and is silent while others have filled it.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Sends them one after the other; gives the port that they came from and went to. */
export async function datagrams(count: number, address: '127.0.0.1' | '::1'): Promise<number> {
  const socket = createSocket(address === '::1' ? 'udp6' : 'udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  const { port } = socket.address();
  const bytes = Buffer.alloc(56);
  for (let i = 0; i < count; i++) {
    await new Promise<void>((resolve, reject) =>
      socket.send(bytes, port, address, (cause) => (cause ? reject(cause) : resolve())),
    );
  }
  socket.close();
  return port;
}
