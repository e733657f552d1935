/**
 * What a machine of the LAN may throw at the page's server, all of it at once: `node lan-attacks.ts
 * HOST ADDRESS…`, where the addresses are its own. Goes on until stdin ends; then prints what came
 * of it, counted by kind and answer.
 */
import { once } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';

const [host = '', ...addresses] = process.argv.slice(2);
const counts: Record<string, number> = {};
let over = false;

const count = (what: string): void => {
  counts[what] = (counts[what] ?? 0) + 1;
};
const from = (i: number): string => addresses[i % addresses.length] ?? '';

/** So many at a time, over and over. */
function flood(kind: string, parallel: number, run: (turn: number) => Promise<unknown>): void {
  let turn = 0;
  const one = async (): Promise<void> => {
    while (!over) {
      try {
        count(`${kind}: ${await run(turn++)}`);
      } catch {
        count(`${kind}: cut off`);
        // Who is refused at once would else only burn his own processor.
        await pause(5);
      }
    }
  };
  for (let i = 0; i < parallel; i++) void one();
}

const ask = (path: string, options: RequestOptions, body?: Uint8Array | string): Promise<string> =>
  new Promise((resolve, reject) => {
    const asked = request({ host, path, rejectUnauthorized: false, timeout: 5000, ...options });
    asked.on('error', reject);
    asked.on('timeout', () => asked.destroy(new Error('timeout')));
    asked.on('response', (response) => {
      response.on('error', reject);
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      // JSON-RPC refuses with status 200.
      const code = () => /"code":(-\d+)/.exec(text)?.[1] ?? response.statusCode;
      response.on('end', () => resolve(String(code())));
    });
    asked.end(body);
  });

const json = { 'content-type': 'application/json', origin: `https://${host}` };
const post = (headers: Record<string, string>): RequestOptions => ({ method: 'POST', headers });

const tls = (localAddress: string | undefined): TLSSocket => {
  // Node hands it to the socket below, though its types do not say so.
  const below = localAddress === undefined ? {} : { localAddress };
  const socket = connect({ host, port: 443, rejectUnauthorized: false, ...below });
  socket.on('error', () => {});
  return socket;
};

// Names and addresses change, so that many passwords are really checked.
flood('log-in', 12, (turn) =>
  ask(
    '/api/login',
    { ...post(json), localAddress: from(turn), agent: false },
    JSON.stringify({ username: turn % 3 === 0 ? 'admin' : `user${turn}`, password: 'wrong' }),
  ),
);

// Fifty that say a little, and then nothing.
flood('slowloris', 50, async () => {
  const socket = tls(undefined);
  socket.write(`POST /api/login HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `);
  await once(socket, 'close');
  return 'closed';
});

const large = Buffer.alloc(4 << 20, 'x');
flood('large body', 2, (turn) =>
  ask(
    turn % 2 === 0 ? '/api/login' : '/ubus',
    {
      ...post(turn % 4 < 2 ? json : { ...json, 'transfer-encoding': 'chunked' }),
      localAddress: from(turn),
      agent: false,
    },
    large,
  ),
);

const agent = new Agent({ keepAlive: true, maxSockets: 4 });
flood('wrong Host', 4, () => ask('/api/session', { agent, headers: { host: 'evil.example' } }));
flood('wrong Origin', 4, () =>
  ask('/api/set', { agent, ...post({ ...json, origin: 'https://evil.example' }) }, '{}'),
);

flood('handshake', 6, async (turn) => {
  const socket = tls(from(turn));
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
  const done = socket.authorizationError !== undefined && socket.getProtocol() !== null;
  socket.destroy();
  return done ? 'done' : 'cut off';
});

process.stdout.write('{"attacking":true}\n');
process.stdin.resume();
await once(process.stdin, 'end');
over = true;
process.stdout.write(`${JSON.stringify({ over: counts })}\n`, () => process.exit());
