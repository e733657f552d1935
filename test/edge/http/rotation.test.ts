/** The certificate changes again and again under a hundred requests a second: nobody notices. */
import { once } from 'node:events';
import { Agent } from 'node:https';
import { connect } from 'node:tls';
import t from 'tap';
import { median } from '../../lib/median.ts';
import { box } from './box.ts';

const PER_SEC = 100;
const ROTATIONS = 5;
const REQUESTS = 500;
/** A household: each address has connections of its own. */
const FROM = ['127.0.0.1', '127.0.0.5', '127.0.0.6', '127.0.0.7'];

t.test('rotation under load loses no request, no session and no stream', async (t) => {
  const b = await box(t);
  const owner = await b.administrator();
  const headers = { host: b.host, cookie: owner.cookie };
  // However slow the machine is, a household opens no more than these at once.
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const kept = new Set<object>();
  agent.on('free', (socket: object) => kept.add(socket));
  t.teardown(() => agent.destroy());

  const fingerprints = new Set<string>();
  const seen = async () => {
    const socket = connect({ host: '127.0.0.1', port: b.port, ca: b.ca });
    await once(socket, 'secureConnect');
    fingerprints.add(socket.getPeerCertificate().fingerprint256);
    socket.destroy();
  };
  await seen();

  // An open stream is of the connection that it began with.
  const stream = connect({ host: '127.0.0.1', port: b.port, ca: b.ca });
  let heard = '';
  stream.on('data', (chunk) => (heard += String(chunk)));
  stream.write(`GET /api/events HTTP/1.1\r\nHost: ${b.host}\r\nCookie: ${owner.cookie}\r\n\r\n`);
  while (!heard.includes('event: hello')) await once(stream, 'data');

  const took = { kept: [] as number[], fresh: [] as number[] };
  const lost: string[] = [];
  const one = async (turn: number): Promise<void> => {
    const kind = turn % 2 === 0 ? 'kept' : 'fresh';
    const localAddress = FROM[(turn >> 1) % FROM.length] ?? '';
    const own = kind === 'kept' ? { agent } : {};
    const asked = performance.now();
    try {
      const answer = await b.ask({ path: '/api/session', headers, localAddress, ...own });
      if (answer.status !== 200 || JSON.parse(answer.text).user?.name !== 'admin') {
        lost.push(`${kind} ${turn}: ${answer.status} ${answer.text}`);
      }
    } catch (cause) {
      lost.push(`${kind} ${turn}: ${cause}`);
    }
    took[kind].push(performance.now() - asked);
  };

  // By the clock, not one after another: who waits for an answer would slow down with the server.
  const from = performance.now();
  const running: Promise<void>[] = [];
  const sent = new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(REQUESTS, ((performance.now() - from) * PER_SEC) / 1000);
      while (running.length < due) running.push(one(running.length));
      if (running.length < REQUESTS) return;
      clearInterval(timer);
      resolve();
    }, 2);
  });
  for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
    const at = (REQUESTS * rotation) / (ROTATIONS + 1);
    while (running.length < at) await new Promise(setImmediate);
    b.lan.splice(0, 1, `192.168.${rotation}.1`);
    await b.service.addressesChanged();
    await seen();
  }
  await sent;
  const seconds = (performance.now() - from) / 1000;
  await Promise.all(running);

  t.same(lost, []);
  t.equal(took.kept.length + took.fresh.length, REQUESTS);
  t.ok(kept.size < took.kept.length / 4, `${kept.size} connections were kept`);
  t.equal(fingerprints.size, ROTATIONS + 1, 'each rotation was in use at once');
  heard = '';
  await owner.post('/api/set', {
    changes: [{ path: 'Device.DeviceInfo.ProvisioningCode', value: 'still here' }],
  });
  while (!heard.includes('still here')) await once(stream, 'data');
  stream.destroy();
  t.comment(
    `${REQUESTS} requests at ${(REQUESTS / seconds).toFixed(0)} a second, ${ROTATIONS} rotations, ` +
      `${lost.length} lost; median on kept connections ${median(took.kept).toFixed(1)} ms, ` +
      `on fresh ones ${median(took.fresh).toFixed(1)} ms, slowest ${Math.max(...took.kept, ...took.fresh).toFixed(0)} ms`,
  );
});
