/**
 * Both ends of many TCP connections: `node map-crowd.ts serve HOST:PORT…` greets each and keeps it;
 * `node map-crowd.ts connect COUNT TIMEOUT_MS HOST:PORT…` opens COUNT at once, spread over the
 * destinations, keeps them all open until each has its greeting or its time is over, and prints
 * what became of them as JSON; `node map-crowd.ts hold COUNT HOST:PORT…` opens COUNT, says so, and on
 * every line of stdin says "alive" when all of them answered.
 */
import { once } from 'node:events';
import { createServer, connect as open, type Socket } from 'node:net';

const GREETING = 'welcome\n';
const [mode = '', ...args] = process.argv.slice(2);
const place = (text: string) => {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
};

async function serve(): Promise<void> {
  for (const text of args) {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(`${socket.remotePort} ${GREETING}`);
      socket.on('data', (chunk) => socket.write(chunk));
    });
    server.listen({ ...place(text), backlog: 2048 });
    await new Promise((resolve) => server.once('listening', resolve));
  }
  console.log('serving');
}

export interface Crowd {
  readonly worked: number;
  /** Ports that the destinations saw, each once. */
  readonly ports: number;
  /** Of those that worked, so many within 900 ms: at the first attempt. */
  readonly atOnce: number;
  readonly failed: Readonly<Record<string, number>>;
}

async function connect(): Promise<void> {
  const [count = 0, timeoutMs = 0] = args.slice(0, 2).map(Number);
  const places = args.slice(2).map(place);
  const sockets: Socket[] = [];
  const ports = new Set<string>();
  const failed: Record<string, number> = {};
  let worked = 0;
  let atOnce = 0;
  const started = performance.now();
  const one = (i: number) =>
    new Promise<void>((resolve) => {
      const socket = open(places[i % places.length] ?? { host: '', port: 0 });
      sockets.push(socket);
      const over = (reason: string): void => {
        failed[reason] = (failed[reason] ?? 0) + 1;
        resolve();
      };
      const timer = setTimeout(() => over('timeout'), timeoutMs);
      socket.once('data', (chunk) => {
        clearTimeout(timer);
        worked += 1;
        if (performance.now() - started < 900) atOnce += 1;
        ports.add(String(chunk).split(' ')[0] ?? '');
        resolve();
      });
      socket.once('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        over(error.code ?? 'error');
      });
    });
  await Promise.all(Array.from({ length: count }, (_, i) => one(i)));
  const result: Crowd = { worked, atOnce, ports: ports.size, failed };
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
}

async function hold(): Promise<void> {
  const count = Number(args[0]);
  const places = args.slice(1).map(place);
  const sockets = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const socket = open(places[i % places.length] ?? { host: '', port: 0 });
      await once(socket, 'data');
      return socket;
    }),
  );
  console.log('open');
  process.stdin.on('data', async (word) => {
    for (const socket of sockets) socket.write(word);
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    console.log('alive');
  });
}

await (mode === 'serve' ? serve() : mode === 'hold' ? hold() : connect());
